"""Calendars elsewhere that are read regularly: their busy times block a unit."""
