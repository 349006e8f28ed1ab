"""A place's devices: made, changed, moved, retired."""
