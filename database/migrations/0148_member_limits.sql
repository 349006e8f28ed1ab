-- What attacks on the pages of members showed: limits of guests that could be passed, a door for who is suspended.

-- Whether a member has invited and called off so many guests within a day that it is no change of plans: each of them makes a
-- person, and may send mail to any address.
CREATE FUNCTION calls_off_often(host text, most integer) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT count(*) >= 2 * greatest(calls_off_often.most, 1) FROM pass v
  WHERE v.host = calls_off_often.host AND v.visitor = 'cancelled' AND v.created_at > now() - interval '1 day'
$$;
REVOKE ALL ON FUNCTION calls_off_often(text, integer) FROM PUBLIC;
CREATE INDEX pass_host ON pass (host, created_at) WHERE host IS NOT NULL;

-- As in 0136; guests who have left count too, and two invitations at once count one after the other.
CREATE OR REPLACE FUNCTION own_guest_add(place text, name text, starts timestamptz, ends timestamptz)
RETURNS TABLE (guest text, refused text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  me text := caller_member();
  at record;
  held record;
BEGIN
  IF caller_role() IS DISTINCT FROM 'member' OR me IS NULL THEN
    RAISE EXCEPTION 'not a member' USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT p.id, p.time_zone, coalesce(y.booking_guests, 5) AS most INTO at
  FROM place p LEFT JOIN place_policy y ON y.place = p.id WHERE p.code = own_guest_add.place AND p.status = 'open';
  PERFORM pg_advisory_xact_lock(hashtextextended(me, 136));
  -- as far as the host gets in: no further, no longer, at no other hours; one that asks for a booking invites by a booking
  SELECT h.ref, h.schedule, l.spaces, l.doors, l.door_groups INTO held
  FROM pass h LEFT JOIN pass_place l ON l.pass = h.ref AND l.place = at.id JOIN member m ON m.ref = h.member
  WHERE h.member = me AND m.status = 'active' AND h.visitor IS NULL AND h.revoked_at IS NULL AND NOT h.booked
    AND (h.everywhere OR l.pass IS NOT NULL)
    AND coalesce(h.valid_from, '-infinity') <= own_guest_add.starts AND coalesce(h.valid_until, 'infinity') >= own_guest_add.ends
  ORDER BY num_nonnulls(l.spaces, l.doors, l.door_groups), h.schedule IS NOT NULL, h.ref LIMIT 1 FOR UPDATE OF h;
  IF at.id IS NULL OR held.ref IS NULL THEN
    RETURN QUERY SELECT NULL::text, 'no_pass';
    RETURN;
  END IF;
  IF calls_off_often(me, at.most) OR (SELECT count(*) FROM pass v JOIN pass_place l ON l.pass = v.ref
      WHERE v.host = me AND v.visitor IN ('expected', 'present', 'left')
      AND l.place = at.id AND v.valid_from < ((own_guest_add.starts AT TIME ZONE at.time_zone)::date + 1)::timestamp AT TIME ZONE at.time_zone
      AND v.valid_until > (own_guest_add.starts AT TIME ZONE at.time_zone)::date::timestamp AT TIME ZONE at.time_zone) >= at.most THEN
    RETURN QUERY SELECT NULL::text, 'too_many';
    RETURN;
  END IF;
  INSERT INTO member (name, home) VALUES (own_guest_add.name, at.id) RETURNING ref INTO refused;
  INSERT INTO pass (member, schedule, valid_from, valid_until, visitor, host)
  VALUES (refused, held.schedule, own_guest_add.starts, own_guest_add.ends, 'expected', me) RETURNING ref INTO guest;
  INSERT INTO pass_place (pass, place, spaces, doors, door_groups) VALUES (guest, at.id, held.spaces, held.doors, held.door_groups);
  INSERT INTO guest_by_pass (pass, host_pass, member, place) VALUES (guest, held.ref, refused, at.id);
  RETURN QUERY SELECT guest, NULL::text;
END $$;

-- As in 0097, with that limit.
CREATE OR REPLACE FUNCTION booking_guest_add(booking text, name text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  held booking;
  guest text;
  made text;
  most integer;
BEGIN
  SELECT * INTO held FROM booking b WHERE b.ref = booking_guest_add.booking FOR UPDATE;
  IF held.member IS NULL OR NOT (booking_guests_own(held.ref) OR caller_may(held.place, 'place_manager', 'front_desk')) THEN
    RAISE EXCEPTION 'not a booking of yours' USING ERRCODE = 'insufficient_privilege';
  END IF;
  most := coalesce((SELECT y.booking_guests FROM place_policy y WHERE y.place = held.place), 5);
  IF caller_role() = 'member' AND (calls_off_often(held.member, most) OR (SELECT count(*) FROM booking_guest g
      JOIN pass p ON p.ref = g.pass WHERE g.booking = held.ref AND (g.stopped OR p.visitor <> 'cancelled')) >= most) THEN
    RETURN NULL;
  END IF;
  INSERT INTO member (name, home) VALUES (booking_guest_add.name, held.place) RETURNING ref INTO guest;
  INSERT INTO pass (member, valid_from, valid_until, visitor, host)
  VALUES (guest, held.starts_at, held.ends_at, 'expected', held.member) RETURNING ref INTO made;
  INSERT INTO pass_place (pass, place, spaces) VALUES (made, held.place, '{}');  -- filled in below
  INSERT INTO booking_guest (pass, booking, member, place) VALUES (made, held.ref, guest, held.place);
  PERFORM booking_guests_follow(ARRAY[held.ref]);
  RETURN made;
END $$;

-- As in 0133; not for a member who is suspended, whatever the place's list still says.
CREATE OR REPLACE FUNCTION order_own_unlock(door integer, card text) RETURNS TABLE (id text, refused text)
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
  JOIN member m ON m.ref = c.member AND m.status = 'active'
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
