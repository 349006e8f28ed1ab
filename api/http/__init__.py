"""Shared by all routes: sessions, callers, limits, problems, revisions, pagination."""
