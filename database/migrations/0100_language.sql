-- The language of a member's mails. Times in mails are instants, which are shown as the language does when the mail is sent.

ALTER TABLE member ADD COLUMN language text CHECK (language IN ('fr', 'en'));   -- NULL: the network's
-- NULL: the member's, else the network's (MAILLAGE_MAIL_LANGUAGE)
ALTER TABLE mail ALTER COLUMN language DROP NOT NULL, ALTER COLUMN language DROP DEFAULT;
GRANT SELECT (language) ON member TO maillage_maintain;

-- A time as a mail has it: database.mail.time_in_mail.
CREATE FUNCTION time_in_mail(at timestamptz, zone text) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp
  AS $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '[' || zone || ']' $$;
REVOKE ALL ON FUNCTION time_in_mail(timestamptz, text) FROM PUBLIC;

-- As in 0096, in the member's language.
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
    PERFORM queue_mail(entry.member, NULL, 'waiting_offer', NULL, jsonb_build_object(
      'what', of.what, 'place', of.place, 'contact', of.contact,
      'starts', time_in_mail(entry.starts_at, of.zone),
      'ends', time_in_mail(entry.ends_at, of.zone),
      'until', time_in_mail(of.until, of.zone)), NULL, 'waiting offer ' || entry.ref, of.until);
    offers := offers + 1;
  END LOOP;
  PERFORM set_config('maillage.seal', seal, true);
  RETURN offers;
END $$;
CREATE OR REPLACE FUNCTION booking_freed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  freed record;
BEGIN
  IF EXISTS (SELECT FROM old_rows o WHERE o.status = 'offered') THEN
    UPDATE waiting w SET closed_at = now(),
      status = CASE n.status WHEN 'lapsed' THEN 'lapsed' WHEN 'cancelled' THEN 'declined' ELSE 'accepted' END
    FROM new_rows n WHERE n.ref = w.booking AND n.status <> 'offered' AND w.status = 'offered';
    PERFORM queue_mail(w.member, NULL, 'waiting_lapsed', NULL, jsonb_build_object(
      'what', coalesce(r.name, s.name, p.name), 'place', p.name, 'contact', concat_ws(', ', p.phone, p.email),
      'starts', time_in_mail(w.starts_at, p.time_zone),
      'ends', time_in_mail(w.ends_at, p.time_zone)), NULL, 'waiting lapsed ' || w.ref, w.ends_at)
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
