-- What a place, a pass and an organisation allow of bookings; requests that are made once; a booking's history.

-- By place, for one kind of resource (which counts before the place's own) or for all. NULL: no limit.
CREATE TABLE booking_rule (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  kind text CHECK (kind IN ('seat', 'desk', 'room', 'machine', 'equipment', 'event')),  -- NULL: all
  notice_minutes integer CHECK (notice_minutes BETWEEN 0 AND 44640),    -- at least so long before it begins
  ahead_days integer CHECK (ahead_days BETWEEN 1 AND 731),              -- at most so far ahead
  shortest_minutes integer CHECK (shortest_minutes BETWEEN 1 AND 44640),
  longest_minutes integer CHECK (longest_minutes BETWEEN 1 AND 44640),
  cancel_minutes integer CHECK (cancel_minutes BETWEEN 0 AND 44640),    -- cancelled so long before it begins, or not at all
  open_bookings integer CHECK (open_bookings BETWEEN 0 AND 1000),       -- of a member, not over yet
  at_once integer CHECK (at_once BETWEEN 0 AND 1000),                   -- of a member, at the same time
  rolling_days integer CHECK (rolling_days BETWEEN 1 AND 366),
  rolling_minutes integer CHECK (rolling_minutes >= 0),                 -- of a member, within any so many days
  without_pass boolean,                       -- members without a pass for the place may book too; NULL: no
  staff_may_override boolean,                 -- who books for others may go beyond, and says so; NULL: no
  CHECK (shortest_minutes <= longest_minutes),
  CONSTRAINT booking_rule_rolling CHECK ((rolling_days IS NULL) = (rolling_minutes IS NULL)),
  CONSTRAINT booking_rule_once UNIQUE NULLS NOT DISTINCT (place, kind)
);

-- How much one pass, or all members of an organisation together, may book.
CREATE TABLE booking_quota (
  ref text PRIMARY KEY DEFAULT new_ref('q'),
  place integer REFERENCES place ON DELETE CASCADE,             -- NULL: at all places together
  pass text REFERENCES pass ON DELETE CASCADE,
  organisation integer REFERENCES organisation ON DELETE CASCADE,
  kind text CHECK (kind IN ('seat', 'desk', 'room', 'machine', 'equipment', 'event')),  -- NULL: all
  per text NOT NULL CHECK (per IN ('at_once', 'day', 'week', 'month')),
  bookings integer CHECK (bookings >= 0),
  minutes integer CHECK (minutes >= 0),
  CONSTRAINT booking_quota_holder CHECK (num_nonnulls(pass, organisation) = 1),
  CONSTRAINT booking_quota_measure CHECK (num_nonnulls(bookings, minutes) = 1 AND (per <> 'at_once' OR bookings IS NOT NULL))
);
CREATE INDEX booking_quota_pass ON booking_quota (pass) WHERE pass IS NOT NULL;
CREATE INDEX booking_quota_organisation ON booking_quota (organisation) WHERE organisation IS NOT NULL;

-- The times that count against a member's limits: their own bookings and (wide) those of their organisation, without names.
-- Nothing where the caller may not see the member.
CREATE FUNCTION booking_use(member text, starts timestamptz, ends timestamptz, wide boolean, but text)
RETURNS TABLE (own boolean, place integer, pass text, kind text, starts_at timestamptz, ends_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF NOT caller_sees_member(booking_use.member) THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT b.member = booking_use.member, b.place, b.pass, coalesce(r.kind, 'seat'), b.starts_at, b.ends_at
    FROM booking b LEFT JOIN resource_unit u ON u.id = b.unit LEFT JOIN resource r ON r.id = u.resource
    WHERE b.member = ANY (CASE WHEN booking_use.wide THEN ARRAY(
        SELECT o.ref FROM member m JOIN member o ON o.organisation = m.organisation WHERE m.ref = booking_use.member)
      ELSE ARRAY[]::text[] END || booking_use.member)
      AND (b.cancelled_at IS NULL OR b.status = 'no_show') AND b.ref IS DISTINCT FROM booking_use.but
      AND b.ends_at > booking_use.starts AND b.starts_at < booking_use.ends;
END $$;

-- A member's passes that open a place's space throughout a time, with the hours of their schedules (NULL: always).
CREATE FUNCTION booking_passes(member text, place integer, space integer, starts timestamptz, ends timestamptz)
RETURNS TABLE (pass text, hours jsonb[]) LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT caller_sees_member(booking_passes.member) THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT p.ref, CASE WHEN p.schedule IS NOT NULL THEN ARRAY(
      SELECT s.hours FROM schedule s WHERE s.id = p.schedule OR s.id IN (
        SELECT unnest(o.linked) FROM schedule o WHERE o.id = p.schedule)) END
    FROM pass p LEFT JOIN pass_place l ON l.pass = p.ref AND l.place = booking_passes.place
    WHERE p.member = booking_passes.member AND (p.everywhere OR l.place IS NOT NULL) AND p.revoked_at IS NULL
      AND coalesce(p.valid_from, '-infinity') <= booking_passes.starts
      AND coalesce(p.valid_until, 'infinity') >= booking_passes.ends
      AND (l.spaces IS NULL OR booking_passes.space IS NULL OR booking_passes.space = ANY (l.spaces))
    ORDER BY p.everywhere, p.created_at, p.ref;
END $$;

-- How many of a space's seats (space NULL: of the place's) are booked at most at one moment of a time.
CREATE FUNCTION seats_booked(place integer, space integer, starts timestamptz, ends timestamptz, but text) RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH held AS (
    SELECT b.starts_at, b.ends_at FROM booking b
    WHERE b.place = seats_booked.place AND b.space IS NOT DISTINCT FROM seats_booked.space AND b.cancelled_at IS NULL
      AND b.holds_seat AND b.ref IS DISTINCT FROM seats_booked.but
      AND tstzrange(b.starts_at, b.ends_at) && tstzrange(seats_booked.starts, seats_booked.ends)
  )
  -- the most overlap begins where one of them begins, or where the time does
  SELECT coalesce(max((SELECT count(*) FROM held o WHERE o.starts_at <= t.at AND o.ends_at > t.at)), 0)::integer
  FROM (SELECT greatest(h.starts_at, seats_booked.starts) AS at FROM held h) t
$$;

-- What the audit has about a booking, for all who see the booking itself: who did what, when.
CREATE FUNCTION booking_history(ref text) RETURNS TABLE (at timestamptz, actor text, action text, detail jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF EXISTS (SELECT FROM booking b WHERE b.ref = booking_history.ref AND (caller_sees(b.place)
      OR b.member = caller_member()
      OR b.member IN (SELECT caller_people('place_manager', 'front_desk', 'auditor')))) THEN
    RETURN QUERY
      SELECT a.at, a.actor, a.action, d.body FROM audit a LEFT JOIN audit_detail d ON d.audit = a.id
      WHERE a.subject = 'booking ' || booking_history.ref ORDER BY a.id;
  END IF;
END $$;
REVOKE ALL ON FUNCTION booking_use(text, timestamptz, timestamptz, boolean, text), booking_history(text),
  booking_passes(text, integer, integer, timestamptz, timestamptz),
  seats_booked(integer, integer, timestamptz, timestamptz, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION booking_use(text, timestamptz, timestamptz, boolean, text), booking_history(text),
  booking_passes(text, integer, integer, timestamptz, timestamptz),
  seats_booked(integer, integer, timestamptz, timestamptz, text) TO maillage_api;

-- Requests that a caller sends again with the same Idempotency-Key are done once. No person's data: what was made is read again.
CREATE FUNCTION caller_holder() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  AS $$ SELECT 'key:' || (caller()).key $$;
GRANT EXECUTE ON FUNCTION caller_holder() TO maillage_api;
CREATE TABLE idempotency (
  holder text NOT NULL DEFAULT caller_holder(),
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 100),
  digest bytea,                               -- SHA-256 of method, path and body; NULL: made before this table
  subject text,                               -- what it made: a reference or a number
  made_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (holder, key)
);
CREATE INDEX idempotency_made ON idempotency (made_at);
INSERT INTO idempotency (holder, key, subject, made_at)
SELECT 'key:' || h.key, h.idempotency_key, h.id::text, h.made_at FROM head_count h
WHERE h.key IS NOT NULL AND h.idempotency_key IS NOT NULL AND h.made_at > now() - interval '8 days';
ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON idempotency TO maillage_maintain USING (true) WITH CHECK (true);
CREATE POLICY caller_holds ON idempotency TO maillage_api
  USING (holder = (SELECT caller_holder())) WITH CHECK (holder = (SELECT caller_holder()));
GRANT SELECT, INSERT (key, digest), UPDATE (subject) ON idempotency TO maillage_api;
GRANT SELECT, DELETE ON idempotency TO maillage_maintain;

DO $$
DECLARE
  line text[];
  event text;
  manager text := '((SELECT caller_admin()) OR (place IS NOT NULL AND (SELECT caller_all(''place_manager'')))
    OR place = ANY ((SELECT caller_scope(''place_manager''))::integer[]))';
  one text;
  lines text[] := ARRAY[
    -- table, key, subject, place, hidden (0013): a pass would name its member
    ARRAY['booking_rule', 'id', '''booking rule '' || (r ->> ''id'')', 'r ->> ''place''', '{}'],
    ARRAY['booking_quota', 'ref', '''booking quota '' || (r ->> ''ref'')', 'r ->> ''place''', '{pass}']];
BEGIN
  FOREACH line SLICE 1 IN ARRAY lines LOOP
    FOREACH event IN ARRAY '{INSERT,UPDATE,DELETE}'::text[] LOOP
      EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT
        EXECUTE FUNCTION audit_changed(%L, %L, %L, ''NULL'', %L, ''{}'', ''{}'', ''true'')', lower(event), event, line[1],
        CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
          ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
        line[2], line[3], line[4], line[5]);
    END LOOP;
    EXECUTE format('CREATE TRIGGER audit_emptied AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_emptied()', line[1]);
  END LOOP;
  FOREACH one IN ARRAY '{booking_rule,booking_quota}'::text[] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', one);
    EXECUTE format('CREATE POLICY process ON %I TO maillage_rights, maillage_ingest, maillage_maintain USING (true) WITH CHECK (true)', one);
    EXECUTE format('CREATE POLICY caller_adds ON %I FOR INSERT TO maillage_api WITH CHECK (%s%s)', one, manager,
      CASE one WHEN 'booking_quota' THEN ' AND (pass IS NULL OR EXISTS (SELECT FROM pass p WHERE p.ref = booking_quota.pass))' ELSE '' END);
    EXECUTE format('CREATE POLICY caller_changes ON %I FOR UPDATE TO maillage_api USING (%s) WITH CHECK (%2$s)', one, manager);
    EXECUTE format('CREATE POLICY caller_removes ON %I FOR DELETE TO maillage_api USING (%s)', one, manager);
  END LOOP;
  -- all may read the rules; quotas those who see the pass, the place's staff, and the organisation's members
  CREATE POLICY caller_reads ON booking_rule FOR SELECT TO maillage_api USING (true);
  CREATE POLICY caller_reads ON booking_quota FOR SELECT TO maillage_api USING (
    EXISTS (SELECT FROM pass p WHERE p.ref = booking_quota.pass)
    OR (pass IS NULL AND ((place IS NULL AND (SELECT caller_staff()))
      OR (SELECT caller_all('place_manager', 'front_desk', 'auditor'))
      OR place = ANY ((SELECT caller_scope('place_manager', 'front_desk', 'auditor'))::integer[])))
    OR organisation = (SELECT m.organisation FROM member m WHERE m.ref = (SELECT caller_member())));
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON booking_rule, booking_quota TO maillage_api;
