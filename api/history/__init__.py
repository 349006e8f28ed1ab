"""The history of occupancy: quarter hours to months, as published and as known by now."""
