"""Doors and door groups over HTTP."""
