"""Orders to gateways: unlock, lockdown, release, evacuate, enrol; and what became of each."""
