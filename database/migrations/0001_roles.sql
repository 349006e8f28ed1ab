-- The group roles, one for each process. They cannot log in: an operator (or `maillage up`) grants them to users that can.
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['maillage_ingest', 'maillage_api', 'maillage_maintain', 'maillage_report'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    END IF;
  END LOOP;
END $$;
