-- Until when all that a gateway heard is stored: when it was last heard with an empty spool. That stays true when its
-- spool fills again or its line is cut, so a quiet space doesn't turn stale for the seconds in which it holds an event.
ALTER TABLE gateway_state ADD COLUMN complete_at timestamptz;
UPDATE gateway_state SET complete_at = heard_at WHERE online AND spool_depth = 0;

CREATE OR REPLACE VIEW report.line AS
SELECT g.place, bool_and(s.complete_at IS NOT NULL) AS clear, min(s.complete_at) AS heard_at
FROM gateway g LEFT JOIN gateway_state s ON s.gateway = g.id
WHERE g.retired_at IS NULL
GROUP BY g.place;

CREATE FUNCTION note_complete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.online AND NEW.spool_depth = 0 THEN
    NEW.complete_at := greatest(NEW.complete_at, NEW.heard_at);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER note_complete BEFORE INSERT OR UPDATE ON gateway_state FOR EACH ROW EXECUTE FUNCTION note_complete();
