"""Visitors over HTTP."""
