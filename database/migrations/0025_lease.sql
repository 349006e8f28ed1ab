-- Leadership is a lease: a row with a fencing number that each commit of its holder checks. No advisory lock, which every
-- login of the database may take, and no transaction kept open, which would hold back vacuum (decision 25).

-- A process that holds leases, and until when, by the database's clock. One row is renewed, however many leases it holds.
CREATE TABLE lease_holder (
  id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{32}$'),        -- random, of one run of one process
  until timestamptz NOT NULL,
  login name NOT NULL DEFAULT current_user
) WITH (fillfactor = 50);

-- What can be held, by which process. `fence` grows with each change of hands.
CREATE TABLE lease (
  name text PRIMARY KEY,
  process name NOT NULL,                      -- the group role whose members may hold it
  holder text,                                -- an id of lease_holder, whose row may be gone
  fence bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO lease (name, process)
SELECT 'shard ' || to_char(number, 'FM00'), 'maillage_ingest' FROM generate_series(0, 63) AS number
UNION ALL VALUES ('rights', 'maillage_rights'::name), ('maintain', 'maillage_maintain');

GRANT SELECT, UPDATE (holder, fence) ON lease TO maillage_ingest, maillage_rights, maillage_maintain;
GRANT SELECT, INSERT, UPDATE, DELETE ON lease_holder TO maillage_ingest, maillage_rights, maillage_maintain;
ALTER TABLE lease ENABLE ROW LEVEL SECURITY;
ALTER TABLE lease_holder ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_process ON lease TO maillage_ingest, maillage_rights, maillage_maintain
  USING (pg_has_role(current_user, process, 'MEMBER'));
CREATE POLICY processes_read ON lease_holder FOR SELECT TO maillage_ingest, maillage_rights, maillage_maintain USING (true);
CREATE POLICY own_login ON lease_holder TO maillage_ingest, maillage_rights, maillage_maintain
  USING (login = current_user) WITH CHECK (login = current_user);

-- Renew the leases of holder `me` for `life`, take those of `wanted` that nobody holds, and return all that it holds.
-- An end too far ahead counts as passed: the clock was set back, or the database was restored.
CREATE FUNCTION keep_leases(me text, wanted text[], life interval) RETURNS TABLE (name text, fence bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE moment timestamptz := clock_timestamp();
BEGIN
  INSERT INTO lease_holder (id, until) VALUES (me, moment + life) ON CONFLICT (id) DO UPDATE SET until = excluded.until;
  WITH free AS (
    SELECT l.name FROM lease l
    WHERE l.name = ANY (wanted) AND NOT EXISTS (
      SELECT FROM lease_holder h WHERE h.id = l.holder AND h.until BETWEEN moment AND moment + 2 * life)
    ORDER BY l.name FOR UPDATE SKIP LOCKED
  ), taken AS (
    UPDATE lease l SET holder = me, fence = l.fence + 1 FROM free WHERE l.name = free.name RETURNING l.name
  )
  DELETE FROM lease_holder h WHERE h.until < moment - interval '1 day' AND EXISTS (SELECT FROM taken);
  RETURN QUERY SELECT l.name, l.fence FROM lease l WHERE l.holder = me;
END $$;

-- Refuse (SQLSTATE MA002) unless each lease still has the fence that the caller knows. Until this transaction ends nobody
-- else can take them.
CREATE FUNCTION check_leases(names text[], fences bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE held integer;
BEGIN
  PERFORM FROM lease l JOIN unnest(names, fences) AS known (name, fence) ON l.name = known.name AND l.fence = known.fence
  ORDER BY l.name FOR SHARE OF l;
  GET DIAGNOSTICS held = ROW_COUNT;
  IF held <> cardinality(names) THEN
    RAISE EXCEPTION '% of % leases are held by another process now', cardinality(names) - held, cardinality(names)
      USING ERRCODE = 'MA002';
  END IF;
END $$;
REVOKE ALL ON FUNCTION keep_leases(text, text[], interval), check_leases(text[], bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keep_leases(text, text[], interval), check_leases(text[], bigint[])
  TO maillage_ingest, maillage_rights, maillage_maintain;

-- The audit's lines are appended one after the other: by a lock on this row, which no process may touch.
CREATE TABLE audit_turn (one boolean PRIMARY KEY DEFAULT true CHECK (one));
INSERT INTO audit_turn DEFAULT VALUES;
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

-- A reader's open transaction must not keep old events for ever, nor everybody else waiting behind the one who drops them.
CREATE OR REPLACE FUNCTION drop_events_before(before timestamptz) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
  IF before > now() - interval '1 month' THEN
    RAISE EXCEPTION 'events younger than a month are not dropped' USING ERRCODE = 'check_violation';
  END IF;
  RETURN QUERY SELECT drop_chunks('public.event', older_than => before);
END $$;
GRANT INSERT ON alarm TO maillage_maintain;
