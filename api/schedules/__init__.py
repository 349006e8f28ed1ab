"""Schedules and closures."""
