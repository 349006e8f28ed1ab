-- Every process raises alarms by one query (database.alarms), which also widens the time that an open alarm covers.
GRANT UPDATE (from_at, until_at) ON alarm TO maillage_rights;
