-- Past days are counted again (jobs/worth.py) when closures or a place's opening hours say something else of them.

-- The opening hours that held at a place before a local day; from the last of these days on those of `place` hold.
CREATE TABLE place_hours (
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  before date NOT NULL,
  opening_hours jsonb NOT NULL,
  PRIMARY KEY (place, before)
);

-- Local days that are to be counted again.
CREATE TABLE worth_again (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  place integer REFERENCES place ON DELETE CASCADE,   -- NULL: every place
  first date NOT NULL,
  last date NOT NULL                                  -- included
);

-- Hours that weren't known before are taken for all of the past, where they were assumed. Other hours hold from today on.
CREATE FUNCTION worth_hours_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE today date := (now() AT TIME ZONE NEW.time_zone)::date;
BEGIN
  IF OLD.opening_hours IS NOT NULL THEN
    INSERT INTO place_hours (place, before, opening_hours) VALUES (NEW.id, today, OLD.opening_hours) ON CONFLICT DO NOTHING;
  ELSIF NOT EXISTS (SELECT FROM place_hours h WHERE h.place = NEW.id) THEN
    INSERT INTO worth_again (place, first, last) VALUES (NEW.id, '-infinity', today);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER worth_hours_changed AFTER UPDATE ON place FOR EACH ROW
  WHEN (OLD.opening_hours IS DISTINCT FROM NEW.opening_hours) EXECUTE FUNCTION worth_hours_changed();

CREATE FUNCTION worth_closure_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.first <= current_date THEN
    INSERT INTO worth_again (place, first, last) SELECT OLD.place, OLD.first, OLD.last
    WHERE OLD.place IS NULL OR EXISTS (SELECT FROM place p WHERE p.id = OLD.place);
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.first <= current_date THEN
    INSERT INTO worth_again (place, first, last) VALUES (NEW.place, NEW.first, NEW.last);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER worth_closure_changed AFTER INSERT OR UPDATE OR DELETE ON closure FOR EACH ROW EXECUTE FUNCTION worth_closure_changed();

GRANT SELECT ON place_hours TO maillage_maintain;
GRANT SELECT, DELETE ON worth_again TO maillage_maintain;
