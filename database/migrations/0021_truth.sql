-- When time alone changes a space's estimate: the ingest looks then (never later than the true instant, at times earlier).
-- What an older version stored is looked at once.
ALTER TABLE space_state ADD COLUMN due_at timestamptz;
UPDATE space_state SET due_at = now();
CREATE INDEX space_state_due ON space_state (due_at) WHERE due_at IS NOT NULL;

-- For the views below, and no reader: what readers and contacts tell, and whether that means that somebody went through a
-- door (access.inside.went_through is the same rule). Where the contact told: when it says that the access was taken, and
-- not at the grant. A gateway says with each grant whether its contact will tell; of an older one's, what was told since
-- decides. It is asked for last, and only of the rows that are left.
CREATE VIEW door_event AS
SELECT e.at, e.place, e.device, e.kind, e.state, e.reason,
  e.kind = 2 OR (e.kind = 1 AND e.state = 1 AND NOT coalesce((e.detail ->> 'awaits')::boolean, EXISTS (
    SELECT FROM event o
    WHERE o.place = e.place AND o.device = e.device AND o.kind IN (2, 3) AND o.at >= e.at - interval '1 second'
      AND o.at < e.at + interval '90 seconds'
      AND (o.detail ->> 'access_at')::bigint = (extract(epoch FROM coalesce(e.edge_at, e.at)) * 1000000)::bigint
  ))) AS passed
FROM event e
WHERE e.kind IN (1, 2, 4);

-- As before, but entered and left count who went through, not who was let.
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
  JOIN door_event e ON e.device = v.id
  WHERE v.place = d.place AND v.door = d.id AND e.place = d.place
    AND e.at BETWEEN now() - interval '24 hours' AND now() + interval '5 minutes'
) e ON true;

-- As before, with how many went through: of those let in, not all do.
CREATE OR REPLACE VIEW report.access_hourly WITH (security_barrier) AS
SELECT time_bucket('1 hour', e.at) AS hour, p.place, d.code AS door, d.name AS door_name, v.side, r.name AS reason,
  e.kind = 2 OR e.state = 1 AS granted, count(*) FILTER (WHERE e.kind = 1) AS times,
  count(*) FILTER (WHERE e.passed) AS passed
FROM door_event e
JOIN device v ON v.id = e.device
JOIN door d ON d.id = v.door
JOIN report.place p ON p.id = e.place
JOIN reason r ON r.id = CASE WHEN e.kind = 2 THEN 0 ELSE e.reason END
WHERE e.kind IN (1, 2) AND e.place = ANY (ARRAY(SELECT seen.id FROM report.place seen))
GROUP BY 1, 2, 3, 4, 5, 6, 7;
