-- For Grafana: the sums that the network's curves are made of. A reader of the whole network adds up departments, a reader of
-- some places its own places, so that each reads few rows and none of another scope. jobs/history.py keeps both right where
-- events come late.

-- The sums of a place's days without its quarter hours, which are ten times as long.
CREATE INDEX history_day_sums ON history_day (space, day) INCLUDE (person_s, seat_s, known_s, seconds) WHERE NOT published;

-- Days: person-seconds, seat-seconds of the part that is known, seconds that are known, seconds of all places.
CREATE VIEW report.sum_day WITH (security_barrier) AS
SELECT g.day, g.department, g.person_s, g.seat_s, g.known_s, g.seconds
FROM history_group g
WHERE NOT g.published AND g.department <> '*'
  AND EXISTS (SELECT FROM scope o WHERE o.role = current_user AND o.place IS NULL)
UNION ALL
SELECT d.day, p.department, d.person_s, d.seat_s, d.known_s, d.seconds
FROM report.place p
JOIN space s ON s.place = p.id AND s.parent IS NULL
JOIN history_day d ON d.space = s.id AND NOT d.published
WHERE NOT EXISTS (SELECT FROM scope o WHERE o.role = current_user AND o.place IS NULL);

-- Quarter hours: people, and how many places they are of (a place that is known for half of it counts as a half). A query also
-- says which days, whose start is `starts`.
CREATE VIEW report.sum_quarter WITH (security_barrier) AS
SELECT g.starts + (u.n - 1) * interval '15 minutes' AS at, g.starts, g.day, g.department, u.people, u.known / 900.0::float8 AS known
FROM history_group g
CROSS JOIN LATERAL unnest(g.people, g.known) WITH ORDINALITY AS u (people, known, n)
WHERE NOT g.published AND g.department <> '*'
  AND EXISTS (SELECT FROM scope o WHERE o.role = current_user AND o.place IS NULL)
UNION ALL
SELECT d.starts + (u.n - 1) * interval '15 minutes', d.starts, d.day, p.department, u.persons::float8 / nullif(u.known, 0),
  u.known / 900.0::float8
FROM report.place p
JOIN space s ON s.place = p.id AND s.parent IS NULL
JOIN history_day d ON d.space = s.id AND NOT d.published AND d.minutes = 15
CROSS JOIN LATERAL unnest(d.persons, d.known) WITH ORDINALITY AS u (persons, known, n)
WHERE NOT EXISTS (SELECT FROM scope o WHERE o.role = current_user AND o.place IS NULL);

GRANT SELECT ON report.sum_day, report.sum_quarter TO maillage_report;

-- As before (0011), and of one place without a look at every gateway of the network. A place without a gateway has a row of NULLs.
CREATE OR REPLACE VIEW report.line AS
SELECT p.id AS place, l.clear, l.heard_at
FROM place p
CROSS JOIN LATERAL (
  SELECT bool_and(s.complete_at IS NOT NULL) AS clear, min(s.complete_at) AS heard_at
  FROM gateway g LEFT JOIN gateway_state s ON s.gateway = g.id
  WHERE g.place = p.id AND g.retired_at IS NULL
) l;

-- Each place now with its free seats: report.place_now and report.place_free in one, for a whole network at a time. What these ask
-- for each space (bookings) and each place (hours) is asked once: of the bookings that run, and of hours that differ.
-- tests/integration/test_dashboards_network.py holds them together.
CREATE INDEX booking_running ON booking USING gist (tstzrange(starts_at, ends_at)) WHERE cancelled_at IS NULL AND holds_seat;

CREATE VIEW report.network_now WITH (security_barrier) AS
SELECT p.place, p.name, p.label, p.commune, p.department, p.region, p.latitude, p.longitude, p.equipped,
  t.present, t.low, t.high, t.capacity, 100.0::float8 * t.present / nullif(t.capacity, 0) AS percent,
  coalesce(t.quality, 'unknown') AS quality,
  coalesce(array_position('{unknown,live,degraded,stale}'::text[], t.quality) - 1, 0) AS quality_level,
  t.at, t.open, t.locked, t.seats,
  CASE WHEN NOT t.open THEN 0 WHEN t.seats IS NULL THEN NULL
    WHEN t.known THEN greatest(0, t.free_low - t.bookings)
    WHEN t.high IS NOT NULL THEN greatest(0, greatest(0, t.seats - t.high - t.held) - t.bookings) END AS free_low,
  CASE WHEN NOT t.open THEN 0 WHEN t.seats IS NULL THEN NULL
    WHEN t.known THEN greatest(0, least(t.free_high, t.seats - t.bookings))
    WHEN t.low IS NOT NULL THEN greatest(0, least(t.seats - greatest(t.low - t.elsewhere, t.held), t.seats - t.bookings)) END AS free_high
FROM report.place p
LEFT JOIN (
  SELECT n.place, bool_and(n.open) AS open, bool_and(n.locked) AS locked,
    min(n.present) FILTER (WHERE n.root) AS present, min(n.low) FILTER (WHERE n.root) AS low, min(n.high) FILTER (WHERE n.root) AS high,
    min(n.capacity) FILTER (WHERE n.root) AS capacity, min(n.quality) FILTER (WHERE n.root) AS quality,
    min(n.at) FILTER (WHERE n.root) AS at,
    sum(n.capacity) FILTER (WHERE n.counts AND n.for_work)::integer AS seats,
    coalesce(sum(n.capacity) FILTER (WHERE n.counts AND NOT n.for_work), 0)::integer AS elsewhere,
    bool_or(n.free_low IS NOT NULL) FILTER (WHERE n.counts AND n.for_work AND n.capacity IS NOT NULL) AS known,
    coalesce(sum(n.free_low) FILTER (WHERE n.counts AND n.for_work), 0)::integer AS free_low,
    sum(coalesce(n.free_high, n.capacity)) FILTER (WHERE n.counts AND n.for_work AND n.capacity IS NOT NULL)::integer AS free_high,
    coalesce(sum(n.bookings) FILTER (WHERE n.counts AND n.for_work AND NOT n.root AND n.capacity IS NOT NULL), 0)::integer AS held,
    coalesce(sum(n.bookings) FILTER (WHERE n.root), 0)::integer AS bookings
  FROM (
    SELECT s.place, s.parent IS NULL AS root, n.present, n.low, n.high, c.capacity, q.quality, a.at, o.open, o.locked, k.for_work,
      k.counts, b.bookings,
      CASE
        WHEN NOT o.open THEN 0
        WHEN c.capacity IS NULL THEN NULL
        WHEN k.one_party AND b.held > 0 THEN 0
        WHEN n.high IS NULL THEN NULL
        WHEN k.one_party THEN CASE WHEN n.high > 0 THEN 0 ELSE c.capacity END
        ELSE greatest(0, c.capacity - n.high - b.held) END AS free_low,
      CASE
        WHEN NOT o.open THEN 0
        WHEN c.capacity IS NULL THEN NULL
        WHEN k.one_party AND b.held > 0 THEN 0
        WHEN n.low IS NULL THEN NULL
        WHEN k.one_party THEN CASE WHEN n.low > 0 THEN 0 ELSE c.capacity END
        ELSE greatest(0, c.capacity - greatest(n.low, b.held)) END AS free_high
    FROM space s
    JOIN space_kind x ON x.kind = s.kind
    JOIN report.place seen ON seen.id = s.place
    LEFT JOIN space u ON u.id = s.parent
    LEFT JOIN space_kind v ON v.kind = u.kind
    LEFT JOIN space_state st ON st.space = s.id
    LEFT JOIN (  -- as report.line
      SELECT w.place, bool_and(h.complete_at IS NOT NULL) AS clear, min(h.complete_at) AS heard_at
      FROM gateway w LEFT JOIN gateway_state h ON h.gateway = w.id
      WHERE w.retired_at IS NULL
      GROUP BY w.place
    ) l ON l.place = s.place
    -- whether each place is open, as place_opening says; hours that many places share are looked at once
    LEFT JOIN (
      SELECT p.id, w.locked, NOT w.locked AND NOT w.closed AND h.cover AS open
      FROM place p
      JOIN (
        SELECT d.opening_hours, d.department, d.time_zone,
          hours_cover(d.opening_hours, d.department, now() AT TIME ZONE d.time_zone) AS cover
        FROM (SELECT DISTINCT r.opening_hours, r.department, r.time_zone FROM place r WHERE r.opening_hours IS NOT NULL) d
        UNION ALL
        SELECT NULL, NULL, NULL, NULL
      ) h ON coalesce(h.opening_hours, 'null') = coalesce(p.opening_hours, 'null')
        AND coalesce(h.department, '') = CASE WHEN p.opening_hours IS NULL THEN '' ELSE coalesce(p.department, '') END
        AND coalesce(h.time_zone, '') = CASE WHEN p.opening_hours IS NULL THEN '' ELSE p.time_zone END
      CROSS JOIN LATERAL (
        SELECT EXISTS (
          SELECT FROM lockdown d WHERE d.released_at IS NULL AND d.door IS NULL AND (d.place IS NULL OR d.place = p.id)) AS locked,
          EXISTS (
          SELECT FROM closure c
          WHERE (c.place IS NULL OR c.place = p.id) AND (now() AT TIME ZONE p.time_zone)::date BETWEEN c.first AND c.last) AS closed
      ) w
    ) o ON o.id = s.place
    -- the bookings that run; those of no space are the root's
    LEFT JOIN (
      SELECT coalesce(r.space, root.id) AS space, count(*)::integer AS bookings
      FROM booking r LEFT JOIN space root ON root.place = r.place AND root.parent IS NULL
      WHERE r.cancelled_at IS NULL AND r.holds_seat AND tstzrange(r.starts_at, r.ends_at) @> now()
      GROUP BY 1
    ) g ON g.space = s.id
    CROSS JOIN LATERAL (
      SELECT coalesce(g.bookings, 0) AS bookings, CASE WHEN s.parent IS NULL THEN 0 ELSE coalesce(g.bookings, 0) END AS held) b
    CROSS JOIN LATERAL (
      SELECT coalesce(s.for_work, x.for_work) AS for_work, x.one_party,
        (s.parent IS NOT NULL OR coalesce(s.for_work, x.for_work))
          AND NOT coalesce(u.for_work, v.for_work, false) AS counts) k
    CROSS JOIN LATERAL (SELECT coalesce(st.capacity, s.capacity) AS capacity) c
    CROSS JOIN LATERAL (SELECT CASE WHEN l.clear THEN greatest(st.at, l.heard_at) ELSE st.at END AS at) a
    CROSS JOIN LATERAL (
      SELECT CASE
        WHEN st.quality IS NULL OR st.quality = 'unknown' THEN 'unknown'
        WHEN now() > a.at + make_interval(secs => st.ttl_s) THEN 'stale'
        ELSE st.quality END AS quality
    ) q
    CROSS JOIN LATERAL (
      SELECT CASE WHEN q.quality IN ('live', 'degraded') THEN st.present END AS present,
        CASE WHEN q.quality IN ('live', 'degraded') THEN st.low END AS low,
        CASE WHEN q.quality IN ('live', 'degraded') THEN st.high END AS high
    ) n
    WHERE s.retired_at IS NULL
  ) n
  GROUP BY n.place
) t ON t.place = p.id;
GRANT SELECT ON report.network_now TO maillage_report;

-- As before (0043), of a whole network at once.
CREATE OR REPLACE VIEW report.place_without_news WITH (security_barrier) AS
SELECT n.place, n.name, n.label, n.department, coalesce(g.state, 'stale') AS why,
  coalesce(g.state_level, 4) AS why_level, coalesce(g.since, n.at) AS since
FROM report.network_now n
JOIN place o ON o.code = n.place AND o.status = 'open'
LEFT JOIN (
  SELECT DISTINCT ON (w.place) w.place, w.state, w.state_level, w.heard_at AS since
  FROM report.gateway_now w
  WHERE w.state <> 'online'
  ORDER BY w.place, w.heard_at NULLS FIRST
) g ON g.place = n.place
WHERE n.equipped AND (g.state IS NOT NULL OR n.quality = 'stale');
