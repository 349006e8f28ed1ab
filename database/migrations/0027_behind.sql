-- A place's news is complete where its gateway's spool is empty *and* the centre holds all that the gateway ever wrote: after a
-- restore from a backup the spool is empty and events are missing. A gateway of an older release doesn't say its newest number.
ALTER TABLE gateway_state ADD COLUMN newest_seq bigint;

CREATE OR REPLACE FUNCTION note_complete() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.online AND NEW.spool_depth = 0 AND (NEW.newest_seq IS NULL OR EXISTS (
    SELECT FROM stream s WHERE s.gateway = NEW.gateway AND s.epoch = NEW.epoch AND s.last_seq >= NEW.newest_seq
  )) THEN
    NEW.complete_at := greatest(NEW.complete_at, NEW.heard_at);
  END IF;
  RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION note_complete FROM PUBLIC;
