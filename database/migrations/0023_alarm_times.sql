-- An alarm that repeats while it is open is one alarm with a count.
ALTER TABLE alarm
  ADD COLUMN times integer NOT NULL DEFAULT 1 CHECK (times > 0),
  ADD COLUMN last_at timestamptz;             -- when it happened last; NULL: once, at `until_at` or when it was raised

-- The audit says of an alarm only what people do about it: these columns are not among that.
DO $$
DECLARE
  definition text := (SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t
    WHERE t.tgrelid = 'alarm'::regclass AND t.tgname = 'audit_changed_update');
BEGIN
  DROP TRIGGER audit_changed_update ON alarm;
  EXECUTE replace(definition, 'text,detail}', 'text,detail,times,last_at}');
END $$;

UPDATE alarm SET times = greatest((detail ->> 'times')::integer, 1), last_at = until_at, detail = detail - 'times' WHERE detail ? 'times';

GRANT UPDATE (text, detail, times, last_at) ON alarm TO maillage_rights;

-- Alarms that nobody has acknowledged; those of no place are the whole network's.
CREATE OR REPLACE VIEW report.alarm_open WITH (security_barrier) AS
SELECT a.raised_at, a.kind, p.place, p.label, coalesce(p.department, '?') AS department, g.code AS gateway, a.from_at,
  a.until_at, a.text, a.times, coalesce(a.last_at, a.until_at, a.raised_at) AS last_at
FROM alarm a
LEFT JOIN report.place p ON p.id = a.place
LEFT JOIN gateway g ON g.id = a.gateway
WHERE a.acknowledged_at IS NULL
  AND (p.id IS NOT NULL
    OR (a.place IS NULL AND EXISTS (SELECT FROM scope o WHERE o.role = current_user AND o.place IS NULL)));
