-- What the public is told of a place's hours: whether they were made up, its closures, and whether it is shut by order.
ALTER TABLE place ADD COLUMN hours_generated boolean NOT NULL DEFAULT false;

-- Hours that somebody sets are no longer made up.
CREATE FUNCTION hours_set() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.hours_generated := NEW.hours_generated AND NOT OLD.hours_generated;
  RETURN NEW;
END $$;
CREATE TRIGGER hours_set BEFORE UPDATE OF opening_hours ON place FOR EACH ROW
  WHEN (NEW.opening_hours IS DISTINCT FROM OLD.opening_hours) EXECUTE FUNCTION hours_set();

-- Days on which a place is closed are no secret; why is. Row-level security hides the table before anybody has entered.
CREATE FUNCTION public_closures() RETURNS TABLE (place integer, first date, last date)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT c.place, c.first, c.last FROM closure c WHERE c.last >= current_date - 1 ORDER BY c.first, c.last, c.place
$$;
-- Places in lockdown; NULL: the whole network is.
CREATE FUNCTION public_lockdowns() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT l.place FROM lockdown l WHERE l.released_at IS NULL AND l.door IS NULL
$$;
REVOKE ALL ON FUNCTION public_closures(), public_lockdowns() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public_closures(), public_lockdowns() TO maillage_api;

-- Told to the API alone: for the ingest nothing has changed, and it would read the whole network again.
CREATE FUNCTION hours_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('maillage_hours', '');
  RETURN NULL;
END $$;
CREATE TRIGGER hours_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON closure
  FOR EACH STATEMENT EXECUTE FUNCTION hours_changed();
CREATE TRIGGER hours_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON lockdown
  FOR EACH STATEMENT EXECUTE FUNCTION hours_changed();
