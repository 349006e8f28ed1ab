-- The rights process ends an alarm about a list or a configuration that a gateway refused, once the gateway has taken it.

GRANT UPDATE (acknowledged_at, acknowledged_by) ON alarm TO maillage_rights;
