-- For Grafana: the history by day, without persons, of what the reader's scope holds.

-- Days of each space; as: published or known.
CREATE VIEW report.history_day WITH (security_barrier) AS
SELECT d.day, d.starts AS at, CASE WHEN d.published THEN 'published' ELSE 'known' END AS "as", p.place, p.department,
  s.code AS space, s.name AS space_name, s.parent IS NULL AS root, d.person_s::float8 / nullif(d.known_s, 0) AS mean,
  d.day_peak AS peak, d.person_s / 3600.0 AS person_hours, d.seat_s / 3600.0 AS seat_hours,
  d.known_s::float8 / d.seconds AS known,
  CASE WHEN d.known_s = 0 THEN 'unknown' WHEN d.degraded_s * 2 > d.known_s THEN 'degraded' ELSE 'live' END AS quality,
  d.day_capacity AS capacity
FROM report.place p
JOIN space s ON s.place = p.id
JOIN history_day d ON d.space = s.id;

-- Days of each department, and of the network (department '*'): for readers of the whole network only.
CREATE VIEW report.history_department WITH (security_barrier) AS
SELECT g.day, min(g.starts) AS at, CASE WHEN g.published THEN 'published' ELSE 'known' END AS "as", g.department,
  sum(g.people_sum) / nullif(max(g.quarters), 0) AS mean, sum(g.day_peak) AS peak, sum(g.person_s) / 3600.0 AS person_hours,
  sum(g.seat_s) / 3600.0 AS seat_hours, sum(g.known_s)::float8 / sum(g.seconds)::float8 AS known, sum(g.day_capacity) AS capacity
FROM history_group g
WHERE EXISTS (SELECT FROM scope s WHERE s.role = current_user AND s.place IS NULL)
GROUP BY g.day, g.published, g.department;

GRANT SELECT ON report.history_day, report.history_department TO maillage_report;
