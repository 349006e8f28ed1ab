"""Monthly statements and the clearing between places."""
