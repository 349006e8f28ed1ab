-- The fold of a space is written each time that an event changes it, and is compressed each time: pglz took an eighth of
-- the database's time in the ingest's transactions. What is stored stays readable as it is. A server that was built
-- without lz4 goes on with pglz.
DO $$
BEGIN
  ALTER TABLE space_state ALTER COLUMN fold SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
  RAISE NOTICE 'this server has no lz4: folds are compressed with pglz';
END $$;
