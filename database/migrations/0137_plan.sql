-- A place's plan, as its manager draws it (docs/occupancy.md): where its spaces and desks stand, in units of the drawing. Codes
-- never change, and what is out of service is left out when it is read. A place without a row has a plan that is made for it.

-- Whether a value is a plan's shapes: by code a list of `many` whole numbers.
CREATE FUNCTION is_shapes(value jsonb, many integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
  SELECT jsonb_typeof(value) = 'object' AND NOT EXISTS (
    SELECT FROM jsonb_each(CASE jsonb_typeof(value) WHEN 'object' THEN value ELSE '{}' END) AS one (code, numbers)
    WHERE NOT coalesce(jsonb_typeof(numbers) = 'array' AND jsonb_array_length(numbers) = many
      AND numbers::text ~ '^\[([0-9]{1,4}(, )?)+\]$', false))
$$;

CREATE TABLE plan (
  place integer PRIMARY KEY REFERENCES place ON DELETE CASCADE,
  width integer NOT NULL CHECK (width BETWEEN 100 AND 4000),
  height integer NOT NULL CHECK (height BETWEEN 100 AND 4000),
  spaces jsonb NOT NULL CHECK (is_shapes(spaces, 4)),           -- by code: x, y, width, height
  desks jsonb NOT NULL CHECK (is_shapes(desks, 5)),             -- by code: x, y, width, height, rotation in degrees
  revision integer NOT NULL DEFAULT 1
);
CREATE TRIGGER revision_moves BEFORE UPDATE ON plan FOR EACH ROW EXECUTE FUNCTION revision_moves();

ALTER TABLE plan ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON plan TO maillage_maintain USING (true) WITH CHECK (true);
CREATE POLICY caller_reads ON plan FOR SELECT TO maillage_api USING ((SELECT caller_all('place_manager', 'front_desk', 'auditor'))
  OR place = ANY ((SELECT caller_scope('place_manager', 'front_desk', 'auditor'))::integer[]));
CREATE POLICY caller_adds ON plan FOR INSERT TO maillage_api WITH CHECK ((SELECT caller_admin())
  OR (SELECT caller_all('place_manager')) OR place = ANY ((SELECT caller_scope('place_manager'))::integer[]));
CREATE POLICY caller_changes ON plan FOR UPDATE TO maillage_api USING ((SELECT caller_admin())
  OR (SELECT caller_all('place_manager')) OR place = ANY ((SELECT caller_scope('place_manager'))::integer[]));
GRANT SELECT, INSERT, UPDATE (width, height, spaces, desks) ON plan TO maillage_api;
GRANT SELECT ON plan TO maillage_maintain;
REVOKE ALL ON FUNCTION is_shapes(jsonb, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION is_shapes(jsonb, integer) TO maillage_api;
SELECT audit_table('plan', 'place', '''plan of place '' || (r ->> ''place'')', 'r ->> ''place''', ignored => '{revision}');
