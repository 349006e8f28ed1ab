-- Occupancy: the present state of each space, its history, and the quarter-hour summary.

CREATE TABLE space_state (
  space integer PRIMARY KEY,
  place integer NOT NULL,
  revision bigint NOT NULL,                   -- 1, 2, 3 … by space: a reader that misses one reloads
  present integer,                            -- people; NULL: not known
  low integer,
  high integer,
  capacity integer,
  quality text NOT NULL CHECK (quality IN ('live', 'degraded', 'unknown')),   -- as of `at`; staleness is the reader's clock's business
  at timestamptz NOT NULL,                    -- true as of
  ttl_s integer NOT NULL CHECK (ttl_s > 0),   -- and for so long, unless the gateway is heard and its spool is empty
  changed_at timestamptz NOT NULL,            -- when the centre stored this revision
  fold jsonb NOT NULL,                        -- what the fold needs to go on: desks, people inside (pseudonymous), counters
  FOREIGN KEY (space, place) REFERENCES space (id, place) ON DELETE CASCADE,
  CHECK (0 <= low AND low <= present AND present <= high),
  CHECK ((quality = 'unknown') = (present IS NULL))
);
CREATE INDEX space_state_place ON space_state (place);

CREATE TABLE occupancy_change (
  at timestamptz NOT NULL,
  place integer NOT NULL,
  space integer NOT NULL,
  present integer,
  low integer,
  high integer,
  capacity integer,
  quality text NOT NULL
);
SELECT create_hypertable('occupancy_change', by_range('at', interval '7 days'), create_default_indexes => false);
CREATE INDEX occupancy_change_space_at ON occupancy_change (space, at DESC);

CREATE TABLE occupancy_15m (
  at timestamptz NOT NULL,                    -- the quarter hour's start
  place integer NOT NULL,
  space integer NOT NULL,
  mean double precision,                      -- people, weighted by time over the known part
  peak integer,
  known double precision NOT NULL CHECK (known BETWEEN 0 AND 1),   -- the share of the quarter hour that is known
  capacity integer,
  UNIQUE (space, at)
);
SELECT create_hypertable('occupancy_15m', by_range('at', interval '30 days'), create_default_indexes => false);

GRANT SELECT, INSERT, UPDATE ON space_state TO maillage_ingest;
GRANT SELECT, INSERT ON occupancy_change TO maillage_ingest;
GRANT SELECT ON space_state, occupancy_change, occupancy_15m TO maillage_api;
GRANT SELECT, DELETE ON occupancy_change TO maillage_maintain;
GRANT SELECT, INSERT, UPDATE, DELETE ON occupancy_15m TO maillage_maintain;
