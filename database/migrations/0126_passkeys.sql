-- Passkeys (WebAuthn), and tickets: what a link in a mail is, for a person who has proved who they are in another way.
-- docs/sign-in.md; decision 0051. The signature is checked by the API, which is trusted with that as it is with sending links.

CREATE TABLE passkey (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  member text REFERENCES member ON DELETE CASCADE,
  operator text REFERENCES operator ON DELETE CASCADE,
  credential bytea NOT NULL UNIQUE CHECK (length(credential) BETWEEN 1 AND 1023),      -- its id, which the authenticator chose
  public_key bytea NOT NULL CHECK (length(public_key) <= 2048),                       -- COSE
  sign_count bigint NOT NULL,                   -- 0 for ever: the authenticator doesn't count (those that are synchronised)
  name text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 100),                -- as the person calls it: personal
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  CHECK (num_nonnulls(member, operator) = 1)
);
CREATE INDEX passkey_member ON passkey (member) WHERE member IS NOT NULL;
CREATE INDEX passkey_operator ON passkey (operator) WHERE operator IS NOT NULL;
CREATE TABLE sign_in_challenge (
  digest bytea PRIMARY KEY CHECK (length(digest) = 32),         -- of the challenge
  member text REFERENCES member ON DELETE CASCADE,              -- who adds a passkey; neither: somebody signs in
  operator text REFERENCES operator ON DELETE CASCADE,
  expires_at timestamptz NOT NULL DEFAULT now() + interval '5 minutes',
  CHECK (num_nonnulls(member, operator) <= 1)
);
CREATE INDEX sign_in_challenge_old ON sign_in_challenge (expires_at);
ALTER TABLE sign_in_link
  ALTER COLUMN email DROP NOT NULL,
  ADD COLUMN member text REFERENCES member ON DELETE CASCADE,   -- for whom it is, where it isn't for who has an address
  ADD COLUMN operator text REFERENCES operator ON DELETE CASCADE,
  ADD COLUMN needs_factor boolean NOT NULL DEFAULT false,       -- of no use until the second factor is shown (0127)
  ADD CONSTRAINT sign_in_link_whose CHECK (num_nonnulls(email, member, operator) = 1);
CREATE INDEX sign_in_link_member ON sign_in_link (member) WHERE member IS NOT NULL;
CREATE INDEX sign_in_link_operator ON sign_in_link (operator) WHERE operator IS NOT NULL;
ALTER TABLE passkey ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_challenge ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON sign_in_challenge TO maillage_maintain USING (true);
GRANT SELECT, DELETE ON sign_in_challenge TO maillage_maintain;

-- As whom somebody may sign in who has proved to be this member or this operator. An operator also as the member that they are,
-- or that has their address; a member never as an operator: the front desk may change a member's address, and so become them.
CREATE FUNCTION sign_in_people_of(member text, operator text) RETURNS TABLE (ref text, name text, role text, places text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT m.ref, m.name, 'member', NULL::text[] FROM member m
  WHERE m.ref = sign_in_people_of.member OR EXISTS (SELECT FROM operator o
    WHERE o.ref = sign_in_people_of.operator AND o.ended_at IS NULL AND (o.member = m.ref OR lower(o.email) = lower(m.email)))
  UNION ALL
  SELECT o.ref, o.name, r.role, CASE WHEN NOT bool_or(r.place IS NULL) THEN array_agg(p.code::text ORDER BY p.code) END
  FROM operator o JOIN operator_role r ON r.operator = o.ref LEFT JOIN place p ON p.id = r.place
  WHERE o.ref = sign_in_people_of.operator AND o.ended_at IS NULL
  GROUP BY o.ref, o.name, r.role
$$;
CREATE OR REPLACE FUNCTION sign_in_choices(digest bytea) RETURNS TABLE (ref text, name text, role text, places text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT p.ref, p.name, p.role, p.places FROM sign_in_link l CROSS JOIN LATERAL (
    SELECT a.ref, a.name, a.role, a.places FROM sign_in_people(l.email) a
    UNION ALL SELECT o.ref, o.name, o.role, o.places FROM sign_in_people_of(l.member, l.operator) o) p
  WHERE l.digest = sign_in_choices.digest AND l.used_at IS NULL AND l.expires_at > now() AND NOT l.needs_factor
  ORDER BY p.role = 'member', p.role
$$;

-- As in 0121; and the session that this browser had, whose key's digest is `old`, ends.
DROP FUNCTION sign_in(bytea, text, text, bytea, text, text);
CREATE FUNCTION sign_in(digest bytea, ref text, role text, key_digest bytea, agent text, from_addr text, old bytea DEFAULT NULL)
RETURNS timestamptz LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  ends timestamptz := now() + CASE sign_in.role WHEN 'member' THEN interval '30 days' ELSE interval '12 hours' END;
  made integer;
BEGIN
  PERFORM FROM sign_in_link l WHERE l.digest = sign_in.digest FOR UPDATE;
  IF NOT EXISTS (SELECT FROM sign_in_choices(sign_in.digest) c WHERE c.ref = sign_in.ref AND c.role = sign_in.role) THEN
    RETURN NULL;
  END IF;
  UPDATE sign_in_link l SET used_at = now() WHERE l.digest = sign_in.digest;
  UPDATE api_key k SET revoked_at = now() FROM sign_in_session s
  WHERE k.digest = sign_in.old AND s.key = k.id AND k.revoked_at IS NULL;
  INSERT INTO api_key (name, digest, scopes, expires_at, role, member, operator)
  VALUES ('a browser', key_digest, '{}', ends, sign_in.role,
    CASE sign_in.role WHEN 'member' THEN sign_in.ref END, CASE sign_in.role WHEN 'member' THEN NULL ELSE sign_in.ref END)
  RETURNING id INTO made;
  INSERT INTO sign_in_session (key, agent, from_addr) VALUES (made, left(sign_in.agent, 200), left(sign_in.from_addr, 64));
  RETURN ends;
END $$;

-- Who asks, where they may change how they sign in. An operator's way to sign in reaches all of their roles, so it is added by a
-- browser that signed in within the hour, not by a key; a member's also by a key of theirs, as an app has one.
CREATE FUNCTION sign_in_changer() RETURNS TABLE (member text, operator text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  who caller := caller();
  since timestamptz := (SELECT k.created_at FROM api_key k JOIN sign_in_session s ON s.key = k.id WHERE k.id = who.key);
BEGIN
  IF who.member IS NULL AND who.person IS NULL THEN
    RAISE EXCEPTION 'this key belongs to nobody: people sign in, keys don''t';
  ELSIF since IS NULL AND who.person IS NOT NULL THEN
    RAISE EXCEPTION 'an operator changes this in a browser, signed in';
  ELSIF since < now() - interval '1 hour' THEN
    RAISE EXCEPTION 'sign in again first: this changes within an hour of signing in';
  END IF;
  RETURN QUERY SELECT CASE WHEN who.person IS NULL THEN who.member END, who.person;
END $$;
-- Whether they may now.
CREATE FUNCTION sign_in_may_change() RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM sign_in_changer());
EXCEPTION WHEN raise_exception THEN
  RETURN false;
END $$;
-- What an authenticator shows of the person who adds a passkey. No row: nobody's key.
CREATE FUNCTION sign_in_self() RETURNS TABLE (ref text, name text, email text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT m.ref, m.name, m.email FROM caller() c JOIN member m ON m.ref = c.member AND c.person IS NULL
  UNION ALL SELECT o.ref, o.name, o.email FROM caller() c JOIN operator o ON o.ref = c.person
$$;

-- Keep a challenge to sign in with a passkey: of use once, for five minutes.
CREATE FUNCTION sign_in_challenge(digest bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO sign_in_challenge (digest) VALUES (sign_in_challenge.digest)
$$;
-- Keep one to add a passkey, for the person who asks.
CREATE FUNCTION passkey_challenge(digest bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO sign_in_challenge (digest, member, operator)
  SELECT passkey_challenge.digest, c.member, c.operator FROM sign_in_changer() c
$$;
-- Add a passkey of the person who asks. Returns its id; NULL: the challenge isn't theirs, was used or is too old.
CREATE FUNCTION passkey_add(challenge bytea, credential bytea, public_key bytea, sign_count bigint, name text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  who record;
  made integer;
BEGIN
  SELECT * INTO who FROM sign_in_changer();
  DELETE FROM sign_in_challenge h WHERE h.digest = passkey_add.challenge AND h.expires_at > now()
    AND (h.member, h.operator) IS NOT DISTINCT FROM (who.member, who.operator);
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended(coalesce(who.member, who.operator), 126));
  IF (SELECT count(*) FROM passkey k WHERE k.member = who.member OR k.operator = who.operator) >= 20 THEN
    RAISE EXCEPTION 'twenty passkeys are enough: remove one first';
  END IF;
  INSERT INTO passkey (member, operator, credential, public_key, sign_count, name)
  VALUES (who.member, who.operator, passkey_add.credential, passkey_add.public_key, passkey_add.sign_count, passkey_add.name)
  RETURNING id INTO made;
  RETURN made;
END $$;
-- The passkeys of the person who asks, newest first.
CREATE FUNCTION own_passkeys() RETURNS TABLE (id integer, name text, created_at timestamptz, last_used_at timestamptz, credential bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT k.id, k.name, k.created_at, k.last_used_at, k.credential
  FROM caller() c JOIN passkey k ON k.operator = c.person OR (k.member = c.member AND c.person IS NULL)
  ORDER BY k.id DESC
$$;
CREATE FUNCTION name_own_passkey(passkey integer, name text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE passkey k SET name = name_own_passkey.name
  WHERE k.id = name_own_passkey.passkey AND k.id IN (SELECT o.id FROM own_passkeys() o);
  RETURN FOUND;
END $$;
CREATE FUNCTION remove_own_passkey(passkey integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM sign_in_changer();
  DELETE FROM passkey k WHERE k.id = remove_own_passkey.passkey AND k.id IN (SELECT o.id FROM own_passkeys() o);
  RETURN FOUND;
END $$;

-- What a signature of this passkey is checked with. No row: there is none, or its operator has ended.
CREATE FUNCTION passkey_find(credential bytea) RETURNS TABLE (public_key bytea, sign_count bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT k.public_key, k.sign_count FROM passkey k LEFT JOIN operator o ON o.ref = k.operator
  WHERE k.credential = passkey_find.credential AND o.ended_at IS NULL
$$;
-- Use a challenge that this passkey has signed, once: make a ticket (a `sign_in_link`) of its person, whose token has the digest
-- `ticket`. False: the challenge was used or is too old, or the counter went back, as that of a copied authenticator does.
CREATE FUNCTION passkey_used(challenge bytea, credential bytea, sign_count bigint, ticket bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE whose passkey;
BEGIN
  DELETE FROM sign_in_challenge h WHERE h.digest = passkey_used.challenge AND h.expires_at > now()
    AND num_nonnulls(h.member, h.operator) = 0;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE passkey k SET sign_count = passkey_used.sign_count, last_used_at = now()
  WHERE k.credential = passkey_used.credential
    AND (passkey_used.sign_count > k.sign_count OR (passkey_used.sign_count = 0 AND k.sign_count = 0))
  RETURNING * INTO whose;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO sign_in_link (digest, member, operator, expires_at)
  VALUES (passkey_used.ticket, whose.member, whose.operator, now() + interval '5 minutes');
  RETURN true;
END $$;

-- The passkeys of a member or an operator, for the export of their data; for themselves and the network's administrator.
CREATE FUNCTION passkeys_of(ref text) RETURNS TABLE (name text, created_at timestamptz, last_used_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT k.name, k.created_at, k.last_used_at FROM caller() c JOIN passkey k ON passkeys_of.ref IN (k.member, k.operator)
  WHERE caller_admin() OR passkeys_of.ref IN (c.member, c.person) ORDER BY k.id
$$;

DO $$
DECLARE
  event text;
BEGIN
  FOREACH event IN ARRAY '{INSERT,UPDATE,DELETE}'::text[] LOOP
    EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON passkey REFERENCING %s FOR EACH STATEMENT
      EXECUTE FUNCTION audit_changed(%L, %L, %L, %L, %L, %L, %L, %L)', lower(event), event,
      CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
        ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
      'id', 'coalesce(''member '' || (r ->> ''member''), ''operator '' || (r ->> ''operator''))',
      '(SELECT m.home FROM member m WHERE m.ref = r ->> ''member'')', 'coalesce(r ->> ''member'', r ->> ''operator'')',
      '{credential,public_key}', '{name}', '{sign_count,last_used_at,created_at}', 'true');
  END LOOP;
  EXECUTE 'CREATE TRIGGER audit_emptied AFTER TRUNCATE ON passkey FOR EACH STATEMENT EXECUTE FUNCTION audit_emptied()';
END $$;

REVOKE ALL ON FUNCTION sign_in_people_of(text, text), sign_in(bytea, text, text, bytea, text, text, bytea), sign_in_changer(),
  sign_in_may_change(), sign_in_self(), sign_in_challenge(bytea), passkey_challenge(bytea),
  passkey_add(bytea, bytea, bytea, bigint, text), own_passkeys(), name_own_passkey(integer, text), remove_own_passkey(integer),
  passkey_find(bytea), passkey_used(bytea, bytea, bigint, bytea), passkeys_of(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_in(bytea, text, text, bytea, text, text, bytea), sign_in_may_change(), sign_in_self(),
  sign_in_challenge(bytea), passkey_challenge(bytea), passkey_add(bytea, bytea, bytea, bigint, text), own_passkeys(),
  name_own_passkey(integer, text), remove_own_passkey(integer), passkey_find(bytea),
  passkey_used(bytea, bytea, bigint, bytea), passkeys_of(text) TO maillage_api;
