-- The history of occupancy by local day, twice: what was published and what is known by now.

-- The number that stands for `present` in sums for answers without a key: the middle of its band. occupancy.public.Rule
-- is the same rule; tests hold the two together.
CREATE FUNCTION public_number(present integer, capacity integer, threshold integer, numbers boolean) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN present IS NULL THEN NULL
    WHEN present <= threshold AND (numbers OR capacity IS NULL) THEN threshold / 2.0
    WHEN numbers THEN present
    WHEN present <= greatest(threshold, floor(coalesce(capacity, 0) * 0.9)) THEN
      greatest(threshold, floor(coalesce(capacity, 0) * 0.9)) / 2
    WHEN present <= capacity THEN (greatest(threshold, floor(capacity * 0.9)) + 1 + capacity) / 2
    ELSE greatest(threshold, floor(coalesce(capacity, 0) * 0.9)) + 1 END
$$;
GRANT EXECUTE ON FUNCTION public_number(integer, integer, integer, boolean) TO maillage_maintain;

-- What the rollup says beside the mean.
ALTER TABLE occupancy_15m
  ADD COLUMN degraded double precision;       -- the share of the quarter hour with an estimate that is less sure

-- One row for a space and a local day of its place: 92, 96 or 100 quarter hours, in whole seconds, so that sums are exact.
CREATE TABLE history_day (
  published boolean NOT NULL,                 -- true: what the API answered at the time; false: what all stored events say
  space integer NOT NULL,
  day date NOT NULL,                          -- local
  place integer NOT NULL,
  zone text NOT NULL,
  starts timestamptz NOT NULL,
  minutes integer NOT NULL DEFAULT 15,        -- of each element of the arrays; more where the day was thinned
  persons integer[] NOT NULL,                 -- person-seconds
  peak integer[] NOT NULL,                    -- NULL: not known
  known integer[] NOT NULL,                   -- seconds
  degraded integer[] NOT NULL,                -- seconds of these
  -- for answers without a key, only of what was published: person-seconds of public_number, and the seconds in which the
  -- gateways were heard. Neither depends on whether an event came, nor on a number within a band
  shown integer[] NOT NULL,
  line integer[] NOT NULL,
  capacity integer[] NOT NULL,
  -- their sums
  seconds integer NOT NULL,                   -- that have passed of the day
  person_s bigint NOT NULL,
  seat_s bigint NOT NULL,                     -- seats × the seconds that are known
  known_s integer NOT NULL,
  degraded_s integer NOT NULL,
  shown_s bigint NOT NULL,
  line_s integer NOT NULL,
  day_peak integer,
  shown_peak double precision,                -- the highest quarter hour's mean for answers without a key
  day_capacity integer,                       -- the last of the day
  PRIMARY KEY (published, space, day)
) WITH (toast_tuple_target = 512, fillfactor = 80);

-- The same for the places (their root spaces) of a department and of the network ('*'), of each time zone.
CREATE TABLE history_group (
  published boolean NOT NULL,
  department text NOT NULL,
  day date NOT NULL,
  zone text NOT NULL,
  starts timestamptz NOT NULL,
  persons bigint[] NOT NULL,
  people double precision[] NOT NULL,         -- the sum of the places' means; NULL: no place is known
  shown_people double precision[] NOT NULL,   -- likewise, for answers without a key
  known bigint[] NOT NULL,
  degraded bigint[] NOT NULL,
  shown bigint[] NOT NULL,
  line bigint[] NOT NULL,
  seats bigint[] NOT NULL,                    -- seat-seconds
  capacity integer[] NOT NULL,                -- of the places that are known
  places integer[] NOT NULL,
  seconds bigint NOT NULL,                    -- of all places
  person_s bigint NOT NULL,
  seat_s bigint NOT NULL,
  known_s bigint NOT NULL,
  degraded_s bigint NOT NULL,
  shown_s bigint NOT NULL,
  line_s bigint NOT NULL,
  people_sum double precision NOT NULL,
  shown_sum double precision NOT NULL,
  quarters integer NOT NULL,                  -- with a known place
  shown_quarters integer NOT NULL,
  day_peak double precision,
  shown_peak double precision,
  day_capacity integer,
  PRIMARY KEY (published, department, day, zone)
) WITH (toast_tuple_target = 512, fillfactor = 80);

-- What was published stays as it was: quarter hours are added at the end, and a day may be thinned to coarser sums.
CREATE FUNCTION keep_published() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE n integer;
BEGIN
  IF TG_OP IN ('DELETE', 'TRUNCATE') THEN
    RAISE EXCEPTION 'what was published is never deleted' USING ERRCODE = 'restrict_violation';
  END IF;
  n := cardinality(OLD.persons);
  IF (NEW.published, NEW.space, NEW.day, NEW.place, NEW.zone, NEW.starts)
      IS NOT DISTINCT FROM (OLD.published, OLD.space, OLD.day, OLD.place, OLD.zone, OLD.starts)
    AND (NEW.minutes = OLD.minutes
        AND (NEW.persons[:n], NEW.peak[:n], NEW.known[:n], NEW.degraded[:n], NEW.shown[:n], NEW.line[:n], NEW.capacity[:n])
          IS NOT DISTINCT FROM (OLD.persons, OLD.peak, OLD.known, OLD.degraded, OLD.shown, OLD.line, OLD.capacity)
      OR NEW.minutes > OLD.minutes AND OLD.day < current_date - 80
        AND (NEW.seconds, NEW.person_s, NEW.seat_s, NEW.known_s, NEW.degraded_s, NEW.shown_s, NEW.line_s, NEW.day_peak)
          IS NOT DISTINCT FROM
          (OLD.seconds, OLD.person_s, OLD.seat_s, OLD.known_s, OLD.degraded_s, OLD.shown_s, OLD.line_s, OLD.day_peak))
  THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'what was published for space % on % never changes', OLD.space, OLD.day USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER keep_published BEFORE UPDATE OR DELETE ON history_day FOR EACH ROW WHEN (OLD.published)
  EXECUTE FUNCTION keep_published();
CREATE TRIGGER keep_published_all BEFORE TRUNCATE ON history_day FOR EACH STATEMENT EXECUTE FUNCTION keep_published();

-- When a gateway had nothing new to say for longer than numbers are believed. `since`: until when all its events were stored;
-- `until`: when the centre heard that again.
CREATE TABLE gateway_gap (
  gateway integer NOT NULL,
  place integer NOT NULL,
  since timestamptz NOT NULL,
  until timestamptz NOT NULL
);
CREATE INDEX gateway_gap_place ON gateway_gap (place, until);
CREATE FUNCTION note_gap() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO gateway_gap VALUES (NEW.gateway, NEW.place, coalesce(OLD.complete_at, '-infinity'), NEW.heard_at);
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION note_gap() FROM PUBLIC;
CREATE TRIGGER note_gap AFTER UPDATE ON gateway_state FOR EACH ROW
  WHEN (NEW.complete_at IS NOT NULL AND (OLD.complete_at IS NULL OR NEW.complete_at > OLD.complete_at + interval '30 seconds'))
  EXECUTE FUNCTION note_gap();

-- What a space's capacity became, and when: an estimate that doesn't change stores no row that says so.
CREATE TABLE space_capacity (
  space integer NOT NULL REFERENCES space ON DELETE CASCADE,
  at timestamptz NOT NULL DEFAULT now(),
  capacity integer
);
CREATE INDEX space_capacity_space_at ON space_capacity (space, at);
CREATE FUNCTION note_capacity() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO space_capacity (space, capacity) VALUES (NEW.id, NEW.capacity);
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION note_capacity() FROM PUBLIC;
CREATE TRIGGER note_capacity AFTER UPDATE OF capacity ON space FOR EACH ROW
  WHEN (NEW.capacity IS DISTINCT FROM OLD.capacity) EXECUTE FUNCTION note_capacity();
GRANT SELECT ON space_capacity TO maillage_maintain;

-- Finds what was stored in a quarter hour; costs next to nothing where rows are added in that order.
CREATE INDEX occupancy_change_stored ON occupancy_change USING brin (stored_at) WITH (pages_per_range = 32, autosummarize = on);

ALTER TABLE maintenance DROP CONSTRAINT maintenance_task_check;
ALTER TABLE maintenance ADD CONSTRAINT maintenance_task_check CHECK (task IN ('rollup', 'retention', 'published', 'thinned'));

-- Before this release nobody noted what was published: the summary as it stands now counts as that.
INSERT INTO maintenance (task, done_until)
SELECT 'published', date_bin('15 minutes', now(), '2000-01-01 00:00+00') WHERE EXISTS (SELECT FROM occupancy_15m);

-- One row for a space and a finished quarter hour (UTC), as known by now.
CREATE VIEW history_known AS
SELECT space, at, place, mean, peak, known, capacity,
  CASE WHEN known = 0 OR mean IS NULL THEN 'unknown' WHEN coalesce(degraded, 0) * 2 > known THEN 'degraded' ELSE 'live' END AS quality,
  coalesce(mean * known, 0) / 4 AS person_hours, coalesce(capacity * known, 0) / 4 AS seat_hours
FROM occupancy_15m;

GRANT SELECT ON history_day, history_group, history_known TO maillage_api;
GRANT SELECT, INSERT, UPDATE ON history_day, history_group TO maillage_maintain;
GRANT SELECT ON history_known TO maillage_maintain;
GRANT SELECT, DELETE ON gateway_gap TO maillage_maintain;
