"""The network's places: their import, what is generated for them, their access lists, their gateways' settings."""
