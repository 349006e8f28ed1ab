-- An alarm that repeats while it is open is one alarm with a count: in `detail`, `times` and, where `until_at` doesn't say it, `last_at`.
GRANT UPDATE (text, detail) ON alarm TO maillage_rights;

-- Alarms that nobody has acknowledged; those of no place are the whole network's.
CREATE OR REPLACE VIEW report.alarm_open WITH (security_barrier) AS
SELECT a.raised_at, a.kind, p.place, p.label, coalesce(p.department, '?') AS department, g.code AS gateway, a.from_at,
  a.until_at, a.text, coalesce((a.detail ->> 'times')::integer, 1) AS times,
  coalesce((a.detail ->> 'last_at')::timestamptz, a.until_at, a.raised_at) AS last_at
FROM alarm a
LEFT JOIN report.place p ON p.id = a.place
LEFT JOIN gateway g ON g.id = a.gateway
WHERE a.acknowledged_at IS NULL
  AND (p.id IS NOT NULL
    OR (a.place IS NULL AND EXISTS (SELECT FROM scope o WHERE o.role = current_user AND o.place IS NULL)));
