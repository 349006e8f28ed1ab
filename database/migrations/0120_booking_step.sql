-- The steps of bookings, for those who follow them (docs/bookings.md): made, moved, arrived, checked in, left, ended …, each once.

CREATE TABLE booking_step (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  booking text NOT NULL REFERENCES booking ON DELETE CASCADE,
  step text NOT NULL CHECK (step IN ('offered', 'booked', 'moved', 'arrived', 'checked_in', 'checked_out', 'left', 'ended',
    'no_show', 'lapsed', 'cancelled')),
  at timestamptz NOT NULL,                    -- when it happened
  n bigint UNIQUE                             -- its place in the order that all see; given by one process at a time, once committed
);
CREATE INDEX booking_step_new ON booking_step (id) WHERE n IS NULL;
CREATE INDEX booking_step_booking ON booking_step (booking);
CREATE SEQUENCE booking_step_n AS bigint OWNED BY booking_step.n;

CREATE FUNCTION booking_steps() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_TABLE_NAME = 'attendance' THEN
    IF TG_OP = 'INSERT' THEN
      INSERT INTO booking_step (booking, step, at) SELECT a.booking, 'arrived', a.in_at FROM new_rows a WHERE a.in_at IS NOT NULL;
    ELSE
      INSERT INTO booking_step (booking, step, at)
      SELECT a.booking, 'arrived', a.in_at FROM new_rows a JOIN old_rows o ON o.booking = a.booking
      WHERE a.in_at IS NOT NULL AND o.in_at IS NULL;
    END IF;
  ELSIF TG_OP = 'INSERT' THEN
    INSERT INTO booking_step (booking, step, at)
    SELECT b.ref, b.status, now() FROM new_rows b WHERE b.member IS NOT NULL AND b.status IN ('offered', 'booked') AND b.ends_at > now();
  ELSE
    INSERT INTO booking_step (booking, step, at)
    SELECT b.ref, s.step, s.at FROM new_rows b JOIN old_rows o ON o.ref = b.ref
    CROSS JOIN LATERAL (
      SELECT 1 AS turn, 'moved' AS step, now() AS at WHERE b.status = o.status AND b.status IN ('booked', 'checked_in')
        AND (b.starts_at, b.ends_at, b.space, b.unit) IS DISTINCT FROM (o.starts_at, o.ends_at, o.space, o.unit)
      UNION ALL
      SELECT 2, 'left', b.released_at WHERE b.status = 'ended' AND o.status <> 'ended' AND b.released_at IS NOT NULL
      UNION ALL
      SELECT 3, CASE WHEN b.status = 'booked' AND o.status = 'checked_in' THEN 'checked_out' ELSE b.status END,
        CASE b.status WHEN 'checked_in' THEN b.checked_in_at WHEN 'ended' THEN b.ends_at ELSE coalesce(b.cancelled_at, now()) END
      WHERE b.status <> o.status
    ) s
    WHERE b.member IS NOT NULL ORDER BY b.ref, s.turn;
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION booking_steps() FROM PUBLIC;
CREATE TRIGGER booking_steps_insert AFTER INSERT ON booking REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION booking_steps();
CREATE TRIGGER booking_steps_update AFTER UPDATE ON booking REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION booking_steps();
CREATE TRIGGER booking_steps_insert AFTER INSERT ON attendance REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION booking_steps();
CREATE TRIGGER booking_steps_update AFTER UPDATE ON attendance REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION booking_steps();

ALTER TABLE booking_step ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON booking_step TO maillage_maintain USING (true) WITH CHECK (true);
-- who sees the booking
CREATE POLICY caller_reads ON booking_step FOR SELECT TO maillage_api
  USING (EXISTS (SELECT FROM booking b WHERE b.ref = booking_step.booking));
GRANT SELECT ON booking_step TO maillage_api, maillage_maintain;
GRANT UPDATE (n) ON booking_step TO maillage_maintain;
GRANT USAGE ON SEQUENCE booking_step_n TO maillage_maintain;
