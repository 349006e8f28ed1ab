-- A member's guests without a booking: for a day, by the member's own pass (docs/bookings.md).

-- By which pass of the host a guest comes; what is taken from the host is taken from the guest.
CREATE TABLE guest_by_pass (
  pass text PRIMARY KEY REFERENCES pass ON DELETE CASCADE,      -- the visit
  host_pass text NOT NULL REFERENCES pass ON DELETE CASCADE,
  member text NOT NULL REFERENCES member ON DELETE CASCADE,     -- the guest
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX guest_by_pass_host ON guest_by_pass (host_pass);
CREATE INDEX guest_by_pass_member ON guest_by_pass (member);
CREATE INDEX guest_by_pass_place ON guest_by_pass (place);
ALTER TABLE guest_by_pass ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON guest_by_pass TO maillage_rights, maillage_maintain USING (true) WITH CHECK (true);
CREATE POLICY caller_reads ON guest_by_pass FOR SELECT TO maillage_api USING (
  (SELECT caller_all('place_manager', 'front_desk', 'auditor'))
  OR place = ANY ((SELECT caller_scope('place_manager', 'front_desk', 'auditor'))::integer[]));
GRANT SELECT ON guest_by_pass TO maillage_api;

-- Invite a guest for some hours; `refused` says why not: no_pass, too_many.
CREATE FUNCTION own_guest_add(place text, name text, starts timestamptz, ends timestamptz)
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
  IF (SELECT count(*) FROM pass v JOIN pass_place l ON l.pass = v.ref WHERE v.host = me AND v.visitor IN ('expected', 'present')
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

-- The caller's guests, until a day after their visit.
CREATE FUNCTION own_guests() RETURNS TABLE (ref text, member text, name text, visitor text, starts_at timestamptz, ends_at timestamptz,
  booking text, place text, credential text) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT v.ref, v.member, m.name, v.visitor, v.valid_from, v.valid_until, g.booking, p.code::text,
    (SELECT c.kind FROM card c WHERE c.member = v.member ORDER BY c.issued_at LIMIT 1)
  FROM pass v JOIN member m ON m.ref = v.member JOIN pass_place l ON l.pass = v.ref JOIN place p ON p.id = l.place
  LEFT JOIN booking_guest g ON g.pass = v.ref
  WHERE v.host = caller_member() AND v.visitor IS NOT NULL AND v.valid_until > now() - interval '1 day'
  ORDER BY v.valid_from, v.ref LIMIT 200
$$;
-- Call one's own guest off; false: there is none to call off.
CREATE FUNCTION own_guest_cancel(guest text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pass v WHERE v.ref = own_guest_cancel.guest AND v.host = caller_member() AND v.visitor IS NOT NULL) THEN
    RETURN false;
  END IF;
  UPDATE booking_guest g SET stopped = false WHERE g.pass = own_guest_cancel.guest AND g.stopped;
  UPDATE pass v SET visitor = 'cancelled' WHERE v.ref = own_guest_cancel.guest AND v.visitor IN ('expected', 'present');
  RETURN true;
END $$;

-- Give a guest by a pass, or a visitor of staff's, a keypad code; false: the code is another's.
CREATE FUNCTION guest_code_make(pass text, lookup bytea, format text, sealed bytea) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  of record;
BEGIN
  SELECT v.member, v.valid_until, v.host, l.place INTO of FROM pass v JOIN pass_place l ON l.pass = v.ref
  WHERE v.ref = guest_code_make.pass AND v.visitor IS NOT NULL AND NOT EXISTS (SELECT FROM card c WHERE c.member = v.member);
  IF of.member IS NULL OR NOT (caller_may(of.place, 'place_manager', 'front_desk')
      OR (caller_role() = 'member' AND coalesce(of.host = caller_member(), false))) THEN
    RAISE EXCEPTION 'not a guest of yours' USING ERRCODE = 'insufficient_privilege';
  END IF;
  UPDATE card c SET lookup = sha256(convert_to('released ' || c.ref || ' ' || gen_random_uuid(), 'UTF8'))
  WHERE c.lookup = guest_code_make.lookup AND c.status IN ('lost', 'expired', 'returned');
  INSERT INTO card (lookup, kind, format, member, status, valid_until)
  VALUES (guest_code_make.lookup, 'code', guest_code_make.format, of.member, 'active', of.valid_until)
  ON CONFLICT ON CONSTRAINT card_pkey DO NOTHING;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO card_number (lookup, sealed) VALUES (guest_code_make.lookup, guest_code_make.sealed) ON CONFLICT DO NOTHING;
  RETURN true;
END $$;

-- Who loses the pass, or is suspended, has no guests by it.
CREATE FUNCTION guests_by_pass_end() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE pass v SET visitor = 'cancelled' FROM guest_by_pass g JOIN pass h ON h.ref = g.host_pass
  WHERE v.ref = g.pass AND v.visitor IN ('expected', 'present') AND v.valid_until > now()
    AND CASE TG_TABLE_NAME WHEN 'pass' THEN h.ref = NEW.ref ELSE h.member = NEW.ref END;
  RETURN NULL;
END $$;
CREATE TRIGGER guests_by_pass_end AFTER UPDATE ON pass FOR EACH ROW
  WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION guests_by_pass_end();
CREATE TRIGGER guests_by_pass_end AFTER UPDATE ON member FOR EACH ROW
  WHEN (OLD.status = 'active' AND NEW.status <> 'active') EXECUTE FUNCTION guests_by_pass_end();
CREATE FUNCTION guest_by_pass_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE pass p SET visitor = 'cancelled' WHERE p.ref = OLD.pass AND p.visitor IN ('expected', 'present') AND p.valid_until > now();
  RETURN NULL;
END $$;
CREATE TRIGGER guest_by_pass_gone AFTER DELETE ON guest_by_pass FOR EACH ROW EXECUTE FUNCTION guest_by_pass_gone();

REVOKE ALL ON FUNCTION own_guest_add(text, text, timestamptz, timestamptz), own_guests(), own_guest_cancel(text),
  guest_code_make(text, bytea, text, bytea), guests_by_pass_end(), guest_by_pass_gone() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION own_guest_add(text, text, timestamptz, timestamptz), own_guests(), own_guest_cancel(text),
  guest_code_make(text, bytea, text, bytea) TO maillage_api;
