-- What places are worth: how much of what they offer in opening hours is taken, by space, desk and local day.

-- Hours of a place that are not known count as Monday to Friday, 8:00 to 19:00, but not on public holidays.
CREATE FUNCTION offered_hours(hours jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(hours, '{"mon": [["08:00", "19:00"]], "tue": [["08:00", "19:00"]], "wed": [["08:00", "19:00"]],
    "thu": [["08:00", "19:00"]], "fri": [["08:00", "19:00"]], "holidays": {"hours": []}}')
$$;

-- A space and a local day of its place: the quarter hours of history_day (as known) that begin in opening hours.
CREATE TABLE worth_space (
  space integer NOT NULL,
  day date NOT NULL,                          -- local
  place integer NOT NULL,
  open_s integer NOT NULL,                    -- opening hours
  known_s integer NOT NULL,                   -- of these, with a number and a capacity
  seat_s bigint NOT NULL,                     -- offered: capacity × known
  person_s bigint NOT NULL,                   -- taken
  quarters smallint NOT NULL,                 -- quarter hours of which at least half is known, with a capacity above 0
  busy smallint NOT NULL,                     -- of these, those with a mean of more than 80 % of the capacity
  peak double precision,                      -- the highest mean of these
  peak_at timestamptz,
  peak_capacity integer,
  PRIMARY KEY (space, day)
);
CREATE INDEX worth_space_place ON worth_space (place, day);

-- A desk with a sensor, and a local day of its place. Events are deleted after three months; these sums stay.
CREATE TABLE worth_desk (
  desk integer NOT NULL,
  day date NOT NULL,
  place integer NOT NULL,
  space integer NOT NULL,
  open_s integer NOT NULL,
  known_s integer NOT NULL,                   -- of the opening hours, with a sensor that says something
  taken_s integer NOT NULL,                   -- of these, taken
  all_taken_s integer NOT NULL,               -- of the whole day
  PRIMARY KEY (desk, day)
);
CREATE INDEX worth_desk_place ON worth_desk (place, day);

ALTER TABLE maintenance DROP CONSTRAINT maintenance_task_check;
ALTER TABLE maintenance ADD CONSTRAINT maintenance_task_check
  CHECK (task IN ('rollup', 'retention', 'published', 'thinned', 'late', 'worth'));
-- Estimates that were made again, and whether what they are worth has been counted since.
ALTER TABLE refold ADD COLUMN valued boolean NOT NULL DEFAULT false;

GRANT SELECT ON worth_space, worth_desk TO maillage_api;
GRANT EXECUTE ON FUNCTION offered_hours(jsonb), hours_cover(jsonb, text, timestamp), is_public_holiday(date, text)
  TO maillage_maintain;
GRANT SELECT, INSERT, UPDATE ON worth_space, worth_desk TO maillage_maintain;

-- For Grafana: use by day, of what the reader's scope holds.
CREATE VIEW report.worth_space WITH (security_barrier) AS
SELECT w.day, w.day::timestamp AT TIME ZONE p.time_zone AS at, p.place, p.department, s.code AS space, s.name AS space_name,
  s.parent IS NULL AS root, w.open_s / 3600.0 AS open_hours, w.seat_s / 3600.0 AS seat_hours, w.person_s / 3600.0 AS person_hours,
  w.person_s::float8 / nullif(w.seat_s, 0) AS utilisation, w.known_s::float8 / nullif(w.open_s, 0) AS known,
  w.quarters, w.busy, w.peak, w.peak_at
FROM report.place p
JOIN worth_space w ON w.place = p.id
JOIN space s ON s.id = w.space;
CREATE VIEW report.worth_desk WITH (security_barrier) AS
SELECT w.day, w.day::timestamp AT TIME ZONE p.time_zone AS at, p.place, p.department, s.code AS space, k.code AS desk, k.name,
  w.open_s / 3600.0 AS open_hours, w.known_s / 3600.0 AS known_hours, w.taken_s / 3600.0 AS taken_hours,
  w.taken_s::float8 / nullif(w.known_s, 0) AS utilisation, w.known_s::float8 / nullif(w.open_s, 0) AS known
FROM report.place p
JOIN worth_desk w ON w.place = p.id
JOIN desk k ON k.id = w.desk
JOIN space s ON s.id = w.space;
GRANT SELECT ON report.worth_space, report.worth_desk TO maillage_report;
