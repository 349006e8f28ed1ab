-- Hours of commuting saved: where members live and usually work, if they gave it, and rounded sums by place and month.

-- INSEE codes of communes. Personal: they leave the centre only in answers about the member, and in the sums below.
ALTER TABLE member
  ADD COLUMN home_commune text CHECK (home_commune ~ '^([0-9]{5}|2[AB][0-9]{3})$'),
  ADD COLUMN work_commune text CHECK (work_commune ~ '^([0-9]{5}|2[AB][0-9]{3})$');

-- The audit says that they were changed, as of a PIN, and never what they are.
DO $$
DECLARE
  one record;
BEGIN
  FOR one IN SELECT t.tgname, pg_get_triggerdef(t.oid) AS text FROM pg_trigger t
             WHERE t.tgrelid = 'member'::regclass AND t.tgname LIKE 'audit_changed_%' LOOP
    IF position('{pin' IN one.text) = 0 THEN
      RAISE EXCEPTION 'the trigger % of member has no list of hidden columns', one.tgname;
    END IF;
    EXECUTE format('DROP TRIGGER %I ON member', one.tgname);
    EXECUTE replace(one.text, '{pin', '{home_commune,work_commune,pin');
  END LOOP;
END $$;

-- What visits to a place saved in a month (its first day) against the way to the usual workplace: see
-- occupancy.commuting. Written once, rounded, and only where enough members are behind it; else all three are null.
CREATE TABLE worth_commuting (
  place integer NOT NULL,
  month date NOT NULL CHECK (extract(day FROM month) = 1),
  members integer CHECK (members >= 5),
  visit_days integer,
  km integer,                                 -- both ways; below 0: the way to the place was longer
  PRIMARY KEY (place, month),
  CHECK (num_nulls(members, visit_days, km) IN (0, 3))
);
GRANT SELECT ON worth_commuting TO maillage_api;
-- A month that is written doesn't change, so that nobody learns from a difference.
GRANT SELECT, INSERT ON worth_commuting TO maillage_maintain;
GRANT SELECT (home_commune, work_commune) ON member TO maillage_maintain;

-- For Grafana: by place and month, of what the reader's scope holds.
CREATE VIEW report.worth_commuting WITH (security_barrier) AS
SELECT w.month, w.month::timestamp AT TIME ZONE p.time_zone AS at, p.place, p.department, w.members, w.visit_days, w.km,
  w.km / 49.0 AS hours  -- occupancy.commuting.SPEED_KM_H
FROM report.place p JOIN worth_commuting w ON w.place = p.id;
GRANT SELECT ON report.worth_commuting TO maillage_report;
