"""A place's desks: made, moved, retired."""
