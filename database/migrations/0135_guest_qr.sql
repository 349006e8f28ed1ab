-- A guest's QR (docs/access.md, decision 53): made by the API as a credential, signed by the rights process, which alone signs.

INSERT INTO reason VALUES (22, 'qr_unsigned'), (23, 'qr_elsewhere'), (24, 'qr_void');

-- A QR is in lists as cards are; its number begins with a letter that no card's has.
ALTER TABLE card DROP CONSTRAINT card_kind_check, ADD CONSTRAINT card_kind_check CHECK (kind IN ('card', 'code', 'qr'));

CREATE TABLE guest_qr (
  pass text PRIMARY KEY REFERENCES pass ON DELETE CASCADE,      -- the visit
  member text NOT NULL REFERENCES member ON DELETE CASCADE,     -- the guest
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  link bytea NOT NULL UNIQUE CHECK (length(link) = 32),         -- SHA-256 of what the address of its page ends with
  made_at timestamptz NOT NULL DEFAULT now(),
  -- the rest is the rights process'
  sealed bytea CHECK (length(sealed) <= 2000),  -- the signed text, for the API alone (rights.sealing); NULL: none is in force
  starts_at timestamptz,                      -- what that text says
  ends_at timestamptz,
  entry bytea CHECK (length(entry) = 32),     -- the digest of the list's entry that it was made from
  signed_by text CHECK (length(signed_by) <= 100),              -- the public key
  signed_at timestamptz
);
CREATE INDEX guest_qr_member ON guest_qr (member);
CREATE INDEX guest_qr_place ON guest_qr (place);
ALTER TABLE guest_qr ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON guest_qr TO maillage_rights, maillage_maintain USING (true) WITH CHECK (true);
CREATE POLICY caller_reads ON guest_qr FOR SELECT TO maillage_api USING (
  (SELECT caller_all('place_manager', 'front_desk', 'auditor'))
  OR place = ANY ((SELECT caller_scope('place_manager', 'front_desk', 'auditor'))::integer[]));
GRANT SELECT (pass, member, place, made_at, signed_at) ON guest_qr TO maillage_api;
GRANT SELECT, UPDATE (sealed, starts_at, ends_at, entry, signed_by, signed_at) ON guest_qr TO maillage_rights;
GRANT SELECT (pass, member, place) ON guest_qr TO maillage_maintain;

-- Give a guest who has nothing yet a QR. False: no reader of the place reads QR codes (those of `drivers` do).
CREATE FUNCTION guest_qr_make(pass text, lookup bytea, sealed bytea, link bytea, drivers text[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  of record;
BEGIN
  SELECT v.member, v.valid_until, l.place, (SELECT g.booking FROM booking_guest g WHERE g.pass = v.ref) AS booking INTO of
  FROM pass v JOIN pass_place l ON l.pass = v.ref
  WHERE v.ref = guest_qr_make.pass AND v.visitor IS NOT NULL AND NOT EXISTS (SELECT FROM card c WHERE c.member = v.member);
  IF of.member IS NULL OR NOT (caller_may(of.place, 'place_manager', 'front_desk') OR coalesce(booking_guests_own(of.booking), false)
      OR (caller_role() = 'member' AND EXISTS (SELECT FROM pass v WHERE v.ref = guest_qr_make.pass AND v.host = caller_member()))) THEN
    RAISE EXCEPTION 'not a guest of yours' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF NOT EXISTS (SELECT FROM device d JOIN gateway g ON g.id = d.gateway WHERE d.place = of.place AND d.driver = ANY (guest_qr_make.drivers)
      AND d.retired_at IS NULL AND g.retired_at IS NULL) THEN
    RETURN false;
  END IF;
  INSERT INTO card (lookup, kind, format, member, status, valid_until)
  VALUES (guest_qr_make.lookup, 'qr', 'qr', of.member, 'active', of.valid_until);
  INSERT INTO card_number (lookup, sealed) VALUES (guest_qr_make.lookup, guest_qr_make.sealed) ON CONFLICT DO NOTHING;
  INSERT INTO guest_qr (pass, member, place, link) VALUES (guest_qr_make.pass, of.member, of.place, guest_qr_make.link);
  RETURN true;
END $$;

-- A visit's QR for who manages the place: no row: the visit has none, or isn't theirs.
CREATE FUNCTION guest_qr_of(pass text) RETURNS TABLE (place integer, visitor text, ends_at timestamptz, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT q.place, v.visitor, v.valid_until,
    CASE WHEN v.visitor IN ('expected', 'present') AND (q.starts_at, q.ends_at) = (v.valid_from, v.valid_until) THEN q.sealed END
  FROM guest_qr q JOIN pass v ON v.ref = q.pass
  WHERE q.pass = guest_qr_of.pass AND caller_may(q.place, 'place_manager', 'front_desk')
$$;
-- What the page of a guest shows, by what its address ends with; until a day after the visit.
CREATE FUNCTION guest_page(link bytea) RETURNS TABLE (pass text, name text, host text, visitor text, starts_at timestamptz,
  ends_at timestamptz, place text, address text, time_zone text, phone text, email text, latitude double precision,
  longitude double precision, space text, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT v.ref, m.name, h.name, v.visitor, v.valid_from, v.valid_until, p.name,
    coalesce(nullif(concat_ws(', ', p.address, nullif(concat_ws(' ', p.postcode, p.commune), '')), ''), p.name), p.time_zone,
    p.phone, p.email, p.latitude, p.longitude,
    (SELECT string_agg(s.name, ', ' ORDER BY s.name) FROM pass_place l JOIN space s ON s.id = ANY (l.spaces) WHERE l.pass = v.ref),
    CASE WHEN v.visitor IN ('expected', 'present') AND (q.starts_at, q.ends_at) = (v.valid_from, v.valid_until) THEN q.sealed END
  FROM guest_qr q JOIN pass v ON v.ref = q.pass JOIN member m ON m.ref = q.member JOIN place p ON p.id = q.place
  LEFT JOIN member h ON h.ref = v.host
  WHERE q.link = guest_page.link AND v.valid_until > now() - interval '1 day'
$$;
REVOKE ALL ON FUNCTION guest_qr_make(text, bytea, bytea, bytea, text[]), guest_qr_of(text), guest_page(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION guest_qr_make(text, bytea, bytea, bytea, text[]), guest_qr_of(text), guest_page(bytea) TO maillage_api;

-- As in 0101; of a guest with a QR, too.
CREATE OR REPLACE FUNCTION guest_written_to() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
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
  PERFORM queue_mail(NEW.member, m.to_address, CASE WHEN change = 'guest_moved' AND m.kind = 'guest_qr' THEN 'guest_qr_moved' ELSE change END,
    m.language, jsonb_build_object(
    'name', m."values" -> 'name', 'place', p.name, 'contact', concat_ws(', ', p.phone, p.email),
    'address', coalesce(nullif(concat_ws(', ', p.address, nullif(concat_ws(' ', p.postcode, p.commune), '')), ''), p.name),
    'starts', time_in_mail(NEW.valid_from, p.time_zone), 'ends', time_in_mail(NEW.valid_until, p.time_zone)), NULL, NULL,
    greatest(OLD.valid_until, NEW.valid_until))
  FROM (SELECT l.to_address, l.language, l."values", l.kind FROM mail l WHERE l.to_member = NEW.member AND l.to_address IS NOT NULL
    AND l.kind IN ('guest_code', 'guest_card', 'guest_qr') ORDER BY l.id DESC LIMIT 1) m
  CROSS JOIN LATERAL (SELECT q.* FROM pass_place o JOIN place q ON q.id = o.place WHERE o.pass = NEW.ref LIMIT 1) p
  WHERE change IS NOT NULL;
  RETURN NULL;
END $$;
