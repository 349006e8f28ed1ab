-- What runs by the clock (jobs.catalogue): when each job last succeeded, and what is wrong with one that fails.
CREATE TABLE job (
  name text PRIMARY KEY,
  succeeded_at timestamptz,                                  -- NULL: never
  failed_at timestamptz,                                     -- NULL: the last run succeeded
  failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0), -- in a row
  error text                                                 -- of the last failure
);
GRANT SELECT, INSERT, UPDATE ON job TO maillage_maintain;
GRANT SELECT ON job TO maillage_api;
