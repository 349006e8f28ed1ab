"""Resources that can be booked: desks, rooms, machines, equipment and events, and their units."""
