"""The feed of stored events."""
