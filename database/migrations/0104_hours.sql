-- The jobs renew the exceptions of hours in OpenStreetMap's syntax, unless these were changed meanwhile; true: they were renewed.
CREATE FUNCTION renew_hours(place integer, osm text, hours jsonb) RETURNS boolean LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  WITH renewed AS (
    UPDATE place p SET opening_hours = renew_hours.hours
    WHERE p.id = renew_hours.place AND p.opening_hours_osm = renew_hours.osm RETURNING 1)
  SELECT EXISTS (SELECT FROM renewed)
$$;
REVOKE ALL ON FUNCTION renew_hours(integer, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION renew_hours(integer, text, jsonb) TO maillage_maintain;
-- Hours that can't be read are told once.
CREATE UNIQUE INDEX alarm_hours ON alarm (place) WHERE kind = 'hours_unreadable' AND until_at IS NULL;
