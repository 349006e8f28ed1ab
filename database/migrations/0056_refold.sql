-- What is known by now of times about which events came late and out of order: their estimates, made again in the order in
-- which the events happened. The running estimate took them when they came, so occupancy_change can't say it.
CREATE TABLE refold (
  place integer NOT NULL,
  since timestamptz NOT NULL,                 -- estimates from here on are made again
  until timestamptz NOT NULL,                 -- from here on all events came in order
  done boolean NOT NULL DEFAULT false,        -- occupancy_refolded holds them
  summed boolean NOT NULL DEFAULT false,      -- the rollup has seen them
  PRIMARY KEY (place, since),
  CHECK (since < until)
);
CREATE TABLE occupancy_refolded (
  at timestamptz NOT NULL,
  place integer NOT NULL,
  space integer NOT NULL,
  present integer,
  low integer,
  high integer,
  capacity integer,
  quality text NOT NULL
);
CREATE INDEX occupancy_refolded_space_at ON occupancy_refolded (space, at DESC);

-- Every change of an estimate as known by now; occupancy_change holds them as published.
CREATE VIEW occupancy_told AS
SELECT c.at, c.place, c.space, c.present, c.low, c.high, c.capacity, c.quality FROM occupancy_change c
WHERE NOT EXISTS (SELECT FROM refold r WHERE r.place = c.place AND r.done AND c.at >= r.since AND c.at < r.until)
UNION ALL
SELECT at, place, space, present, low, high, capacity, quality FROM occupancy_refolded;

ALTER TABLE maintenance DROP CONSTRAINT maintenance_task_check;
ALTER TABLE maintenance ADD CONSTRAINT maintenance_task_check
  CHECK (task IN ('rollup', 'retention', 'published', 'thinned', 'late'));
GRANT SELECT, INSERT, UPDATE, DELETE ON refold TO maillage_maintain;
GRANT SELECT, INSERT, DELETE ON occupancy_refolded TO maillage_maintain;
GRANT SELECT ON occupancy_told, closure TO maillage_maintain;
