-- The jobs renew the exceptions of hours in OpenStreetMap's syntax, and tell a place's manager of hours that can't be read.
GRANT UPDATE (opening_hours) ON place TO maillage_maintain;
CREATE UNIQUE INDEX alarm_hours ON alarm (place) WHERE kind = 'hours_unreadable' AND until_at IS NULL;
