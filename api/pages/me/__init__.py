"""The pages of a member, under ``/me``."""
