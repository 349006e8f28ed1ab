-- Card tokens under a key of each place. The API finds a card by `lookup` (HMAC-SHA-256 under a key that no gateway holds) and
-- keeps its number sealed; the rights process alone opens it, and makes from it the token of each place's list and events.

-- A card issued before this migration has no number here: it opens nothing until it is presented again, which gives it a new
-- row. `lookup` keeps its old token, the network's, by which events of that time name it until they are deleted.
ALTER TABLE card RENAME COLUMN token TO lookup;
ALTER TABLE card ADD COLUMN must_be_presented boolean NOT NULL DEFAULT true;
ALTER TABLE card ALTER COLUMN must_be_presented SET DEFAULT false;
COMMENT ON COLUMN card.must_be_presented IS 'issued before numbers were kept: it opens nothing until it is presented again';

-- A PIN was hashed under the network's key, which is no more; the new hash needs the PIN itself. Members choose one again.
UPDATE member SET pin = NULL WHERE pin IS NOT NULL;
COMMENT ON COLUMN member.pin IS 'access.tokens.hard_pin';

-- What was read at a reader was named by the network's key.
UPDATE enrolment SET token = NULL, last4 = NULL, format = NULL, bits = NULL, read_at = NULL WHERE read_at IS NOT NULL;
ALTER TABLE enrolment RENAME COLUMN token TO lookup;

-- The numbers of cards and codes: written by the API, which can't read them again; opened by the rights process.
CREATE TABLE card_number (
  lookup bytea PRIMARY KEY CHECK (length(lookup) = 32),
  sealed bytea CHECK (length(sealed) <= 200),   -- for the rights process (gateway.contract.sealed), until it has opened it
  boxed bytea CHECK (length(boxed) <= 200),     -- under a key that the rights process alone derives (rights.numbers)
  at timestamptz NOT NULL DEFAULT now(),
  CHECK (num_nonnulls(sealed, boxed) > 0)
);
ALTER TABLE card_number ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON card_number TO maillage_rights USING (true) WITH CHECK (true);
CREATE POLICY caller_adds ON card_number FOR INSERT TO maillage_api WITH CHECK ((SELECT caller_staff()));
GRANT INSERT (lookup, sealed) ON card_number TO maillage_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON card_number TO maillage_rights;

-- The token of a code at a place takes a memory-hard hash: made once (rights.codes).
CREATE TABLE code_token (
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  lookup bytea NOT NULL CHECK (length(lookup) = 32),
  token bytea NOT NULL CHECK (length(token) = 32),
  PRIMARY KEY (place, lookup)
);
CREATE INDEX code_token_lookup ON code_token (lookup);
GRANT SELECT, INSERT, UPDATE, DELETE ON code_token TO maillage_rights;

-- Whose an entry's token is: the card's lookup. NULL in rows from before, where the token itself was the card's.
ALTER TABLE list_entry ADD COLUMN lookup bytea CHECK (length(lookup) = 32);
CREATE INDEX list_entry_lookup ON list_entry (lookup);

-- The audit tells of a lookup only that it changed, as it did of a token.
DO $$
DECLARE
  line text[];
  event text;
  lines text[] := ARRAY[
    ARRAY['card', 'ref', '''card '' || (r ->> ''ref'')', '(SELECT m.home FROM member m WHERE m.ref = r ->> ''member'')',
      'r ->> ''member''', '{lookup}', '{last4}', '{revision,issued_at}', 'true'],
    ARRAY['enrolment', 'id', '''enrolment '' || (r ->> ''id'')', 'r ->> ''place''', 'NULL', '{lookup}', '{last4}', '{}',
      'became IS NOT NULL']];
BEGIN
  FOREACH line SLICE 1 IN ARRAY lines LOOP
    FOREACH event IN ARRAY '{INSERT,UPDATE,DELETE}'::text[] LOOP
      EXECUTE format('DROP TRIGGER audit_changed_%s ON %I', lower(event), line[1]);
      EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT
        EXECUTE FUNCTION audit_changed(%L, %L, %L, %L, %L, %L, %L, %L)', lower(event), event, line[1],
        CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
          ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
        line[2], line[3], line[4], line[5], line[6], line[7], line[8], line[9]);
    END LOOP;
  END LOOP;
END $$;

-- As before (0026), by the new name.
CREATE OR REPLACE FUNCTION card_guarded() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  -- what opens: a card in use that is new, another's, of another number, back in use, or that holds for longer
  IF row_security_active('card') AND NEW.status IN ('issued', 'active')
     AND (TG_OP = 'INSERT' OR NEW.member <> OLD.member OR NEW.lookup <> OLD.lookup
       OR (NEW.status <> OLD.status AND (NEW.status, OLD.status) <> ('issued', 'active'))
       OR coalesce(NEW.valid_until, 'infinity') > coalesce(OLD.valid_until, 'infinity')
       OR coalesce(NEW.valid_from, '-infinity') < coalesce(OLD.valid_from, '-infinity'))
     AND NOT caller_reaches_member(NEW.member) THEN
    RAISE EXCEPTION 'this member has a pass for places that are not yours, and a card would open there too: ask a network administrator'
      USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'card_guarded';
  END IF;
  RETURN NEW;
END $$;

-- As before (0019); here an entry's lookup leads an index.
CREATE OR REPLACE FUNCTION card_spread(ref text) RETURNS TABLE (
  place text, gateway text, place_id integer, online boolean, has integer, needs integer, made_at timestamptz, waits timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE WHEN caller_sees(p.id) THEN p.code::text END, CASE WHEN caller_sees(p.id) THEN g.code::text END, p.id,
         coalesce(s.online, false), s.list_version, v.version, made.made_at, w.since
  FROM card c
  CROSS JOIN LATERAL (
    SELECT e.place, max(greatest(e.since, coalesce(e.until, 0))) AS version FROM list_entry e
    WHERE e.lookup = c.lookup GROUP BY e.place
  ) AS v
  JOIN place p ON p.id = v.place
  JOIN gateway g ON g.place = p.id AND g.retired_at IS NULL
  LEFT JOIN gateway_state s ON s.gateway = g.id
  LEFT JOIN list_version made ON made.place = p.id AND made.version = v.version
  CROSS JOIN LATERAL (
    SELECT min(d.at) AS since FROM access_dirty d
    WHERE d.member = c.member OR d.place = p.id OR (d.member IS NULL AND d.place IS NULL)
  ) AS w
  WHERE c.ref = card_spread.ref AND caller_sees_member(c.member)
  ORDER BY p.code, g.code
$$;

-- As before (0014), with the tokens of every place.
CREATE OR REPLACE FUNCTION forget_member(ref text) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  home integer;
  lookups bytea[];
  tokens bytea[];
  passes text[];
  subjects text[];
  trace record;
  line bigint;
  told jsonb;
  events integer := 0;
  cards integer;
  bookings integer;
BEGIN
  SELECT m.home INTO home FROM member m WHERE m.ref = forget_member.ref FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no such member' USING ERRCODE = 'no_data_found';
  END IF;
  SELECT coalesce(array_agg(c.lookup), '{}'), coalesce(array_agg('card ' || c.ref), '{}') INTO lookups, subjects
  FROM card c WHERE c.member = forget_member.ref;
  cards := cardinality(lookups);
  -- their tokens at every place whose list had them; events from before this migration have the lookup itself
  SELECT lookups || coalesce(array_agg(DISTINCT e.token), '{}') INTO tokens FROM list_entry e WHERE e.lookup = ANY (lookups);
  SELECT coalesce(array_agg(p.ref), '{}'), subjects || coalesce(array_agg('pass ' || p.ref), '{}') INTO passes, subjects
  FROM pass p WHERE p.member = forget_member.ref;
  SELECT count(*), subjects || coalesce(array_agg('booking ' || b.ref), '{}') INTO bookings, subjects
  FROM booking b WHERE b.member = forget_member.ref;

  -- Row by row, by constants: so that one chunk is looked into, and of a compressed one only a few rows are unpacked.
  FOR trace IN
    SELECT e.at, e.place, e.stream, e.seq FROM event e WHERE e.member = forget_member.ref
    UNION SELECT e.at, e.place, e.stream, e.seq FROM event e WHERE e.card = ANY (tokens) AND e.member IS NULL
    -- what a door's contact told of these
    UNION SELECT t.at, t.place, t.stream, t.seq FROM event e
      JOIN event t ON t.place = e.place AND t.at >= e.at AND t.at < e.at + interval '10 minutes' AND t.kind IN (2, 3)
      WHERE e.member = forget_member.ref AND e.kind = 1 AND t.detail ->> 'pass_ref' = ANY (passes)
  LOOP
    EXECUTE format('UPDATE event SET member = NULL, card = NULL, detail = nullif(detail - ''pass_ref'', ''{}'')
      WHERE place = %s AND at = %L AND stream = %s AND seq = %s', trace.place, trace.at, trace.stream, trace.seq);
    events := events + 1;
  END LOOP;

  DELETE FROM enrolment n WHERE n.lookup = ANY (lookups);
  DELETE FROM card_number n WHERE n.lookup = ANY (lookups);
  DELETE FROM code_token t WHERE t.lookup = ANY (lookups);
  DELETE FROM list_entry e WHERE e.member = forget_member.ref AND e.until IS NOT NULL;  -- the present ones: `maillage maintain`
  DELETE FROM dead_letter d WHERE position(convert_to(forget_member.ref, 'UTF8') IN d.payload) > 0
    OR EXISTS (SELECT FROM unnest(tokens) AS t WHERE position(convert_to(encode(t, 'hex'), 'UTF8') IN d.payload) > 0);
  UPDATE alarm a SET detail = a.detail - 'tokens'  -- of a drift: which cards a gateway knew otherwise
  WHERE a.detail ? 'tokens'
    AND EXISTS (SELECT FROM unnest(tokens) AS t WHERE position(left(encode(t, 'hex'), 8) IN (a.detail -> 'tokens')::text) > 0);
  DELETE FROM audit_detail d WHERE d.person = forget_member.ref OR (position(forget_member.ref IN d.body::text) > 0
    AND d.person IN (SELECT p.member FROM pass p WHERE p.host = forget_member.ref));
  DELETE FROM member m WHERE m.ref = forget_member.ref;
  -- Nor does the audit tell what went: these lines of this transaction are replaced by one.
  DELETE FROM audit_draft d
  WHERE d.person = forget_member.ref OR d.subject = ANY (subjects) OR position(forget_member.ref IN d.body::text) > 0;
  told := jsonb_build_object('events', events, 'cards', cards, 'passes', cardinality(passes), 'bookings', bookings);
  line := audit_write('erased', 'sha256 ' || encode(sha256(convert_to(forget_member.ref, 'UTF8')), 'hex'), home, told);
  UPDATE audit_draft d SET person = NULL, body = told WHERE d.id = line;
  RETURN told;
END $$;

-- Every list is made anew.
INSERT INTO access_dirty (hurry) SELECT true WHERE EXISTS (SELECT FROM place)
  AND NOT EXISTS (SELECT FROM access_dirty WHERE member IS NULL AND place IS NULL);
