-- Calendars, both ways (docs/calendars.md): feeds that others subscribe to, and calendars elsewhere whose busy times block a unit.

CREATE TABLE calendar_feed (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),     -- SHA-256 of the secret in its address
  member text REFERENCES member ON DELETE CASCADE,              -- the member's bookings
  resource integer REFERENCES resource ON DELETE CASCADE,       -- or when a resource is taken, without names
  place integer REFERENCES place ON DELETE CASCADE,             -- of the resource
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT calendar_feed_of CHECK (num_nonnulls(member, resource) = 1 AND (resource IS NULL) = (place IS NULL))
);
CREATE INDEX calendar_feed_member ON calendar_feed (member) WHERE member IS NOT NULL;
CREATE INDEX calendar_feed_resource ON calendar_feed (resource) WHERE resource IS NOT NULL;

CREATE TABLE calendar_source (                -- a calendar elsewhere that is read regularly
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  unit integer NOT NULL REFERENCES resource_unit ON DELETE CASCADE,             -- which its busy times block
  name text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 200),
  url text NOT NULL CHECK (url ~ '^https?://' AND length(url) <= 2000),         -- often a secret
  owner_email text CHECK (owner_email ~ '^[^@[:space:]<>,;]+@[^@[:space:]<>,;]+$' AND length(owner_email) <= 320),   -- personal
  language text NOT NULL DEFAULT 'fr' CHECK (language IN ('fr', 'en')),
  made_at timestamptz NOT NULL DEFAULT now(),
  next_at timestamptz NOT NULL DEFAULT now(), -- while it is being read, the time after which another process may
  etag text CHECK (length(etag) <= 500),
  modified text CHECK (length(modified) <= 100),
  busy jsonb NOT NULL DEFAULT '[]',           -- what it said last: begin and end, nothing else
  busy_until timestamptz,                     -- repeated appointments are known up to then
  read_at timestamptz,                        -- last success
  failed_at timestamptz,
  failures integer NOT NULL DEFAULT 0,
  error text CHECK (length(error) <= 300),
  taken integer NOT NULL DEFAULT 0            -- busy times, or parts, that a booking already has
);
CREATE INDEX calendar_source_next ON calendar_source (next_at);
ALTER TABLE booking ADD COLUMN calendar integer REFERENCES calendar_source ON DELETE CASCADE;  -- of a block: where it comes from
CREATE INDEX booking_calendar ON booking (calendar) WHERE calendar IS NOT NULL;

-- What a feed shows; the secret is the right to see it. No row: there is no such feed. One row with starts_at NULL: no bookings.
CREATE FUNCTION calendar_feed_rows(secret text) RETURNS TABLE (
  feed integer, made timestamptz, own boolean, title text, ref text, place text, place_code text, what text,
  starts_at timestamptz, ends_at timestamptz, cancelled boolean, revision integer
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT f.id, date_trunc('second', f.created_at), f.member IS NOT NULL, coalesce(r.name, 'Maillage'),
    -- a resource's feed tells nothing that leads to the booking
    CASE WHEN f.member IS NOT NULL THEN b.ref ELSE left(encode(sha256(f.digest || b.ref::bytea), 'hex'), 20) END,
    p.name, p.code::text, CASE WHEN f.member IS NOT NULL THEN coalesce(ur.name, s.name) ELSE u.code::text END,
    b.starts_at, b.ends_at, b.cancelled_at IS NOT NULL, b.revision
  FROM calendar_feed f
  LEFT JOIN resource r ON r.id = f.resource
  LEFT JOIN LATERAL (
    SELECT k.* FROM booking k
    WHERE (k.member = f.member OR (f.resource IS NOT NULL AND k.cancelled_at IS NULL
        AND k.unit IN (SELECT n.id FROM resource_unit n WHERE n.resource = f.resource)))
      AND k.ends_at > now() - interval '30 days' AND k.starts_at < now() + interval '400 days'
    ORDER BY k.starts_at, k.ref LIMIT 5000) b ON true
  LEFT JOIN place p ON p.id = b.place
  LEFT JOIN space s ON s.id = b.space
  LEFT JOIN resource_unit u ON u.id = b.unit
  LEFT JOIN resource ur ON ur.id = u.resource
  WHERE f.digest = sha256(convert_to(secret, 'UTF8'))
  ORDER BY b.starts_at, b.ref
$$;
REVOKE ALL ON FUNCTION calendar_feed_rows(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION calendar_feed_rows(text) TO maillage_api;

ALTER TABLE calendar_feed ENABLE ROW LEVEL SECURITY;
ALTER TABLE calendar_source ENABLE ROW LEVEL SECURITY;
-- for the export of a member's data
CREATE POLICY administrator_reads ON calendar_feed FOR SELECT TO maillage_api USING ((SELECT caller_admin()));
CREATE POLICY process ON calendar_source TO maillage_maintain USING (true) WITH CHECK (true);
DO $$
DECLARE
  manager text := '((SELECT caller_admin()) OR (SELECT caller_all(''place_manager'')) OR place = ANY ((SELECT caller_scope(''place_manager''))::integer[]))';
  own text := '((SELECT caller_role()) = ''member'' AND member = (SELECT caller_member()))';
BEGIN
  EXECUTE format('CREATE POLICY caller_all ON calendar_feed TO maillage_api USING ((place IS NOT NULL AND %s) OR %s)
    WITH CHECK ((place IS NOT NULL AND %1$s) OR %2$s)', manager, own);
  EXECUTE format('CREATE POLICY caller_all ON calendar_source TO maillage_api USING (%s) WITH CHECK (%1$s)', manager);
END $$;
GRANT SELECT (id, member, resource, place, created_at), INSERT (digest, member, resource, place), DELETE ON calendar_feed TO maillage_api;
GRANT SELECT, INSERT (place, unit, name, url, owner_email, language), DELETE ON calendar_source TO maillage_api;
GRANT SELECT, UPDATE (next_at, etag, modified, busy, busy_until, read_at, failed_at, failures, error, taken) ON calendar_source TO maillage_maintain;
GRANT INSERT (place, unit, starts_at, ends_at, label, calendar) ON booking TO maillage_maintain;
GRANT SELECT ON place TO maillage_maintain;

DO $$
DECLARE
  line text[];
  event text;
  lines text[] := ARRAY[
    -- table, key, subject, place, person, hidden, personal, ignored (0013)
    ARRAY['calendar_feed', 'id', '''calendar feed '' || (r ->> ''id'')', 'r ->> ''place''', 'r ->> ''member''', '{digest}', '{}', '{}'],
    ARRAY['calendar_source', 'id', '''calendar '' || (r ->> ''id'')', 'r ->> ''place''', 'NULL', '{url,owner_email}', '{}',
      '{next_at,etag,modified,busy,busy_until,read_at,failed_at,failures,error,taken}']];
BEGIN
  FOREACH line SLICE 1 IN ARRAY lines LOOP
    FOREACH event IN ARRAY '{INSERT,DELETE}'::text[] LOOP
      EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT
        EXECUTE FUNCTION audit_changed(%L, %L, %L, %L, %L, %L, %L, %L)', lower(event), event, line[1],
        CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' ELSE 'OLD TABLE AS old_rows' END,
        line[2], line[3], line[4], line[5], line[6], line[7], line[8], 'true');
    END LOOP;
    EXECUTE format('CREATE TRIGGER audit_emptied AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_emptied()', line[1]);
  END LOOP;
END $$;
