-- The doors that a booking opens: the margin around it by place, bookings that open by themselves, and guests (docs/bookings.md).

ALTER TABLE place_policy
  ADD COLUMN booking_before_s integer NOT NULL DEFAULT 900 CHECK (booking_before_s BETWEEN 0 AND 14400),  -- doors open so long before
  ADD COLUMN booking_after_s integer NOT NULL DEFAULT 0 CHECK (booking_after_s BETWEEN 0 AND 14400),      -- … and after a booking
  ADD COLUMN booking_guests integer NOT NULL DEFAULT 5 CHECK (booking_guests BETWEEN 0 AND 100);          -- a member's own key adds so many to one

-- Opens the doors to its space for its time without a pass. Staff decide that; a member's own key can't, nor move such a booking.
ALTER TABLE booking ADD COLUMN opens boolean NOT NULL DEFAULT false;
CREATE INDEX booking_opens ON booking (place, ends_at) WHERE opens AND cancelled_at IS NULL;
CREATE FUNCTION booking_opens() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.opens AND caller_role() = 'member' AND (TG_OP = 'INSERT' OR (NEW.opens, NEW.member, NEW.place, NEW.space, NEW.unit, NEW.starts_at, NEW.ends_at)
      IS DISTINCT FROM (OLD.opens, OLD.member, OLD.place, OLD.space, OLD.unit, OLD.starts_at, OLD.ends_at)) THEN
    NEW.opens := false;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER booking_opens BEFORE INSERT OR UPDATE ON booking FOR EACH ROW WHEN (NEW.opens) EXECUTE FUNCTION booking_opens();

-- A guest is a visitor (a member with a visitor's pass) whose pass follows a booking.
CREATE TABLE booking_guest (
  pass text PRIMARY KEY REFERENCES pass ON DELETE CASCADE,
  booking text NOT NULL REFERENCES booking ON DELETE CASCADE,
  member text NOT NULL REFERENCES member ON DELETE CASCADE,     -- the guest
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  stopped boolean NOT NULL DEFAULT false,     -- the pass is cancelled because the booking, or its holder, opens nothing
  made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX booking_guest_booking ON booking_guest (booking);
CREATE INDEX booking_guest_member ON booking_guest (member);

-- Bring the passes and cards of guests in line with their bookings. What staff cancelled or saw leave stays so.
CREATE FUNCTION booking_guests_follow(bookings text[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  one record;
  becomes text;
BEGIN
  FOR one IN
    SELECT g.pass, g.member, g.stopped, v.visitor,
      -- no further than the holder's pass: one that names doors, or that the booking's space doesn't narrow down, is the guest's too
      CASE WHEN k.as_pass THEN l.spaces ELSE ARRAY[b.space] END AS spaces,
      CASE WHEN k.as_pass THEN l.doors END AS doors, CASE WHEN k.as_pass THEN l.door_groups END AS door_groups,
      b.starts_at - make_interval(secs => coalesce(y.booking_before_s, 900)) AS starts,
      b.ends_at + make_interval(secs => coalesce(y.booking_after_s, 0)) AS ends,
      b.cancelled_at IS NOT NULL OR b.status = 'offered' OR h.status <> 'active' OR p.revoked_at IS NOT NULL AS stops
    FROM booking_guest g JOIN pass v ON v.ref = g.pass JOIN booking b ON b.ref = g.booking JOIN member h ON h.ref = b.member
    LEFT JOIN pass p ON p.ref = b.pass LEFT JOIN pass_place l ON l.pass = b.pass AND l.place = b.place
    LEFT JOIN place_policy y ON y.place = b.place
    CROSS JOIN LATERAL (SELECT b.space IS NULL OR l.doors IS NOT NULL OR l.door_groups IS NOT NULL AS as_pass) k
    WHERE g.booking = ANY (booking_guests_follow.bookings) ORDER BY g.pass
  LOOP
    becomes := one.visitor;
    IF one.stops AND one.visitor IN ('expected', 'present') THEN
      becomes := 'cancelled';
      UPDATE booking_guest g SET stopped = true WHERE g.pass = one.pass;
    ELSIF one.stopped AND NOT one.stops THEN
      becomes := CASE one.visitor WHEN 'cancelled' THEN 'expected' ELSE one.visitor END;
      UPDATE booking_guest g SET stopped = false WHERE g.pass = one.pass;
    END IF;
    UPDATE pass p SET valid_from = one.starts, valid_until = one.ends, visitor = becomes
    WHERE p.ref = one.pass AND (p.valid_from, p.valid_until, p.visitor) IS DISTINCT FROM (one.starts, one.ends, becomes);
    UPDATE pass_place l SET spaces = one.spaces, doors = one.doors, door_groups = one.door_groups
    WHERE l.pass = one.pass AND (l.spaces, l.doors, l.door_groups) IS DISTINCT FROM (one.spaces, one.doors, one.door_groups);
    UPDATE card c SET valid_until = one.ends
    WHERE c.member = one.member AND c.status IN ('issued', 'active', 'suspended') AND c.valid_until IS DISTINCT FROM one.ends;
  END LOOP;
END $$;

CREATE FUNCTION booking_guests_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_TABLE_NAME = 'booking' THEN
    PERFORM booking_guests_follow(ARRAY[NEW.ref]);
  ELSIF TG_TABLE_NAME = 'place_policy' THEN
    PERFORM booking_guests_follow(ARRAY(SELECT b.ref FROM booking b
      WHERE b.place = NEW.place AND b.ends_at > now() - interval '4 hours' AND EXISTS (SELECT FROM booking_guest g WHERE g.booking = b.ref)));
  ELSIF TG_TABLE_NAME = 'pass' THEN
    PERFORM booking_guests_follow(ARRAY(SELECT b.ref FROM booking b WHERE b.pass = NEW.ref AND b.ends_at > now() - interval '4 hours'));
  ELSE
    PERFORM booking_guests_follow(ARRAY(SELECT b.ref FROM booking b WHERE b.member = NEW.ref AND b.ends_at > now() - interval '4 hours'));
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER booking_guests_changed AFTER UPDATE ON booking FOR EACH ROW
  WHEN ((OLD.space, OLD.starts_at, OLD.ends_at, OLD.cancelled_at, OLD.status) IS DISTINCT FROM (NEW.space, NEW.starts_at, NEW.ends_at, NEW.cancelled_at, NEW.status))
  EXECUTE FUNCTION booking_guests_changed();
CREATE TRIGGER booking_guests_changed AFTER UPDATE ON member FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION booking_guests_changed();
CREATE TRIGGER booking_guests_changed AFTER UPDATE ON pass FOR EACH ROW
  WHEN (OLD.revoked_at IS DISTINCT FROM NEW.revoked_at) EXECUTE FUNCTION booking_guests_changed();
CREATE TRIGGER booking_guests_changed AFTER INSERT OR UPDATE OF booking_before_s, booking_after_s ON place_policy FOR EACH ROW
  EXECUTE FUNCTION booking_guests_changed();

-- With a booking (erased with its holder, say) goes what it opens for its guests.
CREATE FUNCTION booking_guest_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE pass p SET visitor = 'cancelled' WHERE p.ref = OLD.pass AND p.visitor IN ('expected', 'present') AND p.valid_until > now();
  RETURN NULL;
END $$;
CREATE TRIGGER booking_guest_gone AFTER DELETE ON booking_guest FOR EACH ROW EXECUTE FUNCTION booking_guest_gone();

-- Whether the caller adds and removes guests of a booking: staff at its place, or its holder with a key of their own, if the
-- holder gets in by it.
CREATE FUNCTION booking_guests_own(booking text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (SELECT FROM booking b WHERE b.ref = booking_guests_own.booking AND caller_role() = 'member'
    AND b.member = caller_member() AND (b.pass IS NOT NULL OR b.opens))
$$;
-- Add a guest; the reference of the pass. NULL: there are as many as a member's own key may add.
CREATE FUNCTION booking_guest_add(booking text, name text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  held booking;
  guest text;
  made text;
BEGIN
  SELECT * INTO held FROM booking b WHERE b.ref = booking_guest_add.booking FOR UPDATE;
  IF held.member IS NULL OR NOT (booking_guests_own(held.ref) OR caller_may(held.place, 'place_manager', 'front_desk')) THEN
    RAISE EXCEPTION 'not a booking of yours' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF caller_role() = 'member' AND (SELECT count(*) FROM booking_guest g JOIN pass p ON p.ref = g.pass
      WHERE g.booking = held.ref AND (g.stopped OR p.visitor <> 'cancelled'))
      >= coalesce((SELECT y.booking_guests FROM place_policy y WHERE y.place = held.place), 5) THEN
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
-- Give a guest who has nothing yet a keypad code; false: the code is another's.
CREATE FUNCTION booking_guest_code(guest text, lookup bytea, format text, sealed bytea) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  of record;
BEGIN
  SELECT g.member, g.booking, g.place, p.valid_until INTO of FROM booking_guest g JOIN pass p ON p.ref = g.pass
  WHERE g.pass = booking_guest_code.guest AND NOT EXISTS (SELECT FROM card c WHERE c.member = g.member);
  IF of.member IS NULL OR NOT (booking_guests_own(of.booking) OR caller_may(of.place, 'place_manager', 'front_desk')) THEN
    RAISE EXCEPTION 'not a guest of yours' USING ERRCODE = 'insufficient_privilege';
  END IF;
  UPDATE card c SET lookup = sha256(convert_to('released ' || c.ref || ' ' || gen_random_uuid(), 'UTF8'))
  WHERE c.lookup = booking_guest_code.lookup AND c.status IN ('lost', 'expired', 'returned');
  INSERT INTO card (lookup, kind, format, member, status, valid_until)
  VALUES (booking_guest_code.lookup, 'code', booking_guest_code.format, of.member, 'active', of.valid_until)
  ON CONFLICT ON CONSTRAINT card_pkey DO NOTHING;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO card_number (lookup, sealed) SELECT booking_guest_code.lookup, booking_guest_code.sealed
  WHERE booking_guest_code.sealed IS NOT NULL ON CONFLICT DO NOTHING;
  RETURN true;
END $$;
-- Call a guest's visit off; false: there is none to call off.
CREATE FUNCTION booking_guest_cancel(booking text, guest text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  of integer;
BEGIN
  SELECT g.place INTO of FROM booking_guest g WHERE g.booking = booking_guest_cancel.booking AND g.pass = booking_guest_cancel.guest;
  IF of IS NULL OR NOT (booking_guests_own(booking_guest_cancel.booking) OR caller_may(of, 'place_manager', 'front_desk')) THEN
    RETURN false;
  END IF;
  UPDATE booking_guest g SET stopped = false WHERE g.pass = booking_guest_cancel.guest AND g.stopped;
  UPDATE pass p SET visitor = 'cancelled' WHERE p.ref = booking_guest_cancel.guest AND p.visitor IN ('expected', 'present');
  RETURN true;
END $$;
-- The guests of a booking, for all who see the booking itself, and its holder.
CREATE FUNCTION booking_guests(booking text) RETURNS TABLE (ref text, member text, name text, visitor text, starts_at timestamptz, ends_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT g.pass, g.member, m.name, p.visitor, p.valid_from, p.valid_until
  FROM booking_guest g JOIN booking b ON b.ref = g.booking JOIN pass p ON p.ref = g.pass JOIN member m ON m.ref = g.member
  WHERE g.booking = booking_guests.booking AND (caller_sees(b.place) OR b.member = caller_member())
  ORDER BY g.made_at, g.pass
$$;
REVOKE ALL ON FUNCTION booking_opens(), booking_guests_follow(text[]), booking_guests_changed(), booking_guest_gone(),
  booking_guests_own(text), booking_guest_add(text, text), booking_guest_code(text, bytea, text, bytea),
  booking_guest_cancel(text, text), booking_guests(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION booking_guest_add(text, text), booking_guest_code(text, bytea, text, bytea),
  booking_guest_cancel(text, text), booking_guests(text) TO maillage_api;

ALTER TABLE booking_guest ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON booking_guest TO maillage_rights, maillage_ingest, maillage_maintain USING (true) WITH CHECK (true);
CREATE POLICY caller_reads ON booking_guest FOR SELECT TO maillage_api USING ((SELECT caller_all('place_manager', 'front_desk', 'auditor'))
  OR place = ANY ((SELECT caller_scope('place_manager', 'front_desk', 'auditor'))::integer[]));
GRANT SELECT ON booking_guest TO maillage_api;
DO $$
DECLARE
  event text;
BEGIN
  FOREACH event IN ARRAY '{INSERT,DELETE}'::text[] LOOP
    EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON booking_guest REFERENCING %s FOR EACH STATEMENT
      EXECUTE FUNCTION audit_changed(%L, %L, %L, %L, %L, %L, %L, %L)', lower(event), event,
      CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' ELSE 'OLD TABLE AS old_rows' END,
      'pass', '''booking '' || (r ->> ''booking'')', 'r ->> ''place''', 'r ->> ''member''', '{}', '{}', '{stopped}', 'true');
  END LOOP;
  EXECUTE 'CREATE TRIGGER audit_emptied AFTER TRUNCATE ON booking_guest FOR EACH STATEMENT EXECUTE FUNCTION audit_emptied()';
END $$;

-- A code in a mail is of no use once the mail is sent or given up.
CREATE FUNCTION mail_code_gone() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  NEW."values" := NEW."values" - 'code';
  RETURN NEW;
END $$;
CREATE TRIGGER mail_code_gone BEFORE UPDATE ON mail FOR EACH ROW
  WHEN ((NEW.sent_at IS NOT NULL OR NEW.failed_at IS NOT NULL) AND NEW."values" ? 'code') EXECUTE FUNCTION mail_code_gone();

-- As in 0014; a card whose time is over works no more.
CREATE OR REPLACE FUNCTION forget_visitors(before timestamptz) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
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
      AND NOT EXISTS (SELECT FROM card c WHERE c.member = m.ref AND c.status IN ('issued', 'active', 'suspended')
        AND coalesce(c.valid_until, 'infinity') >= before)
      AND NOT EXISTS (SELECT FROM api_key k WHERE k.member = m.ref)
    LIMIT 1000
  LOOP
    PERFORM forget_member(one);
    gone := gone + 1;
  END LOOP;
  RETURN gone;
END $$;
