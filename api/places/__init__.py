"""Places: their search, opening hours and policy."""
