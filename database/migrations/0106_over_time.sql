-- For *My place, over time* and *live*: bookings and passes by day, and the arrivals that are usual.

-- Bookings of each place by the local day on which they begin: how many were held, who came, no-shows, cancelled ones.
CREATE VIEW report.booking_day WITH (security_barrier) AS
SELECT (b.starts_at AT TIME ZONE p.time_zone)::date AS day, p.place, p.department, r.kind,
  count(*) FILTER (WHERE b.status IN ('booked', 'checked_in', 'ended', 'no_show')) AS held,
  count(*) FILTER (WHERE b.checked_in_at IS NOT NULL OR a.in_at IS NOT NULL) AS came,
  count(*) FILTER (WHERE b.status = 'no_show') AS no_shows,
  count(*) FILTER (WHERE b.status IN ('cancelled', 'lapsed')) AS cancelled
FROM report.place p
JOIN booking b ON b.place = p.id AND b.member IS NOT NULL AND b.status <> 'offered'
LEFT JOIN attendance a ON a.booking = b.ref
LEFT JOIN resource_unit u ON u.id = b.unit
LEFT JOIN resource o ON o.id = u.resource
CROSS JOIN LATERAL (SELECT coalesce(o.kind, CASE WHEN b.one_party THEN 'room' ELSE 'seat' END) AS kind) r
GROUP BY 1, 2, 3, 4;

-- What was used of passes at each place by local day. unit: half_day, day, hour, entry.
CREATE INDEX pass_use_place ON pass_use (place, at);
CREATE VIEW report.pass_use_day WITH (security_barrier) AS
SELECT (u.at AT TIME ZONE p.time_zone)::date AS day, p.place, p.department, s.unit, count(*) AS used
FROM report.place p
JOIN pass_use u ON u.place = p.id
JOIN pass s ON s.ref = u.pass
GROUP BY 1, 2, 3, 4;

-- How many usually arrive at a place, by local weekday and quarter hour: the median of the same weekdays of four weeks that
-- had events at all. The jobs learn it anew every other day.
CREATE TABLE arrival_usual (
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  weekday smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),     -- 1: Monday
  learnt_at timestamptz NOT NULL,
  days smallint NOT NULL,                     -- on how many days it rests
  arrivals real[] CHECK (cardinality(arrivals) = 96),            -- of each local quarter hour; NULL: not known
  PRIMARY KEY (place, weekday)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON arrival_usual TO maillage_maintain;
GRANT SELECT ON door_event TO maillage_maintain;

CREATE VIEW report.arrival_usual WITH (security_barrier) AS
SELECT p.place, p.department, u.weekday::integer AS weekday, q.n::integer - 1 AS quarter, q.arrivals::float8 AS arrivals, u.days::integer AS days
FROM report.place p
JOIN arrival_usual u ON u.place = p.id
CROSS JOIN LATERAL unnest(u.arrivals) WITH ORDINALITY AS q (arrivals, n);

-- Who came in from outside, by quarter hour: of who went through, the entries of doors that lead from outside.
CREATE VIEW report.arrival_quarter WITH (security_barrier) AS
SELECT time_bucket('15 minutes', e.at) AS at, p.place, p.department, count(*) AS arrivals
FROM door_event e
JOIN device v ON v.id = e.device AND v.side = 'in'
JOIN door d ON d.id = v.door AND d.from_space IS NULL
JOIN report.place p ON p.id = e.place
WHERE e.kind IN (1, 2) AND e.passed AND e.place = ANY (ARRAY(SELECT seen.id FROM report.place seen))
GROUP BY 1, 2, 3;

GRANT SELECT ON report.booking_day, report.pass_use_day, report.arrival_usual, report.arrival_quarter TO maillage_report;
