"""Waiting lists: who gets what becomes free, check-in, and the release of bookings that nobody came for."""
