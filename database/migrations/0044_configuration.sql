-- Gateways' configurations: made from the rows of places, doors and devices by the rights process, versioned, sent and
-- acknowledged like access lists.

CREATE TABLE gateway_configuration (
  gateway integer NOT NULL,
  place integer NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  body text NOT NULL,                         -- gateway.contract.configuration.Configuration; its secrets are sealed
  fingerprint text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{64}$'),   -- SHA-256 of the body
  made_of text NOT NULL,                      -- digest of all that it was made of: another one asks for a new version
  back_to integer,                            -- it repeats the doors and devices of this version; NULL: those of the rows
  made_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (gateway, version),
  FOREIGN KEY (gateway, place) REFERENCES gateway (id, place) ON DELETE CASCADE
);

-- A gateway that an operator has set back: its configuration repeats a version until this row goes.
CREATE TABLE configuration_hold (
  gateway integer PRIMARY KEY,
  place integer NOT NULL,
  version integer NOT NULL,
  held_at timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (gateway, version) REFERENCES gateway_configuration (gateway, version) ON DELETE CASCADE
);

-- Places whose gateways' configurations may have changed: the rights process takes these rows and makes new versions.
CREATE TABLE configuration_dirty (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  place integer NOT NULL,
  gateway integer,                            -- this one gets a new version even where nothing has changed
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What gateways say that they hold.
ALTER TABLE gateway_state ADD COLUMN config_version integer, ADD COLUMN config_fingerprint text, ADD COLUMN config_refused text;

-- Every change leaves a row, whoever makes it.
CREATE FUNCTION configuration_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  -- TG_ARGV: the place of a row r
  old_rows text := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE format('SELECT %s FROM old_rows r', TG_ARGV[0]) END;
  new_rows text := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE format('SELECT %s FROM new_rows r', TG_ARGV[0]) END;
  marked integer;
BEGIN
  EXECUTE 'INSERT INTO configuration_dirty (place) ' || concat_ws(' UNION ', old_rows, new_rows);
  GET DIAGNOSTICS marked = ROW_COUNT;
  IF marked > 0 THEN
    PERFORM pg_notify('maillage_configuration', '');
  END IF;
  RETURN NULL;
END $$;
DO $$
DECLARE
  name text;
  event text;
BEGIN
  FOREACH name IN ARRAY '{place,space,desk,door,gateway,device,configuration_hold}'::text[] LOOP
    FOREACH event IN ARRAY '{INSERT,UPDATE,DELETE}'::text[] LOOP
      EXECUTE format('CREATE TRIGGER configuration_changed_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT
        EXECUTE FUNCTION configuration_changed(%L)', lower(event), event, name,
        CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
          ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END, CASE name WHEN 'place' THEN 'r.id' ELSE 'r.place' END);
    END LOOP;
  END LOOP;
END $$;

-- Set a gateway back to an earlier version, or (NULL) let it follow the rows again. Either way it gets a new version.
CREATE FUNCTION hold_configuration(gateway integer, version integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  here integer;
  code text;
BEGIN
  SELECT g.place, g.code INTO here, code FROM gateway g WHERE g.id = hold_configuration.gateway FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no such gateway' USING ERRCODE = 'no_data_found';
  END IF;
  -- without a key only the owner may, whose rights this function has
  IF NOT coalesce(caller_may(here, 'place_manager'), false)
     AND NOT ((caller()).key IS NULL AND pg_has_role(session_user, current_user, 'MEMBER')) THEN
    RAISE EXCEPTION 'this gateway is not yours to change' USING ERRCODE = 'insufficient_privilege';
  END IF;
  DELETE FROM configuration_hold h WHERE h.gateway = hold_configuration.gateway;
  IF version IS NOT NULL THEN
    IF NOT EXISTS (SELECT FROM gateway_configuration c
                   WHERE c.gateway = hold_configuration.gateway AND c.version = hold_configuration.version) THEN
      RAISE EXCEPTION 'version % of this gateway is not kept', version USING ERRCODE = 'no_data_found';
    END IF;
    INSERT INTO configuration_hold (gateway, place, version)
    VALUES (hold_configuration.gateway, here, hold_configuration.version);
  END IF;
  INSERT INTO configuration_dirty (place, gateway) VALUES (here, hold_configuration.gateway);
  PERFORM pg_notify('maillage_configuration', '');
  PERFORM audit_write(CASE WHEN version IS NULL THEN 'configuration released' ELSE 'configuration set back' END,
    'gateway ' || code, here, jsonb_build_object('version', version));
END $$;
REVOKE ALL ON FUNCTION hold_configuration(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hold_configuration(integer, integer) TO maillage_api;

GRANT SELECT, INSERT, DELETE ON gateway_configuration TO maillage_rights;
GRANT SELECT, DELETE ON configuration_dirty, configuration_hold TO maillage_rights;
GRANT SELECT ON gateway_configuration, configuration_hold TO maillage_api;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY '{gateway_configuration,configuration_hold}'::text[] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY process ON %I TO maillage_rights USING (true) WITH CHECK (true)', name);
    EXECUTE format('CREATE POLICY caller_reads ON %I FOR SELECT TO maillage_api
      USING (caller_may(place, ''place_manager'', ''auditor''))', name);
  END LOOP;
END $$;
