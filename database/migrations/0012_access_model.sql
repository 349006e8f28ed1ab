-- Access in full: people and their organisations, cards with a life, passes, schedules, doors' rules, closures, orders.
-- What a gateway is sent never holds a name; names live here and nowhere else.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'maillage_rights') THEN
    BEGIN
      CREATE ROLE maillage_rights NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;  -- roles belong to the whole server
    END;
  END IF;
END $$;

-- A short random public name: 'c-' and 16 hexadecimal digits.
CREATE FUNCTION new_ref(prefix text) RETURNS text LANGUAGE sql VOLATILE SET search_path = pg_catalog AS $$
  SELECT prefix || '-' || left(replace(gen_random_uuid()::text, '-', ''), 16)
$$;

CREATE TABLE organisation (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code code NOT NULL UNIQUE,
  name text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 200),
  revision integer NOT NULL DEFAULT 1,
  generated boolean NOT NULL DEFAULT false
);

ALTER TABLE member
  ALTER COLUMN ref SET DEFAULT new_ref('m'),
  ADD COLUMN name text CHECK (btrim(name) <> '' AND length(name) <= 200),     -- personal: never leaves the centre
  ADD COLUMN email text CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND length(email) <= 254),
  ADD COLUMN organisation integer REFERENCES organisation ON DELETE SET NULL,
  ADD COLUMN pin text CHECK (pin ~ '^[0-9a-f]{32}$'),                         -- access.tokens.pin_hash
  ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN revision integer NOT NULL DEFAULT 1;
CREATE INDEX member_home ON member (home);
CREATE INDEX member_organisation ON member (organisation) WHERE organisation IS NOT NULL;
CREATE UNIQUE INDEX member_email ON member (lower(email)) WHERE email IS NOT NULL;

-- A card's life: issued (bound to a member, opens nothing yet), active, suspended, lost, expired, returned.
ALTER TABLE card
  ADD COLUMN ref text NOT NULL UNIQUE DEFAULT new_ref('c'),
  ADD COLUMN kind text NOT NULL DEFAULT 'card' CHECK (kind IN ('card', 'code')),   -- code: typed at a keypad
  ADD COLUMN format text,                                    -- access.formats.Format, where it is known
  ADD COLUMN replaces text REFERENCES card (ref) ON DELETE SET NULL,               -- reissued in its place
  ADD COLUMN issued_at timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN revision integer NOT NULL DEFAULT 1,
  DROP CONSTRAINT card_status_check,
  ADD CONSTRAINT card_status_check
    CHECK (status IN ('issued', 'active', 'suspended', 'lost', 'expired', 'returned'));
CREATE INDEX card_member ON card (member);

CREATE TABLE card_change (                    -- the history of a card, written by a trigger
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  card text NOT NULL REFERENCES card (ref) ON DELETE CASCADE,
  at timestamptz NOT NULL DEFAULT now(),
  was text,                                   -- NULL: it was issued
  became text NOT NULL,
  by text NOT NULL
);
CREATE INDEX card_change_card ON card_change (card, at);

-- Hours with a name, of one place or (NULL) of the network, as access.schedules writes them, without what is linked.
CREATE TABLE schedule (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  place integer REFERENCES place ON DELETE CASCADE,
  code code NOT NULL,
  name text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 200),
  hours jsonb NOT NULL CHECK (jsonb_typeof(hours) = 'object' AND NOT hours ? 'linked'),
  linked integer[] NOT NULL DEFAULT '{}',     -- other schedules: open whenever one of them is
  revision integer NOT NULL DEFAULT 1,
  generated boolean NOT NULL DEFAULT false,
  UNIQUE NULLS NOT DISTINCT (place, code)
);

CREATE TABLE door_group (                     -- several doors of one place by one name
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  code code NOT NULL,
  name text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 200),
  doors integer[] NOT NULL DEFAULT '{}',      -- ids of door
  revision integer NOT NULL DEFAULT 1,
  UNIQUE (place, code)
);

-- What a member is entitled to: everywhere, or at the places of pass_place.
CREATE TABLE pass (
  ref text PRIMARY KEY DEFAULT new_ref('p') CHECK (ref ~ '^p-[0-9a-z]{4,32}$'),
  member text NOT NULL REFERENCES member ON DELETE CASCADE,
  label text CHECK (btrim(label) <> '' AND length(label) <= 200),
  everywhere boolean NOT NULL DEFAULT false,
  schedule integer REFERENCES schedule,       -- NULL: at any hour
  valid_from timestamptz,
  valid_until timestamptz,
  unit text CHECK (unit IN ('half_day', 'day', 'hour', 'entry')),
  allowance integer CHECK (allowance >= 0),
  each_month boolean NOT NULL DEFAULT false,
  booked boolean NOT NULL DEFAULT false,      -- only with a booking
  outside_hours boolean NOT NULL DEFAULT false,
  supervises boolean NOT NULL DEFAULT false,  -- its holder is a host
  visitor text CHECK (visitor IN ('expected', 'present', 'left', 'cancelled')),
  host text REFERENCES member ON DELETE SET NULL,             -- of a visitor
  revoked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  revision integer NOT NULL DEFAULT 1,
  generated boolean NOT NULL DEFAULT false,
  CHECK (valid_from < valid_until),
  CHECK ((unit IS NULL) = (allowance IS NULL))
);
CREATE INDEX pass_member ON pass (member);
CREATE INDEX pass_schedule ON pass (schedule) WHERE schedule IS NOT NULL;

CREATE TABLE pass_place (
  pass text NOT NULL REFERENCES pass ON DELETE CASCADE,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  spaces integer[],                           -- only to these spaces (and the way there)…
  doors integer[],                            -- …and by these doors…
  door_groups integer[],                      -- …and these groups of doors; all three NULL: all of the place
  PRIMARY KEY (pass, place)
);
CREATE INDEX pass_place_place ON pass_place (place);

CREATE TABLE pass_use (                       -- slots of its allowance that are used (access.passes)
  pass text NOT NULL REFERENCES pass ON DELETE CASCADE,
  slot bigint NOT NULL,
  place integer REFERENCES place ON DELETE SET NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pass, slot)
);

CREATE TABLE booking (
  ref text PRIMARY KEY DEFAULT new_ref('b'),
  member text NOT NULL REFERENCES member ON DELETE CASCADE,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  space integer,                              -- NULL: the whole place
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  cancelled_at timestamptz,
  revision integer NOT NULL DEFAULT 1,
  FOREIGN KEY (space, place) REFERENCES space (id, place) ON DELETE CASCADE,
  CHECK (starts_at < ends_at)
);
CREATE INDEX booking_member ON booking (member);
CREATE INDEX booking_place ON booking (place, ends_at);

-- Local days on which a place (NULL: the whole network) is closed, both included.
CREATE TABLE closure (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  place integer REFERENCES place ON DELETE CASCADE,
  first date NOT NULL,
  last date NOT NULL CHECK (last >= first),
  reason text NOT NULL DEFAULT '',
  revision integer NOT NULL DEFAULT 1
);
CREATE INDEX closure_place ON closure (place);

-- What a door asks for, whoever comes (access.rules.DoorRules). A door without a row asks for nothing.
CREATE TABLE door_rule (
  door integer PRIMARY KEY,
  place integer NOT NULL,
  pin boolean NOT NULL DEFAULT false,
  pin_while integer REFERENCES schedule,
  passback text NOT NULL DEFAULT 'off' CHECK (passback IN ('off', 'soft', 'hard', 'timed')),
  passback_s integer NOT NULL DEFAULT 0 CHECK (passback_s BETWEEN 0 AND 86400),
  supervised integer REFERENCES schedule,
  first_card integer REFERENCES schedule,
  FOREIGN KEY (door, place) REFERENCES door (id, place) ON DELETE CASCADE,
  revision integer NOT NULL DEFAULT 1,
  CHECK (passback <> 'timed' OR passback_s > 0)
);
ALTER TABLE space ADD COLUMN person_limit integer CHECK (person_limit >= 0);  -- by the law or the lease
ALTER TABLE place ADD COLUMN revision integer NOT NULL DEFAULT 1;

CREATE TABLE place_policy (                   -- a place without a row has these defaults
  place integer PRIMARY KEY REFERENCES place ON DELETE CASCADE,
  list_max_age_s integer DEFAULT 2592000 CHECK (list_max_age_s BETWEEN 3600 AND 31536000),   -- NULL: no limit
  hosts_open_when_old boolean NOT NULL DEFAULT false,
  tries integer NOT NULL DEFAULT 5 CHECK (tries BETWEEN 1 AND 100),
  pause_s integer NOT NULL DEFAULT 30 CHECK (pause_s BETWEEN 1 AND 3600),
  longest_pause_s integer NOT NULL DEFAULT 900 CHECK (longest_pause_s BETWEEN 1 AND 86400),
  revision integer NOT NULL DEFAULT 1
);

-- Lockdowns in force of a door, a place, or (both NULL) the network. Evacuations are orders only: `command`.
CREATE TABLE lockdown (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  place integer REFERENCES place ON DELETE CASCADE,
  door integer,
  ordered_at timestamptz NOT NULL DEFAULT now(),
  ordered_by text NOT NULL,
  released_at timestamptz,
  released_by text,
  FOREIGN KEY (door, place) REFERENCES door (id, place) ON DELETE CASCADE,
  CHECK (door IS NULL OR place IS NOT NULL)
);
CREATE UNIQUE INDEX lockdown_in_force ON lockdown (place, door) NULLS NOT DISTINCT WHERE released_at IS NULL;

-- Orders to gateways and what became of them. The rights process signs and sends what has no sent_at.
ALTER TABLE device ADD UNIQUE (id, gateway);
CREATE TABLE command (
  id text PRIMARY KEY DEFAULT new_ref('o'),
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  gateway integer NOT NULL,
  door integer,
  device integer,
  do_what text NOT NULL CHECK (do_what IN ('unlock', 'lockdown', 'release', 'evacuate', 'enrol', 'report_list')),
  ordered_by text NOT NULL,
  ordered_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  sent_at timestamptz,
  -- as in gateway.wire.Reply, and 'undelivered': expired without an answer
  outcome text CHECK (outcome IN ('done', 'refused', 'expired', 'unknown_door', 'unknown_device', 'failed', 'undelivered')),
  outcome_at timestamptz,
  -- nobody orders anything of one place's by the name of another
  FOREIGN KEY (gateway, place) REFERENCES gateway (id, place) ON DELETE CASCADE,
  FOREIGN KEY (door, place) REFERENCES door (id, place) ON DELETE CASCADE,
  FOREIGN KEY (device, gateway) REFERENCES device (id, gateway) ON DELETE CASCADE,
  CHECK (expires_at > ordered_at AND expires_at <= ordered_at + interval '1 hour')
);
CREATE INDEX command_open ON command (gateway) WHERE outcome IS NULL;
CREATE INDEX command_place ON command (place, ordered_at);

-- Enrolling a card by presenting it at a reader: the order (its command), and what was read. Never the number itself.
CREATE TABLE enrolment (
  id text PRIMARY KEY REFERENCES command ON DELETE CASCADE,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  key integer REFERENCES api_key ON DELETE SET NULL,           -- who alone may see the raw bits
  token bytea CHECK (length(token) = 32),
  last4 text CHECK (length(last4) <= 4),
  format text,
  bits integer,
  read_at timestamptz
);

-- Each place's list as it was at every version: rows are in force from `since` until just before `until`.
ALTER TABLE access_list RENAME TO old_access_list;
ALTER INDEX access_list_pkey RENAME TO old_access_list_pkey;
CREATE TABLE access_list (
  place integer PRIMARY KEY REFERENCES place ON DELETE CASCADE,
  version integer NOT NULL CHECK (version > 0),
  made_at timestamptz NOT NULL,
  fingerprint text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{64}$'),            -- access.compare.fingerprint
  entries integer NOT NULL DEFAULT 0
);
CREATE TABLE list_version (                   -- when each version was made
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  version integer NOT NULL,
  made_at timestamptz NOT NULL,
  PRIMARY KEY (place, version)
);
-- Gateways refuse an older version than theirs: the numbers go on from the old lists', whose content no row tells.
INSERT INTO access_list (place, version, made_at, fingerprint)
SELECT place, version, made_at, repeat('0', 64) FROM old_access_list;
DROP TABLE old_access_list;
CREATE TABLE list_entry (
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  token bytea NOT NULL CHECK (length(token) = 32),
  since integer NOT NULL,
  until integer CHECK (until > since),        -- NULL: still in force
  member text NOT NULL,                       -- no reference: history outlives the member, by reference only
  card jsonb NOT NULL,                        -- access.entries_json
  holder jsonb NOT NULL,
  digest bytea NOT NULL CHECK (length(digest) = 32),
  PRIMARY KEY (place, token, since)
);
CREATE UNIQUE INDEX list_entry_now ON list_entry (place, token) WHERE until IS NULL;
CREATE INDEX list_entry_member ON list_entry (member) WHERE until IS NULL;
CREATE INDEX list_entry_since ON list_entry (place, since);
CREATE INDEX list_entry_until ON list_entry (place, until) WHERE until IS NOT NULL;
CREATE TABLE list_settings (                  -- what a list says beside its entries
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  since integer NOT NULL,
  until integer CHECK (until > since),
  body jsonb NOT NULL,
  PRIMARY KEY (place, since)
);

-- What has changed since the lists were made: the rights process takes these rows in the transaction that makes them new.
CREATE TABLE access_dirty (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  member text,                                -- this member's entries, everywhere…
  place integer,                              -- …or this place as a whole; both NULL: everything
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  hurry boolean NOT NULL DEFAULT true         -- false: a use of a pass, which may wait some seconds
);

-- The old form's rights become passes, and go.
INSERT INTO pass (ref, member, valid_from, valid_until, generated)
SELECT 'p-' || substr(encode(sha256(('right ' || r.id)::bytea), 'hex'), 1, 16), r.member, r.valid_from, r.valid_until, m.generated
FROM access_right r JOIN member m ON m.ref = r.member;
INSERT INTO schedule (place, code, name, hours, generated)
SELECT r.place, 'right-' || r.id, 'Horaires ' || r.id, r.schedule, true FROM access_right r WHERE r.schedule IS NOT NULL;
UPDATE pass SET schedule = s.id FROM access_right r JOIN schedule s ON s.place = r.place AND s.code = 'right-' || r.id
WHERE pass.ref = 'p-' || substr(encode(sha256(('right ' || r.id)::bytea), 'hex'), 1, 16);
INSERT INTO pass_place (pass, place, doors)
SELECT 'p-' || substr(encode(sha256(('right ' || r.id)::bytea), 'hex'), 1, 16), r.place,
  CASE WHEN r.doors IS NOT NULL
    THEN coalesce((SELECT array_agg(d.id) FROM door d WHERE d.place = r.place AND d.code = ANY (r.doors)), '{}') END
FROM access_right r;
DROP TABLE access_right;
INSERT INTO access_dirty (hurry) SELECT true WHERE EXISTS (SELECT FROM place);  -- every list is made anew

-- Every change leaves a row in access_dirty, whoever makes it; many members at once count as everything.
CREATE FUNCTION access_soiled(members text[], places integer[], quickly boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF cardinality(members) > 2000 OR array_position(places, NULL) IS NOT NULL THEN
    INSERT INTO access_dirty (hurry) VALUES (quickly);
  ELSE
    INSERT INTO access_dirty (member, hurry) SELECT DISTINCT m, quickly FROM unnest(members) AS m WHERE m IS NOT NULL;
    INSERT INTO access_dirty (place, hurry) SELECT DISTINCT p, quickly FROM unnest(places) AS p;
  END IF;
  IF cardinality(members) > 0 OR cardinality(places) > 0 THEN
    PERFORM pg_notify('maillage_access', '');
  END IF;
END $$;

CREATE FUNCTION access_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  members text[] := '{}';
  places integer[] := '{}';
  old_rows text := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE 'SELECT %s FROM old_rows r' END;
  new_rows text := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE 'SELECT %s FROM new_rows r' END;
  what text := TG_ARGV[1];
BEGIN
  -- TG_ARGV: whether the expression names members or places, and the expression over a row r
  EXECUTE format('SELECT coalesce(array_agg(DISTINCT x), ''{}'') FROM (%s) AS s (x)',
    concat_ws(' UNION ALL ', format(old_rows, what), format(new_rows, what)))
  INTO STRICT members;
  IF TG_ARGV[0] = 'place' THEN
    places := members::integer[];
    members := '{}';
  END IF;
  PERFORM access_soiled(members, places, TG_TABLE_NAME <> 'pass_use');
  RETURN NULL;
END $$;

DO $$
DECLARE
  line text[];
  event text;
  lines text[] := ARRAY[
    ARRAY['member', 'member', 'r.ref'],
    ARRAY['card', 'member', 'r.member'],
    ARRAY['pass', 'member', 'r.member'],
    ARRAY['pass_place', 'member', '(SELECT p.member FROM pass p WHERE p.ref = r.pass)'],
    ARRAY['pass_use', 'member', '(SELECT p.member FROM pass p WHERE p.ref = r.pass)'],
    ARRAY['booking', 'member', 'r.member'],
    ARRAY['schedule', 'place', 'r.place'],
    ARRAY['door_group', 'place', 'r.place'],
    ARRAY['closure', 'place', 'r.place'],
    ARRAY['door_rule', 'place', 'r.place'],
    ARRAY['place_policy', 'place', 'r.place'],
    ARRAY['lockdown', 'place', 'r.place'],
    ARRAY['door', 'place', 'r.place'],
    ARRAY['space', 'place', 'r.place'],
    ARRAY['gateway', 'place', 'r.place'],
    ARRAY['place', 'place', 'r.id']];
BEGIN
  FOREACH line SLICE 1 IN ARRAY lines LOOP
    FOREACH event IN ARRAY ARRAY['INSERT', 'UPDATE', 'DELETE'] LOOP
      EXECUTE format('CREATE TRIGGER access_changed_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT
        EXECUTE FUNCTION access_changed(%L, %L)', lower(event), event, line[1],
        CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
          ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END, line[2], line[3]);
    END LOOP;
  END LOOP;
END $$;

-- Whoever writes a row with a revision makes it a new one: the ETag of HTTP.
CREATE FUNCTION revision_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.revision := OLD.revision + 1;
  RETURN NEW;
END $$;
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['organisation', 'member', 'card', 'schedule', 'door_group', 'pass', 'booking', 'closure',
                              'door_rule', 'place', 'place_policy'] LOOP
    EXECUTE format('CREATE TRIGGER revision_moves BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION revision_moves()', name);
  END LOOP;
END $$;

-- New orders are told at once.
CREATE FUNCTION command_ordered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('maillage_command', '');
  RETURN NULL;
END $$;
CREATE TRIGGER command_ordered AFTER INSERT ON command FOR EACH STATEMENT EXECUTE FUNCTION command_ordered();
-- Also an answer: whoever waits for it in the API listens.
CREATE FUNCTION command_answered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('maillage_answer', NEW.id);
  RETURN NULL;
END $$;
CREATE TRIGGER command_answered AFTER UPDATE OF outcome ON command FOR EACH ROW WHEN (NEW.outcome IS NOT NULL)
  EXECUTE FUNCTION command_answered();

-- Alarms of doors name theirs, and the event that raised them.
ALTER TABLE alarm ADD COLUMN door integer REFERENCES door ON DELETE SET NULL;
ALTER TABLE gateway_state ADD COLUMN list_fingerprint text;

-- A key may stand for a role (api.roles) instead of bare scopes, and for one member (who may see what is held on them).
ALTER TABLE api_key
  ADD COLUMN role text CHECK (role IN ('network_administrator', 'place_manager', 'front_desk', 'auditor', 'gateway',
                                       'availability_reader', 'member')),
  ADD COLUMN member text REFERENCES member ON DELETE CASCADE,
  ADD COLUMN gateway integer REFERENCES gateway ON DELETE CASCADE,
  DROP CONSTRAINT api_key_scopes_check,
  ADD CONSTRAINT api_key_scopes_check CHECK (scopes <@ ARRAY['events:read', 'access:manage', 'admin']
    AND (cardinality(scopes) > 0 OR role IS NOT NULL)),
  ADD CONSTRAINT api_key_member CHECK ((member IS NOT NULL) = (role IS NOT DISTINCT FROM 'member')),
  ADD CONSTRAINT api_key_gateway CHECK ((gateway IS NOT NULL) = (role IS NOT DISTINCT FROM 'gateway'));

-- The rights process reads who may what, and writes lists, orders' outcomes and what readers read for an enrolment.
GRANT SELECT ON place, space, desk, door, gateway, device, gateway_state, organisation, member, card, schedule, door_group,
  pass, pass_place, pass_use, booking, closure, door_rule, place_policy, lockdown, command, enrolment, access_list, list_version,
  list_entry, list_settings, access_dirty, alarm TO maillage_rights;
GRANT INSERT, UPDATE, DELETE ON access_list, list_version, list_entry, list_settings TO maillage_rights;
GRANT DELETE ON access_dirty TO maillage_rights;
GRANT UPDATE (sent_at, outcome, outcome_at) ON command TO maillage_rights;
GRANT INSERT ON command TO maillage_rights;
GRANT UPDATE (token, last4, format, bits, read_at) ON enrolment TO maillage_rights;
GRANT INSERT ON alarm TO maillage_rights;
GRANT UPDATE (list_version, list_fingerprint) ON gateway_state TO maillage_rights;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO maillage_rights, maillage_api;
GRANT SELECT, INSERT ON pass_use TO maillage_ingest;
GRANT SELECT ON pass TO maillage_ingest;
GRANT SELECT ON access_list TO maillage_ingest;
GRANT SELECT ON list_version, list_entry, list_settings TO maillage_api, maillage_maintain;
GRANT DELETE ON list_entry, list_settings, list_version, command TO maillage_maintain;
GRANT SELECT ON command TO maillage_maintain;
