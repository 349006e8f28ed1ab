-- Passwords, a second factor (RFC 6238) and its recovery codes; tries are counted. docs/sign-in.md; decision 0051.
-- An operator's password is of no use without a second factor. Nobody is ever shut out by tries: the link by mail remains.

CREATE TABLE password (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  member text UNIQUE REFERENCES member ON DELETE CASCADE,
  operator text UNIQUE REFERENCES operator ON DELETE CASCADE,
  hash text NOT NULL CHECK (hash LIKE '$argon2id$%' AND length(hash) <= 200),
  changed_at timestamptz NOT NULL DEFAULT now(),
  CHECK (num_nonnulls(member, operator) = 1)
);
CREATE TABLE second_factor (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  member text UNIQUE REFERENCES member ON DELETE CASCADE,
  operator text UNIQUE REFERENCES operator ON DELETE CASCADE,
  sealed bytea NOT NULL CHECK (length(sealed) <= 200),          -- the secret, which the API's key opens
  made_at timestamptz NOT NULL DEFAULT now(),
  confirmed_at timestamptz,                                     -- from then on it counts
  last_step bigint NOT NULL DEFAULT 0,                          -- of the last code that was taken: no code counts twice
  CHECK (num_nonnulls(member, operator) = 1)
);
CREATE TABLE recovery_code (
  factor integer NOT NULL REFERENCES second_factor ON DELETE CASCADE,
  digest bytea NOT NULL CHECK (length(digest) = 32),            -- SHA-256 of a code of 80 random bits
  used_at timestamptz,
  PRIMARY KEY (factor, digest)
);
CREATE TABLE sign_in_try (
  who bytea NOT NULL CHECK (length(who) = 32),                  -- a digest of the address or person that was tried
  pair bytea NOT NULL CHECK (length(pair) = 32),                -- and of the client that tried
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sign_in_try_who ON sign_in_try (who, at);
CREATE INDEX sign_in_try_pair ON sign_in_try (pair, at);
CREATE INDEX sign_in_try_old ON sign_in_try (at);
ALTER TABLE password ENABLE ROW LEVEL SECURITY;
ALTER TABLE second_factor ENABLE ROW LEVEL SECURITY;
ALTER TABLE recovery_code ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_try ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON sign_in_try TO maillage_maintain USING (true);
GRANT SELECT, DELETE ON sign_in_try TO maillage_maintain;

-- Count a try, before it is checked; false: there were too many, of this client at this person (in 15 minutes) or of all (in `span`).
CREATE FUNCTION sign_in_try(who bytea, pair bytea, most_of_pair integer, most integer, span interval) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(encode(sign_in_try.who, 'hex'), 127));
  IF (SELECT count(*) FROM sign_in_try t WHERE t.pair = sign_in_try.pair AND t.at > now() - interval '15 minutes') >= most_of_pair
    OR (SELECT count(*) FROM sign_in_try t WHERE t.who = sign_in_try.who AND t.at > now() - span) >= most THEN
    RETURN false;
  END IF;
  INSERT INTO sign_in_try (who, pair) VALUES (sign_in_try.who, sign_in_try.pair);
  RETURN true;
END $$;
-- The try was right: those of this client at this person are forgotten.
CREATE FUNCTION sign_in_tried_well(who bytea, pair bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  DELETE FROM sign_in_try t WHERE t.who = sign_in_tried_well.who AND t.pair = sign_in_tried_well.pair
$$;

-- The password that counts for an address: an operator's, if there is one; else a member's. No row: none does.
CREATE FUNCTION password_find(address text) RETURNS TABLE (id integer, hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT p.id, p.hash FROM (
    SELECT w.id, w.hash, 1 AS turn FROM operator o JOIN password w ON w.operator = o.ref
      JOIN second_factor f ON f.operator = o.ref AND f.confirmed_at IS NOT NULL
    WHERE lower(o.email) = lower(password_find.address) AND o.ended_at IS NULL
    UNION ALL
    SELECT w.id, w.hash, 2 FROM member m JOIN password w ON w.member = m.ref WHERE lower(m.email) = lower(password_find.address)
  ) p ORDER BY p.turn LIMIT 1
$$;
-- The password was right: make a ticket of its person (0126). Returns whether the second factor is still to come; NULL: refused.
CREATE FUNCTION password_used(password integer, hash text, ticket bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  whose password;
  more boolean;
BEGIN
  SELECT w.* INTO whose FROM password w WHERE w.id = password_used.password AND w.hash = password_used.hash;
  IF NOT FOUND THEN
    RETURN NULL;  -- it was changed in this moment
  END IF;
  more := EXISTS (SELECT FROM second_factor f
    WHERE (f.member = whose.member OR f.operator = whose.operator) AND f.confirmed_at IS NOT NULL);
  IF whose.operator IS NOT NULL AND NOT more THEN
    RETURN NULL;
  END IF;
  INSERT INTO sign_in_link (digest, member, operator, expires_at, needs_factor)
  VALUES (password_used.ticket, whose.member, whose.operator, now() + interval '5 minutes', more);
  RETURN more;
END $$;
-- What the code of a ticket's person is checked with. No row: the ticket isn't good, or needs none.
CREATE FUNCTION factor_find(ticket bytea) RETURNS TABLE (ref text, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(f.member, f.operator), f.sealed
  FROM sign_in_link l JOIN second_factor f ON f.member = l.member OR f.operator = l.operator
  WHERE l.digest = factor_find.ticket AND l.needs_factor AND l.used_at IS NULL AND l.expires_at > now() AND f.confirmed_at IS NOT NULL
$$;
-- The code was right (its step), or is a recovery code (its digest): the ticket is good from now on. False: it counted before.
CREATE FUNCTION factor_used(ticket bytea, step bigint, code bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE whose integer;
BEGIN
  SELECT f.id INTO whose FROM sign_in_link l JOIN second_factor f ON f.member = l.member OR f.operator = l.operator
  WHERE l.digest = factor_used.ticket AND l.needs_factor AND l.used_at IS NULL AND l.expires_at > now() AND f.confirmed_at IS NOT NULL
  FOR UPDATE OF f;
  IF NOT FOUND THEN
    RETURN false;
  ELSIF factor_used.step IS NOT NULL THEN
    UPDATE second_factor f SET last_step = factor_used.step WHERE f.id = whose AND f.last_step < factor_used.step;
  ELSE
    UPDATE recovery_code c SET used_at = now() WHERE c.factor = whose AND c.digest = factor_used.code AND c.used_at IS NULL;
  END IF;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE sign_in_link l SET needs_factor = false WHERE l.digest = factor_used.ticket;
  RETURN true;
END $$;

-- How the person who asks signs in. `kind`: NULL: nobody's key.
CREATE FUNCTION own_sign_in() RETURNS TABLE (
  kind text, may_change boolean, password_at timestamptz, factor_at timestamptz, recovery_codes bigint
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE WHEN c.person IS NOT NULL THEN 'operator' WHEN c.member IS NOT NULL THEN 'member' END, sign_in_may_change(),
    (SELECT w.changed_at FROM password w WHERE w.operator = c.person OR (w.member = c.member AND c.person IS NULL)),
    f.confirmed_at, (SELECT count(*) FROM recovery_code r WHERE r.factor = f.id AND r.used_at IS NULL)
  FROM caller() c LEFT JOIN second_factor f
    ON (f.operator = c.person OR (f.member = c.member AND c.person IS NULL)) AND f.confirmed_at IS NOT NULL
$$;
CREATE FUNCTION set_own_password(hash text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE who record;
BEGIN
  SELECT * INTO who FROM sign_in_changer();
  UPDATE password w SET hash = set_own_password.hash, changed_at = now() WHERE w.member = who.member OR w.operator = who.operator;
  IF NOT FOUND THEN
    INSERT INTO password (member, operator, hash) VALUES (who.member, who.operator, set_own_password.hash);
  END IF;
END $$;
CREATE FUNCTION remove_own_password() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE who record;
BEGIN
  SELECT * INTO who FROM sign_in_changer();
  DELETE FROM password w WHERE w.member = who.member OR w.operator = who.operator;
  RETURN FOUND;
END $$;
-- Begin with a second factor: it counts once a code of it was shown. One that counts is removed first.
CREATE FUNCTION begin_own_factor(sealed bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE who record;
BEGIN
  SELECT * INTO who FROM sign_in_changer();
  DELETE FROM second_factor f WHERE (f.member = who.member OR f.operator = who.operator) AND f.confirmed_at IS NULL;
  IF EXISTS (SELECT FROM second_factor f WHERE f.member = who.member OR f.operator = who.operator) THEN
    RAISE EXCEPTION 'you have a second factor: remove it first';
  END IF;
  INSERT INTO second_factor (member, operator, sealed) VALUES (who.member, who.operator, begin_own_factor.sealed);
END $$;
CREATE FUNCTION pending_own_factor() RETURNS TABLE (ref text, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(f.member, f.operator), f.sealed FROM sign_in_changer() c
  JOIN second_factor f ON f.member = c.member OR f.operator = c.operator
  WHERE f.confirmed_at IS NULL AND f.made_at > now() - interval '1 hour'
$$;
-- Store new recovery codes; those that were there don't count any more. False: there is no second factor that counts.
CREATE FUNCTION set_own_recovery_codes(digests bytea[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE whose integer;
BEGIN
  SELECT f.id INTO whose FROM sign_in_changer() c JOIN second_factor f ON f.member = c.member OR f.operator = c.operator
  WHERE f.confirmed_at IS NOT NULL FOR UPDATE OF f;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  DELETE FROM recovery_code r WHERE r.factor = whose;
  INSERT INTO recovery_code (factor, digest) SELECT whose, d FROM unnest(digests) d;
  RETURN true;
END $$;
CREATE FUNCTION confirm_own_factor(step bigint, digests bytea[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE who record;
BEGIN
  SELECT * INTO who FROM sign_in_changer();
  UPDATE second_factor f SET confirmed_at = now(), last_step = confirm_own_factor.step
  WHERE (f.member = who.member OR f.operator = who.operator) AND f.confirmed_at IS NULL;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  RETURN set_own_recovery_codes(digests);
END $$;
CREATE FUNCTION remove_own_factor() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE who record;
BEGIN
  SELECT * INTO who FROM sign_in_changer();
  DELETE FROM second_factor f WHERE (f.member = who.member OR f.operator = who.operator) AND f.confirmed_at IS NOT NULL;
  RETURN FOUND;
END $$;

-- When a member or an operator set a password and a second factor, for the export of their data; never what they are.
CREATE FUNCTION password_of(ref text) RETURNS TABLE (password_at timestamptz, factor_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT w.changed_at, f.confirmed_at
  FROM caller() c CROSS JOIN (VALUES (1)) one
  LEFT JOIN password w ON password_of.ref IN (w.member, w.operator)
  LEFT JOIN second_factor f ON password_of.ref IN (f.member, f.operator) AND f.confirmed_at IS NOT NULL
  WHERE (caller_admin() OR password_of.ref IN (c.member, c.person)) AND num_nonnulls(w.id, f.id) > 0
$$;

DO $$
DECLARE
  event text;
  line text[];
  lines text[] := ARRAY[ARRAY['password', '{hash}', '{}'], ARRAY['second_factor', '{sealed}', '{last_step,made_at}']];
BEGIN
  FOREACH line SLICE 1 IN ARRAY lines LOOP
    FOREACH event IN ARRAY '{INSERT,UPDATE,DELETE}'::text[] LOOP
      EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT
        EXECUTE FUNCTION audit_changed(%L, %L, %L, %L, %L, %L, %L, %L)', lower(event), event, line[1],
        CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
          ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
        'id', 'coalesce(''member '' || (r ->> ''member''), ''operator '' || (r ->> ''operator''))',
        '(SELECT m.home FROM member m WHERE m.ref = r ->> ''member'')', 'coalesce(r ->> ''member'', r ->> ''operator'')',
        line[2], '{}', line[3], 'true');
    END LOOP;
    EXECUTE format('CREATE TRIGGER audit_emptied AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_emptied()', line[1]);
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION sign_in_try(bytea, bytea, integer, integer, interval), sign_in_tried_well(bytea, bytea), password_find(text),
  password_used(integer, text, bytea), factor_find(bytea), factor_used(bytea, bigint, bytea), own_sign_in(), set_own_password(text),
  remove_own_password(), begin_own_factor(bytea), pending_own_factor(), set_own_recovery_codes(bytea[]),
  confirm_own_factor(bigint, bytea[]), remove_own_factor(), password_of(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_in_try(bytea, bytea, integer, integer, interval), sign_in_tried_well(bytea, bytea), password_find(text),
  password_used(integer, text, bytea), factor_find(bytea), factor_used(bytea, bigint, bytea), own_sign_in(), set_own_password(text),
  remove_own_password(), begin_own_factor(bytea), pending_own_factor(), set_own_recovery_codes(bytea[]),
  confirm_own_factor(bigint, bytea[]), remove_own_factor(), password_of(text) TO maillage_api;
