"""A place's spaces: made, changed, retired."""
