"""Orders to gateways: unlock, lockdown, release, evacuate, enrol; and their outcomes."""
