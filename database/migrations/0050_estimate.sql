-- What the estimator of occupancy reads beside devices: closures, and how many desks a space has.
GRANT SELECT ON closure TO maillage_ingest;
