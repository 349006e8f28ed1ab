-- A guest is written to when the visit moves or is cancelled, whoever does it; what a member's export has of their bookings.

CREATE FUNCTION guest_written_to() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  change text := CASE
    WHEN OLD.valid_until <= now() THEN NULL
    WHEN OLD.visitor IN ('expected', 'present') AND NEW.visitor = 'cancelled' THEN 'guest_cancelled'
    WHEN NEW.visitor IN ('expected', 'present') AND NEW.valid_until > now()
      AND (OLD.visitor = 'cancelled' OR (OLD.valid_from, OLD.valid_until) IS DISTINCT FROM (NEW.valid_from, NEW.valid_until))
      THEN 'guest_moved' END;
BEGIN
  -- the holder left early: the visit ends with the booking
  IF change = 'guest_moved' AND EXISTS (SELECT FROM booking_guest g JOIN booking b ON b.ref = g.booking
                                        WHERE g.pass = NEW.ref AND b.status = 'ended') THEN
    RETURN NULL;
  END IF;
  -- the address is kept with the mail about the visit alone
  PERFORM queue_mail(NEW.member, m.to_address, change, m.language, jsonb_build_object(
    'name', m."values" -> 'name', 'place', p.name, 'contact', concat_ws(', ', p.phone, p.email),
    'address', coalesce(nullif(concat_ws(', ', p.address, nullif(concat_ws(' ', p.postcode, p.commune), '')), ''), p.name),
    'starts', time_in_mail(NEW.valid_from, p.time_zone), 'ends', time_in_mail(NEW.valid_until, p.time_zone)), NULL, NULL,
    greatest(OLD.valid_until, NEW.valid_until))
  FROM (SELECT l.to_address, l.language, l."values" FROM mail l WHERE l.to_member = NEW.member AND l.to_address IS NOT NULL
    AND l.kind IN ('guest_code', 'guest_card') ORDER BY l.id DESC LIMIT 1) m
  CROSS JOIN LATERAL (SELECT q.* FROM pass_place o JOIN place q ON q.id = o.place WHERE o.pass = NEW.ref LIMIT 1) p
  WHERE change IS NOT NULL;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION guest_written_to() FROM PUBLIC;
CREATE TRIGGER guest_written_to AFTER UPDATE ON pass FOR EACH ROW
  WHEN (NEW.visitor IS NOT NULL AND (OLD.valid_from, OLD.valid_until, OLD.visitor)
    IS DISTINCT FROM (NEW.valid_from, NEW.valid_until, NEW.visitor))
  EXECUTE FUNCTION guest_written_to();
-- which mails of guests are kept until their visit is over
GRANT SELECT (ref, member, valid_until, visitor) ON pass TO maillage_maintain;

CREATE POLICY administrator_reads ON attendance FOR SELECT TO maillage_api USING ((SELECT caller_admin()));
CREATE POLICY caller_own ON attendance FOR SELECT TO maillage_api
  USING (EXISTS (SELECT FROM booking b WHERE b.ref = attendance.booking AND b.member = (SELECT caller_member())));
GRANT SELECT ON attendance TO maillage_api;
