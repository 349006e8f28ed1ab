"""The way of an access right: from the database to the gateways, as signed lists, deltas and orders."""
