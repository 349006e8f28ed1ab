"""Reads what members' calendars ask for: invitations by mail, and calendars that members subscribed to."""
