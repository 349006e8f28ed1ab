-- A booking without guests opens no door for any: it isn't looked at further. A change of 10,000 bookings at once spent
-- nine tenths of its time here.
CREATE OR REPLACE FUNCTION booking_guests_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_TABLE_NAME = 'booking' THEN
    IF EXISTS (SELECT FROM booking_guest g WHERE g.booking = NEW.ref) THEN
      PERFORM booking_guests_follow(ARRAY[NEW.ref]);
    END IF;
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
