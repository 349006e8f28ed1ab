-- *My place, live* asks every five seconds, and the events' ninety days are ninety chunks: a query that TimescaleDB cannot
-- restrict to a few of them when it plans takes its time for planning. What looks back for an unknown time is therefore asked by
-- functions: their queries are planned when they run, for the days that they look at. They run with the rights of the reader
-- who asks, and read nothing but the reader's own views.

CREATE INDEX gateway_place ON gateway (place) WHERE retired_at IS NULL;

-- What readers told after an access, without persons: that it was taken, or that it wasn't. access_at: the access's own time (µs).
CREATE VIEW door_told AS
SELECT e.at, e.place, e.device, e.kind, (e.detail ->> 'access_at')::bigint AS access_at FROM event e WHERE e.kind IN (2, 3);

CREATE VIEW report.access_told WITH (security_barrier) AS
SELECT t.at, p.place, p.id, t.device, t.kind = 2 AS taken, t.access_at
FROM report.place p
JOIN door_told t ON t.place = p.id;

-- When the sensors of each desk spoke last, retired ones too; no row: none was ever heard. Below is what sensors said.
CREATE VIEW report.desk_heard WITH (security_barrier) AS
SELECT p.place, p.id, k.code AS desk, h.devices, h.at
FROM report.place p
JOIN desk k ON k.place = p.id
CROSS JOIN LATERAL (
  SELECT array_agg(v.id) AS devices, max(to_timestamp((st.fold #>> ARRAY['desks', v.id::text, '1'])::float8 / 1e6)) AS at
  FROM device v LEFT JOIN space_state st ON st.space = k.space
  WHERE v.place = k.place AND v.desk = k.id
) h
WHERE h.at IS NOT NULL;

CREATE VIEW report.desk_word WITH (security_barrier) AS
SELECT e.at, (SELECT p.code FROM place p WHERE p.id = e.place) AS place, e.place AS id, e.device, e.state::integer AS occupied
FROM event e
WHERE e.kind = 5
  AND (e.place = ANY (ARRAY(SELECT s.place FROM scope s WHERE s.role = current_user))
    OR EXISTS (SELECT FROM scope s WHERE s.role = current_user AND s.place IS NULL));

-- The changes of each space as they were stored, without the end of what is now stale.
CREATE VIEW report.occupancy_change WITH (security_barrier) AS
SELECT c.at, p.place, p.department, s.code AS space, c.present, c.low, c.high, c.capacity, c.quality
FROM report.place p
JOIN space s ON s.place = p.id
JOIN occupancy_change c ON c.space = s.id;

-- The spaces that are stale now, and since when: as report.space_now has them, without all that it counts besides.
CREATE VIEW report.space_stale WITH (security_barrier) AS
SELECT a.at + make_interval(secs => st.ttl_s) AS at, p.place, p.department, s.code AS space, s.name AS space_name,
  s.parent IS NULL AS root, coalesce(st.capacity, s.capacity) AS capacity
FROM report.place p
JOIN space s ON s.place = p.id
JOIN space_state st ON st.space = s.id
LEFT JOIN report.line l ON l.place = s.place
CROSS JOIN LATERAL (SELECT CASE WHEN l.clear THEN greatest(st.at, l.heard_at) ELSE st.at END AS at) a
WHERE s.retired_at IS NULL AND st.quality <> 'unknown' AND now() > a.at + make_interval(secs => st.ttl_s);

GRANT SELECT ON report.access_told, report.desk_heard, report.desk_word, report.occupancy_change, report.space_stale TO maillage_report;

-- As before (0006).
CREATE OR REPLACE VIEW report.occupancy_history WITH (security_barrier) AS
SELECT c.at, p.place, p.department, s.code AS space, s.name AS space_name, s.parent IS NULL AS root,
  c.present, c.low, c.high, c.capacity, c.quality,
  array_position('{unknown,live,degraded,stale}'::text[], c.quality) - 1 AS quality_level
FROM report.place p
JOIN space s ON s.place = p.id
JOIN occupancy_change c ON c.space = s.id
UNION ALL
SELECT n.at, n.place, n.department, n.space, n.space_name, n.root, NULL, NULL, NULL, n.capacity, 'stale', 3
FROM report.space_stale n;

-- As before (0006). A reader of the whole network doesn't make a list of all its places first.
CREATE OR REPLACE VIEW report.desk_history WITH (security_barrier) AS
SELECT e.at, p.place, s.code AS space, k.code AS desk, k.name, e.state::integer AS occupied
FROM event e
JOIN device v ON v.id = e.device
JOIN desk k ON k.id = v.desk
JOIN space s ON s.id = k.space
JOIN report.place p ON p.id = e.place
WHERE e.kind = 5
  AND e.place >= (SELECT CASE WHEN bool_or(o.place IS NULL) THEN 0 ELSE min(o.place) END FROM scope o WHERE o.role = current_user)
  AND e.place <= (
    SELECT CASE WHEN bool_or(o.place IS NULL) THEN 2147483647 ELSE max(o.place) END FROM scope o WHERE o.role = current_user);

-- Whether what was told after an access decides it: only older gateways' accesses don't say that themselves (door_event, 0021).
CREATE FUNCTION report.told_after(of_place integer, of_device integer, granted_at timestamptz, access_us bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
  low timestamptz := granted_at - interval '1 second';
  high timestamptz := granted_at + interval '90 seconds';
BEGIN
  RETURN EXISTS (
    SELECT FROM report.access_told t
    WHERE t.id = of_place AND t.device = of_device AND t.at >= low AND t.at < high AND t.access_at = access_us);
END $$;

-- The last change of a space before a moment: looked for in ever longer times before it.
CREATE FUNCTION report.change_before(of_place text, of_space text, before timestamptz)
RETURNS TABLE (at timestamptz, present integer, low integer, high integer, capacity integer)
LANGUAGE plpgsql STABLE ROWS 1 COST 1000 AS $$
DECLARE
  until timestamptz := before;
  width interval := '7 days';
  since timestamptz;
BEGIN
  WHILE until > timestamptz '2020-01-01 00:00+00' LOOP
    since := until - width;
    RETURN QUERY
      SELECT c.at, c.present, c.low, c.high, c.capacity FROM report.occupancy_change c
      WHERE c.place = of_place AND c.space = of_space AND c.at >= since AND c.at < until ORDER BY c.at DESC LIMIT 1;
    EXIT WHEN FOUND;
    until := since;
    width := width * 4;
  END LOOP;
END $$;

-- What each desk's sensors said last before a moment: looked for in ever longer times before it, beginning at the last word of
-- those that are looked for, so that sensors that are silent for weeks are found at once.
CREATE FUNCTION report.desks_before(of_place text, before timestamptz)
RETURNS TABLE (at timestamptz, desk text, occupied integer)
LANGUAGE plpgsql STABLE ROWS 20 COST 1000 AS $$
DECLARE
  until timestamptz := before;
  width interval := '1 day';
  since timestamptz;
  place_id integer;
  many integer;           -- desks
  ids integer[];          -- the sensors whose desk isn't found yet, with the desk, and when it was last heard
  desks text[];
  heard timestamptz[];
  found_ones text[] := '{}';
BEGIN
  SELECT min(h.id), count(DISTINCT h.desk), array_agg(u.v), array_agg(h.desk), array_agg(h.at)
  INTO place_id, many, ids, desks, heard
  FROM report.desk_heard h CROSS JOIN unnest(h.devices) u (v) WHERE h.place = of_place;
  WHILE cardinality(ids) > 0 AND until > timestamptz '2020-01-01 00:00+00' LOOP
    until := least(until, (SELECT max(u.t) FROM unnest(heard) u (t)) + interval '1 minute');
    since := until - width;
    FOR at, desk, occupied IN
      SELECT DISTINCT ON (s.desk) w.at, s.desk, w.occupied
      FROM report.desk_word w JOIN unnest(ids, desks) s (device, desk) ON s.device = w.device
      WHERE w.id = place_id AND w.at >= since AND w.at < until
      ORDER BY s.desk, w.at DESC
    LOOP
      found_ones := found_ones || desk;
      RETURN NEXT;
    END LOOP;
    EXIT WHEN cardinality(found_ones) = many;
    SELECT array_agg(u.v), array_agg(u.d), array_agg(u.t) INTO ids, desks, heard
    FROM unnest(ids, desks, heard) u (v, d, t) WHERE u.d <> ALL (found_ones);
    until := since;
    width := width * 4;
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION report.told_after(integer, integer, timestamptz, bigint), report.change_before(text, text, timestamptz),
  report.desks_before(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION report.told_after(integer, integer, timestamptz, bigint), report.change_before(text, text, timestamptz),
  report.desks_before(text, timestamptz) TO maillage_report;

-- As before (0035).
CREATE OR REPLACE VIEW report.occupancy_before WITH (security_barrier) AS
SELECT d.before, CASE WHEN w.gone THEN g.at ELSE c.at END AS at, p.place, p.department, s.code AS space,
  s.parent IS NULL AS root,
  CASE WHEN NOT w.gone THEN c.present END AS present,
  CASE WHEN NOT w.gone THEN c.low END AS low,
  CASE WHEN NOT w.gone THEN c.high END AS high,
  c.capacity
FROM report.place p
JOIN space s ON s.place = p.id
CROSS JOIN generate_series(timestamptz '2020-01-01 00:00+00', now() + interval '48 hours', interval '24 hours') d (before)
CROSS JOIN LATERAL report.change_before(p.place, s.code, d.before) c
LEFT JOIN space_state st ON st.space = s.id AND st.quality <> 'unknown'
LEFT JOIN report.line l ON l.place = s.place
CROSS JOIN LATERAL (
  SELECT CASE WHEN l.clear THEN greatest(st.at, l.heard_at) ELSE st.at END + make_interval(secs => st.ttl_s) AS at
) g
CROSS JOIN LATERAL (SELECT coalesce(g.at < now() AND g.at < d.before AND g.at > c.at, false) AS gone) w;

CREATE OR REPLACE VIEW report.desk_before WITH (security_barrier) AS
SELECT d.before, e.at, p.place, e.desk::code AS desk, e.occupied
FROM report.place p
CROSS JOIN generate_series(timestamptz '2020-01-01 00:00+00', now() + interval '48 hours', interval '24 hours') d (before)
CROSS JOIN LATERAL report.desks_before(p.place, d.before) e;

-- As door_event (0021), for the views below: jobs read door_event, which looks through all events' chunks for what was told.
CREATE VIEW door_passage AS
SELECT e.at, e.place, e.device, e.kind, e.state, e.reason,
  e.kind = 2 OR (e.kind = 1 AND e.state = 1 AND NOT coalesce((e.detail ->> 'awaits')::boolean,
    report.told_after(e.place, e.device, e.at, (extract(epoch FROM coalesce(e.edge_at, e.at)) * 1000000)::bigint))) AS passed
FROM event e
WHERE e.kind IN (1, 2, 4);

-- As before (0043).
CREATE OR REPLACE VIEW report.door_now WITH (security_barrier) AS
SELECT p.place, d.code AS door, d.name, f.name AS from_name, t.name AS to_name,
  e.state, e.state_at, coalesce(e.entered, 0) AS entered_24h, coalesce(e.gone, 0) AS left_24h,
  coalesce(e.denied, 0) AS denied_24h
FROM door d
JOIN report.place p ON p.id = d.place
LEFT JOIN space f ON f.id = d.from_space
JOIN space t ON t.id = d.to_space
LEFT JOIN LATERAL (
  SELECT (array_agg(e.state ORDER BY e.at DESC) FILTER (WHERE e.kind = 4))[1]::integer AS state,
    max(e.at) FILTER (WHERE e.kind = 4) AS state_at,
    count(*) FILTER (WHERE e.passed AND v.side = 'in') AS entered,
    count(*) FILTER (WHERE e.passed AND v.side = 'out') AS gone,
    count(*) FILTER (WHERE e.kind = 1 AND e.state = 0) AS denied
  FROM device v
  JOIN door_passage e ON e.device = v.id
  WHERE v.place = d.place AND v.door = d.id AND e.place = d.place
    AND e.at >= now() - interval '24 hours' AND e.at <= now() + interval '5 minutes'
) e ON true
WHERE d.retired_at IS NULL;

-- As before (0021).
CREATE OR REPLACE VIEW report.access_hourly WITH (security_barrier) AS
SELECT time_bucket('1 hour', e.at) AS hour, p.place, d.code AS door, d.name AS door_name, v.side, r.name AS reason,
  e.kind = 2 OR e.state = 1 AS granted, count(*) FILTER (WHERE e.kind = 1) AS times,
  count(*) FILTER (WHERE e.passed) AS passed
FROM door_passage e
JOIN device v ON v.id = e.device
JOIN door d ON d.id = v.door
JOIN report.place p ON p.id = e.place
JOIN reason r ON r.id = CASE WHEN e.kind = 2 THEN 0 ELSE e.reason END
WHERE e.kind IN (1, 2) AND e.place = ANY (ARRAY(SELECT seen.id FROM report.place seen))
GROUP BY 1, 2, 3, 4, 5, 6, 7;

-- As before (0106).
CREATE OR REPLACE VIEW report.arrival_quarter WITH (security_barrier) AS
SELECT time_bucket('15 minutes', e.at) AS at, p.place, p.department, count(*) AS arrivals
FROM door_passage e
JOIN device v ON v.id = e.device AND v.side = 'in'
JOIN door d ON d.id = v.door AND d.from_space IS NULL
JOIN report.place p ON p.id = e.place
WHERE e.kind IN (1, 2) AND e.passed AND e.place = ANY (ARRAY(SELECT seen.id FROM report.place seen))
GROUP BY 1, 2, 3;
