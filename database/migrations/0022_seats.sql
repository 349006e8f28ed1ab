-- Free seats that are free, bookings that hold: what a space's seats are for, whether a place is open, rooms that one party
-- has at a time.

-- Spaces -----------------------------------------------------------------------------------------------------------------

CREATE TABLE space_kind (
  kind text PRIMARY KEY,
  for_work boolean NOT NULL,                  -- its seats are seats to work at, unless the space itself says otherwise
  one_party boolean NOT NULL                  -- one party at a time has it: its bookings don't overlap
);
INSERT INTO space_kind VALUES ('place', false, false), ('open_space', true, false), ('meeting_room', false, true),
  ('fab_lab', false, false), ('phone_box', false, true), ('kitchen', false, false), ('other', false, false);
GRANT SELECT ON space_kind TO maillage_api, maillage_ingest, maillage_rights, maillage_maintain;

ALTER TABLE space ADD COLUMN for_work boolean,  -- NULL: as its kind; true: for example a fab lab whose benches have desks
  ADD FOREIGN KEY (kind) REFERENCES space_kind;

-- What the generator gave whole places beyond what their rooms hold stood in no room. A limit that was that number follows.
WITH rooms AS (
  SELECT s.parent, sum(s.capacity)::integer AS holds FROM space s WHERE s.parent IS NOT NULL
  GROUP BY s.parent HAVING bool_and(s.capacity IS NOT NULL)
), less AS (
  UPDATE space r SET capacity = rooms.holds,
    person_limit = CASE WHEN r.person_limit = r.capacity THEN rooms.holds ELSE r.person_limit END
  FROM rooms WHERE rooms.parent = r.id AND r.kind = 'place' AND r.generated AND r.capacity > rooms.holds
  RETURNING r.id, r.capacity
)
UPDATE space_state st SET capacity = less.capacity FROM less WHERE less.id = st.space;

-- Hours ------------------------------------------------------------------------------------------------------------------

-- A place's hours may also say what it does on public holidays and on certain days, as schedules do.
CREATE FUNCTION is_days_and_hours(hours jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT jsonb_typeof(hours) = 'object' AND is_weekly_hours(hours - '{holidays,except,closed}'::text[])
    AND (NOT hours ? 'holidays' OR coalesce(jsonb_typeof(hours -> 'holidays') = 'object'
      AND coalesce(hours #>> '{holidays,department}', '') ~ '^(|[0-9AB]{2,3})$'
      AND is_weekly_hours(jsonb_build_object('mon', coalesce(hours #> '{holidays,hours}', '[]'))), false))
    AND NOT EXISTS (
      SELECT FROM unnest('{closed,except}'::text[]) AS what (key)
      CROSS JOIN LATERAL jsonb_array_elements(
        CASE WHEN NOT hours ? what.key THEN '[]' WHEN jsonb_typeof(hours -> what.key) = 'array' THEN hours -> what.key ELSE '[null]' END
      ) AS one (days)
      WHERE NOT coalesce(jsonb_typeof(days) = 'array'
        AND jsonb_array_length(CASE jsonb_typeof(days) WHEN 'array' THEN days ELSE '[]' END) = CASE what.key WHEN 'closed' THEN 2 ELSE 3 END
        AND days ->> 0 ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' AND days ->> 1 ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
        AND (days ->> 0) COLLATE "C" <= (days ->> 1) COLLATE "C"
        AND (what.key = 'closed' OR is_weekly_hours(jsonb_build_object('mon', days -> 2))), false))
$$;
ALTER TABLE place DROP CONSTRAINT place_opening_hours,
  ADD CONSTRAINT place_opening_hours CHECK (opening_hours IS NULL OR is_days_and_hours(opening_hours));

-- Whether a day is a public holiday in a department, as access.holidays says.
CREATE FUNCTION is_public_holiday(day date, department text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  y integer := extract(year FROM day);
  c integer := y / 100;
  g integer := y % 19;
  r integer := (c + 8) / 25;
  epact integer := (19 * g + c - c / 4 - (c - r + 1) / 3 + 15) % 30;
  weekday integer := (32 + 2 * (c % 4) + 2 * (y % 100 / 4) - epact - y % 4) % 7;
  m integer := (g + 11 * epact + 22 * weekday) / 451;
  n integer := epact + weekday - 7 * m + 114;
  easter date := make_date(y, n / 31, n % 31 + 1);
BEGIN
  RETURN to_char(day, 'MM-DD') IN ('01-01', '05-01', '05-08', '07-14', '08-15', '11-01', '11-11', '12-25')
    OR day - easter IN (1, 39, 50)
    OR (department IN ('57', '67', '68') AND (day = easter - 2 OR to_char(day, 'MM-DD') = '12-26'))
    OR to_char(day, 'MM-DD') = CASE department WHEN '971' THEN '05-27' WHEN '972' THEN '05-22' WHEN '973' THEN '06-10'
      WHEN '974' THEN '12-20' WHEN '976' THEN '04-27' WHEN '977' THEN '10-09' WHEN '978' THEN '05-28' ELSE '' END;
END $$;

-- Whether hours, as a place has them, are open at a local time, as access.schedules says; NULL: they aren't known.
CREATE FUNCTION hours_cover(hours jsonb, department text, local timestamp) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  day text := to_char(local, 'YYYY-MM-DD');
  clock text := to_char(local, 'HH24:MI');
  periods jsonb := hours -> ('{mon,tue,wed,thu,fri,sat,sun}'::text[])[extract(isodow FROM local)::integer];
  one jsonb;
BEGIN
  IF hours IS NULL THEN
    RETURN NULL;
  END IF;
  IF EXISTS (SELECT FROM jsonb_array_elements(hours -> 'closed') AS days WHERE day >= (days ->> 0) COLLATE "C" AND day <= (days ->> 1) COLLATE "C") THEN
    RETURN false;
  END IF;
  IF hours ? 'holidays' AND is_public_holiday(local::date, coalesce(hours #>> '{holidays,department}', department)) THEN
    periods := hours #> '{holidays,hours}';
  END IF;
  FOR one IN SELECT days FROM jsonb_array_elements(hours -> 'except') AS days LOOP
    IF day >= (one ->> 0) COLLATE "C" AND day <= (one ->> 1) COLLATE "C" THEN
      periods := one -> 2;
      EXIT;
    END IF;
  END LOOP;
  RETURN EXISTS (SELECT FROM jsonb_array_elements(periods) AS span WHERE clock >= (span ->> 0) COLLATE "C" AND clock < (span ->> 1) COLLATE "C");
END $$;

-- Bookings ---------------------------------------------------------------------------------------------------------------

ALTER TABLE booking ADD COLUMN one_party boolean NOT NULL DEFAULT false;  -- its space is one party's at a time (a trigger)

-- The same booking twice is one: the others are cancelled.
UPDATE booking SET cancelled_at = now() WHERE ref IN (
  SELECT s.ref FROM (
    SELECT b.ref, row_number() OVER (PARTITION BY b.member, b.place, b.space, b.starts_at, b.ends_at ORDER BY b.ref) AS number
    FROM booking b WHERE b.cancelled_at IS NULL) s
  WHERE s.number > 1);
CREATE UNIQUE INDEX booking_once ON booking (member, place, space, starts_at, ends_at) NULLS NOT DISTINCT
  WHERE cancelled_at IS NULL;

-- Of bookings of one room that overlap, the one made first stays; the others are cancelled, each with an alarm that says so.
-- What is over already stays as it is.
DO $$
DECLARE
  one record;
  kept text;
BEGIN
  FOR one IN
    SELECT b.ref, b.place, b.space, b.starts_at, b.ends_at, s.code AS room, p.code AS place_code
    FROM booking b JOIN space s ON s.id = b.space JOIN space_kind k ON k.kind = s.kind JOIN place p ON p.id = b.place
    WHERE k.one_party AND b.cancelled_at IS NULL AND b.ends_at > now()
    ORDER BY coalesce((SELECT min(a.id) FROM audit a WHERE a.subject = 'booking ' || b.ref AND a.action = 'booking created'), 0),
      b.starts_at, b.ref
  LOOP
    SELECT b.ref INTO kept FROM booking b
    WHERE b.space = one.space AND b.one_party AND b.cancelled_at IS NULL
      AND tstzrange(b.starts_at, b.ends_at) && tstzrange(one.starts_at, one.ends_at)
    LIMIT 1;
    IF kept IS NULL THEN
      UPDATE booking SET one_party = true WHERE ref = one.ref;
    ELSE
      UPDATE booking SET cancelled_at = now() WHERE ref = one.ref;
      INSERT INTO alarm (kind, place, from_at, until_at, text, detail) VALUES ('booking_cancelled', one.place, one.starts_at, one.ends_at,
        format('Booking %s of %s at %s was cancelled: it overlaps booking %s, which was made first. Tell its holder.', one.ref, one.room, one.place_code, kept),
        jsonb_build_object('cancelled', one.ref, 'kept', kept, 'space', one.room));
    END IF;
  END LOOP;
END $$;

ALTER TABLE booking ADD CONSTRAINT booking_room_once
  EXCLUDE USING gist (space WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (one_party AND cancelled_at IS NULL);

CREATE INDEX booking_times ON booking USING gist (place, tstzrange(starts_at, ends_at)) WHERE cancelled_at IS NULL;

CREATE FUNCTION booking_one_party() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  NEW.one_party := EXISTS (SELECT FROM space s JOIN space_kind k ON k.kind = s.kind WHERE s.id = NEW.space AND k.one_party);
  RETURN NEW;
END $$;
CREATE TRIGGER booking_one_party BEFORE INSERT OR UPDATE OF space, starts_at, ends_at ON booking
  FOR EACH ROW EXECUTE FUNCTION booking_one_party();
-- A space that becomes a meeting room, or ceases to be one: its bookings to come follow.
CREATE FUNCTION space_kind_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE booking SET space = space WHERE space = NEW.id AND cancelled_at IS NULL AND ends_at > now();
  RETURN NULL;
END $$;
CREATE TRIGGER space_kind_changed AFTER UPDATE OF kind ON space FOR EACH ROW
  WHEN (NEW.kind <> OLD.kind) EXECUTE FUNCTION space_kind_changed();

-- When spaces are booked is no secret; by whom is. Of those that are over only the last day's.
CREATE FUNCTION public_bookings() RETURNS TABLE (place integer, space integer, starts_at timestamptz, ends_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT b.place, b.space, greatest(b.starts_at, '1000-01-01'), least(b.ends_at, '9000-01-01')
  FROM booking b WHERE b.cancelled_at IS NULL AND b.ends_at > now() - interval '1 day'
$$;
CREATE FUNCTION bookings_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_notify('maillage_bookings', '');
  RETURN NULL;
END $$;
CREATE TRIGGER bookings_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON booking
  FOR EACH STATEMENT EXECUTE FUNCTION bookings_changed();

-- A closure twice is one.
DELETE FROM closure c USING closure d WHERE d.place IS NOT DISTINCT FROM c.place AND d.first = c.first AND d.last = c.last AND d.id < c.id;
CREATE UNIQUE INDEX closure_once ON closure (place, first, last) NULLS NOT DISTINCT;

-- What Grafana reads -----------------------------------------------------------------------------------------------------

-- Not for readers: whether each place is open now (NULL: its hours aren't known), and whether it is in lockdown.
CREATE VIEW place_opening AS
SELECT p.id AS place, l.locked,
  NOT l.locked AND NOT EXISTS (
    SELECT FROM closure c
    WHERE (c.place IS NULL OR c.place = p.id) AND (now() AT TIME ZONE p.time_zone)::date BETWEEN c.first AND c.last)
  AND hours_cover(p.opening_hours, p.department, now() AT TIME ZONE p.time_zone) AS open
FROM place p
CROSS JOIN LATERAL (
  SELECT EXISTS (
    SELECT FROM lockdown d WHERE d.released_at IS NULL AND d.door IS NULL AND (d.place IS NULL OR d.place = p.id)) AS locked
) l;

-- Each space as the API's board has it, and its free seats as occupancy.free_seats counts them. `counts`: it isn't the root, which
-- holds the others, nor within a space for work; so each seat is counted once.
CREATE OR REPLACE VIEW report.space_now WITH (security_barrier) AS
SELECT p.place, s.code AS space, s.name, s.kind, s.parent IS NULL AS root,
  n.present, n.low, n.high,
  c.capacity,
  100.0::float8 * n.present / nullif(c.capacity, 0) AS percent,
  q.quality,
  array_position('{unknown,live,degraded,stale}'::text[], q.quality) - 1 AS quality_level,
  a.at, st.ttl_s,
  o.open, o.locked, k.for_work, k.counts, b.bookings,
  CASE
    WHEN NOT o.open THEN 0
    WHEN c.capacity IS NULL THEN NULL
    WHEN k.one_party AND b.held > 0 THEN 0
    WHEN n.high IS NULL THEN NULL
    WHEN k.one_party THEN CASE WHEN n.high > 0 THEN 0 ELSE c.capacity END
    ELSE greatest(0, c.capacity - n.high - b.held) END AS free_low,
  CASE
    WHEN NOT o.open THEN 0
    WHEN c.capacity IS NULL THEN NULL
    WHEN k.one_party AND b.held > 0 THEN 0
    WHEN n.low IS NULL THEN NULL
    WHEN k.one_party THEN CASE WHEN n.low > 0 THEN 0 ELSE c.capacity END
    ELSE greatest(0, c.capacity - greatest(n.low, b.held)) END AS free_high
FROM space s
JOIN report.place p ON p.id = s.place
LEFT JOIN space_state st ON st.space = s.id
LEFT JOIN report.line l ON l.place = s.place
CROSS JOIN LATERAL (SELECT x.open, x.locked FROM place_opening x WHERE x.place = s.place OFFSET 0) o  -- asked once a place
LEFT JOIN space u ON u.id = s.parent
CROSS JOIN LATERAL (
  SELECT coalesce(s.for_work, t.for_work) AS for_work, t.one_party,
    (s.parent IS NOT NULL OR coalesce(s.for_work, t.for_work))
      AND NOT coalesce((SELECT coalesce(u.for_work, v.for_work) FROM space_kind v WHERE v.kind = u.kind), false) AS counts
  FROM space_kind t WHERE t.kind = s.kind) k
CROSS JOIN LATERAL (
  -- those of the root space are the place's, and hold seats wherever these are
  SELECT count(*)::integer AS bookings, CASE WHEN s.parent IS NULL THEN 0 ELSE count(*)::integer END AS held FROM booking r
  WHERE r.place = s.place AND (r.space = s.id OR (r.space IS NULL AND s.parent IS NULL)) AND r.cancelled_at IS NULL
    AND tstzrange(r.starts_at, r.ends_at) @> now()) b
CROSS JOIN LATERAL (SELECT coalesce(st.capacity, s.capacity) AS capacity) c
CROSS JOIN LATERAL (SELECT CASE WHEN l.clear THEN greatest(st.at, l.heard_at) ELSE st.at END AS at) a
CROSS JOIN LATERAL (
  SELECT CASE
    WHEN st.quality IS NULL OR st.quality = 'unknown' THEN 'unknown'
    WHEN now() > a.at + make_interval(secs => st.ttl_s) THEN 'stale'
    ELSE st.quality END AS quality
) q
CROSS JOIN LATERAL (
  SELECT CASE WHEN q.quality IN ('live', 'degraded') THEN st.present END AS present,
    CASE WHEN q.quality IN ('live', 'degraded') THEN st.low END AS low,
    CASE WHEN q.quality IN ('live', 'degraded') THEN st.high END AS high
) n;

-- Each place's free seats to work at, as occupancy.free_seats counts them; `open` NULL: its hours aren't known.
CREATE VIEW report.place_free WITH (security_barrier) AS
SELECT t.place, t.open, t.locked, t.seats,
  CASE WHEN NOT t.open THEN 0 WHEN t.seats IS NULL THEN NULL
    WHEN t.known THEN greatest(0, t.free_low - t.bookings)
    WHEN t.high IS NOT NULL THEN greatest(0, greatest(0, t.seats - t.high - t.held) - t.bookings) END AS free_low,
  CASE WHEN NOT t.open THEN 0 WHEN t.seats IS NULL THEN NULL
    WHEN t.known THEN greatest(0, least(t.free_high, t.seats - t.bookings))
    WHEN t.low IS NOT NULL THEN greatest(0, least(t.seats - greatest(t.low - t.elsewhere, t.held), t.seats - t.bookings)) END AS free_high
FROM (
  SELECT n.place, bool_and(n.open) AS open, bool_and(n.locked) AS locked,
    sum(n.capacity) FILTER (WHERE n.counts AND n.for_work)::integer AS seats,
    coalesce(sum(n.capacity) FILTER (WHERE n.counts AND NOT n.for_work), 0)::integer AS elsewhere,
    bool_or(n.free_low IS NOT NULL) FILTER (WHERE n.counts AND n.for_work AND n.capacity IS NOT NULL) AS known,
    coalesce(sum(n.free_low) FILTER (WHERE n.counts AND n.for_work), 0)::integer AS free_low,
    sum(coalesce(n.free_high, n.capacity)) FILTER (WHERE n.counts AND n.for_work AND n.capacity IS NOT NULL)::integer AS free_high,
    coalesce(sum(n.bookings) FILTER (WHERE n.counts AND n.for_work AND NOT n.root AND n.capacity IS NOT NULL), 0)::integer AS held,
    coalesce(sum(n.bookings) FILTER (WHERE n.root), 0)::integer AS bookings,
    min(n.low) FILTER (WHERE n.root) AS low, min(n.high) FILTER (WHERE n.root) AS high
  FROM report.space_now n GROUP BY n.place
) t;
GRANT SELECT ON report.place_free TO maillage_report;

-- Only those who need them; readers call what their views call.
REVOKE ALL ON FUNCTION is_days_and_hours(jsonb), is_public_holiday(date, text), hours_cover(jsonb, text, timestamp),
  booking_one_party(), space_kind_changed(), public_bookings(), bookings_changed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION is_days_and_hours(jsonb) TO maillage_api;
GRANT EXECUTE ON FUNCTION is_public_holiday(date, text), hours_cover(jsonb, text, timestamp) TO maillage_report, maillage_api;
GRANT EXECUTE ON FUNCTION public_bookings() TO maillage_api;
