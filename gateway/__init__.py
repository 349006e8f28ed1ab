"""The edge process: drivers, decisions offline, the spool, the uplink; and its contract with the centre."""
