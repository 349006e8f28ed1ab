"""The HTTP API: occupancy from memory, the live stream, availability, events."""
