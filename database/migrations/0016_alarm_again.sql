-- What happens again at a door is looked up among the alarms that nobody has acknowledged.
CREATE INDEX alarm_again ON alarm (gateway, kind) WHERE acknowledged_at IS NULL;
