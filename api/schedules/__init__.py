"""Schedules and closures over HTTP."""
