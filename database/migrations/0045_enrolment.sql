-- Enrolment of gateways and the network's certificate authority: one-time codes, requests for certificates and their
-- answers (by the rights process, the only one that signs), certificates issued and revoked, what the broker must know.

ALTER TABLE gateway
  ADD COLUMN sealing_key bytea CHECK (length(sealing_key) = 32),  -- X25519 public key: what is sealed for it
  ADD COLUMN joined_at timestamptz,                               -- when it last joined by a code
  ADD COLUMN revoked_at timestamptz;                              -- shut out since, until it joins again
-- These names are the processes' on the broker.
ALTER TABLE gateway ADD CONSTRAINT gateway_code_reserved
  CHECK (code NOT IN ('ingest', 'rights', 'broker', 'watcher')) NOT VALID;

CREATE TABLE enrolment_code (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),   -- SHA-256 of the code, which nobody keeps
  place integer NOT NULL,
  gateway integer NOT NULL,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL DEFAULT now() + interval '1 hour',
  used_at timestamptz,
  CHECK (expires_at <= made_at + interval '1 hour'),
  FOREIGN KEY (gateway, place) REFERENCES gateway (id, place) ON DELETE CASCADE
);
CREATE INDEX enrolment_code_gateway ON enrolment_code (gateway);

-- Codes that were refused within the last hour, so that guessing fails.
CREATE TABLE enrolment_try (
  at timestamptz NOT NULL DEFAULT now(),
  from_addr text NOT NULL
);

CREATE TABLE certificate_request (
  id text PRIMARY KEY DEFAULT new_ref('q'),
  gateway integer NOT NULL REFERENCES gateway ON DELETE CASCADE,
  code bigint REFERENCES enrolment_code ON DELETE CASCADE,    -- NULL: a renewal
  request text NOT NULL CHECK (length(request) <= 4000),      -- PKCS #10, PEM
  sealing_key bytea CHECK (length(sealing_key) = 32),         -- of an enrolment
  asked_at timestamptz NOT NULL DEFAULT now(),
  answered_at timestamptz,
  certificate text,
  refused text,
  CHECK ((code IS NULL) = (sealing_key IS NULL)),
  CHECK ((answered_at IS NULL) = (certificate IS NULL AND refused IS NULL))
);
CREATE INDEX certificate_request_open ON certificate_request (asked_at) WHERE answered_at IS NULL;
CREATE INDEX certificate_request_code ON certificate_request (code);
CREATE INDEX certificate_request_gateway ON certificate_request (gateway);

CREATE TABLE certificate (
  issuer text NOT NULL,                       -- the common name of the authority's certificate
  serial text NOT NULL CHECK (serial ~ '^[0-9a-f]{1,40}$'),
  gateway integer NOT NULL REFERENCES gateway ON DELETE CASCADE,
  issued_at timestamptz NOT NULL DEFAULT now(),
  not_after timestamptz NOT NULL,
  revoked_at timestamptz,
  PRIMARY KEY (issuer, serial)
);
CREATE INDEX certificate_gateway ON certificate (gateway);
CREATE INDEX certificate_revoked ON certificate (not_after) WHERE revoked_at IS NOT NULL;

-- What the rights process publishes: whom gateways and the broker believe, and which certificates no longer.
CREATE TABLE authority (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  certificates text NOT NULL,                 -- PEM, the present one first
  processes text NOT NULL,                    -- PEM: the authority of the processes' certificates
  list_keys text[] NOT NULL CHECK (cardinality(list_keys) BETWEEN 1 AND 2),
  revocations text NOT NULL,                  -- PEM: a revocation list of each
  revocations_of text NOT NULL,               -- a digest of what they hold
  number bigint NOT NULL,
  made_at timestamptz NOT NULL                -- when the lists say that they were made; grows with each
);

CREATE FUNCTION enrolment_asked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('maillage_enrolment', '');
  RETURN NULL;
END $$;
CREATE TRIGGER enrolment_asked AFTER INSERT ON certificate_request FOR EACH STATEMENT EXECUTE FUNCTION enrolment_asked();
CREATE TRIGGER enrolment_asked AFTER UPDATE OF revoked_at ON certificate FOR EACH STATEMENT EXECUTE FUNCTION enrolment_asked();
CREATE FUNCTION enrolment_answered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('maillage_answer', NEW.id);
  RETURN NULL;
END $$;
CREATE TRIGGER enrolment_answered AFTER UPDATE ON certificate_request FOR EACH ROW
  WHEN (OLD.answered_at IS NULL AND NEW.answered_at IS NOT NULL) EXECUTE FUNCTION enrolment_answered();
CREATE FUNCTION authority_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('maillage_authority', '');
  RETURN NULL;
END $$;
CREATE TRIGGER authority_changed AFTER INSERT OR UPDATE ON authority FOR EACH STATEMENT EXECUTE FUNCTION authority_changed();

-- A stranger with a code asks for a certificate. `outcome`: asked (then `id`), refused (wrong, used and expired codes
-- alike) or limited (then `retry_s`). The same code with the same request may ask again until it expires.
CREATE FUNCTION enrol_gateway(code_digest bytea, request text, sealing_key bytea, from_addr text)
RETURNS TABLE (outcome text, id text, retry_s integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  code enrolment_code;
  found_request text;
BEGIN
  LOCK TABLE enrolment_try IN SHARE ROW EXCLUSIVE MODE;  -- one after the other, so that tries are counted
  DELETE FROM enrolment_try t WHERE t.at < now() - interval '1 hour';
  IF (SELECT count(*) >= 10 FROM enrolment_try t WHERE t.from_addr = enrol_gateway.from_addr)
     OR (SELECT count(*) >= 500 FROM enrolment_try t) THEN
    RETURN QUERY SELECT 'limited', NULL::text, (
      SELECT greatest(1, ceil(extract(epoch FROM min(t.at) + interval '1 hour' - now())))::integer FROM enrolment_try t
      WHERE t.from_addr = enrol_gateway.from_addr OR (SELECT count(*) >= 500 FROM enrolment_try));
    RETURN;
  END IF;
  SELECT c.* INTO code FROM enrolment_code c JOIN gateway g ON g.id = c.gateway
  WHERE c.digest = code_digest AND c.expires_at > now() AND g.retired_at IS NULL FOR UPDATE OF c;
  IF FOUND AND code.used_at IS NULL THEN
    UPDATE enrolment_code c SET used_at = now() WHERE c.id = code.id;
    INSERT INTO certificate_request AS r (gateway, code, request, sealing_key)
    VALUES (code.gateway, code.id, enrol_gateway.request, enrol_gateway.sealing_key) RETURNING r.id INTO found_request;
  ELSIF FOUND THEN
    SELECT r.id INTO found_request FROM certificate_request r
    WHERE r.code = code.id AND r.request = enrol_gateway.request AND r.sealing_key = enrol_gateway.sealing_key;
  END IF;
  IF found_request IS NULL THEN
    INSERT INTO enrolment_try (from_addr) VALUES (enrol_gateway.from_addr);
    RETURN QUERY SELECT 'refused', NULL::text, NULL::integer;
  ELSE
    RETURN QUERY SELECT 'asked', found_request, NULL::integer;
  END IF;
END $$;
REVOKE ALL ON FUNCTION enrol_gateway(bytea, text, bytea, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION enrol_gateway(bytea, text, bytea, text) TO maillage_api;

-- The answer to a stranger's request. No row: there is none yet.
CREATE FUNCTION enrolment_outcome(request text) RETURNS TABLE (
  certificate text, refused text, certificates text, list_keys text[], shard smallint, place text, gateway text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.certificate, r.refused, a.certificates, a.list_keys, p.shard::smallint, p.code::text, g.code::text
  FROM certificate_request r JOIN gateway g ON g.id = r.gateway JOIN place p ON p.id = g.place CROSS JOIN authority a
  WHERE r.id = enrolment_outcome.request AND r.code IS NOT NULL AND r.answered_at IS NOT NULL
$$;
REVOKE ALL ON FUNCTION enrolment_outcome(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION enrolment_outcome(text) TO maillage_api;

-- Shut a gateway out: its certificates and API keys are revoked, its open codes and requests void. False: it is out already.
CREATE FUNCTION revoke_gateway(gateway integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  here integer;
  already boolean;
BEGIN
  SELECT g.place, g.revoked_at IS NOT NULL INTO here, already FROM gateway g WHERE g.id = revoke_gateway.gateway FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no such gateway' USING ERRCODE = 'no_data_found';
  END IF;
  -- without a key only the owner may, whose rights this function has
  IF NOT coalesce(caller_may(here, 'place_manager'), false)
     AND NOT ((caller()).key IS NULL AND pg_has_role(session_user, current_user, 'MEMBER')) THEN
    RAISE EXCEPTION 'this gateway is not yours to revoke' USING ERRCODE = 'insufficient_privilege';
  END IF;
  UPDATE gateway g SET revoked_at = now() WHERE g.id = revoke_gateway.gateway AND g.revoked_at IS NULL;
  UPDATE certificate c SET revoked_at = now() WHERE c.gateway = revoke_gateway.gateway AND c.revoked_at IS NULL;
  UPDATE api_key k SET revoked_at = now() WHERE k.gateway = revoke_gateway.gateway AND k.revoked_at IS NULL;
  DELETE FROM enrolment_code c WHERE c.gateway = revoke_gateway.gateway AND c.used_at IS NULL;
  UPDATE certificate_request r SET answered_at = now(), refused = 'the gateway is revoked'
  WHERE r.gateway = revoke_gateway.gateway AND r.answered_at IS NULL;
  RETURN NOT already;
END $$;
REVOKE ALL ON FUNCTION revoke_gateway(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION revoke_gateway(integer) TO maillage_api;

-- A gateway that is taken out of service has no certificate any more.
CREATE FUNCTION gateway_retired() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE certificate c SET revoked_at = now() WHERE c.gateway = NEW.id AND c.revoked_at IS NULL;
  DELETE FROM enrolment_code c WHERE c.gateway = NEW.id AND c.used_at IS NULL;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION gateway_retired() FROM PUBLIC;
CREATE TRIGGER gateway_retired AFTER UPDATE OF retired_at ON gateway FOR EACH ROW
  WHEN (OLD.retired_at IS NULL AND NEW.retired_at IS NOT NULL) EXECUTE FUNCTION gateway_retired();

-- The broker's watcher reads these, and no table.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'maillage_broker') THEN
    BEGIN
      CREATE ROLE maillage_broker NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;  -- roles belong to the whole server: another database's migration was faster
    END;
  END IF;
END $$;
-- Every gateway that has joined: where it may speak (NULL: nowhere), and when a certificate of its was last revoked.
CREATE FUNCTION broker_gateways() RETURNS TABLE (gateway text, address text, cut_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT g.code::text,
    CASE WHEN g.retired_at IS NULL AND g.revoked_at IS NULL THEN to_char(p.shard, 'FM00') || '/' || p.code END,
    greatest(g.retired_at, g.revoked_at, (SELECT max(c.revoked_at) FROM certificate c WHERE c.gateway = g.id))
  FROM gateway g JOIN place p ON p.id = g.place WHERE g.joined_at IS NOT NULL ORDER BY g.code
$$;
CREATE FUNCTION broker_authority() RETURNS TABLE (certificates text, processes text, revocations text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT a.certificates, a.processes, a.revocations FROM authority a
$$;
REVOKE ALL ON FUNCTION broker_gateways(), broker_authority() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION broker_gateways(), broker_authority() TO maillage_broker;

ALTER TABLE enrolment_code ENABLE ROW LEVEL SECURITY;
ALTER TABLE certificate_request ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON enrolment_code TO maillage_rights USING (true) WITH CHECK (true);
CREATE POLICY process ON certificate_request TO maillage_rights USING (true) WITH CHECK (true);
CREATE POLICY caller_reads ON enrolment_code FOR SELECT TO maillage_api USING (caller_may(place, 'place_manager'));
CREATE POLICY caller_adds ON enrolment_code FOR INSERT TO maillage_api WITH CHECK (caller_may(place, 'place_manager'));
CREATE POLICY caller_removes ON enrolment_code FOR DELETE TO maillage_api USING (caller_may(place, 'place_manager'));
GRANT SELECT, DELETE ON enrolment_code TO maillage_api;
GRANT INSERT (digest, place, gateway, made_by) ON enrolment_code TO maillage_api;  -- its hour is the database's
GRANT SELECT ON certificate, authority TO maillage_api;
GRANT SELECT, DELETE ON enrolment_code TO maillage_rights;
GRANT SELECT, INSERT, UPDATE, DELETE ON certificate_request, certificate, authority TO maillage_rights;
GRANT UPDATE (sealing_key, joined_at, revoked_at) ON gateway TO maillage_rights;

-- Who made a code, when it was used, and each certificate; not what the upkeep removes.
DO $$
DECLARE
  line text[];
  event text;
  gateway_of text := '''gateway '' || (SELECT g.code FROM gateway g WHERE g.id = (r ->> ''gateway'')::integer)';
  place_of text := '(SELECT g.place FROM gateway g WHERE g.id = (r ->> ''gateway'')::integer)';
BEGIN
  FOREACH line SLICE 1 IN ARRAY ARRAY[
    ARRAY['enrolment_code', 'id', gateway_of, 'r ->> ''place''', '{digest}', '{made_at,made_by}'],
    ARRAY['certificate', 'issuer, serial', gateway_of, place_of, '{}', '{}']
  ] LOOP
    FOREACH event IN ARRAY '{INSERT,UPDATE}'::text[] LOOP
      EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT
        EXECUTE FUNCTION audit_changed(%L, %L, %L, %L, %L, %L, %L, %L)', lower(event), event, line[1],
        CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
        line[2], line[3], line[4], 'NULL', line[5], '{}', line[6], 'true');
    END LOOP;
  END LOOP;
END $$;
