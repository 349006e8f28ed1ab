"""From MQTT into TimescaleDB, exactly once in effect, and from events to occupancy."""
