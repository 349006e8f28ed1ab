-- For *The system* in Grafana: a small sample of each process of the centre, once a minute; what a network looks for and does not
-- find; and views of lists, jobs and dead letters.

-- What a process did since its sample before. Deleted after 30 days (jobs/samples.py).
CREATE TABLE process_sample (
  at timestamptz NOT NULL DEFAULT now(),
  process text NOT NULL CHECK (process IN ('ingest', 'api', 'rights', 'jobs')),
  instance text NOT NULL,                     -- host and process id
  seconds real NOT NULL CHECK (seconds > 0),  -- since the sample before
  done bigint NOT NULL,                       -- events stored; requests answered; lists sent; runs of jobs
  failed bigint NOT NULL,                     -- dead letters; answers 5xx; transactions rolled back; failed runs
  p50_s real,                                 -- from an event's time to its commit; of an answer; from a change to its list sent
  p99_s real,                                 -- NULL: nothing was done
  bytes bigint                                -- ingest: messages that wait; jobs: the database
);
CREATE INDEX process_sample_at ON process_sample (process, at);
GRANT INSERT ON process_sample TO maillage_ingest, maillage_api, maillage_rights, maillage_maintain;
GRANT SELECT, DELETE ON process_sample TO maillage_maintain;

-- Searches for free seats by hour and department, and those that no place could be offered for. Nothing of who asked.
CREATE TABLE demand_hour (
  hour timestamptz NOT NULL,
  department text NOT NULL,                   -- of the place or commune that was named, else of the nearest place; '?': none
  searches integer NOT NULL,
  unmet integer NOT NULL,
  PRIMARY KEY (hour, department)
);
GRANT SELECT, INSERT, UPDATE ON demand_hour TO maillage_api;

ALTER TABLE process_sample ENABLE ROW LEVEL SECURITY;
ALTER TABLE demand_hour ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON process_sample TO maillage_ingest, maillage_api, maillage_rights, maillage_maintain
  USING (true) WITH CHECK (true);
CREATE POLICY process ON demand_hour TO maillage_api USING (true) WITH CHECK (true);

-- What Grafana reads -----------------------------------------------------------------------------------------------------

-- Of the whole network's processes: for readers of the whole network only.
CREATE VIEW report.process_sample WITH (security_barrier) AS
SELECT s.at, s.process, s.instance, s.seconds, s.done, s.failed, s.p50_s, s.p99_s, s.bytes
FROM process_sample s
WHERE EXISTS (SELECT FROM scope o WHERE o.role = current_user AND o.place IS NULL);

CREATE VIEW report.job_now WITH (security_barrier) AS
SELECT j.name AS job, j.succeeded_at, j.failed_at, j.failures
FROM job j
WHERE EXISTS (SELECT FROM scope o WHERE o.role = current_user AND o.place IS NULL);

CREATE VIEW report.demand_hour WITH (security_barrier) AS
SELECT d.hour, d.department, d.searches, d.unmet
FROM demand_hour d
WHERE EXISTS (SELECT FROM scope o WHERE o.role = current_user AND o.place IS NULL);

-- Messages and events that could not be read and wait for somebody: of the reader's places; without a gateway, the network's.
CREATE VIEW report.dead_letter_open WITH (security_barrier) AS
SELECT p.place, coalesce(p.department, '?') AS department, g.code AS gateway, d.origin, d.reason, d.times, d.first_at, d.last_at
FROM dead_letter d
LEFT JOIN gateway g ON g.id = d.gateway
LEFT JOIN report.place p ON p.id = g.place
WHERE d.replayed_at IS NULL
  AND (p.id IS NOT NULL
    OR (g.place IS NULL AND EXISTS (SELECT FROM scope o WHERE o.role = current_user AND o.place IS NULL)));

-- The access list of each gateway: the version in force, the newest one, and since when it waits for that.
CREATE VIEW report.access_list_now WITH (security_barrier) AS
SELECT p.place, p.label, p.department, g.code AS gateway, s.list_version AS version, v.made_at AS made_at,
  l.version AS newest, l.entries,
  CASE WHEN s.list_version IS DISTINCT FROM l.version THEN coalesce(n.made_at, l.made_at) END AS behind_since
FROM gateway g
JOIN report.place p ON p.id = g.place
JOIN access_list l ON l.place = g.place
LEFT JOIN gateway_state s ON s.gateway = g.id
LEFT JOIN list_version v ON v.place = g.place AND v.version = s.list_version
LEFT JOIN list_version n ON n.place = g.place AND n.version = s.list_version + 1
WHERE g.retired_at IS NULL;

-- Who waits for what is taken, by the day for which it is wanted: how many, never who.
CREATE VIEW report.waiting_day WITH (security_barrier) AS
SELECT (w.starts_at AT TIME ZONE p.time_zone)::date AS day, p.place, p.department, w.kind, count(*) AS asked,
  count(*) FILTER (WHERE w.status = 'accepted') AS accepted, count(*) FILTER (WHERE w.status IN ('waiting', 'offered')) AS waits
FROM waiting w JOIN report.place p ON p.id = w.place
GROUP BY 1, 2, 3, 4;

GRANT SELECT ON report.process_sample, report.job_now, report.demand_hour, report.dead_letter_open, report.access_list_now,
  report.waiting_day TO maillage_report;
