-- Until when all is stored that a gateway heard: it says the number of its newest event, and the centre compares that with what
-- it holds. An empty spool alone proves nothing (after a restore from a backup events are missing), and in a busy place it is
-- never empty: so each word of a gateway is looked at when it comes, and again when the next one does.
ALTER TABLE gateway_state ADD COLUMN newest_seq bigint;

CREATE OR REPLACE FUNCTION note_complete() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.online AND (CASE
    WHEN NEW.newest_seq IS NULL THEN NEW.spool_depth = 0  -- a gateway of an older release
    ELSE EXISTS (
      SELECT FROM stream s WHERE s.gateway = NEW.gateway AND s.epoch = NEW.epoch AND s.last_seq >= NEW.newest_seq)
  END) THEN
    NEW.complete_at := greatest(NEW.complete_at, NEW.heard_at);
  ELSIF TG_OP = 'UPDATE' AND OLD.online AND EXISTS (
    SELECT FROM stream s WHERE s.gateway = OLD.gateway AND s.epoch = OLD.epoch AND s.last_seq >= OLD.newest_seq
  ) THEN
    NEW.complete_at := greatest(NEW.complete_at, OLD.heard_at);
  END IF;
  RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION note_complete FROM PUBLIC;
