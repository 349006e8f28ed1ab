"""Waiting lists: who gets what becomes free."""
