"""The edge process: drivers, decisions offline, the spool, the uplink. Also the wire contract (``gateway.wire``)."""
