-- The guard, mended: a key is entered by itself and not by its digest, what a key made ends with it, and nobody gives what
-- they don't hold (docs/audit.md). Every function of ours is for whom it is granted to (the migration runner revokes PUBLIC).

-- Which key made a key. NULL: the database's owner. The audit remembers it of the older ones.
ALTER TABLE api_key ADD COLUMN made_by integer REFERENCES api_key ON DELETE CASCADE;
UPDATE api_key k SET made_by = p.id
FROM audit a JOIN api_key p ON p.id = substring(a.actor FROM '^key:([0-9]+)')::integer
WHERE a.action = 'api key created' AND a.subject = 'key ' || k.id AND p.id < k.id;
CREATE INDEX api_key_made_by ON api_key (made_by) WHERE made_by IS NOT NULL;
-- What lives on though its maker was revoked, and members' own keys that others made who could read through them.
WITH RECURSIVE gone (id) AS (
  SELECT k.id FROM api_key k WHERE k.revoked_at IS NOT NULL
  UNION
  SELECT k.id FROM api_key k JOIN api_key p ON p.id = k.made_by
  WHERE k.role = 'member' AND (p.places IS NOT NULL
    OR NOT (p.role IS NOT DISTINCT FROM 'network_administrator' OR 'admin' = ANY (p.scopes)))
  UNION
  SELECT k.id FROM api_key k JOIN gone g ON k.made_by = g.id
)
UPDATE api_key k SET revoked_at = now() FROM gone g WHERE k.id = g.id AND k.revoked_at IS NULL;

-- Check an API key and tell this transaction whose it is. No row: unknown, revoked or expired. It takes the key and not its
-- digest, so that who reads digests is nobody by it.
DROP FUNCTION enter(bytea, text, text);
CREATE FUNCTION enter(key text, from_addr text, request text)
RETURNS TABLE (id integer, name text, role text, scopes text[], places integer[], member text, gateway integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  found_key api_key;
  who caller;
BEGIN
  PERFORM set_config('maillage.seal', '', true);
  SELECT k.* INTO found_key FROM api_key k
  WHERE k.digest = sha256(convert_to(enter.key, 'UTF8'))
    AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now());
  IF NOT FOUND THEN
    RETURN;
  END IF;
  who := (
    found_key.id,
    'key:' || found_key.id || CASE WHEN found_key.member IS NULL THEN ' ' || found_key.name ELSE '' END,
    -- bare scopes stand for roles; a network's administrator for some places only is their manager
    CASE WHEN 'admin' = ANY (found_key.scopes) OR 'access:manage' = ANY (found_key.scopes) OR found_key.role = 'network_administrator'
      THEN CASE WHEN found_key.places IS NULL THEN 'network_administrator' ELSE 'place_manager' END
      ELSE found_key.role END,
    CASE WHEN found_key.gateway IS NULL THEN found_key.places
      ELSE ARRAY(SELECT g.place FROM gateway g WHERE g.id = found_key.gateway AND g.retired_at IS NULL) END,
    found_key.member, found_key.gateway, nullif(enter.from_addr, ''), nullif(left(enter.request, 200), ''));
  PERFORM set_config('maillage.key', who.key::text, true),
    set_config('maillage.actor', who.actor, true),
    set_config('maillage.role', coalesce(who.role, ''), true),
    set_config('maillage.places', coalesce(who.places::text, ''), true),
    set_config('maillage.member', coalesce(who.member, ''), true),
    set_config('maillage.gateway', coalesce(who.gateway::text, ''), true),
    set_config('maillage.from', coalesce(who.from_addr, ''), true),
    set_config('maillage.request', coalesce(who.request, ''), true),
    set_config('maillage.seal', caller_seal(who), true);
  -- once a minute is often enough to see which keys are in use; nobody waits for another's row
  IF NOT current_setting('transaction_read_only')::boolean AND coalesce(found_key.last_used_at < now() - interval '1 minute', true) THEN
    UPDATE api_key SET last_used_at = now()
    WHERE api_key.id = (SELECT k.id FROM api_key k WHERE k.id = found_key.id FOR NO KEY UPDATE SKIP LOCKED);
  END IF;
  RETURN QUERY SELECT found_key.id, found_key.name, found_key.role, found_key.scopes, found_key.places, found_key.member, found_key.gateway;
END $$;
GRANT EXECUTE ON FUNCTION enter(text, text, text) TO maillage_api;

-- Before anybody has entered no key is seen, and a digest never is.
REVOKE SELECT ON api_key FROM maillage_api;
REVOKE UPDATE (last_used_at) ON api_key FROM maillage_api;
GRANT SELECT (id, name, scopes, places, created_at, expires_at, revoked_at, last_used_at, role, member, gateway, made_by)
  ON api_key TO maillage_api;

-- Whether the caller may make and end keys of this kind: an administrator any; a manager those of their places and of
-- these places' gateways. A member's own key reads what is held on them at every place: only who may read that anyway makes
-- one, and hands it to the member.
CREATE OR REPLACE FUNCTION caller_makes_key(role text, scopes text[], places integer[], member text, gateway integer)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM caller() c JOIN api_key k ON k.id = c.key
    CROSS JOIN LATERAL (SELECT CASE caller_makes_key.role
      WHEN 'gateway' THEN ARRAY(SELECT g.place FROM gateway g WHERE g.id = caller_makes_key.gateway)
      ELSE caller_makes_key.places END AS places) reach
    WHERE (k.places IS NULL AND (k.role = 'network_administrator' OR 'admin' = ANY (k.scopes)))
      OR (k.role = 'place_manager' AND cardinality(caller_makes_key.scopes) = 0
        AND caller_makes_key.role IN ('place_manager', 'front_desk', 'auditor', 'availability_reader', 'gateway')
        AND cardinality(reach.places) > 0 AND (k.places IS NULL OR reach.places <@ k.places)))
$$;
DROP POLICY caller_reads ON api_key;
CREATE POLICY caller_reads ON api_key FOR SELECT TO maillage_api
  USING (id = (SELECT (caller()).key) OR member = (SELECT caller_member())
    OR caller_makes_key(role, scopes, places, member, gateway));
DROP TRIGGER api_key_guarded ON api_key;
DROP FUNCTION api_key_guarded();
DROP POLICY caller_changes ON api_key;
CREATE POLICY caller_changes ON api_key FOR UPDATE TO maillage_api
  USING (caller_makes_key(role, scopes, places, member, gateway))
  WITH CHECK (caller_makes_key(role, scopes, places, member, gateway));

-- A key is its maker's: it lives no longer, and what was revoked stays so.
CREATE FUNCTION api_key_bounded() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  maker integer := (caller()).key;
  ends timestamptz;
BEGIN
  IF NOT row_security_active('api_key') THEN
    RETURN NEW;
  END IF;
  SELECT k.expires_at INTO ends FROM api_key k WHERE k.id = maker;
  IF TG_OP = 'INSERT' THEN
    NEW.made_by := maker;
    NEW.expires_at := coalesce(NEW.expires_at, ends);
  ELSIF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
    RAISE EXCEPTION 'a revoked key stays revoked' USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'api_key_bounded';
  END IF;
  IF (TG_OP = 'INSERT' OR NEW.expires_at IS DISTINCT FROM OLD.expires_at) AND coalesce(NEW.expires_at, 'infinity') > ends THEN
    RAISE EXCEPTION 'a key can''t outlive the key that makes it; this one ends at %', ends
      USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'api_key_bounded';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER api_key_bounded BEFORE INSERT OR UPDATE ON api_key FOR EACH ROW EXECUTE FUNCTION api_key_bounded();
-- What a revoked key made ends with it, down to the last; the audit has a line for each.
CREATE FUNCTION api_key_revoked() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE api_key k SET revoked_at = NEW.revoked_at WHERE k.made_by = NEW.id AND k.revoked_at IS NULL;
  RETURN NULL;
END $$;
CREATE TRIGGER api_key_revoked AFTER UPDATE OF revoked_at ON api_key FOR EACH ROW
  WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION api_key_revoked();

-- Whether the caller serves people at every place where a pass of this member holds, now or later. A card and a PIN open
-- there too: who gives them must hold that themselves. Anybody who serves the member may take them away.
CREATE FUNCTION caller_reaches_member(ref text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT caller_all('place_manager', 'front_desk') OR NOT EXISTS (
    SELECT FROM pass p
    WHERE p.member = caller_reaches_member.ref AND p.revoked_at IS NULL AND coalesce(p.valid_until, 'infinity') > now()
      AND (p.everywhere OR EXISTS (SELECT FROM pass_place l WHERE l.pass = p.ref
        AND l.place <> ALL (caller_scope('place_manager', 'front_desk')))))
$$;
CREATE FUNCTION card_guarded() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  -- what opens: a card in use that is new, another's, of another number, back in use, or that holds for longer
  IF row_security_active('card') AND NEW.status IN ('issued', 'active')
     AND (TG_OP = 'INSERT' OR NEW.member <> OLD.member OR NEW.token <> OLD.token
       OR (NEW.status <> OLD.status AND (NEW.status, OLD.status) <> ('issued', 'active'))
       OR coalesce(NEW.valid_until, 'infinity') > coalesce(OLD.valid_until, 'infinity')
       OR coalesce(NEW.valid_from, '-infinity') < coalesce(OLD.valid_from, '-infinity'))
     AND NOT caller_reaches_member(NEW.member) THEN
    RAISE EXCEPTION 'this member has a pass for places that are not yours, and a card would open there too: ask a network administrator'
      USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'card_guarded';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER card_guarded BEFORE INSERT OR UPDATE ON card FOR EACH ROW EXECUTE FUNCTION card_guarded();
CREATE FUNCTION member_guarded() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF row_security_active('member')
     AND ((NEW.pin IS NOT NULL AND NEW.pin IS DISTINCT FROM OLD.pin) OR (NEW.status = 'active' AND OLD.status <> 'active'))
     AND NOT caller_reaches_member(NEW.ref) THEN
    RAISE EXCEPTION 'this member has a pass for places that are not yours, and would be let in there too: ask a network administrator'
      USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'member_guarded';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER member_guarded BEFORE UPDATE ON member FOR EACH ROW EXECUTE FUNCTION member_guarded();

-- The bits of a card that was read to be enrolled, on their way to the API that asked: sealed for its key (rights.sealing),
-- for two minutes, and never in a notification, which every login of the database may hear. Not audited, not replicated.
CREATE UNLOGGED TABLE enrolment_answer (
  id text PRIMARY KEY REFERENCES enrolment ON DELETE CASCADE,
  reply_key bytea NOT NULL CHECK (length(reply_key) = 32),
  sealed bytea CHECK (length(sealed) <= 1000),
  at timestamptz NOT NULL DEFAULT now()       -- when it was asked for, then when it was answered
);
ALTER TABLE enrolment_answer ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON enrolment_answer TO maillage_rights USING (true) WITH CHECK (true);
CREATE POLICY caller_reads ON enrolment_answer FOR SELECT TO maillage_api
  USING (EXISTS (SELECT FROM enrolment e WHERE e.id = enrolment_answer.id));
CREATE POLICY caller_adds ON enrolment_answer FOR INSERT TO maillage_api
  WITH CHECK (EXISTS (SELECT FROM enrolment e WHERE e.id = enrolment_answer.id AND e.key = (SELECT (caller()).key)));
GRANT SELECT, INSERT ON enrolment_answer TO maillage_api;
GRANT SELECT, UPDATE (sealed, at), DELETE ON enrolment_answer TO maillage_rights;

-- What policies, defaults and checks call in the name of who asks.
GRANT EXECUTE ON FUNCTION caller(), caller_role(), caller_admin(), caller_member(), caller_staff(), caller_all(text[]),
  caller_scope(text[]), caller_may(integer, text[]), caller_sees(integer), caller_people(text[]), caller_guests(text[]),
  caller_passes(text[]), caller_lines(), caller_sees_member(text), caller_holds_pass(text), caller_reaches_member(text),
  caller_makes_key(text, text[], integer[], text, integer), is_weekly_hours(jsonb), new_ref(text) TO maillage_api;
GRANT EXECUTE ON FUNCTION new_ref(text) TO maillage_rights;

-- Slow readers are ended by the upkeep (maillage.readers): it must be a member of each reader's role.
DO $$
DECLARE reader name;
BEGIN
  FOR reader IN
    SELECT r.rolname FROM pg_roles r
    WHERE r.rolcanlogin AND NOT r.rolsuper
      AND ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid)
          = ARRAY['maillage_report']
  LOOP
    BEGIN
      EXECUTE format('GRANT %I TO maillage_maintain', reader);
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE NOTICE 'reader % is another''s: make it anew with `maillage dashboards reader`, so that its slow queries are ended', reader;
    END;
  END LOOP;
END $$;
