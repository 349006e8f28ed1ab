-- Appointments of members' calendars that become bookings (docs/calendars.md): `maillage jobs` reads them, the API books.

-- From now on one call makes a table's triggers for the audit (0013). `events` names what is audited.
CREATE FUNCTION audit_table(
  audited text, key text, subject text, place text, person text DEFAULT 'NULL', hidden text DEFAULT '{}', personal text DEFAULT '{}',
  ignored text DEFAULT '{}', events text[] DEFAULT '{INSERT,UPDATE,DELETE}', only_if text DEFAULT 'true'
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  event text;
BEGIN
  FOREACH event IN ARRAY events LOOP
    EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT
      EXECUTE FUNCTION audit_changed(%L, %L, %L, %L, %L, %L, %L, %L)', lower(event), event, audited,
      CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
        ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
      key, subject, place, person, hidden, personal, ignored, only_if);
  END LOOP;
  EXECUTE format('CREATE TRIGGER audit_emptied AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_emptied()', audited);
END $$;
REVOKE ALL ON FUNCTION audit_table(text, text, text, text, text, text, text, text, text[], text) FROM PUBLIC;

-- A member's own calendar elsewhere: its appointments that name an address of ours become bookings.
CREATE TABLE member_calendar (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  member text NOT NULL REFERENCES member ON DELETE CASCADE,
  url text NOT NULL CHECK (url ~ '^https?://' AND length(url) <= 2000),         -- often a secret
  made_at timestamptz NOT NULL DEFAULT now(),
  next_at timestamptz NOT NULL DEFAULT now(), -- while it is being read, the time after which another process may
  etag text CHECK (length(etag) <= 500),
  modified text CHECK (length(modified) <= 100),
  read_at timestamptz,                        -- last success
  known_until timestamptz,                    -- repeated appointments are known up to then
  failed_at timestamptz,
  failures integer NOT NULL DEFAULT 0,
  error text CHECK (length(error) <= 300)
);
CREATE INDEX member_calendar_next ON member_calendar (next_at);
CREATE INDEX member_calendar_member ON member_calendar (member);

-- What a member's calendar asks for: a mail, or all that the calendar says. The API does it as the member.
CREATE TABLE invitation (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  member text NOT NULL REFERENCES member ON DELETE CASCADE,
  calendar integer REFERENCES member_calendar ON DELETE CASCADE,                -- NULL: a mail
  uid text CHECK (length(uid) <= 1000),       -- of a mail: the appointment
  whole boolean NOT NULL,                     -- what is not in it is cancelled: of the appointment, or of the calendar
  appointments jsonb NOT NULL CHECK (jsonb_typeof(appointments) = 'array'),     -- as booking.appointments reads them
  digest bytea NOT NULL CHECK (length(digest) = 32),            -- SHA-256 of the above: the same mail twice is one
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('unconfirmed', 'waiting', 'done', 'failed')),
  secret bytea UNIQUE CHECK (length(secret) = 32),              -- SHA-256 of what confirms it
  received_at timestamptz NOT NULL DEFAULT now(),
  next_at timestamptz NOT NULL DEFAULT now(), -- while it is being done, the time after which another process may
  tries integer NOT NULL DEFAULT 0,
  done_at timestamptz,
  CONSTRAINT invitation_of CHECK ((calendar IS NULL) = (uid IS NOT NULL))
);
CREATE UNIQUE INDEX invitation_once ON invitation (member, digest) WHERE calendar IS NULL;
CREATE INDEX invitation_waiting ON invitation (next_at) WHERE state = 'waiting';
CREATE INDEX invitation_calendar ON invitation (calendar) WHERE calendar IS NOT NULL;

-- What became of each appointment (of each occurrence of one that repeats).
CREATE TABLE appointment (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  member text NOT NULL REFERENCES member ON DELETE CASCADE,
  calendar integer REFERENCES member_calendar ON DELETE CASCADE,
  uid text NOT NULL CHECK (length(uid) <= 1000),
  recurrence text NOT NULL CHECK (length(recurrence) <= 40),    -- RECURRENCE-ID, in UTC; empty: it doesn't repeat
  target text NOT NULL CHECK (length(target) <= 130),           -- what its address names
  sequence integer NOT NULL,
  stamp timestamptz NOT NULL,                 -- the later of two with the same sequence counts
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  booking text REFERENCES booking ON DELETE SET NULL,
  refused text CHECK (length(refused) <= 40), -- the rule that refused it
  CONSTRAINT appointment_once UNIQUE NULLS NOT DISTINCT (member, calendar, uid, recurrence, target)
);
CREATE INDEX appointment_booking ON appointment (booking) WHERE booking IS NOT NULL;
CREATE INDEX appointment_ends ON appointment (ends_at);

-- The API processes wait for it.
CREATE FUNCTION invitation_waits() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_notify('maillage_invitations', '');
  RETURN NULL;
END $$;
CREATE TRIGGER invitation_waits AFTER INSERT OR UPDATE OF state ON invitation FOR EACH ROW WHEN (NEW.state = 'waiting')
  EXECUTE FUNCTION invitation_waits();

-- Take the invitation that waits longest; no other process takes it within five minutes. After five tries it has failed.
-- What is new of a member is done in the order in which it came.
CREATE FUNCTION take_invitation() RETURNS bigint LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  UPDATE invitation i SET next_at = now() + interval '5 minutes', tries = i.tries + 1,
    state = CASE WHEN i.tries >= 5 THEN 'failed' ELSE i.state END, done_at = CASE WHEN i.tries >= 5 THEN now() END
  WHERE i.id = (
    SELECT w.id FROM invitation w WHERE w.state = 'waiting' AND w.next_at <= now() AND NOT EXISTS (
      SELECT FROM invitation b WHERE b.member = w.member AND b.state = 'waiting' AND b.id < w.id)
    ORDER BY w.next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
  RETURNING i.id
$$;
-- Become the member of an invitation that waits, for this transaction, as enter() does for a key (0081). No row: it is done.
CREATE FUNCTION enter_invitation(invitation bigint) RETURNS TABLE (
  id bigint, member text, calendar integer, uid text, whole boolean, appointments jsonb
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  found_one invitation;
  who caller;
BEGIN
  PERFORM set_config('maillage.seal', '', true);
  SELECT i.* INTO found_one FROM invitation i
  WHERE i.id = enter_invitation.invitation AND i.state = 'waiting' FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  who := (NULL, 'invitation:' || found_one.id, 'member', NULL, found_one.member, NULL, NULL, NULL, NULL);
  PERFORM set_config('maillage.key', '', true),
    set_config('maillage.actor', who.actor, true),
    set_config('maillage.role', who.role, true),
    set_config('maillage.places', '', true),
    set_config('maillage.member', who.member, true),
    set_config('maillage.gateway', '', true),
    set_config('maillage.from', '', true),
    set_config('maillage.request', '', true),
    set_config('maillage.person', '', true),
    set_config('maillage.seal', caller_seal(who), true);
  RETURN QUERY SELECT found_one.id, found_one.member, found_one.calendar, found_one.uid, found_one.whole, found_one.appointments;
END $$;
-- What an address names: a place, or a space or a resource of it.
CREATE FUNCTION named_by_address(target text) RETURNS TABLE (place text, space text, resource text, zone text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT p.code::text, f.space, f.resource, p.time_zone
  FROM place p CROSS JOIN LATERAL (
    SELECT 1 AS turn, NULL::text AS space, r.code::text AS resource FROM resource r
    WHERE r.place = p.id AND r.retired_at IS NULL AND p.code || '.' || r.code = lower(target)
    UNION ALL
    SELECT 2, s.code::text, NULL FROM space s
    WHERE s.place = p.id AND s.retired_at IS NULL AND p.code || '.' || s.code = lower(target)
    UNION ALL
    SELECT 3, NULL, NULL WHERE p.code = lower(target)
  ) f
  WHERE lower(target) = p.code OR starts_with(lower(target), p.code || '.')
  ORDER BY f.turn LIMIT 1
$$;
REVOKE ALL ON FUNCTION invitation_waits(), take_invitation(), enter_invitation(bigint), named_by_address(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_invitation(), enter_invitation(bigint), named_by_address(text) TO maillage_api;
GRANT EXECUTE ON FUNCTION named_by_address(text) TO maillage_maintain;

ALTER TABLE member_calendar ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation ENABLE ROW LEVEL SECURITY;
ALTER TABLE appointment ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON member_calendar TO maillage_maintain USING (true) WITH CHECK (true);
CREATE POLICY process ON invitation TO maillage_maintain USING (true) WITH CHECK (true);
CREATE POLICY process ON appointment TO maillage_maintain USING (true) WITH CHECK (true);
CREATE POLICY caller_own ON member_calendar TO maillage_api USING (member = (SELECT caller_member()))
  WITH CHECK (member = (SELECT caller_member()));
CREATE POLICY caller_own ON invitation TO maillage_api USING (member = (SELECT caller_member()))
  WITH CHECK (member = (SELECT caller_member()));
CREATE POLICY caller_own ON appointment TO maillage_api USING (member = (SELECT caller_member()))
  WITH CHECK (member = (SELECT caller_member()));
-- for the export of a member's data
CREATE POLICY administrator_reads ON member_calendar FOR SELECT TO maillage_api USING ((SELECT caller_admin()));
CREATE POLICY administrator_reads ON invitation FOR SELECT TO maillage_api USING ((SELECT caller_admin()));
CREATE POLICY administrator_reads ON appointment FOR SELECT TO maillage_api USING ((SELECT caller_admin()));
GRANT SELECT, INSERT (member, url), DELETE ON member_calendar TO maillage_api;
GRANT SELECT, UPDATE (state, done_at) ON invitation TO maillage_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON appointment TO maillage_api;
GRANT SELECT, UPDATE (next_at, etag, modified, read_at, known_until, failed_at, failures, error) ON member_calendar TO maillage_maintain;
GRANT SELECT, INSERT, UPDATE (state, next_at), DELETE ON invitation TO maillage_maintain;
GRANT SELECT, DELETE ON appointment TO maillage_maintain;
-- whose address a mail is from
GRANT SELECT (ref, status) ON member TO maillage_maintain;

SELECT audit_table('member_calendar', 'id', '''member '' || (r ->> ''member'')', 'NULL', 'r ->> ''member''', '{url}', events => '{INSERT,DELETE}');
