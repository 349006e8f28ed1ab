-- What the ingest listens to: changes of the network, new access lists, letters to be read again.
ALTER TABLE dead_letter ADD COLUMN replay_requested_at timestamptz;
CREATE INDEX dead_letter_requested ON dead_letter (replay_requested_at) WHERE replay_requested_at IS NOT NULL AND replayed_at IS NULL;
CREATE INDEX dead_letter_place ON dead_letter (stream, seq) WHERE stream IS NOT NULL;

CREATE FUNCTION network_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('maillage_network', '');
  RETURN NULL;
END $$;
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['place', 'space', 'desk', 'door', 'gateway', 'device'] LOOP
    EXECUTE format('CREATE TRIGGER network_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I
                    FOR EACH STATEMENT EXECUTE FUNCTION network_changed()', name);
  END LOOP;
END $$;

-- One identity conflict an hour and gateway is enough to be told.
CREATE INDEX alarm_recent ON alarm (gateway, kind, raised_at);
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO maillage_ingest;
