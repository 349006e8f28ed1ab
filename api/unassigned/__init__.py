"""Devices that gateways hear and nobody has assigned: listed, assigned, hidden."""
