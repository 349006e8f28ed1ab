-- Operators who want a mail when the monthly report of their place, or of the network, is there.
ALTER TABLE operator ADD COLUMN report_mail boolean NOT NULL DEFAULT false;
GRANT INSERT (report_mail), UPDATE (report_mail) ON operator TO maillage_api;
CREATE POLICY process ON operator FOR SELECT TO maillage_maintain USING (true);
CREATE POLICY process ON operator_role FOR SELECT TO maillage_maintain USING (true);
GRANT SELECT (ref, email, ended_at, report_mail) ON operator TO maillage_maintain;
GRANT SELECT ON operator_role TO maillage_maintain;

-- Such mail goes with its operator.
CREATE FUNCTION forget_report_mail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM mail m WHERE m.kind = 'report_ready' AND lower(m.to_address) = lower(OLD.email);
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION forget_report_mail() FROM PUBLIC;
CREATE TRIGGER forget_report_mail AFTER DELETE ON operator FOR EACH ROW EXECUTE FUNCTION forget_report_mail();
