"""Passes over HTTP."""
