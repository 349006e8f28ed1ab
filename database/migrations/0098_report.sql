-- For Grafana: the history by quarter hour with its interval, and what places are worth by month.

-- Quarter hours of each space; as: published or known. low, high: the interval of the estimate, on average over the quarter
-- hour; of what is known only, and as long as the changes of the estimate are kept. A query also says which days.
CREATE VIEW report.history_quarter WITH (security_barrier) AS
SELECT q.at, d.day, CASE WHEN d.published THEN 'published' ELSE 'known' END AS "as", p.place, p.department, s.code AS space,
  s.name AS space_name, s.parent IS NULL AS root, u.persons::float8 / nullif(u.known, 0) AS mean, w.low, w.high, u.peak,
  u.known / 900.0 AS known,
  CASE WHEN u.known = 0 THEN 'unknown' WHEN u.degraded * 2 > u.known THEN 'degraded' ELSE 'live' END AS quality, u.capacity
FROM report.place p
JOIN space s ON s.place = p.id
JOIN history_day d ON d.space = s.id AND d.minutes = 15
CROSS JOIN LATERAL unnest(d.persons, d.peak, d.known, d.degraded, d.capacity) WITH ORDINALITY
  AS u (persons, peak, known, degraded, capacity, n)
CROSS JOIN LATERAL (SELECT d.starts + (u.n - 1) * interval '15 minutes' AS at) q
-- whether its estimates were made again, since events came late
CROSS JOIN LATERAL (
  SELECT EXISTS (SELECT FROM refold f WHERE f.place = p.id AND f.done AND q.at >= f.since AND q.at < f.until) AS again
) r
LEFT JOIN LATERAL (
  SELECT sum(e.low * e.lasts) / sum(e.lasts) AS low, sum(e.high * e.lasts) / sum(e.lasts) AS high
  FROM (
    SELECT c.low, c.high,
      extract(epoch FROM lead(c.at, 1, q.at + interval '15 minutes') OVER (ORDER BY c.at) - greatest(c.at, q.at))::float8 AS lasts
    FROM (
      (SELECT k.at, k.low, k.high FROM occupancy_change k
       WHERE NOT r.again AND k.space = s.id AND k.at <= q.at ORDER BY k.at DESC LIMIT 1)
      UNION ALL
      SELECT k.at, k.low, k.high FROM occupancy_change k
      WHERE NOT r.again AND k.space = s.id AND k.at > q.at AND k.at < q.at + interval '15 minutes'
      UNION ALL
      (SELECT k.at, k.low, k.high FROM occupancy_refolded k
       WHERE r.again AND k.space = s.id AND k.at <= q.at ORDER BY k.at DESC LIMIT 1)
      UNION ALL
      SELECT k.at, k.low, k.high FROM occupancy_refolded k
      WHERE r.again AND k.space = s.id AND k.at > q.at AND k.at < q.at + interval '15 minutes'
    ) c
  ) e
  WHERE e.low IS NOT NULL AND e.lasts > 0
) w ON NOT d.published AND u.known > 0;

-- Use of each place as a whole by local month, of the days that are over.
CREATE VIEW report.worth_month WITH (security_barrier) AS
SELECT date_trunc('month', w.day)::date AS month, p.place, p.department, sum(w.open_s) / 3600.0 AS open_hours,
  sum(w.seat_s) / 3600.0 AS seat_hours, sum(w.person_s) / 3600.0 AS person_hours,
  sum(w.person_s)::float8 / nullif(sum(w.seat_s), 0)::float8 AS utilisation,
  sum(w.known_s)::float8 / nullif(sum(w.open_s), 0)::float8 AS known,
  sum(w.busy)::float8 / nullif(sum(w.quarters), 0)::float8 AS busy_share, max(w.peak) AS peak
FROM report.place p
JOIN space s ON s.place = p.id AND s.parent IS NULL
JOIN worth_space w ON w.space = s.id
GROUP BY 1, 2, 3;
GRANT SELECT ON report.history_quarter, report.worth_month TO maillage_report;
