"""Monthly reports: for the key of a place in full, for everybody the public part."""
