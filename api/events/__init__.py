"""The stored events as a feed."""
