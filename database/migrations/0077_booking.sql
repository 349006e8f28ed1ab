-- Resources that can be booked, each unit of one a row; what of them is booked can't overlap (docs/bookings.md).

CREATE TABLE resource (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  space integer,                              -- where it is, and whose doors its bookings open; NULL: the whole place
  code code NOT NULL,
  name text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 200),
  kind text NOT NULL CHECK (kind IN ('desk', 'room', 'machine', 'equipment', 'event')),
  starts_at timestamptz,                      -- of an event: the window of everyone who signs up
  ends_at timestamptz,
  sign_up_until timestamptz,                  -- of an event; NULL: until it begins
  hour_cents integer CHECK (hour_cents BETWEEN 0 AND 100000000),    -- price of an hour; NULL: not priced by the hour
  prices jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(prices) = 'object'),  -- of an hour, by category, in cents
  retired_at timestamptz,
  revision integer NOT NULL DEFAULT 1,
  UNIQUE (place, code),
  UNIQUE (id, place),
  FOREIGN KEY (space, place) REFERENCES space (id, place) ON DELETE CASCADE,
  CONSTRAINT resource_room_space CHECK (kind <> 'room' OR space IS NOT NULL),
  CONSTRAINT resource_event_window CHECK ((kind = 'event') = (starts_at IS NOT NULL AND ends_at IS NOT NULL)),
  CONSTRAINT resource_event_order CHECK (starts_at < ends_at)
);
CREATE UNIQUE INDEX resource_room ON resource (space) WHERE kind = 'room' AND retired_at IS NULL;

CREATE TABLE resource_unit (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  resource integer NOT NULL,
  place integer NOT NULL,
  code code NOT NULL,
  desk integer REFERENCES desk ON DELETE CASCADE,               -- of a desk: which
  retired_at timestamptz,
  UNIQUE (resource, code),
  FOREIGN KEY (resource, place) REFERENCES resource (id, place) ON DELETE CASCADE
);
CREATE UNIQUE INDEX resource_unit_desk ON resource_unit (desk) WHERE desk IS NOT NULL AND retired_at IS NULL;

-- Bookings that repeat: the rule in the place's local time. The occurrences are bookings.
CREATE TABLE booking_series (
  ref text PRIMARY KEY DEFAULT new_ref('s'),
  member text NOT NULL REFERENCES member ON DELETE CASCADE,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  resource integer REFERENCES resource ON DELETE CASCADE,       -- NULL: seats of a space or of the place
  rule text NOT NULL CHECK (length(rule) <= 500),               -- RFC 5545, as booking.recurrence reads it
  first_at timestamp NOT NULL,                                  -- local, without zone: 9:00 stays 9:00 when clocks change
  minutes integer NOT NULL CHECK (minutes BETWEEN 1 AND 44640),
  confirm_hours integer CHECK (confirm_hours BETWEEN 1 AND 168),  -- unconfirmed ones lapse so long before they begin; NULL: never
  made_at timestamptz NOT NULL DEFAULT now(),
  revision integer NOT NULL DEFAULT 1
);
CREATE INDEX booking_series_member ON booking_series (member);

-- `cancelled_at`: since when it holds nothing; the status says why. Without a member it is a block: an event's room, or a time
-- that is taken elsewhere.
ALTER TABLE booking
  ALTER COLUMN member DROP NOT NULL,
  ADD COLUMN unit integer REFERENCES resource_unit ON DELETE CASCADE,   -- NULL: a seat of the space or of the place
  ADD COLUMN status text NOT NULL DEFAULT 'booked',
  ADD COLUMN checked_in_at timestamptz,
  ADD COLUMN released_at timestamptz,         -- when it was freed before its end: left early, or nobody came
  ADD COLUMN series text REFERENCES booking_series ON DELETE SET NULL,
  ADD COLUMN confirmed_at timestamptz,        -- of a series that asks for it
  ADD COLUMN pass text REFERENCES pass ON DELETE SET NULL,      -- which it is made under
  ADD COLUMN price_cents integer CHECK (price_cents >= 0),      -- as it was when it was booked; NULL: not priced
  ADD COLUMN event integer REFERENCES resource ON DELETE CASCADE,  -- of a block: the event that takes the room
  ADD COLUMN label text CHECK (length(label) <= 200),           -- of a block: why
  ADD COLUMN holds_seat boolean NOT NULL DEFAULT true;          -- machines and equipment hold none (a trigger)
-- no act of anybody's: neither a revision nor a line of the audit
ALTER TABLE booking DISABLE TRIGGER USER;
UPDATE booking SET status = 'cancelled' WHERE cancelled_at IS NOT NULL;
ALTER TABLE booking ENABLE TRIGGER USER;
ALTER TABLE booking
  ADD CONSTRAINT booking_status CHECK (status IN ('offered', 'booked', 'checked_in', 'ended', 'no_show', 'lapsed', 'cancelled')
    AND (cancelled_at IS NOT NULL) = (status IN ('no_show', 'lapsed', 'cancelled'))),
  ADD CONSTRAINT booking_block CHECK (member IS NOT NULL OR label IS NOT NULL),
  ADD CONSTRAINT booking_unit_once
    EXCLUDE USING gist (unit WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (unit IS NOT NULL AND cancelled_at IS NULL);
CREATE INDEX booking_series_of ON booking (series, starts_at) WHERE series IS NOT NULL;
CREATE INDEX booking_event ON booking (event) WHERE event IS NOT NULL;
CREATE INDEX booking_unconfirmed ON booking (starts_at)
  WHERE series IS NOT NULL AND confirmed_at IS NULL AND status = 'booked';
CREATE INDEX booking_pass ON booking (pass, starts_at) WHERE pass IS NOT NULL;

-- One member may have several units at the same time; the same seat only once.
DROP INDEX booking_once;
CREATE UNIQUE INDEX booking_once ON booking (member, place, space, unit, starts_at, ends_at) NULLS NOT DISTINCT
  WHERE cancelled_at IS NULL AND member IS NOT NULL;

-- A booking of a unit is where the unit is. Fires before the other triggers (they go by name), which look at the space.
CREATE FUNCTION booking_at_unit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  of record;
BEGIN
  IF NEW.cancelled_at IS NOT NULL AND NEW.status IN ('offered', 'booked', 'checked_in', 'ended') THEN
    NEW.status := 'cancelled';
  END IF;
  IF NEW.unit IS NOT NULL AND (TG_OP = 'INSERT' OR NEW.cancelled_at IS NULL) THEN
    SELECT r.place, coalesce(d.space, r.space) AS space, r.kind, r.code,
      u.retired_at IS NOT NULL OR r.retired_at IS NOT NULL OR d.retired_at IS NOT NULL AS gone
    INTO of
    FROM resource_unit u JOIN resource r ON r.id = u.resource LEFT JOIN desk d ON d.id = u.desk WHERE u.id = NEW.unit
    FOR SHARE OF u, r;
    IF of.gone THEN
      RAISE EXCEPTION 'this unit of % is out of service: book another', of.code
        USING ERRCODE = 'check_violation', CONSTRAINT = 'fitted_booking_unit';
    END IF;
    NEW.place := of.place;
    NEW.space := of.space;
    NEW.holds_seat := of.kind IN ('desk', 'room', 'event');
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER booking_at_unit BEFORE INSERT OR UPDATE ON booking FOR EACH ROW EXECUTE FUNCTION booking_at_unit();

-- A room is one party's; a machine or a seat of an event that stands in one isn't the room.
CREATE OR REPLACE FUNCTION booking_one_party() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  NEW.one_party := CASE
    WHEN NEW.unit IS NULL THEN EXISTS (SELECT FROM space s JOIN space_kind k ON k.kind = s.kind WHERE s.id = NEW.space AND k.one_party)
    ELSE EXISTS (SELECT FROM resource_unit u JOIN resource r ON r.id = u.resource WHERE u.id = NEW.unit AND r.kind = 'room') END;
  RETURN NEW;
END $$;
DROP TRIGGER booking_one_party ON booking;
CREATE TRIGGER booking_one_party BEFORE INSERT OR UPDATE OF space, unit, starts_at, ends_at ON booking
  FOR EACH ROW EXECUTE FUNCTION booking_one_party();

-- As before, and which unit.
DROP FUNCTION public_bookings();
CREATE FUNCTION public_bookings() RETURNS TABLE (
  place integer, space integer, starts_at timestamptz, ends_at timestamptz, unit integer
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT b.place, b.space, greatest(b.starts_at, '1000-01-01'), least(b.ends_at, '9000-01-01'), b.unit
  FROM booking b WHERE b.cancelled_at IS NULL AND b.holds_seat AND b.ends_at > now() - interval '1 day'
$$;
REVOKE ALL ON FUNCTION public_bookings() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public_bookings() TO maillage_api;

-- The notification names the places, by number; empty: many, or unknown.
CREATE OR REPLACE FUNCTION bookings_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  places integer[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    SELECT array_agg(DISTINCT n.place) INTO places FROM new_rows n;
  ELSIF TG_OP = 'DELETE' THEN
    SELECT array_agg(DISTINCT o.place) INTO places FROM old_rows o;
  ELSIF TG_OP = 'UPDATE' THEN
    SELECT array_agg(DISTINCT b.place) INTO places FROM (SELECT n.place FROM new_rows n UNION SELECT o.place FROM old_rows o) b;
  END IF;
  IF TG_OP = 'TRUNCATE' OR places IS NOT NULL THEN
    PERFORM pg_notify('maillage_bookings', CASE WHEN cardinality(places) <= 100 THEN array_to_string(places, ',') ELSE '' END);
  END IF;
  RETURN NULL;
END $$;
DROP TRIGGER bookings_changed ON booking;
CREATE TRIGGER bookings_changed_insert AFTER INSERT ON booking REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION bookings_changed();
CREATE TRIGGER bookings_changed_update AFTER UPDATE ON booking REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION bookings_changed();
CREATE TRIGGER bookings_changed_delete AFTER DELETE ON booking REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION bookings_changed();
CREATE TRIGGER bookings_changed_truncate AFTER TRUNCATE ON booking
  FOR EACH STATEMENT EXECUTE FUNCTION bookings_changed();

-- As in 0043; what holds no seat isn't counted.
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
  WHERE r.place = s.place AND (r.space = s.id OR (r.space IS NULL AND s.parent IS NULL)) AND r.cancelled_at IS NULL AND r.holds_seat
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
) n
WHERE s.retired_at IS NULL;

-- Which units of a resource are free throughout a time. When they are booked is no secret; by whom is.
CREATE FUNCTION free_units(resource integer, starts timestamptz, ends timestamptz) RETURNS TABLE (unit integer, code text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT u.id, u.code::text FROM resource_unit u LEFT JOIN desk d ON d.id = u.desk
  WHERE u.resource = free_units.resource AND u.retired_at IS NULL AND d.retired_at IS NULL
    AND NOT EXISTS (SELECT FROM booking b WHERE b.unit = u.id AND b.cancelled_at IS NULL
      AND tstzrange(b.starts_at, b.ends_at) && tstzrange(free_units.starts, free_units.ends))
  ORDER BY u.id
$$;
-- When units of a resource are taken within a time.
CREATE FUNCTION taken_times(resource integer, starts timestamptz, ends timestamptz)
RETURNS TABLE (unit integer, starts_at timestamptz, ends_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT b.unit, greatest(b.starts_at, taken_times.starts), least(b.ends_at, taken_times.ends)
  FROM resource_unit u JOIN booking b ON b.unit = u.id AND b.cancelled_at IS NULL
    AND tstzrange(b.starts_at, b.ends_at) && tstzrange(taken_times.starts, taken_times.ends)
  WHERE u.resource = taken_times.resource ORDER BY b.unit, b.starts_at
$$;
REVOKE ALL ON FUNCTION booking_at_unit(), free_units(integer, timestamptz, timestamptz),
  taken_times(integer, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION free_units(integer, timestamptz, timestamptz), taken_times(integer, timestamptz, timestamptz)
  TO maillage_api;

-- Revisions, codes, the audit and who may what ------------------------------------------------------------------------------

CREATE TRIGGER revision_moves BEFORE UPDATE ON resource FOR EACH ROW EXECUTE FUNCTION revision_moves();
CREATE TRIGGER revision_moves BEFORE UPDATE ON booking_series FOR EACH ROW EXECUTE FUNCTION revision_moves();
CREATE TRIGGER code_stays BEFORE UPDATE ON resource FOR EACH ROW EXECUTE FUNCTION code_stays();

DO $$
DECLARE
  line text[];
  event text;
  lines text[] := ARRAY[
    -- table, key, subject, place, person, hidden, personal, ignored (0013)
    ARRAY['resource', 'id', '''resource '' || (r ->> ''id'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{revision}'],
    ARRAY['resource_unit', 'id', '''resource '' || (r ->> ''resource'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{}'],
    ARRAY['booking_series', 'ref', '''booking series '' || (r ->> ''ref'')', 'r ->> ''place''', 'r ->> ''member''', '{}', '{}', '{revision,made_at}']];
BEGIN
  FOREACH line SLICE 1 IN ARRAY lines LOOP
    FOREACH event IN ARRAY '{INSERT,UPDATE,DELETE}'::text[] LOOP
      EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT
        EXECUTE FUNCTION audit_changed(%L, %L, %L, %L, %L, %L, %L, %L)', lower(event), event, line[1],
        CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
          ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
        line[2], line[3], line[4], line[5], line[6], line[7], line[8], 'true');
    END LOOP;
    EXECUTE format('CREATE TRIGGER audit_emptied AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_emptied()', line[1]);
  END LOOP;
END $$;

DO $$
DECLARE
  manager text := '((SELECT caller_admin()) OR (SELECT caller_all(''place_manager'')) OR place = ANY ((SELECT caller_scope(''place_manager''))::integer[]))';
  desk text := '((SELECT caller_admin()) OR (SELECT caller_all(''place_manager'', ''front_desk''))
    OR place = ANY ((SELECT caller_scope(''place_manager'', ''front_desk''))::integer[]))';
  sees text := '((SELECT caller_all(''place_manager'', ''front_desk'', ''auditor''))
    OR place = ANY ((SELECT caller_scope(''place_manager'', ''front_desk'', ''auditor''))::integer[]))';
  own text := '((SELECT caller_role()) = ''member'' AND member = (SELECT caller_member()))';
  one text;
BEGIN
  FOREACH one IN ARRAY '{resource,resource_unit,booking_series}'::text[] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', one);
    EXECUTE format('CREATE POLICY process ON %I TO maillage_rights, maillage_ingest, maillage_maintain USING (true) WITH CHECK (true)', one);
  END LOOP;
  FOREACH one IN ARRAY '{resource,resource_unit}'::text[] LOOP
    EXECUTE format('CREATE POLICY caller_reads ON %I FOR SELECT TO maillage_api USING (true)', one);
    EXECUTE format('CREATE POLICY caller_adds ON %I FOR INSERT TO maillage_api WITH CHECK (%s)', one, manager);
    EXECUTE format('CREATE POLICY caller_changes ON %I FOR UPDATE TO maillage_api USING (%s) WITH CHECK (%2$s)', one, manager);
  END LOOP;
  EXECUTE format('CREATE POLICY caller_reads ON booking_series FOR SELECT TO maillage_api USING (%s OR member = (SELECT caller_member()))', sees);
  EXECUTE format('CREATE POLICY caller_adds ON booking_series FOR INSERT TO maillage_api WITH CHECK ((%s AND caller_sees_member(member)) OR %s)', desk, own);
  EXECUTE format('CREATE POLICY caller_changes ON booking_series FOR UPDATE TO maillage_api USING (%s OR %s)', desk, own);
  -- a member books with a key of their own, for themselves
  EXECUTE format('CREATE POLICY member_adds ON booking FOR INSERT TO maillage_api WITH CHECK (%s)', own);
  EXECUTE format('CREATE POLICY member_changes ON booking FOR UPDATE TO maillage_api USING (%s) WITH CHECK (%1$s)', own);
  -- a block has no member
  EXECUTE format('CREATE POLICY caller_blocks ON booking FOR INSERT TO maillage_api WITH CHECK (member IS NULL AND %s)', desk);
  EXECUTE format('CREATE POLICY caller_moves_blocks ON booking FOR UPDATE TO maillage_api USING (member IS NULL AND %s) WITH CHECK (member IS NULL AND %1$s)', desk);
END $$;
GRANT SELECT, INSERT, UPDATE ON resource, resource_unit, booking_series TO maillage_api;
GRANT SELECT ON resource, resource_unit TO maillage_rights, maillage_ingest, maillage_maintain;
GRANT SELECT, DELETE ON booking_series TO maillage_maintain;
GRANT UPDATE (status, cancelled_at, released_at, checked_in_at, ends_at) ON booking TO maillage_maintain;
