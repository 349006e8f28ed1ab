"""The envelopes: how hubs and network servers carry what devices send. ``gateway.drivers.models`` reads the content."""
