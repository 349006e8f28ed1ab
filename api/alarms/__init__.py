"""Alarms: listed and acknowledged."""
