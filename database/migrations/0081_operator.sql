-- Operators: people who manage places. Their keys act for them, within the roles that they have at that moment; the audit
-- names them by reference (docs/audit.md).

CREATE TABLE operator (
  ref text PRIMARY KEY DEFAULT new_ref('u') CHECK (ref ~ '^u-[0-9a-z]{4,32}$'),
  name text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 200),         -- personal
  email text CHECK (email ~ '^[^@[:space:]<>,;]+@[^@[:space:]<>,;]+$' AND length(email) <= 320),   -- personal
  member text UNIQUE REFERENCES member ON DELETE SET NULL,      -- where the operator is a member too
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,                       -- from then on none of their keys works
  revision integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX operator_email ON operator (lower(email)) WHERE ended_at IS NULL;
CREATE TABLE operator_role (
  operator text NOT NULL REFERENCES operator ON DELETE CASCADE,
  role text NOT NULL CHECK (role IN ('network_administrator', 'place_manager', 'front_desk', 'auditor')),
  place integer REFERENCES place ON DELETE CASCADE,             -- NULL: every place
  CONSTRAINT operator_role_once UNIQUE NULLS NOT DISTINCT (operator, role, place),
  CONSTRAINT operator_role_network CHECK (role <> 'network_administrator' OR place IS NULL)
);
CREATE INDEX operator_role_place ON operator_role (place);
ALTER TABLE api_key
  ADD COLUMN operator text REFERENCES operator ON DELETE CASCADE,               -- whose own key it is
  ADD CONSTRAINT api_key_operator CHECK (operator IS NULL OR
    (role IN ('network_administrator', 'place_manager', 'front_desk', 'auditor') AND cardinality(scopes) = 0));
CREATE INDEX api_key_of_operator ON api_key (operator) WHERE operator IS NOT NULL;
GRANT SELECT (operator) ON api_key TO maillage_api;

-- The places at which an operator has a role. No row: at none. NULL: at every place.
CREATE FUNCTION operator_places(whose text, as_role text) RETURNS TABLE (places integer[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE WHEN bool_or(r.place IS NULL) THEN NULL ELSE array_agg(r.place ORDER BY r.place) END
  FROM operator o JOIN operator_role r ON r.operator = o.ref
  WHERE o.ref = whose AND o.ended_at IS NULL AND r.role = as_role HAVING count(*) > 0
$$;

-- As before (0013), and the operator who acts.
ALTER TYPE caller ADD ATTRIBUTE person text;
CREATE OR REPLACE FUNCTION caller() RETURNS caller LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  who caller;
  seal text := nullif(current_setting('maillage.seal', true), '');
BEGIN
  IF seal IS NULL THEN
    RETURN NULL;
  END IF;
  who := (
    nullif(current_setting('maillage.key', true), '')::integer,
    nullif(current_setting('maillage.actor', true), ''),
    nullif(current_setting('maillage.role', true), ''),
    nullif(current_setting('maillage.places', true), '')::integer[],
    nullif(current_setting('maillage.member', true), ''),
    nullif(current_setting('maillage.gateway', true), '')::integer,
    nullif(current_setting('maillage.from', true), ''),
    nullif(current_setting('maillage.request', true), ''),
    nullif(current_setting('maillage.person', true), ''));
  IF seal <> caller_seal(who) THEN
    RAISE EXCEPTION 'the settings of this transaction were not made by enter()' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN who;
END $$;
CREATE FUNCTION caller_person() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$ SELECT (caller()).person $$;

-- Check an API key and set the caller of this transaction (0026). A key of an operator reaches what the operator has now.
-- No row: unknown, revoked or expired, or its operator has ended or no longer has its role at any of its places.
DROP FUNCTION enter(text, text, text);
CREATE FUNCTION enter(key text, from_addr text, request text)
RETURNS TABLE (id integer, name text, role text, scopes text[], places integer[], member text, gateway integer, operator text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  found_key api_key;
  who caller;
  held integer[];
  reach integer[];
BEGIN
  PERFORM set_config('maillage.seal', '', true);
  SELECT k.* INTO found_key FROM api_key k
  WHERE k.digest = sha256(convert_to(enter.key, 'UTF8'))
    AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now());
  IF NOT FOUND THEN
    RETURN;
  END IF;
  reach := found_key.places;
  IF found_key.operator IS NOT NULL THEN
    SELECT o.places INTO held FROM operator_places(found_key.operator, found_key.role) o;
    IF NOT FOUND THEN
      RETURN;
    END IF;
    IF held IS NOT NULL THEN
      reach := CASE WHEN reach IS NULL THEN held ELSE ARRAY(SELECT unnest(reach) INTERSECT SELECT unnest(held) ORDER BY 1) END;
      IF cardinality(reach) = 0 THEN
        RETURN;
      END IF;
    END IF;
  END IF;
  who := (
    found_key.id,
    'key:' || found_key.id || CASE WHEN found_key.operator IS NOT NULL THEN ' operator:' || found_key.operator
      WHEN found_key.member IS NULL THEN ' ' || found_key.name ELSE '' END,
    -- bare scopes stand for roles; a network's administrator for some places only is their manager
    CASE WHEN 'admin' = ANY (found_key.scopes) OR 'access:manage' = ANY (found_key.scopes) OR found_key.role = 'network_administrator'
      THEN CASE WHEN reach IS NULL THEN 'network_administrator' ELSE 'place_manager' END
      ELSE found_key.role END,
    CASE WHEN found_key.gateway IS NULL THEN reach
      ELSE ARRAY(SELECT g.place FROM gateway g WHERE g.id = found_key.gateway AND g.retired_at IS NULL) END,
    found_key.member, found_key.gateway, nullif(enter.from_addr, ''), nullif(left(enter.request, 200), ''), found_key.operator);
  PERFORM set_config('maillage.key', who.key::text, true),
    set_config('maillage.actor', who.actor, true),
    set_config('maillage.role', coalesce(who.role, ''), true),
    set_config('maillage.places', coalesce(who.places::text, ''), true),
    set_config('maillage.member', coalesce(who.member, ''), true),
    set_config('maillage.gateway', coalesce(who.gateway::text, ''), true),
    set_config('maillage.from', coalesce(who.from_addr, ''), true),
    set_config('maillage.request', coalesce(who.request, ''), true),
    set_config('maillage.person', coalesce(who.person, ''), true),
    set_config('maillage.seal', caller_seal(who), true);
  -- once a minute is often enough to see which keys are in use; nobody waits for another's row
  IF NOT current_setting('transaction_read_only')::boolean AND coalesce(found_key.last_used_at < now() - interval '1 minute', true) THEN
    UPDATE api_key SET last_used_at = now()
    WHERE api_key.id = (SELECT k.id FROM api_key k WHERE k.id = found_key.id FOR NO KEY UPDATE SKIP LOCKED);
  END IF;
  RETURN QUERY SELECT found_key.id, found_key.name, found_key.role, found_key.scopes, reach, found_key.member,
    found_key.gateway, found_key.operator;
END $$;
GRANT EXECUTE ON FUNCTION enter(text, text, text), caller_person() TO maillage_api;

-- As before (0026); an operator's key makes no more than the operator has now.
CREATE OR REPLACE FUNCTION caller_makes_key(role text, scopes text[], places integer[], member text, gateway integer)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM caller() c JOIN api_key k ON k.id = c.key
    CROSS JOIN LATERAL (SELECT CASE caller_makes_key.role
      WHEN 'gateway' THEN ARRAY(SELECT g.place FROM gateway g WHERE g.id = caller_makes_key.gateway)
      ELSE caller_makes_key.places END AS places,
      CASE WHEN k.operator IS NULL THEN k.places ELSE c.places END AS own) reach
    WHERE (reach.own IS NULL AND (k.role = 'network_administrator' OR 'admin' = ANY (k.scopes)))
      OR (k.role = 'place_manager' AND cardinality(caller_makes_key.scopes) = 0
        AND caller_makes_key.role IN ('place_manager', 'front_desk', 'auditor', 'availability_reader', 'gateway')
        AND cardinality(reach.places) > 0 AND (reach.own IS NULL OR reach.places <@ reach.own)))
$$;
-- A key of an operator stays within what they have when it is made; the caller sees the operator.
CREATE FUNCTION api_key_of_operator() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE held integer[];
BEGIN
  SELECT o.places INTO held FROM operator_places(NEW.operator, NEW.role) o;
  IF NOT FOUND OR (held IS NOT NULL AND NOT coalesce(NEW.places <@ held, true)) THEN
    RAISE EXCEPTION 'this operator doesn''t have the role % there: give it to them first', NEW.role;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER api_key_of_operator BEFORE INSERT OR UPDATE OF operator, role, places ON api_key FOR EACH ROW
  WHEN (NEW.operator IS NOT NULL) EXECUTE FUNCTION api_key_of_operator();
-- Keys end with their operator, and with them what they made.
CREATE FUNCTION operator_ended() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE api_key k SET revoked_at = NEW.ended_at WHERE k.operator = NEW.ref AND k.revoked_at IS NULL;
  RETURN NULL;
END $$;
CREATE TRIGGER operator_ended AFTER UPDATE OF ended_at ON operator FOR EACH ROW
  WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION operator_ended();
CREATE TRIGGER revision_moves BEFORE UPDATE ON operator FOR EACH ROW EXECUTE FUNCTION revision_moves();

-- Who sees them: administrators; managers and auditors those of their places, whom the audit names; themselves.
CREATE FUNCTION caller_sees_operator(whose text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT caller_all('place_manager', 'auditor') OR coalesce(whose = caller_person(), false) OR EXISTS (
    SELECT FROM operator_role r WHERE r.operator = whose
      AND (r.place = ANY (caller_scope('place_manager', 'auditor'))
        OR (r.place IS NULL AND cardinality(caller_scope('place_manager', 'auditor')) > 0)))
$$;
GRANT EXECUTE ON FUNCTION caller_sees_operator(text) TO maillage_api;
ALTER TABLE operator ENABLE ROW LEVEL SECURITY;
ALTER TABLE operator_role ENABLE ROW LEVEL SECURITY;
CREATE POLICY caller_reads ON operator FOR SELECT TO maillage_api USING (caller_sees_operator(ref));
CREATE POLICY caller_reads ON operator_role FOR SELECT TO maillage_api USING (caller_sees_operator(operator));
CREATE POLICY caller_writes ON operator TO maillage_api USING ((SELECT caller_admin())) WITH CHECK ((SELECT caller_admin()));
CREATE POLICY caller_writes ON operator_role TO maillage_api USING ((SELECT caller_admin())) WITH CHECK ((SELECT caller_admin()));
GRANT SELECT ON operator, operator_role TO maillage_api;
GRANT INSERT (name, email, member), UPDATE (name, email, member, ended_at) ON operator TO maillage_api;
GRANT INSERT, DELETE ON operator_role TO maillage_api;

DO $$
DECLARE
  line text[];
  event text;
  lines text[] := ARRAY[
    -- table, key, subject, place, person, hidden, personal, ignored (0013)
    ARRAY['operator', 'ref', '''operator '' || (r ->> ''ref'')', 'NULL', 'r ->> ''ref''', '{}', '{name,email}', '{revision,created_at}'],
    ARRAY['operator_role', 'operator, role, place', '''operator '' || (r ->> ''operator'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{}']];
BEGIN
  FOREACH line SLICE 1 IN ARRAY lines LOOP
    FOREACH event IN ARRAY CASE line[1] WHEN 'operator' THEN '{INSERT,UPDATE,DELETE}' ELSE '{INSERT,DELETE}' END::text[] LOOP
      EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT
        EXECUTE FUNCTION audit_changed(%L, %L, %L, %L, %L, %L, %L, %L)', lower(event), event, line[1],
        CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
          ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
        line[2], line[3], line[4], line[5], line[6], line[7], line[8], 'true');
    END LOOP;
    EXECUTE format('CREATE TRIGGER audit_emptied AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_emptied()', line[1]);
  END LOOP;
END $$;

-- Erase an operator: the name, the address and the keys. The audit's lines keep the random reference, whose name is nowhere.
CREATE FUNCTION erase_operator(ref text) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  asker name := coalesce(nullif(nullif(current_setting('role', true), 'none'), ''), session_user);
  keys integer;
  line bigint;
  told jsonb;
BEGIN
  IF NOT (pg_has_role(asker, current_user, 'MEMBER') OR caller_admin()) THEN
    RAISE EXCEPTION 'only a network administrator erases an operator' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM FROM operator o WHERE o.ref = erase_operator.ref FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no such operator' USING ERRCODE = 'no_data_found';
  END IF;
  UPDATE operator o SET ended_at = now() WHERE o.ref = erase_operator.ref AND o.ended_at IS NULL;
  -- what their keys made is ended and stays, and so do the keys' numbers, which the audit names
  UPDATE api_key k SET operator = NULL, name = 'erased operator' WHERE k.operator = erase_operator.ref;
  GET DIAGNOSTICS keys = ROW_COUNT;
  DELETE FROM audit_detail d WHERE d.person = erase_operator.ref;
  DELETE FROM operator o WHERE o.ref = erase_operator.ref;
  DELETE FROM audit_draft d WHERE d.person = erase_operator.ref OR d.subject = 'operator ' || erase_operator.ref;
  told := jsonb_build_object('keys', keys);
  line := audit_write('erased', 'sha256 ' || encode(sha256(convert_to(erase_operator.ref, 'UTF8')), 'hex'), NULL, told);
  UPDATE audit_draft d SET person = NULL, body = told WHERE d.id = line;
  RETURN told;
END $$;
REVOKE ALL ON FUNCTION erase_operator(text), operator_places(text, text), api_key_of_operator(), operator_ended(),
  caller_sees_operator(text), caller_person() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_operator(text), caller_sees_operator(text), caller_person() TO maillage_api;
