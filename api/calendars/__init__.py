"""Calendars: iCalendar feeds of resources and members, and calendars that make bookings."""
