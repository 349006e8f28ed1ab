-- What signing in leaves behind (0121): no link in a sent mail, nothing about people who are erased; sessions in the export.

-- The link of a mail is as good as a key until it is used: like a code (0097) it goes when the mail is sent or given up.
CREATE OR REPLACE FUNCTION mail_code_gone() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  NEW."values" := NEW."values" - '{code,link}'::text[];
  RETURN NEW;
END $$;
DROP TRIGGER mail_code_gone ON mail;
CREATE TRIGGER mail_code_gone BEFORE UPDATE ON mail FOR EACH ROW
  WHEN ((NEW.sent_at IS NOT NULL OR NEW.failed_at IS NOT NULL) AND NEW."values" ?| '{code,link}') EXECUTE FUNCTION mail_code_gone();
UPDATE mail SET "values" = "values" - 'link' WHERE "values" ? 'link' AND (sent_at IS NOT NULL OR failed_at IS NOT NULL);

-- Mail to an operator's own address, and links asked for with an address, go with the person.
CREATE OR REPLACE FUNCTION forget_report_mail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM mail m WHERE m.kind IN ('report_ready', 'sign_in') AND lower(m.to_address) = lower(OLD.email);
  RETURN NULL;
END $$;
CREATE FUNCTION forget_sign_in_links() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM sign_in_link l WHERE lower(l.email) = lower(OLD.email);
  RETURN NULL;
END $$;
CREATE TRIGGER forget_sign_in_links AFTER DELETE ON member FOR EACH ROW EXECUTE FUNCTION forget_sign_in_links();
CREATE TRIGGER forget_sign_in_links AFTER DELETE ON operator FOR EACH ROW EXECUTE FUNCTION forget_sign_in_links();

-- As in 0121; two requests at once count as two.
CREATE OR REPLACE FUNCTION sign_in_ask(address text, digest bytea, link text, language text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE held text := (SELECT p.email FROM sign_in_people(sign_in_ask.address) p LIMIT 1);
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(lower(held), 121));
  IF held IS NULL OR (SELECT count(*) FROM sign_in_link l
      WHERE lower(l.email) = lower(held) AND l.asked_at > now() - interval '1 hour') >= 5 THEN
    RETURN;
  END IF;
  INSERT INTO sign_in_link (digest, email) VALUES (sign_in_ask.digest, held);
  PERFORM queue_mail((SELECT m.ref FROM member m WHERE lower(m.email) = lower(held)), held, 'sign_in', sign_in_ask.language,
    jsonb_build_object('link', link), NULL, NULL, now() + interval '15 minutes');
END $$;

-- Where a member or an operator is signed in, for the export of their data; for themselves and the network's administrator.
CREATE FUNCTION sessions_of(ref text) RETURNS TABLE (
  id integer, role text, created_at timestamptz, last_used_at timestamptz, expires_at timestamptz, revoked_at timestamptz,
  agent text, from_addr text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT k.id, k.role, k.created_at, k.last_used_at, k.expires_at, k.revoked_at, s.agent, s.from_addr
  FROM caller() c JOIN api_key k ON sessions_of.ref IN (k.member, k.operator) JOIN sign_in_session s ON s.key = k.id
  WHERE caller_admin() OR sessions_of.ref IN (c.member, c.person) ORDER BY k.id
$$;
REVOKE ALL ON FUNCTION forget_sign_in_links(), sessions_of(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sessions_of(text) TO maillage_api;

-- What a browser called itself and where it was goes with an erased operator, whose keys stay for the audit (0081), and three
-- months after a session's end. The row stays: it says that the key is a session.
CREATE FUNCTION blank_session() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE sign_in_session s SET agent = '', from_addr = '' WHERE s.key = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER blank_session AFTER UPDATE OF operator ON api_key FOR EACH ROW
  WHEN (OLD.operator IS NOT NULL AND NEW.operator IS NULL) EXECUTE FUNCTION blank_session();
CREATE FUNCTION forget_sessions(before timestamptz) RETURNS bigint LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  WITH gone AS (
    UPDATE sign_in_session s SET agent = '', from_addr = '' FROM api_key k
    WHERE k.id = s.key AND coalesce(k.revoked_at, k.expires_at) < forget_sessions.before AND (s.agent, s.from_addr) <> ('', '')
    RETURNING 1)
  SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION blank_session(), forget_sessions(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_sessions(timestamptz) TO maillage_maintain;
