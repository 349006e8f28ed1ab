"""Takes access rights from the database to the gateways, as signed lists, deltas and orders."""
