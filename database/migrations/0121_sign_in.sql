-- Signing in by a link in a mail (docs/sign-in.md). A session of a browser is a key of the person who signed in: what it may
-- is decided where it is for all keys (0014, 0081), and so are its end and its lines in the audit.

CREATE TABLE sign_in_link (
  digest bytea PRIMARY KEY CHECK (length(digest) = 32),         -- of what is in the link: the link itself is in the mail only
  email text NOT NULL CHECK (length(email) <= 320),             -- personal; gone after a day
  asked_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL DEFAULT now() + interval '15 minutes',
  used_at timestamptz
);
CREATE INDEX sign_in_link_email ON sign_in_link (lower(email), asked_at);
CREATE TABLE sign_in_session (
  key integer PRIMARY KEY REFERENCES api_key ON DELETE CASCADE,
  agent text NOT NULL CHECK (length(agent) <= 200),             -- the browser as it names itself: personal
  from_addr text NOT NULL CHECK (length(from_addr) <= 64)       -- personal
);
ALTER TABLE sign_in_link ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_session ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON sign_in_link TO maillage_maintain USING (true);
CREATE POLICY process ON sign_in_session TO maillage_maintain USING (true);
CREATE POLICY anybody ON sign_in_session FOR SELECT TO maillage_api USING (true);
GRANT SELECT (key) ON sign_in_session TO maillage_api;          -- to leave sessions out of a list of keys
GRANT SELECT, DELETE ON sign_in_link TO maillage_maintain;

-- Who has this address: a row for a member, and one for each role of an operator.
CREATE FUNCTION sign_in_people(address text) RETURNS TABLE (ref text, name text, role text, places text[], email text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT m.ref, m.name, 'member', NULL::text[], m.email FROM member m WHERE lower(m.email) = lower(sign_in_people.address)
  UNION ALL
  SELECT o.ref, o.name, r.role, CASE WHEN NOT bool_or(r.place IS NULL) THEN array_agg(p.code::text ORDER BY p.code) END, o.email
  FROM operator o JOIN operator_role r ON r.operator = o.ref LEFT JOIN place p ON p.id = r.place
  WHERE lower(o.email) = lower(sign_in_people.address) AND o.ended_at IS NULL
  GROUP BY o.ref, o.name, r.role, o.email
$$;

-- Send a link to an address that we hold; nothing happens for another, nor for one that has had five in an hour.
CREATE FUNCTION sign_in_ask(address text, digest bytea, link text, language text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE held text := (SELECT p.email FROM sign_in_people(sign_in_ask.address) p LIMIT 1);
BEGIN
  IF held IS NULL OR (SELECT count(*) FROM sign_in_link l
      WHERE lower(l.email) = lower(held) AND l.asked_at > now() - interval '1 hour') >= 5 THEN
    RETURN;
  END IF;
  INSERT INTO sign_in_link (digest, email) VALUES (sign_in_ask.digest, held);
  PERFORM queue_mail((SELECT m.ref FROM member m WHERE lower(m.email) = lower(held)), held, 'sign_in', sign_in_ask.language,
    jsonb_build_object('link', link), NULL, NULL, now() + interval '15 minutes');
END $$;

-- As whom a link can sign in; no row: it is unknown, used or too old.
CREATE FUNCTION sign_in_choices(digest bytea) RETURNS TABLE (ref text, name text, role text, places text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT p.ref, p.name, p.role, p.places FROM sign_in_link l CROSS JOIN LATERAL sign_in_people(l.email) p
  WHERE l.digest = sign_in_choices.digest AND l.used_at IS NULL AND l.expires_at > now()
  ORDER BY p.role = 'member', p.role
$$;

-- Use a link, once, as one of its choices: make the session's key, whose text only the caller knows. Returns its end; NULL: refused.
CREATE FUNCTION sign_in(digest bytea, ref text, role text, key_digest bytea, agent text, from_addr text) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  ends timestamptz := now() + CASE sign_in.role WHEN 'member' THEN interval '30 days' ELSE interval '12 hours' END;
  made integer;
BEGIN
  PERFORM FROM sign_in_link l WHERE l.digest = sign_in.digest FOR UPDATE;
  IF NOT EXISTS (SELECT FROM sign_in_choices(sign_in.digest) c WHERE c.ref = sign_in.ref AND c.role = sign_in.role) THEN
    RETURN NULL;
  END IF;
  UPDATE sign_in_link l SET used_at = now() WHERE l.digest = sign_in.digest;
  INSERT INTO api_key (name, digest, scopes, expires_at, role, member, operator)
  VALUES ('a browser', key_digest, '{}', ends, sign_in.role,
    CASE sign_in.role WHEN 'member' THEN sign_in.ref END, CASE sign_in.role WHEN 'member' THEN NULL ELSE sign_in.ref END)
  RETURNING id INTO made;
  INSERT INTO sign_in_session (key, agent, from_addr) VALUES (made, left(sign_in.agent, 200), left(sign_in.from_addr, 64));
  RETURN ends;
END $$;

-- The sessions of the person who asks, newest first.
CREATE FUNCTION own_sessions() RETURNS TABLE (
  id integer, role text, created_at timestamptz, last_used_at timestamptz, expires_at timestamptz, agent text, from_addr text, current boolean
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT k.id, k.role, k.created_at, k.last_used_at, k.expires_at, s.agent, s.from_addr, k.id = c.key
  FROM caller() c JOIN api_key k ON k.member = c.member OR k.operator = c.person JOIN sign_in_session s ON s.key = k.id
  WHERE k.revoked_at IS NULL AND k.expires_at > now() ORDER BY k.id DESC
$$;
-- End one of them.
CREATE FUNCTION end_own_session(session integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE api_key k SET revoked_at = now()
  WHERE k.id = end_own_session.session AND k.id IN (SELECT s.id FROM own_sessions() s);
  RETURN FOUND;
END $$;

-- A member reports a card of their own lost: final, like a front desk's report. Returns whether it was theirs and in use.
CREATE FUNCTION report_own_card_lost(card text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE card c SET status = 'lost'
  WHERE c.ref = report_own_card_lost.card AND c.member = caller_member() AND c.status IN ('issued', 'active', 'suspended');
  RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION sign_in_people(text), sign_in_ask(text, bytea, text, text), sign_in_choices(bytea),
  sign_in(bytea, text, text, bytea, text, text), own_sessions(), end_own_session(integer), report_own_card_lost(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_in_ask(text, bytea, text, text), sign_in_choices(bytea),
  sign_in(bytea, text, text, bytea, text, text), own_sessions(), end_own_session(integer), report_own_card_lost(text) TO maillage_api;
