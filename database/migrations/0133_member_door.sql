-- A member opens a door of a place that allows it, by an order that names their card (docs/access.md): the gateway decides
-- on it as on a card read.

ALTER TABLE place_policy ADD COLUMN members_open boolean NOT NULL DEFAULT false;

ALTER TABLE command
  ADD COLUMN member text REFERENCES member ON DELETE CASCADE,   -- who asks; an open order ends with the person
  ADD COLUMN token bytea CHECK (length(token) = 32),            -- what their card is called at the place
  ADD COLUMN reason text CHECK (length(reason) <= 64),          -- why the gateway denied it
  ADD CONSTRAINT command_member CHECK ((member IS NULL) = (token IS NULL) AND (member IS NULL OR do_what = 'unlock'));
CREATE INDEX command_member ON command (member, ordered_at) WHERE member IS NOT NULL;

-- As before (0013); of a member's own order the audit names the member.
DO $$
DECLARE event text;
BEGIN
  FOREACH event IN ARRAY '{INSERT,UPDATE,DELETE}'::text[] LOOP
    EXECUTE format('DROP TRIGGER audit_changed_%s ON command', lower(event));
    EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON command REFERENCING %s FOR EACH STATEMENT
      EXECUTE FUNCTION audit_changed(%L, %L, %L, %L, %L, %L, %L, %L)', lower(event), event,
      CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
        ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
      'id', '''command '' || (r ->> ''id'')', 'r ->> ''place''', 'r ->> ''member''', '{token}', '{}', '{sent_at,outcome_at}',
      'r ->> ''do_what'' <> ''report_list'' AND (became IS NOT NULL OR (was ->> ''ordered_at'')::timestamptz > now() - interval ''90 days'')');
  END LOOP;
END $$;

-- What a place's list says beside its entries, for a member who is in it: hours, closures and what doors ask for.
CREATE FUNCTION own_list_settings(place integer) RETURNS TABLE (code text, version integer, made_at timestamptz, body jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT p.code::text, v.version, v.made_at, s.body
  FROM place p JOIN access_list l ON l.place = p.id JOIN list_version v ON v.place = l.place AND v.version = l.version
  JOIN list_settings s ON s.place = v.place AND s.since <= v.version AND (s.until IS NULL OR s.until > v.version)
  WHERE p.id = own_list_settings.place
    AND EXISTS (SELECT FROM list_entry e WHERE e.place = p.id AND e.member = caller_member() AND e.until IS NULL)
$$;

-- The doors that can be opened by an order at places in whose list the member is and that allow it; place NULL: at those of
-- their own, their passes and their bookings of today, at most 8. A door needs a reader outside, as the gateway does.
CREATE FUNCTION own_doors(place integer) RETURNS TABLE (
  place_id integer, place text, door_id integer, door text, name text, online boolean, line_since timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH me AS (SELECT m.ref, m.home FROM member m WHERE m.ref = caller_member()),
  near AS (
    SELECT own_doors.place AS id, 0 AS rank WHERE own_doors.place IS NOT NULL
    UNION SELECT me.home, 1 FROM me WHERE own_doors.place IS NULL AND me.home IS NOT NULL
    UNION SELECT b.place, 2 FROM booking b JOIN me ON b.member = me.ref WHERE own_doors.place IS NULL
      AND b.cancelled_at IS NULL AND b.starts_at < now() + interval '1 day' AND b.ends_at > now() - interval '4 hours'
    UNION SELECT l.place, 3 FROM pass_place l JOIN pass p ON p.ref = l.pass JOIN me ON p.member = me.ref
      WHERE own_doors.place IS NULL AND p.revoked_at IS NULL AND coalesce(p.valid_until, 'infinity') > now()
  ),
  here AS (
    SELECT n.id, min(n.rank) AS rank FROM near n JOIN place_policy y ON y.place = n.id AND y.members_open
    WHERE EXISTS (SELECT FROM list_entry e JOIN me ON e.member = me.ref WHERE e.place = n.id AND e.until IS NULL)
    GROUP BY n.id ORDER BY 2, 1 LIMIT 8
  )
  SELECT p.id, p.code::text, d.id, d.code::text, d.name, coalesce(s.online, false), s.changed_at
  FROM here h JOIN place p ON p.id = h.id JOIN door d ON d.place = p.id AND d.retired_at IS NULL
  JOIN LATERAL (
    SELECT v.gateway FROM device v JOIN gateway g ON g.id = v.gateway AND g.retired_at IS NULL
    WHERE v.door = d.id AND v.retired_at IS NULL AND v.side = 'in' AND v.kind IN ('reader', 'keypad') ORDER BY v.id LIMIT 1
  ) r ON true
  LEFT JOIN gateway_state s ON s.gateway = r.gateway
  ORDER BY h.rank, p.name, d.name, d.id
$$;

-- Order a door opened for the member who asks, with an active card of theirs. Returns the order, or why not: 'card', 'closed'
-- (the place doesn't allow it), 'lockdown', 'often' (5 times in 10 minutes at one door: more is no coming and going), 'no_reader'.
CREATE FUNCTION order_own_unlock(door integer, card text) RETURNS TABLE (id text, refused text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  me text := caller_member();
  here integer := (SELECT d.place FROM door d WHERE d.id = order_own_unlock.door AND d.retired_at IS NULL);
  its bytea;
  by_gateway integer;
BEGIN
  IF me IS NULL THEN
    RAISE EXCEPTION 'only a member opens doors like this' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('own unlock ' || me, 0));  -- two at once count one after the other
  IF NOT EXISTS (SELECT FROM own_doors(here) o WHERE o.door_id = order_own_unlock.door) THEN
    RETURN QUERY SELECT NULL::text, 'closed';
    RETURN;
  END IF;
  SELECT e.token INTO its FROM card c JOIN list_entry e ON coalesce(e.lookup, e.token) = c.lookup
  WHERE c.ref = order_own_unlock.card AND c.member = me AND c.status = 'active'
    AND e.place = here AND e.member = me AND e.until IS NULL;
  IF its IS NULL THEN
    RETURN QUERY SELECT NULL::text, 'card';
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM lockdown l WHERE l.released_at IS NULL AND (l.place IS NULL OR l.place = here)
             AND (l.door IS NULL OR l.door = order_own_unlock.door)) THEN
    RETURN QUERY SELECT NULL::text, 'lockdown';
    RETURN;
  END IF;
  IF (SELECT count(*) FROM command c WHERE c.member = me AND c.door = order_own_unlock.door
      AND c.ordered_at > now() - interval '10 minutes') >= 5 THEN
    RETURN QUERY SELECT NULL::text, 'often';
    RETURN;
  END IF;
  -- of several gateways at a door, one: it opens once
  SELECT v.gateway INTO by_gateway FROM device v JOIN gateway g ON g.id = v.gateway AND g.retired_at IS NULL
  LEFT JOIN gateway_state s ON s.gateway = g.id
  WHERE v.door = order_own_unlock.door AND v.retired_at IS NULL AND v.side = 'in' AND v.kind IN ('reader', 'keypad')
  ORDER BY coalesce(s.online, false) DESC, v.id LIMIT 1;
  RETURN QUERY INSERT INTO command (place, gateway, door, do_what, ordered_by, expires_at, member, token)
    VALUES (here, by_gateway, order_own_unlock.door, 'unlock', (caller()).actor, now() + interval '10 seconds', me, its)
    RETURNING command.id, NULL::text;
END $$;

-- What became of one's own order.
CREATE FUNCTION own_unlock(id text) RETURNS TABLE (
  id text, place text, door text, name text, unlock_s real, ordered_at timestamptz, expires_at timestamptz, sent_at timestamptz,
  outcome text, outcome_at timestamptz, reason text, online boolean, line_since timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT c.id, p.code::text, d.code::text, d.name, d.unlock_s, c.ordered_at, c.expires_at, c.sent_at, c.outcome, c.outcome_at,
    c.reason, coalesce(s.online, false), s.changed_at
  FROM command c JOIN place p ON p.id = c.place JOIN door d ON d.id = c.door LEFT JOIN gateway_state s ON s.gateway = c.gateway
  WHERE c.id = own_unlock.id AND c.member = caller_member()
$$;

-- A member's own orders, for the export of what is held about them: the member's, or an administrator's.
CREATE FUNCTION unlocks_of(ref text) RETURNS TABLE (
  id text, place text, door text, ordered_at timestamptz, outcome text, outcome_at timestamptz, reason text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT c.id, p.code::text, d.code::text, c.ordered_at, c.outcome, c.outcome_at, c.reason
  FROM command c JOIN place p ON p.id = c.place LEFT JOIN door d ON d.id = c.door
  WHERE c.member = unlocks_of.ref AND (caller_admin() OR unlocks_of.ref = caller_member()) ORDER BY c.ordered_at, c.id
$$;

REVOKE ALL ON FUNCTION own_list_settings(integer), own_doors(integer), order_own_unlock(integer, text), own_unlock(text),
  unlocks_of(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION own_list_settings(integer), own_doors(integer), order_own_unlock(integer, text), own_unlock(text),
  unlocks_of(text) TO maillage_api;
GRANT UPDATE (reason) ON command TO maillage_rights;
