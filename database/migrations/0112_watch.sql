-- What Grafana's alert rules read: how the centre itself is, how old each gateway's access list is, and the reader's own
-- reach.

-- Written by `maillage jobs` at each run: how long a job that is well may be without a success is counted in it.
ALTER TABLE job ADD COLUMN every interval CHECK (every >= interval '0');

-- Backups that are finished: `maillage backed-up` adds a row at the end of the operator's own script.
CREATE TABLE backup (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  finished_at timestamptz NOT NULL DEFAULT now(),
  bytes bigint CHECK (bytes >= 0),            -- NULL: not said
  kept_at text CHECK (length(kept_at) <= 200) -- where, in the operator's words
);
CREATE INDEX backup_finished ON backup (finished_at);
ALTER TABLE backup ENABLE ROW LEVEL SECURITY;  -- the owner's alone; the view below shows ages
CREATE INDEX dead_letter_last ON dead_letter (last_at) WHERE replayed_at IS NULL;

-- What the reader sees: the whole network or some places; decisions at doors or not.
CREATE VIEW report.reach WITH (security_barrier) AS
SELECT bool_or(s.place IS NULL) AS network, bool_or(s.security) AS security
FROM scope s WHERE s.role = current_user HAVING count(*) > 0;

-- How the centre is, for readers of the whole network. A thing that was never heard of has no row: that isn't "well".
-- ingest_lag_s: since the last moment at which all of an online gateway's events were stored, of the one that is furthest
-- behind; or since anything was heard at all. dead_letters: in the last hour. job_late: runs of a job that are missing.
-- backup_age_h.
CREATE VIEW report.centre_check WITH (security_barrier) AS
SELECT c.what, c.subject, c.value
FROM (
  SELECT 'ingest_lag_s' AS what, '' AS subject,
    greatest(extract(epoch FROM now() - max(s.heard_at)),
      max(extract(epoch FROM s.heard_at - coalesce(s.complete_at, s.changed_at)))
        FILTER (WHERE s.online AND s.heard_at > now() - interval '1 minute'))::float8 AS value
  FROM gateway_state s JOIN gateway g ON g.id = s.gateway AND g.retired_at IS NULL
  HAVING count(*) > 0
  UNION ALL
  SELECT 'dead_letters', '', count(*) FROM dead_letter d
  WHERE d.replayed_at IS NULL AND d.last_at > now() - interval '1 hour'
  UNION ALL
  -- a job that never succeeded has missed all the runs that there can be
  SELECT 'job_late', j.name,
    coalesce(extract(epoch FROM now() - j.succeeded_at)
      / extract(epoch FROM greatest(coalesce(j.every, interval '15 minutes'), interval '1 minute')), 1000)
  FROM job j
  UNION ALL
  SELECT 'backup_age_h', '', extract(epoch FROM now() - max(b.finished_at)) / 3600 FROM backup b HAVING count(*) > 0
) c
WHERE (SELECT r.network FROM report.reach r);

-- The access list that each gateway holds: percent of its longest age (0 where it never grows too old; 100 where the gateway
-- holds none), and for how long a newer one has been waiting for it.
CREATE VIEW report.list_now WITH (security_barrier) AS
SELECT p.place, p.label, g.code AS gateway, s.list_version, v.made_at,
  CASE WHEN s.list_version IS NULL THEN 100.0
       WHEN m.max_age_s IS NULL THEN 0.0
       ELSE 100.0 * extract(epoch FROM now() - v.made_at) / m.max_age_s END::float8 AS age_percent,
  CASE WHEN n.made_at IS NULL THEN 0.0 ELSE extract(epoch FROM now() - n.made_at) / 60 END::float8 AS behind_min
FROM gateway g
JOIN report.place p ON p.id = g.place
JOIN gateway_state s ON s.gateway = g.id
LEFT JOIN place_policy y ON y.place = g.place
CROSS JOIN LATERAL (SELECT CASE WHEN y.place IS NULL THEN 2592000 ELSE y.list_max_age_s END AS max_age_s) m
LEFT JOIN list_version v ON v.place = g.place AND v.version = s.list_version
LEFT JOIN LATERAL (
  SELECT w.made_at FROM list_version w WHERE w.place = g.place AND w.version > s.list_version ORDER BY w.version LIMIT 1
) n ON true
WHERE g.retired_at IS NULL;
GRANT SELECT ON report.reach, report.centre_check, report.list_now TO maillage_report;
