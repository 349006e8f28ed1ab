-- Two cancellations at once at one place: the second waits until the first has made its offers, and then offers what it frees
-- itself. Before, that was open to anybody until the job's next round.

-- Be the only transaction that offers at a place until it ends; false: another one is. `wait`: up to two seconds, without a lock
-- of the database that could close a circle of transactions waiting for each other.
CREATE FUNCTION waiting_line(place integer, wait boolean) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  until timestamptz := clock_timestamp() + interval '2 seconds';
BEGIN
  LOOP
    IF pg_try_advisory_xact_lock(hashtextextended('waiting ' || waiting_line.place, 3)) THEN
      RETURN true;
    END IF;
    IF NOT wait OR clock_timestamp() > until THEN
      RETURN false;
    END IF;
    PERFORM pg_sleep(0.005);
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION waiting_line(integer, boolean) FROM PUBLIC;

-- As before (0096), and without waiting for a room that another transaction frees. Hold what is free for an entry; the new booking, or NULL: nothing is free. Waits for nobody who is about to book.
CREATE OR REPLACE FUNCTION waiting_hold(entry waiting) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
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
  -- a room that is about to become free is offered by who frees it
  IF entry.kind = 'room' AND EXISTS (
    SELECT FROM booking b WHERE b.space = entry.space AND b.one_party AND b.cancelled_at IS NULL
      AND tstzrange(b.starts_at, b.ends_at) && tstzrange(entry.starts_at, entry.ends_at))
  THEN
    RETURN NULL;
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
-- One transaction at a time does so for a place. A change that frees something waits for the one before, so that what it frees
-- is never left to the next booking; the job goes on with other places and comes again.
CREATE OR REPLACE FUNCTION offer_waiting(at timestamptz, places integer[], starts timestamptz, ends timestamptz) RETURNS integer
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
    IF entry.place = ANY (busy) OR NOT waiting_line(entry.place, offer_waiting.places IS NOT NULL) THEN
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
