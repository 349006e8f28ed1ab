-- What the occupancy estimate hears of bookings: when one of a space begins within an hour, changes or is taken back, who
-- came and who didn't. A row waits until the ingest has made it an event (stream -1, seq = id). Nothing here is a person's:
-- a booking is a number made of its reference, and of its row the times, the space and whether it is a whole room's.

INSERT INTO event_kind VALUES (12, 'booking');
COMMENT ON COLUMN event.stream IS
  'one life of a gateway''s spool; 0: head counts, whose seq is head_count.id; -1: bookings, whose seq is booking_news.id';
COMMENT ON COLUMN event.b IS 'count: left; access: list age in seconds; head_count, booking: space';

CREATE SEQUENCE booking_news_id AS bigint;
CREATE TABLE booking_news (
  booking bigint PRIMARY KEY,
  id bigint NOT NULL DEFAULT nextval('booking_news_id'),
  place integer NOT NULL,
  space integer NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  party boolean NOT NULL,                     -- of the whole space, for one party
  held boolean NOT NULL,                      -- it holds the space, or a seat in it
  came boolean,                               -- somebody checked in, or it was released since nobody came; NULL: not known
  due_at timestamptz NOT NULL,                -- when the ingest takes it
  FOREIGN KEY (space, place) REFERENCES space (id, place) ON DELETE CASCADE
);
ALTER SEQUENCE booking_news_id OWNED BY booking_news.id;
CREATE INDEX booking_news_due ON booking_news (due_at, id);

-- Bookings of the last hour and to come; the newest state of each. One that moves to another space leaves the one before. A
-- row that waits for its time was never told, so a change of it can wait too.
CREATE FUNCTION booking_told() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  told boolean := false;
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO booking_news AS n (booking, place, space, starts_at, ends_at, party, held, came, due_at)
    SELECT hashtextextended(o.ref, o.space), o.place, o.space, o.starts_at, o.ends_at, o.one_party, false, NULL, now()
    FROM old_rows o JOIN space s ON s.id = o.space
    WHERE o.holds_seat AND o.ends_at > now() - interval '1 hour' AND o.cancelled_at IS NULL
    ON CONFLICT (booking) DO UPDATE SET id = DEFAULT, held = false, came = NULL;
    told := FOUND;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO booking_news AS n (booking, place, space, starts_at, ends_at, party, held, came, due_at)
    SELECT hashtextextended(b.ref, b.space), b.place, b.space, b.starts_at, b.ends_at, b.one_party, b.cancelled_at IS NULL,
      CASE WHEN b.checked_in_at IS NOT NULL THEN true WHEN b.status = 'no_show' THEN false END,
      CASE WHEN b.cancelled_at IS NULL THEN greatest(now(), b.starts_at - interval '1 hour') ELSE now() END
    FROM new_rows b
    WHERE b.space IS NOT NULL AND b.holds_seat AND b.ends_at > now() - interval '1 hour'
    ON CONFLICT (booking) DO UPDATE SET id = DEFAULT, place = excluded.place, space = excluded.space,
      starts_at = excluded.starts_at, ends_at = excluded.ends_at, party = excluded.party, held = excluded.held,
      came = excluded.came,
      due_at = CASE WHEN n.due_at <= now() THEN now() WHEN excluded.held THEN excluded.due_at ELSE n.due_at END;
    told := told OR FOUND;
  END IF;
  IF told THEN
    PERFORM pg_notify('maillage_booking_news', '');
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION booking_told() FROM PUBLIC;
CREATE TRIGGER booking_told_insert AFTER INSERT ON booking REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION booking_told();
CREATE TRIGGER booking_told_update AFTER UPDATE ON booking REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION booking_told();
CREATE TRIGGER booking_told_delete AFTER DELETE ON booking REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION booking_told();

ALTER TABLE booking_news ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON booking_news TO maillage_ingest USING (true) WITH CHECK (true);
GRANT SELECT, DELETE ON booking_news TO maillage_ingest;

-- Those that are to come already.
INSERT INTO booking_news (booking, place, space, starts_at, ends_at, party, held, came, due_at)
SELECT hashtextextended(b.ref, b.space), b.place, b.space, b.starts_at, b.ends_at, b.one_party, true,
  CASE WHEN b.checked_in_at IS NOT NULL THEN true END, greatest(now(), b.starts_at - interval '1 hour')
FROM booking b WHERE b.space IS NOT NULL AND b.holds_seat AND b.cancelled_at IS NULL AND b.ends_at > now();
