"""Places over HTTP: search, geography, opening hours, policy."""
