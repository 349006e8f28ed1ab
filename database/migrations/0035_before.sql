-- The state at a moment is the last change before it, however long ago that was: a log of changes is not a series of samples.
-- A query takes the state at the start of a day (UTC) from the views below, and from the history what changed since.
-- Each row costs one step in an index, and only the rows of the day that is asked for are made.

-- The last known of each space before the start of a day: its last change, or the end of what is now stale.
CREATE VIEW report.occupancy_before WITH (security_barrier) AS
SELECT d.before, CASE WHEN w.gone THEN g.at ELSE c.at END AS at, p.place, p.department, s.code AS space,
  s.parent IS NULL AS root,
  CASE WHEN NOT w.gone THEN c.present END AS present,
  CASE WHEN NOT w.gone THEN c.low END AS low,
  CASE WHEN NOT w.gone THEN c.high END AS high,
  c.capacity
FROM report.place p
JOIN space s ON s.place = p.id
CROSS JOIN generate_series(timestamptz '2020-01-01 00:00+00', now() + interval '48 hours', interval '24 hours') d (before)
CROSS JOIN LATERAL (
  SELECT o.at, o.present, o.low, o.high, o.capacity FROM occupancy_change o
  WHERE o.space = s.id AND o.at < d.before ORDER BY o.at DESC LIMIT 1
) c
LEFT JOIN space_state st ON st.space = s.id AND st.quality <> 'unknown'
LEFT JOIN report.line l ON l.place = s.place
CROSS JOIN LATERAL (
  SELECT CASE WHEN l.clear THEN greatest(st.at, l.heard_at) ELSE st.at END + make_interval(secs => st.ttl_s) AS at
) g
CROSS JOIN LATERAL (SELECT coalesce(g.at < now() AND g.at < d.before AND g.at > c.at, false) AS gone) w;

-- What each desk's sensors said last before the start of a day. The search begins at the desk's last word, so that a
-- sensor that is silent for weeks is found at once; one that was never heard isn't searched for.
CREATE VIEW report.desk_before WITH (security_barrier) AS
SELECT d.before, e.at, p.place, k.code AS desk, e.state::integer AS occupied
FROM report.place p
JOIN desk k ON k.place = p.id
CROSS JOIN generate_series(timestamptz '2020-01-01 00:00+00', now() + interval '48 hours', interval '24 hours') d (before)
CROSS JOIN LATERAL (
  SELECT array_agg(v.id) AS ids,
    max(to_timestamp((st.fold #>> ARRAY['desks', v.id::text, '1'])::float8 / 1e6)) + interval '1 minute' AS heard
  FROM device v LEFT JOIN space_state st ON st.space = k.space
  WHERE v.place = k.place AND v.desk = k.id
) v
CROSS JOIN LATERAL (
  SELECT o.at, o.state FROM event o
  WHERE o.place = k.place AND o.kind = 5 AND o.device = ANY (v.ids) AND o.at < d.before AND o.at < v.heard
  ORDER BY o.at DESC LIMIT 1
) e;

-- A name with each number filled up with blanks to `width`, so that texts sort as people count: 2 before 10.
CREATE FUNCTION report.aligned(name text, width integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN translate(
  regexp_replace(
    regexp_replace(name, '(\d+)', repeat(chr(1), width) || '\1', 'g'),
    chr(1) || '*([' || chr(1) || '0-9]{' || width || ',})(?![0-9])', '\1', 'g'),
  chr(1), ' ');

GRANT SELECT ON report.occupancy_before, report.desk_before TO maillage_report;
GRANT EXECUTE ON FUNCTION report.aligned(text, integer) TO maillage_report;
