"""Doors' rules and door groups."""
