-- Monthly reports (docs/reports.md): made after the end of a month, stored, never changed; a recount that finds other figures
-- is a new version. Nothing in them is about a person.

CREATE TABLE monthly_report (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  scope text NOT NULL CHECK (scope IN ('place', 'department', 'network')),
  place integer,                              -- of a place; no reference: a report outlives its place
  department text,                            -- of a department
  month date NOT NULL CHECK (extract(day FROM month) = 1),
  version integer NOT NULL CHECK (version > 0),
  made_at timestamptz NOT NULL DEFAULT now(),
  figures jsonb NOT NULL,                     -- reports.model.Report
  shown jsonb NOT NULL,                       -- reports.model.PublicReport: what needs no key
  changed jsonb NOT NULL DEFAULT '[]',        -- what differs from the version before
  CHECK ((scope = 'place') = (place IS NOT NULL) AND (scope = 'department') = (department IS NOT NULL)),
  UNIQUE NULLS NOT DISTINCT (month, scope, place, department, version)
);
CREATE INDEX monthly_report_place ON monthly_report (place, month) WHERE place IS NOT NULL;
CREATE FUNCTION keep_report() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a monthly report never changes: store a new version' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER keep_report BEFORE UPDATE OR DELETE ON monthly_report FOR EACH ROW EXECUTE FUNCTION keep_report();
CREATE TRIGGER keep_reports BEFORE TRUNCATE ON monthly_report FOR EACH STATEMENT EXECUTE FUNCTION keep_report();

-- For which months the reports were made, and counted again once late events were in.
CREATE TABLE monthly_report_run (
  month date PRIMARY KEY,
  made_at timestamptz NOT NULL,
  recounted_at timestamptz
);

ALTER TABLE monthly_report ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON monthly_report TO maillage_maintain USING (true) WITH CHECK (true);
CREATE POLICY caller_reads ON monthly_report FOR SELECT TO maillage_api
  USING ((SELECT caller_all('place_manager', 'auditor'))
    OR place = ANY ((SELECT caller_scope('place_manager', 'auditor'))::integer[]));
GRANT SELECT ON monthly_report TO maillage_api;
GRANT SELECT, INSERT ON monthly_report TO maillage_maintain;
GRANT SELECT, INSERT, UPDATE ON monthly_report_run TO maillage_maintain;

-- What everybody may read of the reports: the owner's view, so that no policy hides it.
CREATE VIEW public_report WITH (security_barrier) AS
SELECT DISTINCT ON (month, scope, place, department) scope, place, department, month, version, made_at, shown
FROM monthly_report ORDER BY month, scope, place, department, version DESC;
GRANT SELECT ON public_report TO maillage_api;
GRANT SELECT ON reason TO maillage_maintain;
