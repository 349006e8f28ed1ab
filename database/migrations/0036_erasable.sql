-- What of the audit may be erased is hashed with each line, and every detail that goes leaves a line that says which (docs/audit.md).

-- An erasure that is under way ends before: what it removes is gone when the old details are listed below.
LOCK TABLE audit_detail, audit;

-- NULL: a line from before this migration. No old line is rewritten; their hashes stay as they are.
ALTER TABLE audit ADD COLUMN about text CHECK (about IN ('person', 'nobody'));
COMMENT ON COLUMN audit.about IS 'person: the detail may be erased, with the person or after a year; nobody: it stays';

-- The hash of a line: as before, and for new lines also what its detail is about. `database/chain.py` computes it too.
CREATE OR REPLACE FUNCTION audit_hash(line audit) RETURNS bytea LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN sha256(line.previous
    || audit_field(line.id::text)
    || audit_field((extract(epoch FROM line.at) * 1000000)::bigint::text)
    || audit_field(line.actor) || audit_field(line.role) || audit_field(line.action) || audit_field(line.subject)
    || audit_field(line.place::text) || audit_field(line.from_addr) || audit_field(line.request)
    || audit_field(encode(line.detail_digest, 'hex'))
    || CASE WHEN line.about IS NULL THEN ''::bytea ELSE audit_field(line.about) END);
END $$;

-- A draft becomes a line (0025), with what its detail is about. The digest covers the person too, and the salt hides both.
CREATE OR REPLACE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
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
  -- Details go with their person or after their time. The erasure's own line is still a draft at this moment.
  IF draft.action = 'audit detail removed' AND NOT EXISTS (SELECT FROM audit_draft d WHERE d.action = 'erased')
     AND EXISTS (SELECT FROM unnest((draft.body ->> 'lines')::int8multirange) AS part
                 JOIN audit a ON a.id >= lower(part) AND a.id < upper(part) WHERE a.at > now() - interval '6 months') THEN
    RAISE EXCEPTION 'details younger than half a year go only with their person: use erase_member'
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM FROM audit_turn FOR UPDATE;
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
  line.about := CASE WHEN draft.person IS NULL OR draft.body IS NULL THEN 'nobody' ELSE 'person' END;
  IF draft.body IS NOT NULL THEN
    line.detail_digest := sha256(salt || audit_field(draft.person) || convert_to(draft.body::text, 'UTF8'));
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

-- Details that go leave a line with the numbers of their lines. Its own detail is about nobody, so an erasure keeps it.
CREATE FUNCTION audit_detail_removed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  who caller := caller();
  kept bigint;
  many bigint;
  numbers int8multirange;
BEGIN
  SELECT min(o.audit) INTO kept FROM old_rows o JOIN audit a ON a.id = o.audit WHERE o.person IS NULL OR a.about = 'nobody';
  IF kept IS NOT NULL THEN
    RAISE EXCEPTION 'the detail of line % of the audit is about nobody: it stays', kept USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT count(*), range_agg(int8range(o.audit, o.audit + 1)) INTO many, numbers FROM old_rows o;
  IF many > 0 THEN
    INSERT INTO audit_draft (at, actor, role, action, subject, from_addr, request, body)
    VALUES (clock_timestamp(), coalesce(who.actor, 'db:' || session_user), who.role, 'audit detail removed',
      many || ' details', CASE WHEN who.member IS NULL THEN who.from_addr END, who.request,
      jsonb_build_object('lines', numbers::text));
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER audit_detail_removed AFTER DELETE ON audit_detail REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION audit_detail_removed();

-- What old lines can't say, the first new line says for them: which of their details are here, and are about a person or nobody.
INSERT INTO audit_draft (at, actor, action, subject, body)
SELECT clock_timestamp(), 'db:' || session_user, 'audit details listed', count(*) || ' details',
  jsonb_strip_nulls(jsonb_build_object(
    'person', (range_agg(int8range(audit, audit + 1)) FILTER (WHERE person IS NOT NULL))::text,
    'nobody', (range_agg(int8range(audit, audit + 1)) FILTER (WHERE person IS NULL))::text))
FROM audit_detail HAVING count(*) > 0;
