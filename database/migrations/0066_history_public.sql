-- One row for a space and a quarter hour, as answers without a key had it: the mean of the middles of its bands, and the share
-- of the time in which the gateways were heard. Forecasts and the usual without a key are made of nothing else.
CREATE VIEW history_public AS
SELECT d.space, d.day, d.starts + (e.n - 1) * interval '15 minutes' AS at,
  round(e.shown::numeric / nullif(e.line, 0), 2)::float8 AS mean, e.line / 900.0::float8 AS known
FROM history_day d CROSS JOIN LATERAL unnest(d.shown, d.line) WITH ORDINALITY AS e (shown, line, n)
WHERE d.published AND d.minutes = 15;
GRANT SELECT ON history_public TO maillage_api, maillage_maintain;

-- The first change of a capacity notes what it was before, too: a space of which nothing was ever said has no other trace of it.
CREATE OR REPLACE FUNCTION note_capacity() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO space_capacity (space, at, capacity)
  SELECT OLD.id, '-infinity', OLD.capacity WHERE NOT EXISTS (SELECT FROM space_capacity c WHERE c.space = OLD.id);
  INSERT INTO space_capacity (space, capacity) VALUES (NEW.id, NEW.capacity);
  RETURN NULL;
END $$;
