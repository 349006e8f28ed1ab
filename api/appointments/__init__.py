"""Appointments of members' calendars that become bookings."""
