-- Row-level security: what a key may see and change is decided here, whatever a route forgets (docs/audit.md).
-- Without `enter` in the same transaction, the API's user sees none of these tables' rows.

-- Check an API key and tell this transaction whose it is. No row: unknown, revoked or expired.
CREATE FUNCTION enter(digest bytea, from_addr text, request text)
RETURNS TABLE (id integer, name text, role text, scopes text[], places integer[], member text, gateway integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  found_key api_key;
  who caller;
BEGIN
  PERFORM set_config('maillage.seal', '', true);
  SELECT k.* INTO found_key FROM api_key k
  WHERE k.digest = enter.digest AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now());
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
REVOKE ALL ON FUNCTION enter(bytea, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION enter(bytea, text, text) TO maillage_api;

-- Policies ask these in subqueries of their own, so that each is asked once a statement and not once a row.
CREATE FUNCTION caller_role() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  AS $$ SELECT (caller()).role $$;
CREATE FUNCTION caller_admin() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  AS $$ SELECT coalesce((caller()).role = 'network_administrator', false) $$;
CREATE FUNCTION caller_member() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  AS $$ SELECT (caller()).member $$;
CREATE FUNCTION caller_staff() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce((caller()).role IN ('network_administrator', 'place_manager', 'front_desk', 'auditor'), false)
$$;
-- Whether the caller has one of these roles at every place.
CREATE FUNCTION caller_all(VARIADIC roles text[]) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(c.role = 'network_administrator'
    OR (c.role = ANY (roles) AND c.places IS NULL AND c.role IN ('place_manager', 'front_desk', 'auditor')), false)
  FROM caller() c
$$;
-- The places at which, and only at which, the caller has one of these roles.
CREATE FUNCTION caller_scope(VARIADIC roles text[]) RETURNS integer[] LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce((SELECT c.places FROM caller() c WHERE c.role = ANY (roles)), '{}')
$$;
CREATE FUNCTION caller_may(place integer, VARIADIC roles text[]) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT caller_admin() OR (place IS NOT NULL AND caller_all(VARIADIC roles))
    OR coalesce(place = ANY (caller_scope(VARIADIC roles)), false)
$$;
CREATE FUNCTION caller_sees(place integer) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT caller_all('place_manager', 'front_desk', 'auditor')
    OR coalesce(place = ANY (caller_scope('place_manager', 'front_desk', 'auditor')), false)
$$;
-- Who is at home at the places where the caller has one of these roles.
CREATE FUNCTION caller_people(VARIADIC roles text[]) RETURNS SETOF text LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 500
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE scope integer[] := caller_scope(VARIADIC roles);
BEGIN
  RETURN QUERY SELECT m.ref FROM member m WHERE m.home = ANY (scope);
END $$;
-- Who else has a pass there, or had one in the last three months; a pass for everywhere is one.
CREATE FUNCTION caller_guests(VARIADIC roles text[]) RETURNS SETOF text LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 500
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE scope integer[] := caller_scope(VARIADIC roles);
BEGIN
  IF cardinality(scope) > 0 THEN
    RETURN QUERY
      SELECT p.member FROM pass_place l JOIN pass p ON p.ref = l.pass
      WHERE l.place = ANY (scope) AND coalesce(least(p.valid_until, p.revoked_at), 'infinity') > now() - interval '90 days';
    RETURN QUERY
      SELECT p.member FROM pass p
      WHERE p.everywhere AND coalesce(least(p.valid_until, p.revoked_at), 'infinity') > now() - interval '90 days';
  END IF;
END $$;
CREATE INDEX pass_everywhere ON pass (member) WHERE everywhere;
-- The passes of those at home there, and one's own.
CREATE FUNCTION caller_passes(VARIADIC roles text[]) RETURNS SETOF text LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 500
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  scope integer[] := caller_scope(VARIADIC roles);
  me text := caller_member();
BEGIN
  RETURN QUERY SELECT p.ref FROM member m JOIN pass p ON p.member = m.ref WHERE m.home = ANY (scope);
  RETURN QUERY SELECT p.ref FROM pass p WHERE p.member = me;
END $$;
-- The lines of the audit that tell of the member whose own key it is.
CREATE FUNCTION caller_lines() RETURNS SETOF bigint LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE me text := caller_member();
BEGIN
  RETURN QUERY SELECT d.audit FROM audit_detail d WHERE d.person = me;
END $$;
CREATE FUNCTION caller_sees_member(ref text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT caller_all('place_manager', 'front_desk', 'auditor') OR coalesce(ref = caller_member(), false)
    OR EXISTS (SELECT FROM member m WHERE m.ref = caller_sees_member.ref AND m.home = ANY (caller_scope('place_manager', 'front_desk', 'auditor')))
    OR EXISTS (SELECT FROM caller_guests('place_manager', 'front_desk', 'auditor') g WHERE g = caller_sees_member.ref)
$$;
-- Whether a pass is the caller's to change: it holds nowhere else, and a front desk changes visitors' only.
CREATE FUNCTION caller_holds_pass(ref text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT caller_admin() OR EXISTS (
    SELECT FROM pass p, caller() c
    WHERE p.ref = caller_holds_pass.ref AND NOT p.everywhere
      AND (c.role = 'place_manager' OR (c.role = 'front_desk' AND p.visitor IS NOT NULL))
      AND (c.places IS NULL OR NOT EXISTS (SELECT FROM pass_place l WHERE l.pass = p.ref AND l.place <> ALL (c.places)))
      AND caller_sees_member(p.member))
$$;
-- Whether the caller may make and end keys of this kind: an administrator any; a manager those of their places, of these
-- places' gateways and of who is at home there.
CREATE FUNCTION caller_makes_key(role text, scopes text[], places integer[], member text, gateway integer) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM caller() c JOIN api_key k ON k.id = c.key
    CROSS JOIN LATERAL (SELECT CASE caller_makes_key.role
      WHEN 'member' THEN ARRAY(SELECT m.home FROM member m WHERE m.ref = caller_makes_key.member AND m.home IS NOT NULL)
      WHEN 'gateway' THEN ARRAY(SELECT g.place FROM gateway g WHERE g.id = caller_makes_key.gateway)
      ELSE caller_makes_key.places END AS places) reach
    WHERE (k.places IS NULL AND (k.role = 'network_administrator' OR 'admin' = ANY (k.scopes)))
      OR (k.role = 'place_manager' AND cardinality(caller_makes_key.scopes) = 0
        AND caller_makes_key.role IN ('place_manager', 'front_desk', 'auditor', 'availability_reader', 'gateway', 'member')
        AND cardinality(reach.places) > 0 AND (k.places IS NULL OR reach.places <@ k.places)))
$$;

-- The policies. `here`: the caller has one of the roles at the place; `sees`: and with one for every place, also in what
-- is of no place.
DO $$
DECLARE
  staff text := '{place_manager,front_desk,auditor}';
  desk text := '{place_manager,front_desk}';
  manager text := '{place_manager}';
  here text := '((SELECT caller_admin()) OR (%2$s IS NOT NULL AND (SELECT caller_all(VARIADIC %1$L::text[])))'
    || ' OR %2$s = ANY ((SELECT caller_scope(VARIADIC %1$L::text[]))::integer[]))';
  sees text := '((SELECT caller_all(VARIADIC %1$L::text[])) OR %2$s = ANY ((SELECT caller_scope(VARIADIC %1$L::text[]))::integer[]))';
  everyone text := '(SELECT caller_all(VARIADIC %1$L::text[]))';
  own text := '%s = (SELECT caller_member())';
  -- of whom the caller sees, row by row or all at once, as the planner finds cheaper
  seen text := format(everyone, staff) || ' OR EXISTS (SELECT FROM member m WHERE m.ref = %1$I.member)';
  one text;
  reads jsonb;
  writes jsonb;
BEGIN
  reads := jsonb_build_object(
    'organisation', '(SELECT caller_staff()) OR id = (SELECT m.organisation FROM member m WHERE m.ref = (SELECT caller_member()))',
    'member', format(sees, staff, 'home') || format(' OR ref IN (SELECT caller_guests(VARIADIC %L::text[])) OR ', staff) || format(own, 'ref'),
    'card', format(seen, 'card'),
    'card_change', format(everyone, staff) || ' OR EXISTS (SELECT FROM card c WHERE c.ref = card_change.card)',
    'pass', format(seen, 'pass'),
    'pass_place', format(sees, staff, 'place') || format(' OR pass IN (SELECT caller_passes(VARIADIC %L::text[]))', staff),
    'pass_use', format(sees, staff, 'place') || format(' OR pass IN (SELECT caller_passes(VARIADIC %L::text[]))', staff),
    'booking', format(sees, staff, 'place') || format(' OR member IN (SELECT caller_people(VARIADIC %L::text[])) OR ', staff) || format(own, 'member'),
    'schedule', '(place IS NULL AND (SELECT caller_staff())) OR ' || format(sees, staff, 'place'),
    'closure', '(place IS NULL AND (SELECT caller_staff())) OR ' || format(sees, staff, 'place'),
    'lockdown', '(place IS NULL AND (SELECT caller_staff())) OR ' || format(sees, staff, 'place'),
    'door_group', format(sees, staff, 'place'),
    'door_rule', format(sees, staff, 'place'),
    'place_policy', format(sees, staff, 'place'),
    'command', format(sees, staff, 'place'),
    'enrolment', format(sees, desk, 'place'),
    'alarm', format(sees, staff, 'place'),
    'audit', format(sees, '{place_manager,auditor}', 'place') || ' OR id IN (SELECT caller_lines())',
    'audit_detail', 'EXISTS (SELECT FROM audit a WHERE a.id = audit_detail.audit)',
    'access_list', format(sees, '{place_manager,front_desk,auditor,gateway}', 'place'),
    'list_version', format(sees, '{place_manager,front_desk,auditor,gateway}', 'place'),
    'list_entry', format(sees, '{place_manager,front_desk,auditor,gateway}', 'place') || ' OR ' || format(own, 'member'),
    'list_settings', format(sees, '{place_manager,front_desk,auditor,gateway}', 'place'),
    -- the check of a key comes before anybody has entered; after that each sees their own and those that they may end
    'api_key', '(SELECT (caller()).key) IS NULL OR id = (SELECT (caller()).key) OR ' || format(own, 'member')
      || ' OR caller_makes_key(role, scopes, places, member, gateway)',
    'place', 'true', 'space', 'true', 'door', 'true');
  -- by table: what must hold of the row before (to change or remove it) and after (to add or change it)
  writes := jsonb_build_object(
    'organisation', jsonb_build_array('(SELECT caller_admin())', '(SELECT caller_admin())'),
    'member', jsonb_build_array(format(here, desk, 'home'), format(here, desk, 'home')),
    'card', jsonb_build_array(format(everyone, desk) || format(' OR member IN (SELECT caller_people(VARIADIC %L::text[]))', desk),
                              format(everyone, desk) || format(' OR member IN (SELECT caller_people(VARIADIC %L::text[]))', desk)),
    'pass', jsonb_build_array('(SELECT caller_admin()) OR (NOT everywhere AND caller_holds_pass(ref))',
      '(SELECT caller_admin()) OR (NOT everywhere AND (schedule IS NULL OR EXISTS (SELECT FROM schedule s WHERE s.id = pass.schedule))'
      || ' AND ((SELECT caller_role()) = ''place_manager'' OR ((SELECT caller_role()) = ''front_desk'' AND visitor IS NOT NULL))'
      || ' AND caller_sees_member(member))'),
    'pass_place', jsonb_build_array(format(here, desk, 'place') || ' AND (caller_holds_pass(pass) OR (SELECT caller_role()) = ''place_manager'')',
                                    format(here, desk, 'place') || ' AND caller_holds_pass(pass)'),
    'pass_use', jsonb_build_array(format(here, manager, 'place'), format(here, manager, 'place') || ' AND caller_holds_pass(pass)'),
    'booking', jsonb_build_array(format(here, desk, 'place'), format(here, desk, 'place') || ' AND caller_sees_member(member)'),
    'schedule', jsonb_build_array(format(here, manager, 'place'), format(here, manager, 'place')),
    'closure', jsonb_build_array(format(here, manager, 'place'), format(here, manager, 'place')),
    'lockdown', jsonb_build_array(format(here, manager, 'place'), format(here, manager, 'place')),
    'door_group', jsonb_build_array(format(here, manager, 'place'), format(here, manager, 'place')),
    'door_rule', jsonb_build_array(format(here, manager, 'place'), format(here, manager, 'place')),
    'place_policy', jsonb_build_array(format(here, manager, 'place'), format(here, manager, 'place')),
    'command', jsonb_build_array('false', format(here, manager, 'place') || ' OR (do_what IN (''unlock'', ''enrol'') AND ' || format(here, desk, 'place') || ')'),
    'enrolment', jsonb_build_array(format(here, desk, 'place'), format(here, desk, 'place') || ' AND key = (SELECT (caller()).key)'),
    'alarm', jsonb_build_array(format(here, desk, 'place'), format(here, desk, 'place')),
    'place', jsonb_build_array(format(here, manager, 'id'), format(here, manager, 'id')),
    'space', jsonb_build_array(format(here, manager, 'place'), format(here, manager, 'place')),
    'door', jsonb_build_array(format(here, manager, 'place'), format(here, manager, 'place')));
  FOR one IN SELECT jsonb_object_keys(reads) LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', one);
    EXECUTE format('CREATE POLICY process ON %I TO maillage_rights, maillage_ingest, maillage_maintain USING (true) WITH CHECK (true)', one);
    EXECUTE format('CREATE POLICY caller_reads ON %I FOR SELECT TO maillage_api USING (%s)', one, reads ->> one);
    IF writes ? one THEN
      EXECUTE format('CREATE POLICY caller_adds ON %I FOR INSERT TO maillage_api WITH CHECK (%s)', one, writes -> one ->> 1);
      EXECUTE format('CREATE POLICY caller_changes ON %I FOR UPDATE TO maillage_api USING (%s) WITH CHECK (%s)', one, writes -> one ->> 0, writes -> one ->> 1);
      EXECUTE format('CREATE POLICY caller_removes ON %I FOR DELETE TO maillage_api USING (%s)', one, writes -> one ->> 0);
    END IF;
  END LOOP;
END $$;
-- A company that comes to a place is added there; what it is called is the network's.
CREATE POLICY caller_adds_locally ON organisation FOR INSERT TO maillage_api
  WITH CHECK ((SELECT caller_role()) IN ('place_manager', 'front_desk'));
-- A front desk doesn't remove people.
CREATE POLICY desk_keeps ON member AS RESTRICTIVE FOR DELETE TO maillage_api
  USING ((SELECT caller_role()) IN ('network_administrator', 'place_manager'));

-- Keys: made and ended by who may; used by all.
CREATE POLICY caller_adds ON api_key FOR INSERT TO maillage_api
  WITH CHECK (caller_makes_key(role, scopes, places, member, gateway));
CREATE POLICY caller_changes ON api_key FOR UPDATE TO maillage_api USING (true) WITH CHECK (true);
CREATE FUNCTION api_key_guarded() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  -- the policies can't tell columns apart: last_used_at moves before anybody has entered
  IF row_security_active('api_key') AND to_jsonb(OLD) - 'last_used_at' <> to_jsonb(NEW) - 'last_used_at'
     AND NOT (caller_makes_key(OLD.role, OLD.scopes, OLD.places, OLD.member, OLD.gateway)
              AND caller_makes_key(NEW.role, NEW.scopes, NEW.places, NEW.member, NEW.gateway)) THEN
    RAISE EXCEPTION 'this key is not yours to change' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER api_key_guarded BEFORE UPDATE ON api_key FOR EACH ROW EXECUTE FUNCTION api_key_guarded();

GRANT SELECT ON organisation, member, card, card_change, schedule, door_group, pass, pass_place, pass_use, booking, closure,
  door_rule, place_policy, lockdown, command, enrolment, audit, audit_detail, access_list, list_version, list_entry,
  list_settings TO maillage_api;
GRANT INSERT, UPDATE, DELETE ON organisation, member, card, schedule, door_group, pass, pass_place, booking, closure,
  door_rule, place_policy TO maillage_api;
GRANT INSERT, DELETE ON pass_use, enrolment TO maillage_api;
GRANT INSERT, UPDATE (released_at, released_by) ON lockdown TO maillage_api;
GRANT INSERT ON command, api_key TO maillage_api;
GRANT UPDATE (name, expires_at, revoked_at) ON api_key TO maillage_api;
GRANT UPDATE (person_limit, capacity, name) ON space TO maillage_api;
GRANT UPDATE (opening_hours, name, website) ON place TO maillage_api;
GRANT UPDATE (name) ON door TO maillage_api;

-- Processes read what they need and no name.
REVOKE SELECT ON member, card FROM maillage_ingest;
REVOKE SELECT ON member, organisation FROM maillage_rights;
GRANT SELECT (ref, status, home, pin, revision, generated) ON member TO maillage_rights;
GRANT SELECT, DELETE ON booking, enrolment TO maillage_maintain;
GRANT SELECT (id, hash) ON audit TO maillage_maintain;

-- A member's own traces are found without reading everybody's: for the export and the erasure.
CREATE INDEX event_member ON event (member, at) WHERE member IS NOT NULL;
CREATE INDEX event_stranger ON event (card, at) WHERE card IS NOT NULL AND member IS NULL;

-- Take a person out of everything: what is left of them is that somebody was here. Returns how much of what went.
-- The audit's lines stay, since they name a random reference only; what they told of the person goes.
CREATE FUNCTION forget_member(ref text) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  home integer;
  tokens bytea[];
  passes text[];
  subjects text[];
  trace record;
  line bigint;
  told jsonb;
  events integer := 0;
  cards integer;
  bookings integer;
BEGIN
  SELECT m.home INTO home FROM member m WHERE m.ref = forget_member.ref FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no such member' USING ERRCODE = 'no_data_found';
  END IF;
  SELECT coalesce(array_agg(c.token), '{}'), coalesce(array_agg('card ' || c.ref), '{}') INTO tokens, subjects
  FROM card c WHERE c.member = forget_member.ref;
  cards := cardinality(tokens);
  SELECT coalesce(array_agg(p.ref), '{}'), subjects || coalesce(array_agg('pass ' || p.ref), '{}') INTO passes, subjects
  FROM pass p WHERE p.member = forget_member.ref;
  SELECT count(*), subjects || coalesce(array_agg('booking ' || b.ref), '{}') INTO bookings, subjects
  FROM booking b WHERE b.member = forget_member.ref;

  -- Row by row, by constants: so that one chunk is looked into, and of a compressed one only a few rows are unpacked.
  FOR trace IN
    SELECT e.at, e.place, e.stream, e.seq FROM event e WHERE e.member = forget_member.ref
    UNION SELECT e.at, e.place, e.stream, e.seq FROM event e WHERE e.card = ANY (tokens) AND e.member IS NULL
    -- what a door's contact told of these
    UNION SELECT t.at, t.place, t.stream, t.seq FROM event e
      JOIN event t ON t.place = e.place AND t.at >= e.at AND t.at < e.at + interval '10 minutes' AND t.kind IN (2, 3)
      WHERE e.member = forget_member.ref AND e.kind = 1 AND t.detail ->> 'pass_ref' = ANY (passes)
  LOOP
    EXECUTE format('UPDATE event SET member = NULL, card = NULL, detail = nullif(detail - ''pass_ref'', ''{}'')
      WHERE place = %s AND at = %L AND stream = %s AND seq = %s', trace.place, trace.at, trace.stream, trace.seq);
    events := events + 1;
  END LOOP;

  DELETE FROM enrolment n WHERE n.token = ANY (tokens);
  DELETE FROM list_entry e WHERE e.member = forget_member.ref AND e.until IS NOT NULL;  -- the present ones: `maillage maintain`
  DELETE FROM dead_letter d WHERE position(convert_to(forget_member.ref, 'UTF8') IN d.payload) > 0
    OR EXISTS (SELECT FROM unnest(tokens) AS t WHERE position(convert_to(encode(t, 'hex'), 'UTF8') IN d.payload) > 0);
  UPDATE alarm a SET detail = a.detail - 'tokens'  -- of a drift: which cards a gateway knew otherwise
  WHERE a.detail ? 'tokens'
    AND EXISTS (SELECT FROM unnest(tokens) AS t WHERE position(left(encode(t, 'hex'), 8) IN (a.detail -> 'tokens')::text) > 0);
  DELETE FROM audit_detail d WHERE d.person = forget_member.ref OR (position(forget_member.ref IN d.body::text) > 0
    AND d.person IN (SELECT p.member FROM pass p WHERE p.host = forget_member.ref));
  DELETE FROM member m WHERE m.ref = forget_member.ref;
  -- Nor does the audit tell what went: these lines of this transaction are replaced by one.
  DELETE FROM audit_draft d
  WHERE d.person = forget_member.ref OR d.subject = ANY (subjects) OR position(forget_member.ref IN d.body::text) > 0;
  told := jsonb_build_object('events', events, 'cards', cards, 'passes', cardinality(passes), 'bookings', bookings);
  line := audit_write('erased', 'sha256 ' || encode(sha256(convert_to(forget_member.ref, 'UTF8')), 'hex'), home, told);
  UPDATE audit_draft d SET person = NULL, body = told WHERE d.id = line;
  RETURN told;
END $$;
REVOKE ALL ON FUNCTION forget_member(text) FROM PUBLIC;

-- The law's right to be forgotten: an administrator, the manager of their home, the member, or the database's owner may ask.
CREATE FUNCTION erase_member(ref text) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  asker name := coalesce(nullif(nullif(current_setting('role', true), 'none'), ''), session_user);
BEGIN
  IF NOT (
    pg_has_role(asker, current_user, 'MEMBER') OR coalesce(caller_member() = erase_member.ref, false)
    OR caller_may((SELECT m.home FROM member m WHERE m.ref = erase_member.ref), 'place_manager')
  ) THEN
    IF NOT caller_sees_member(erase_member.ref) THEN
      RAISE EXCEPTION 'there is no such member' USING ERRCODE = 'no_data_found';
    END IF;
    RAISE EXCEPTION 'this member is not yours to erase' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN forget_member(erase_member.ref);
END $$;
REVOKE ALL ON FUNCTION erase_member(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_member(text) TO maillage_api;

-- What `maillage maintain` may forget and can't by itself: what the audit told of persons a year ago and more (its lines stay)…
CREATE FUNCTION forget_audit_details(before timestamptz) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE gone bigint;
BEGIN
  IF before > now() - interval '6 months' THEN
    RAISE EXCEPTION 'details younger than half a year are kept' USING ERRCODE = 'check_violation';
  END IF;
  DELETE FROM audit_detail d USING audit a WHERE a.id = d.audit AND a.at < before AND d.person IS NOT NULL;
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;
-- …and visitors: those who only ever had passes of visitors, all of which ended before, and no card that still works.
CREATE FUNCTION forget_visitors(before timestamptz) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  gone bigint := 0;
  one text;
BEGIN
  IF before > now() - interval '1 month' THEN
    RAISE EXCEPTION 'visitors of the last month are kept' USING ERRCODE = 'check_violation';
  END IF;
  FOR one IN
    SELECT m.ref FROM member m
    WHERE EXISTS (SELECT FROM pass p WHERE p.member = m.ref AND p.visitor IS NOT NULL)
      AND NOT EXISTS (SELECT FROM pass p WHERE p.member = m.ref
        AND (p.visitor IS NULL OR coalesce(least(p.valid_until, p.revoked_at), 'infinity') >= before))
      AND NOT EXISTS (SELECT FROM card c WHERE c.member = m.ref AND c.status IN ('issued', 'active', 'suspended'))
      AND NOT EXISTS (SELECT FROM api_key k WHERE k.member = m.ref)
    LIMIT 1000
  LOOP
    PERFORM forget_member(one);
    gone := gone + 1;
  END LOOP;
  RETURN gone;
END $$;
REVOKE ALL ON FUNCTION forget_audit_details(timestamptz), forget_visitors(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_audit_details(timestamptz), forget_visitors(timestamptz) TO maillage_maintain;
GRANT SELECT (ref) ON member TO maillage_maintain;
GRANT UPDATE (detail) ON alarm TO maillage_maintain;
GRANT SELECT ON pass TO maillage_maintain;
GRANT SELECT, UPDATE, DELETE ON pass_use TO maillage_maintain;
