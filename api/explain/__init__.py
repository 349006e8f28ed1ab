"""Explains decisions, lists who is inside, and tests other rules, from stored events and lists."""
