-- Waiting lists: who wants what is taken. What becomes free is offered to the first in line: a booking with the status
-- `offered`, which holds the unit, the room or the seat as any booking does, until it is accepted or lapses (docs/bookings.md).

ALTER TABLE booking_rule
  ADD COLUMN offer_minutes integer CHECK (offer_minutes BETWEEN 5 AND 10080);  -- how long an offer holds; NULL: 60

CREATE TABLE waiting (
  id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,                -- the order of the line
  ref text PRIMARY KEY DEFAULT new_ref('w'),
  member text NOT NULL REFERENCES member ON DELETE CASCADE,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  space integer,                              -- of a seat or a room
  resource integer,                           -- of a unit
  unit integer REFERENCES resource_unit ON DELETE CASCADE,      -- only this one; NULL: any
  kind text NOT NULL CHECK (kind IN ('seat', 'desk', 'room', 'machine', 'equipment', 'event')),
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  status text NOT NULL DEFAULT 'waiting'
    CHECK (status IN ('waiting', 'offered', 'accepted', 'declined', 'lapsed', 'left', 'ended')),
  joined_at timestamptz NOT NULL DEFAULT now(),
  booking text UNIQUE REFERENCES booking ON DELETE SET NULL,    -- the offer
  offered_until timestamptz,
  closed_at timestamptz,                      -- since when it is no longer in the line
  revision integer NOT NULL DEFAULT 1,
  FOREIGN KEY (space, place) REFERENCES space (id, place) ON DELETE CASCADE,
  FOREIGN KEY (resource, place) REFERENCES resource (id, place) ON DELETE CASCADE,
  CONSTRAINT waiting_order CHECK (starts_at < ends_at),
  CONSTRAINT waiting_closed CHECK ((closed_at IS NULL) = (status IN ('waiting', 'offered')))
);
CREATE INDEX waiting_line ON waiting (place, id) WHERE status = 'waiting';
CREATE INDEX waiting_offered ON waiting (offered_until) WHERE status = 'offered';
CREATE UNIQUE INDEX waiting_once ON waiting (member, place, space, resource, unit, starts_at, ends_at) NULLS NOT DISTINCT
  WHERE status IN ('waiting', 'offered');

-- Until when something can still be booked: the place's notice, and the end of an event's sign-up.
CREATE FUNCTION waiting_last(place integer, kind text, resource integer, starts timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT least(
    waiting_last.starts - make_interval(mins => coalesce(
      max(r.notice_minutes) FILTER (WHERE r.kind IS NOT NULL), max(r.notice_minutes), 0)),
    (SELECT e.sign_up_until FROM resource e WHERE e.id = waiting_last.resource))
  FROM booking_rule r WHERE r.place = waiting_last.place AND (r.kind IS NULL OR r.kind = waiting_last.kind)
$$;

-- How many wait before an entry for the same, at a time that overlaps, itself included; NULL: it doesn't wait.
CREATE FUNCTION waiting_position(ref text) RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT nullif(count(*), 0)::integer FROM waiting w JOIN waiting o ON o.place = w.place AND o.status = 'waiting' AND o.id <= w.id
    AND o.space IS NOT DISTINCT FROM w.space AND o.resource IS NOT DISTINCT FROM w.resource
    AND (o.unit IS NULL OR w.unit IS NULL OR o.unit = w.unit)
    AND tstzrange(o.starts_at, o.ends_at) && tstzrange(w.starts_at, w.ends_at)
  WHERE w.ref = waiting_position.ref AND w.status = 'waiting' AND (w.member = caller_member() OR caller_sees(w.place))
$$;

-- Hold what is free for an entry; the new booking, or NULL: nothing is free. Waits for nobody who is about to book.
CREATE FUNCTION waiting_hold(entry waiting) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  made text;
  free integer;
BEGIN
  IF entry.resource IS NOT NULL THEN
    FOR free IN
      SELECT f.unit FROM free_units(entry.resource, entry.starts_at, entry.ends_at) f
      WHERE entry.unit IS NULL OR f.unit = entry.unit
    LOOP
      CONTINUE WHEN NOT pg_try_advisory_xact_lock(1970170228, free);  -- as api/bookings/making.py
      INSERT INTO booking (member, place, space, unit, starts_at, ends_at, status)
      VALUES (entry.member, entry.place, entry.space, free, entry.starts_at, entry.ends_at, 'offered')
      ON CONFLICT DO NOTHING RETURNING booking.ref INTO made;
      EXIT WHEN made IS NOT NULL;
    END LOOP;
    RETURN made;
  END IF;
  IF entry.kind = 'seat' AND (
    -- as api/bookings/bookable.py: one after the other, up to the capacity
    NOT pg_try_advisory_xact_lock(hashtextextended(format('seats %s %s', entry.place, coalesce(entry.space::text, 'None')), 0))
    OR EXISTS (SELECT FROM space s WHERE s.place = entry.place
      AND CASE WHEN entry.space IS NULL THEN s.parent IS NULL ELSE s.id = entry.space END
      AND seats_booked(entry.place, entry.space, entry.starts_at, entry.ends_at, NULL) >= s.capacity))
  THEN
    RETURN NULL;
  END IF;
  INSERT INTO booking (member, place, space, starts_at, ends_at, status)
  VALUES (entry.member, entry.place, entry.space, entry.starts_at, entry.ends_at, 'offered')
  ON CONFLICT DO NOTHING RETURNING booking.ref INTO made;
  RETURN made;
EXCEPTION WHEN integrity_constraint_violation THEN  -- just taken out of service
  RETURN NULL;
END $$;

-- Offer what is free at these places (NULL: all) within a time to those who wait for it, in their order; how many offers.
-- One transaction at a time does so for a place; what another one leaves, `jobs/waiting.py` offers within a minute.
CREATE FUNCTION offer_waiting(at timestamptz, places integer[], starts timestamptz, ends timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  entry waiting;
  made text;
  of record;
  offers integer := 0;
  busy integer[] := '{}';
  seal text := coalesce(current_setting('maillage.seal', true), '');
BEGIN
  -- an offer is no act of the person who cancelled: its history must not name them
  PERFORM set_config('maillage.seal', '', true);
  FOR entry IN
    SELECT w.* FROM waiting w JOIN member m ON m.ref = w.member JOIN place p ON p.id = w.place
    LEFT JOIN resource r ON r.id = w.resource
    WHERE w.status = 'waiting' AND (offer_waiting.places IS NULL OR w.place = ANY (offer_waiting.places))
      AND w.starts_at < offer_waiting.ends AND w.ends_at > offer_waiting.starts
      AND m.status = 'active' AND p.status = 'open' AND r.retired_at IS NULL
      -- all looked at in one state of the database: what becomes free meanwhile isn't given to those further down
      AND (w.resource IS NULL OR EXISTS (
        SELECT FROM free_units(w.resource, w.starts_at, w.ends_at) f WHERE w.unit IS NULL OR f.unit = w.unit))
    ORDER BY w.place, w.id
  LOOP
    IF entry.place = ANY (busy) OR NOT pg_try_advisory_xact_lock(hashtextextended('waiting ' || entry.place, 3)) THEN
      busy := busy || entry.place;  -- to go on further down the line would pass over those before
      CONTINUE;
    END IF;
    -- it may have left, or got an offer, since the list was read
    PERFORM FROM waiting w WHERE w.ref = entry.ref AND w.status = 'waiting' FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    SELECT p.name AS place, p.time_zone AS zone, concat_ws(', ', p.phone, p.email) AS contact,
      coalesce(r.name, s.name, p.name) AS what,
      least(waiting_last(entry.place, entry.kind, entry.resource, entry.starts_at), offer_waiting.at
        + make_interval(mins => coalesce(
          (SELECT l.offer_minutes FROM booking_rule l
           WHERE l.place = entry.place AND (l.kind IS NULL OR l.kind = entry.kind) AND l.offer_minutes IS NOT NULL
           ORDER BY l.kind NULLS LAST LIMIT 1), 60))) AS until
    INTO of FROM place p LEFT JOIN resource r ON r.id = entry.resource LEFT JOIN space s ON s.id = entry.space
    WHERE p.id = entry.place;
    CONTINUE WHEN of.until <= offer_waiting.at;
    made := waiting_hold(entry);
    CONTINUE WHEN made IS NULL;
    UPDATE waiting w SET status = 'offered', booking = made, offered_until = of.until WHERE w.ref = entry.ref;
    PERFORM queue_mail(entry.member, NULL, 'waiting_offer', 'fr', jsonb_build_object(
      'what', of.what, 'place', of.place, 'contact', of.contact,
      'starts', to_char(entry.starts_at AT TIME ZONE of.zone, 'DD/MM/YYYY HH24:MI'),
      'ends', to_char(entry.ends_at AT TIME ZONE of.zone, 'DD/MM/YYYY HH24:MI'),
      'until', to_char(of.until AT TIME ZONE of.zone, 'DD/MM/YYYY HH24:MI')), NULL, 'waiting offer ' || entry.ref, of.until);
    offers := offers + 1;
  END LOOP;
  PERFORM set_config('maillage.seal', seal, true);
  RETURN offers;
END $$;

-- An entry follows its offer; what a change of bookings frees is offered in the same transaction, before others can book it.
CREATE FUNCTION booking_freed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  freed record;
BEGIN
  IF EXISTS (SELECT FROM old_rows o WHERE o.status = 'offered') THEN
    UPDATE waiting w SET closed_at = now(),
      status = CASE n.status WHEN 'lapsed' THEN 'lapsed' WHEN 'cancelled' THEN 'declined' ELSE 'accepted' END
    FROM new_rows n WHERE n.ref = w.booking AND n.status <> 'offered' AND w.status = 'offered';
    PERFORM queue_mail(w.member, NULL, 'waiting_lapsed', 'fr', jsonb_build_object(
      'what', coalesce(r.name, s.name, p.name), 'place', p.name, 'contact', concat_ws(', ', p.phone, p.email),
      'starts', to_char(w.starts_at AT TIME ZONE p.time_zone, 'DD/MM/YYYY HH24:MI'),
      'ends', to_char(w.ends_at AT TIME ZONE p.time_zone, 'DD/MM/YYYY HH24:MI')), NULL, 'waiting lapsed ' || w.ref, w.ends_at)
    FROM old_rows o JOIN new_rows n ON n.ref = o.ref JOIN waiting w ON w.booking = n.ref JOIN place p ON p.id = w.place
    LEFT JOIN resource r ON r.id = w.resource LEFT JOIN space s ON s.id = w.space
    WHERE o.status = 'offered' AND n.status = 'lapsed';
  END IF;
  SELECT array_agg(DISTINCT o.place) AS places, min(o.starts_at) AS starts, max(o.ends_at) AS ends INTO freed
  FROM old_rows o JOIN new_rows n ON n.ref = o.ref
  WHERE o.cancelled_at IS NULL AND o.ends_at > now() AND (n.cancelled_at IS NOT NULL OR n.unit IS DISTINCT FROM o.unit
    OR n.space IS DISTINCT FROM o.space OR n.starts_at > o.starts_at OR n.ends_at < o.ends_at);
  IF EXISTS (SELECT FROM waiting w WHERE w.status = 'waiting' AND w.place = ANY (freed.places)
      AND w.starts_at < freed.ends AND w.ends_at > freed.starts) THEN
    PERFORM offer_waiting(now(), freed.places, freed.starts, freed.ends);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER booking_freed AFTER UPDATE ON booking REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION booking_freed();

-- Who waits for an event waits for it at its new time too; nobody waits for what is out of service.
CREATE FUNCTION waiting_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.retired_at IS NOT NULL THEN
    UPDATE waiting w SET status = 'ended', closed_at = now() WHERE w.resource = NEW.id AND w.status = 'waiting';
  ELSIF NEW.kind = 'event' THEN
    UPDATE waiting w SET starts_at = NEW.starts_at, ends_at = NEW.ends_at WHERE w.resource = NEW.id AND w.closed_at IS NULL;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER waiting_follows AFTER UPDATE OF starts_at, ends_at, retired_at ON resource FOR EACH ROW
  WHEN (NEW.retired_at IS DISTINCT FROM OLD.retired_at OR (NEW.starts_at, NEW.ends_at) IS DISTINCT FROM (OLD.starts_at, OLD.ends_at))
  EXECUTE FUNCTION waiting_follows();

-- As before (0082); an offer that isn't accepted stands in no calendar of its member.
CREATE OR REPLACE FUNCTION calendar_feed_rows(secret text) RETURNS TABLE (
  feed integer, made timestamptz, own boolean, title text, ref text, place text, place_code text, what text,
  starts_at timestamptz, ends_at timestamptz, cancelled boolean, revision integer
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT f.id, date_trunc('second', f.created_at), f.member IS NOT NULL, coalesce(r.name, 'Maillage'),
    -- a resource's feed tells nothing that leads to the booking
    CASE WHEN f.member IS NOT NULL THEN b.ref ELSE left(encode(sha256(f.digest || b.ref::bytea), 'hex'), 20) END,
    p.name, p.code::text, CASE WHEN f.member IS NOT NULL THEN coalesce(ur.name, s.name) ELSE u.code::text END,
    b.starts_at, b.ends_at, b.cancelled_at IS NOT NULL, b.revision
  FROM calendar_feed f
  LEFT JOIN resource r ON r.id = f.resource
  LEFT JOIN LATERAL (
    SELECT k.* FROM booking k
    WHERE ((k.member = f.member AND k.status <> 'offered') OR (f.resource IS NOT NULL AND k.cancelled_at IS NULL
        AND k.unit IN (SELECT n.id FROM resource_unit n WHERE n.resource = f.resource)))
      AND k.ends_at > now() - interval '30 days' AND k.starts_at < now() + interval '400 days'
    ORDER BY k.starts_at, k.ref LIMIT 5000) b ON true
  LEFT JOIN place p ON p.id = b.place
  LEFT JOIN space s ON s.id = b.space
  LEFT JOIN resource_unit u ON u.id = b.unit
  LEFT JOIN resource ur ON ur.id = u.resource
  WHERE f.digest = sha256(convert_to(secret, 'UTF8'))
  ORDER BY b.starts_at, b.ref
$$;

-- Revisions, the audit and who may what ------------------------------------------------------------------------------------

CREATE TRIGGER revision_moves BEFORE UPDATE ON waiting FOR EACH ROW EXECUTE FUNCTION revision_moves();
DO $$
DECLARE
  event text;
BEGIN
  FOREACH event IN ARRAY '{INSERT,UPDATE,DELETE}'::text[] LOOP
    EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON waiting REFERENCING %s FOR EACH STATEMENT
      EXECUTE FUNCTION audit_changed(%L, %L, %L, %L, %L, %L, %L, %L)', lower(event), event,
      CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
        ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
      'ref', '''waiting '' || (r ->> ''ref'')', 'r ->> ''place''', 'r ->> ''member''', '{}', '{}', '{id,revision,joined_at}', 'true');
  END LOOP;
END $$;
CREATE TRIGGER audit_emptied AFTER TRUNCATE ON waiting FOR EACH STATEMENT EXECUTE FUNCTION audit_emptied();

DO $$
DECLARE
  desk text := '((SELECT caller_admin()) OR (SELECT caller_all(''place_manager'', ''front_desk''))
    OR place = ANY ((SELECT caller_scope(''place_manager'', ''front_desk''))::integer[]))';
  sees text := '((SELECT caller_all(''place_manager'', ''front_desk'', ''auditor''))
    OR place = ANY ((SELECT caller_scope(''place_manager'', ''front_desk'', ''auditor''))::integer[]))';
  own text := '((SELECT caller_role()) = ''member'' AND member = (SELECT caller_member()))';
BEGIN
  ALTER TABLE waiting ENABLE ROW LEVEL SECURITY;
  CREATE POLICY process ON waiting TO maillage_maintain USING (true) WITH CHECK (true);
  EXECUTE format('CREATE POLICY caller_reads ON waiting FOR SELECT TO maillage_api USING (%s OR member = (SELECT caller_member()))', sees);
  EXECUTE format('CREATE POLICY caller_adds ON waiting FOR INSERT TO maillage_api WITH CHECK ((%s AND caller_sees_member(member)) OR %s)', desk, own);
  EXECUTE format('CREATE POLICY caller_changes ON waiting FOR UPDATE TO maillage_api USING (%s OR %s)', desk, own);
END $$;
GRANT SELECT, INSERT (member, place, space, resource, unit, kind, starts_at, ends_at), UPDATE (status, closed_at) ON waiting
  TO maillage_api;
GRANT SELECT, UPDATE (status, closed_at), DELETE ON waiting TO maillage_maintain;
REVOKE ALL ON FUNCTION waiting_last(integer, text, integer, timestamptz), waiting_position(text), waiting_hold(waiting),
  offer_waiting(timestamptz, integer[], timestamptz, timestamptz), booking_freed(), waiting_follows()
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION waiting_position(text) TO maillage_api;
GRANT EXECUTE ON FUNCTION waiting_last(integer, text, integer, timestamptz),
  offer_waiting(timestamptz, integer[], timestamptz, timestamptz) TO maillage_maintain;
