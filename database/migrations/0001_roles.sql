-- The group roles, one for each process. They cannot log in: an operator (or `maillage up`) grants them to users that can.
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['maillage_ingest', 'maillage_api', 'maillage_maintain', 'maillage_report'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', name);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;  -- roles belong to the whole server: another database's migration was faster
      END;
    END IF;
  END LOOP;
END $$;
