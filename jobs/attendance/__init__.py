"""Check-in, end and release of bookings, by what doors and desks report."""
