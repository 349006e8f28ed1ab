-- Who did what, when, from where: a chain of lines, each with the hash of the one before it (docs/audit.md).
-- What a line tells in detail lies beside it and may be erased with the person; the chain holds a salted digest of it.

CREATE TABLE audit (
  id bigint PRIMARY KEY,                      -- 1, 2, 3 … without a gap, in the order of the commits
  at timestamptz NOT NULL,                    -- when it was done
  actor text NOT NULL,                        -- 'key:7 accueil', or 'db:postgres': a user of the database
  role text,                                  -- of the key
  action text NOT NULL,                       -- 'member changed', 'read events', …
  subject text NOT NULL,                      -- 'member m-0a1b…'
  place integer,                              -- no reference: a line outlives its place; NULL: the network
  from_addr text,
  request text,
  detail_digest bytea CHECK (length(detail_digest) = 32),   -- SHA-256 of salt and body; NULL: there never was a detail
  previous bytea NOT NULL CHECK (length(previous) = 32),    -- the hash of the line before; of the first: zeros
  hash bytea NOT NULL CHECK (length(hash) = 32)
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_subject ON audit (subject, id);
CREATE INDEX audit_place ON audit (place, id);

CREATE TABLE audit_detail (
  audit bigint PRIMARY KEY REFERENCES audit,
  salt bytea NOT NULL CHECK (length(salt) = 32),
  body jsonb NOT NULL,
  person text                                 -- the member that it tells of: goes when they are erased
);
CREATE INDEX audit_detail_person ON audit_detail (person) WHERE person IS NOT NULL;

-- Lines of transactions that are not committed yet: they take their place in the chain at the commit, so that nobody
-- waits for another's transaction but for the moment of its commit. Always empty outside transactions.
CREATE UNLOGGED TABLE audit_draft (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  role text,
  action text NOT NULL CHECK (btrim(action) <> '' AND length(action) <= 200),
  subject text NOT NULL CHECK (length(subject) <= 400),
  place integer,
  from_addr text,
  request text,
  body jsonb,
  person text
);

-- Secrets of the guard that no process may read: what `enter` seals a transaction with (0014).
CREATE TABLE guard_secret (secret bytea NOT NULL);
INSERT INTO guard_secret VALUES (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));

-- A text of a hashed line: its length in bytes (4, most significant first), then its UTF-8; NULL: the length -1 alone.
CREATE FUNCTION audit_field(value text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE bytes bytea := convert_to(value, 'UTF8');
BEGIN
  RETURN CASE WHEN bytes IS NULL THEN '\xffffffff'::bytea ELSE int4send(length(bytes)) || bytes END;
END $$;

-- The hash of a line: SHA-256 of the previous one's and of every field, in the table's order. `database/chain.py` knows it too.
CREATE FUNCTION audit_hash(line audit) RETURNS bytea LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN sha256(line.previous
    || audit_field(line.id::text)
    || audit_field((extract(epoch FROM line.at) * 1000000)::bigint::text)
    || audit_field(line.actor) || audit_field(line.role) || audit_field(line.action) || audit_field(line.subject)
    || audit_field(line.place::text) || audit_field(line.from_addr) || audit_field(line.request)
    || audit_field(encode(line.detail_digest, 'hex')));
END $$;

-- Who acts in this transaction: as `enter` (0014) sealed it, else the user of the database, whatever settings say.
CREATE TYPE caller AS (
  key integer, actor text, role text, places integer[], member text, gateway integer, from_addr text, request text
);
CREATE FUNCTION caller_seal(who caller) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  -- bound to this transaction: its start and its process; nobody who may run SQL as a process can make one up
  SELECT encode(sha256(s.secret || sha256(s.secret || convert_to(concat_ws(E'\x1f',
    pg_backend_pid()::text, extract(epoch FROM transaction_timestamp())::text, to_jsonb(who)::text), 'UTF8'))), 'hex')
  FROM guard_secret s
$$;
REVOKE ALL ON FUNCTION caller_seal(caller) FROM PUBLIC;
CREATE FUNCTION caller() RETURNS caller LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  who caller;
  seal text := nullif(current_setting('maillage.seal', true), '');
BEGIN
  IF seal IS NULL THEN
    RETURN NULL;
  END IF;
  who := (
    nullif(current_setting('maillage.key', true), '')::integer,
    nullif(current_setting('maillage.actor', true), ''),
    nullif(current_setting('maillage.role', true), ''),
    nullif(current_setting('maillage.places', true), '')::integer[],
    nullif(current_setting('maillage.member', true), ''),
    nullif(current_setting('maillage.gateway', true), '')::integer,
    nullif(current_setting('maillage.from', true), ''),
    nullif(current_setting('maillage.request', true), ''));
  IF seal <> caller_seal(who) THEN
    RAISE EXCEPTION 'the settings of this transaction were not made by enter()' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN who;
END $$;

-- Note what was done: it becomes a line of the chain when the transaction commits. Returns the draft's number.
CREATE FUNCTION audit_write(action text, subject text, place integer, detail jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  who caller := caller();
  number bigint;
BEGIN
  INSERT INTO audit_draft (at, actor, role, action, subject, place, from_addr, request, body, person)
  VALUES (clock_timestamp(), coalesce(who.actor, 'db:' || session_user), who.role, audit_write.action,
    coalesce(audit_write.subject, 'network'), audit_write.place,
    CASE WHEN who.member IS NULL THEN who.from_addr END, who.request,  -- a member's own address is theirs: it can be erased
    nullif(coalesce(detail, '{}') || CASE WHEN who.member IS NULL OR who.from_addr IS NULL THEN '{}'
      ELSE jsonb_build_object('from', who.from_addr) END, '{}'),
    coalesce(substring(audit_write.subject FROM '^member (.*)$'), detail ->> 'member', who.member))
  RETURNING id INTO number;
  RETURN number;
END $$;
REVOKE ALL ON FUNCTION audit_write(text, text, integer, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_write(text, text, integer, jsonb) TO maillage_api, maillage_rights, maillage_maintain;

-- A draft becomes a line. Appends are one after the other: the lock is held from here to the end of the commit. Who sees
-- an older state than that of their commit (REPEATABLE READ) is told to try again.
CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  draft audit_draft;
  line audit;
  salt bytea := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
BEGIN
  DELETE FROM audit_draft WHERE id = NEW.id RETURNING * INTO draft;
  IF NOT FOUND THEN
    RETURN NULL;  -- taken back by an erasure
  END IF;
  PERFORM pg_advisory_xact_lock(7022629598041763687);  -- 'auditlog' in ASCII
  SELECT a.id, a.hash INTO line.id, line.previous FROM audit a ORDER BY a.id DESC LIMIT 1;
  line.id := coalesce(line.id, 0) + 1;
  line.previous := coalesce(line.previous, decode(repeat('00', 32), 'hex'));
  line.at := draft.at;
  line.actor := draft.actor;
  line.role := draft.role;
  line.action := draft.action;
  line.subject := draft.subject;
  line.place := draft.place;
  line.from_addr := draft.from_addr;
  line.request := draft.request;
  IF draft.body IS NOT NULL THEN
    line.detail_digest := sha256(salt || convert_to(draft.body::text, 'UTF8'));
  END IF;
  line.hash := audit_hash(line);
  INSERT INTO audit SELECT line.* ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another line was appended to the audit meanwhile' USING ERRCODE = 'serialization_failure';
  END IF;
  IF draft.body IS NOT NULL THEN
    INSERT INTO audit_detail (audit, salt, body, person) VALUES (line.id, salt, draft.body, draft.person);
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_chain AFTER INSERT ON audit_draft DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION audit_chain();

-- A line is neither changed nor removed, also by the owner; a detail is not changed, but may go.
CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit is only added to' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();
CREATE TRIGGER audit_stays BEFORE UPDATE OR TRUNCATE ON audit_detail FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();

-- What differs between two forms of a row. NULL: nothing that matters. `hidden` columns are named but never told,
-- of `personal` ones only the new value, `ignored` ones don't count.
CREATE FUNCTION audit_difference(was jsonb, became jsonb, hidden text[], personal text[], ignored text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog AS $$
BEGIN
  RETURN (SELECT jsonb_strip_nulls(jsonb_build_object(
    CASE WHEN was IS NULL THEN 'set' WHEN became IS NULL THEN 'was' ELSE 'changed' END,
    jsonb_object_agg(d.key, CASE
      WHEN was IS NULL THEN d.after
      WHEN became IS NULL THEN d.before
      WHEN d.key = ANY (personal) THEN jsonb_build_array(d.after)
      ELSE jsonb_build_array(d.before, d.after) END)
      FILTER (WHERE d.key <> ALL (hidden) AND (became IS NOT NULL OR d.key <> ALL (personal))),
    'hidden', jsonb_agg(d.key) FILTER (WHERE d.key = ANY (hidden) AND became IS NOT NULL)))
  FROM (
    SELECT key, nullif(was -> key, 'null') AS before, nullif(became -> key, 'null') AS after
    FROM jsonb_object_keys(coalesce(became, was)) AS key
  ) d
  WHERE d.before IS DISTINCT FROM d.after AND d.key <> ALL (ignored)
  HAVING count(*) > 0);
END $$;

-- One line for each changed row, up to 50 of a statement; of more, one for all.
CREATE FUNCTION audit_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  -- TG_ARGV: the key's columns; the subject, place and person as expressions over r, the row as jsonb; columns that are
  -- hidden, personal, ignored; a condition over r
  noun text := replace(TG_TABLE_NAME, '_', ' ');
  action text := noun || CASE TG_OP WHEN 'INSERT' THEN ' created' WHEN 'UPDATE' THEN ' changed' ELSE ' removed' END;
  hidden text[] := TG_ARGV[4];
  personal text[] := TG_ARGV[5];
  ignored text[] := TG_ARGV[6];
  many bigint;
  one record;
  rows text := CASE TG_OP
    WHEN 'INSERT' THEN 'SELECT NULL::jsonb AS was, to_jsonb(n) AS became FROM new_rows n'
    WHEN 'DELETE' THEN 'SELECT to_jsonb(o) AS was, NULL::jsonb AS became FROM old_rows o'
    ELSE format('SELECT to_jsonb(o) AS was, to_jsonb(n) AS became FROM old_rows o FULL JOIN new_rows n USING (%s)', TG_ARGV[0]) END;
BEGIN
  EXECUTE format('SELECT count(*) FROM %I', CASE TG_OP WHEN 'DELETE' THEN 'old_rows' ELSE 'new_rows' END) INTO many;
  IF many = 0 THEN
    RETURN NULL;
  END IF;
  IF many <= 50 THEN
    FOR one IN EXECUTE format(
      'SELECT %s AS subject, (%s)::integer AS place, %s AS person, audit_difference(was, became, $1, $2, $3) AS detail
       FROM (SELECT was, became, coalesce(became, was) AS r FROM (%s) AS pairs) AS rows WHERE %s',
      TG_ARGV[1], TG_ARGV[2], TG_ARGV[3], rows, TG_ARGV[7]) USING hidden, personal, ignored
    LOOP
      IF one.detail IS NOT NULL THEN
        PERFORM audit_write(action, one.subject, one.place,
          one.detail || CASE WHEN one.person IS NULL THEN '{}' ELSE jsonb_build_object('member', one.person) END);
      END IF;
    END LOOP;
  ELSIF many <= 5000 THEN
    EXECUTE format(
      'SELECT count(*) AS many, jsonb_agg(%s) AS subjects, CASE WHEN count(DISTINCT place) = 1 THEN min(place) END AS place
       FROM (SELECT r, (%s)::integer AS place
             FROM (SELECT was, became, coalesce(became, was) AS r FROM (%s) AS pairs
                   WHERE audit_difference(was, became, $1, $2, $3) IS NOT NULL) AS rows WHERE %s) AS placed',
      TG_ARGV[1], TG_ARGV[2], rows, TG_ARGV[7]) USING hidden, personal, ignored INTO one;
    IF one.many > 0 THEN
      PERFORM audit_write(action, one.many || ' rows', one.place, jsonb_build_object('rows', one.many, 'subjects', one.subjects));
    END IF;
  ELSE
    PERFORM audit_write(action, many || ' rows', NULL, jsonb_build_object('rows', many));
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION audit_emptied() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM audit_write(replace(TG_TABLE_NAME, '_', ' ') || ' removed', 'all rows', NULL, NULL);
  RETURN NULL;
END $$;

DO $$
DECLARE
  line text[];
  event text;
  home_of text := '(SELECT m.home FROM member m WHERE m.ref = r ->> ''member'')';
  lines text[] := ARRAY[
    -- table, key, subject, place, person, hidden, personal, ignored, condition
    ARRAY['organisation', 'id', '''organisation '' || (r ->> ''code'')', 'NULL', 'NULL', '{}', '{}', '{revision}', 'true'],
    ARRAY['member', 'ref', '''member '' || (r ->> ''ref'')', 'r ->> ''home''', 'r ->> ''ref''', '{pin}', '{name,email}', '{revision,created_at}', 'true'],
    ARRAY['card', 'ref', '''card '' || (r ->> ''ref'')', home_of, 'r ->> ''member''', '{token}', '{last4}', '{revision,issued_at}', 'true'],
    ARRAY['schedule', 'id', '''schedule '' || (r ->> ''code'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{revision}', 'true'],
    ARRAY['door_group', 'id', '''door group '' || (r ->> ''code'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{revision}', 'true'],
    ARRAY['pass', 'ref', '''pass '' || (r ->> ''ref'')', home_of, 'r ->> ''member''', '{}', '{label}', '{revision,created_at}', 'true'],
    ARRAY['pass_place', 'pass, place', '''pass '' || (r ->> ''pass'')', 'r ->> ''place''',
      '(SELECT p.member FROM pass p WHERE p.ref = r ->> ''pass'')', '{}', '{}', '{}', 'true'],
    -- what the upkeep removes of these when its time is over is no act of anybody's
    ARRAY['booking', 'ref', '''booking '' || (r ->> ''ref'')', 'r ->> ''place''', 'r ->> ''member''', '{}', '{}', '{revision}',
      'became IS NOT NULL OR (was ->> ''ends_at'')::timestamptz > now() - interval ''1 year'''],
    ARRAY['closure', 'id', '''closure '' || (r ->> ''id'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{revision}', 'true'],
    ARRAY['door_rule', 'door', '''door '' || (r ->> ''door'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{revision}', 'true'],
    ARRAY['place_policy', 'place', '''place '' || (r ->> ''place'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{revision}', 'true'],
    ARRAY['lockdown', 'id', '''lockdown '' || (r ->> ''id'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{}', 'true'],
    ARRAY['command', 'id', '''command '' || (r ->> ''id'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{sent_at,outcome_at}',
      'r ->> ''do_what'' <> ''report_list'' AND (became IS NOT NULL OR (was ->> ''ordered_at'')::timestamptz > now() - interval ''90 days'')'],
    ARRAY['enrolment', 'id', '''enrolment '' || (r ->> ''id'')', 'r ->> ''place''', 'NULL', '{token}', '{last4}', '{}', 'became IS NOT NULL'],
    ARRAY['api_key', 'id', '''key '' || (r ->> ''id'')', 'NULL', 'r ->> ''member''', '{digest}', '{}', '{last_used_at}', 'true'],
    ARRAY['scope', 'role, place', '''reader '' || (r ->> ''role'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{}', 'true'],
    ARRAY['place', 'id', '''place '' || (r ->> ''code'')', 'r ->> ''id''', 'NULL', '{}', '{}', '{revision,search}', 'true'],
    ARRAY['space', 'id', '''space '' || (r ->> ''id'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{}', 'true'],
    ARRAY['door', 'id', '''door '' || (r ->> ''id'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{}', 'true'],
    ARRAY['gateway', 'id', '''gateway '' || (r ->> ''code'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{}', 'true'],
    ARRAY['device', 'id', '''device '' || (r ->> ''code'')', 'r ->> ''place''', 'NULL', '{}', '{}', '{}', 'true'],
    -- of an alarm only what people do about it
    ARRAY['alarm', 'id', '''alarm '' || (r ->> ''id'')', 'r ->> ''place''', 'NULL', '{}', '{}',
      '{raised_at,kind,place,gateway,door,from_at,until_at,text,detail}', 'true']];
BEGIN
  FOREACH line SLICE 1 IN ARRAY lines LOOP
    FOREACH event IN ARRAY CASE line[1] WHEN 'alarm' THEN '{UPDATE}'::text[] ELSE '{INSERT,UPDATE,DELETE}' END LOOP
      EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT
        EXECUTE FUNCTION audit_changed(%L, %L, %L, %L, %L, %L, %L, %L)', lower(event), event, line[1],
        CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
          ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
        line[2], line[3], line[4], line[5], line[6], line[7], line[8], line[9]);
    END LOOP;
    EXECUTE format('CREATE TRIGGER audit_emptied AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_emptied()', line[1]);
  END LOOP;
END $$;

-- The history of a card. A generated card's begins with its first change.
CREATE FUNCTION card_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE who text := coalesce((caller()).actor, 'db:' || session_user);
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO card_change (card, was, became, by)
    SELECT n.ref, NULL, n.status, who FROM new_rows n WHERE NOT n.generated;
  ELSE
    INSERT INTO card_change (card, was, became, by)
    SELECT n.ref, o.status, n.status, who FROM new_rows n JOIN old_rows o ON o.ref = n.ref WHERE n.status <> o.status;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER card_changed_insert AFTER INSERT ON card REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION card_changed();
CREATE TRIGGER card_changed_update AFTER UPDATE ON card REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION card_changed();
