-- Series: what was left out of them; occurrences that nobody confirmed lapse. Rules have a revision.

ALTER TABLE booking_series
  ALTER COLUMN ref SET DEFAULT new_ref('r'),
  ADD COLUMN skipped jsonb NOT NULL DEFAULT '[]';               -- occurrences that could not be booked, and why
ALTER TABLE booking_rule ADD COLUMN revision integer NOT NULL DEFAULT 1;
CREATE TRIGGER revision_moves BEFORE UPDATE ON booking_rule FOR EACH ROW EXECUTE FUNCTION revision_moves();

-- Which units are free for most of several times, the best first.
CREATE FUNCTION freest_units(resource integer, starts timestamptz[], ends timestamptz[]) RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT f.unit FROM unnest(freest_units.starts, freest_units.ends) AS w (starts, ends)
  CROSS JOIN LATERAL free_units(freest_units.resource, w.starts, w.ends) f
  GROUP BY f.unit ORDER BY count(*) DESC, f.unit LIMIT 20
$$;
REVOKE ALL ON FUNCTION freest_units(integer, timestamptz[], timestamptz[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION freest_units(integer, timestamptz[], timestamptz[]) TO maillage_api;
GRANT SELECT, DELETE ON idempotency TO maillage_maintain;
