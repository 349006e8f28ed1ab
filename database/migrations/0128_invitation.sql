-- The first administrator's invitation, which makes the operator; links that a stranger can't use up; a mail to whose way to sign in
-- has changed (docs/sign-in.md).

CREATE TABLE admin_invitation (
  digest bytea PRIMARY KEY CHECK (length(digest) = 32),         -- of what is in the link
  email text CHECK (length(email) <= 320),                      -- whose it is, where that is known: personal, gone after a day
  expires_at timestamptz NOT NULL DEFAULT now() + interval '24 hours',
  used_at timestamptz
);
ALTER TABLE admin_invitation ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON admin_invitation TO maillage_maintain USING (true);
GRANT SELECT, DELETE ON admin_invitation TO maillage_maintain;

-- Whose invitation it is; no row: it is unknown, used or too old.
CREATE FUNCTION invitation_find(digest bytea) RETURNS TABLE (email text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT i.email FROM admin_invitation i WHERE i.digest = invitation_find.digest AND i.used_at IS NULL AND i.expires_at > now()
$$;
-- Accept it, once: make the operator, who administers the network, and a ticket of theirs (0126). False: it isn't good; NULL: an
-- operator has this address.
CREATE FUNCTION invitation_accept(digest bytea, name text, email text, ticket bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE made text;
BEGIN
  PERFORM FROM admin_invitation i WHERE i.digest = invitation_accept.digest FOR UPDATE;
  IF NOT EXISTS (SELECT FROM invitation_find(invitation_accept.digest)) THEN
    RETURN false;
  ELSIF EXISTS (SELECT FROM operator o WHERE lower(o.email) = lower(invitation_accept.email) AND o.ended_at IS NULL) THEN
    RETURN NULL;
  END IF;
  UPDATE admin_invitation i SET used_at = now(), email = NULL WHERE i.digest = invitation_accept.digest;
  INSERT INTO operator (name, email) VALUES (invitation_accept.name, invitation_accept.email) RETURNING ref INTO made;
  INSERT INTO operator_role (operator, role) VALUES (made, 'network_administrator');
  INSERT INTO sign_in_link (digest, operator, expires_at) VALUES (ticket, made, now() + interval '5 minutes');
  RETURN true;
END $$;

-- As in 0125, but a stranger doesn't use up the links of somebody: five an hour for each client that asks, 20 for all; a client from
-- which this person has signed in before gets its five in any case.
ALTER TABLE sign_in_link ADD COLUMN client bytea CHECK (length(client) = 32);          -- a digest of the client that asked
DROP FUNCTION sign_in_ask(text, bytea, text, text);
CREATE FUNCTION sign_in_ask(address text, digest bytea, link text, language text, client bytea DEFAULT NULL, from_addr text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  held text := (SELECT p.email FROM sign_in_people(sign_in_ask.address) p LIMIT 1);
  asked bigint;
  here bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(lower(held), 121));
  IF held IS NULL THEN
    RETURN;
  END IF;
  SELECT count(*), count(*) FILTER (WHERE l.client IS NOT DISTINCT FROM sign_in_ask.client) INTO asked, here
  FROM sign_in_link l WHERE lower(l.email) = lower(held) AND l.asked_at > now() - interval '1 hour';
  IF here >= 5 OR (asked >= 20 AND NOT EXISTS (
      SELECT FROM sign_in_people(held) p JOIN api_key k ON p.ref IN (k.member, k.operator) JOIN sign_in_session s ON s.key = k.id
      WHERE s.from_addr = sign_in_ask.from_addr AND s.from_addr <> '')) THEN
    RETURN;
  END IF;
  INSERT INTO sign_in_link (digest, email, client) VALUES (sign_in_ask.digest, held, sign_in_ask.client);
  PERFORM queue_mail((SELECT m.ref FROM member m WHERE lower(m.email) = lower(held)), held, 'sign_in', sign_in_ask.language,
    jsonb_build_object('link', link), NULL, NULL, now() + interval '15 minutes');
END $$;

REVOKE ALL ON FUNCTION invitation_find(bytea), invitation_accept(bytea, text, text, bytea),
  sign_in_ask(text, bytea, text, text, bytea, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invitation_find(bytea), invitation_accept(bytea, text, text, bytea),
  sign_in_ask(text, bytea, text, text, bytea, text) TO maillage_api;

-- Whose way to sign in was added, changed or removed gets a mail, so that nobody does it unnoticed.
CREATE FUNCTION sign_in_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  r jsonb := CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
  one record;
BEGIN
  IF TG_TABLE_NAME = 'second_factor' AND r ->> 'confirmed_at' IS NULL THEN
    RETURN NULL;
  END IF;
  FOR one IN
    SELECT m.ref, m.email, m.language FROM member m WHERE m.ref = r ->> 'member'
    UNION ALL SELECT NULL, o.email, NULL FROM operator o WHERE o.ref = r ->> 'operator'
  LOOP
    IF one.email IS NOT NULL THEN
      PERFORM queue_mail(one.ref, one.email, 'sign_in_changed', one.language, '{}', NULL, NULL, now() + interval '7 days');
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
CREATE TRIGGER sign_in_changed AFTER INSERT OR DELETE ON passkey FOR EACH ROW EXECUTE FUNCTION sign_in_changed();
CREATE TRIGGER sign_in_changed AFTER INSERT OR DELETE OR UPDATE OF hash ON password FOR EACH ROW EXECUTE FUNCTION sign_in_changed();
CREATE TRIGGER sign_in_changed AFTER DELETE OR UPDATE OF confirmed_at ON second_factor FOR EACH ROW EXECUTE FUNCTION sign_in_changed();
-- As in 0125; these mails go with the person too.
CREATE OR REPLACE FUNCTION forget_report_mail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM mail m WHERE m.kind IN ('report_ready', 'sign_in', 'sign_in_changed') AND lower(m.to_address) = lower(OLD.email);
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION sign_in_changed() FROM PUBLIC;
