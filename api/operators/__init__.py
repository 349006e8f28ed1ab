"""Operators: the people who manage places, and their roles."""
