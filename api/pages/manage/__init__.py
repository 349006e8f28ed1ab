"""The pages of who manages a place, under ``/manage``."""
