-- What the page shows of a place's resources to everybody: when each unit is booked in the week to come (until an event is over),
-- never by whom. A unit without a booking has one row without times.
CREATE FUNCTION public_units(place integer) RETURNS TABLE (
  resource integer, unit integer, starts_at timestamptz, ends_at timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.id, u.id, b.starts_at, b.ends_at
  FROM resource r JOIN resource_unit u ON u.resource = r.id LEFT JOIN desk d ON d.id = u.desk
  LEFT JOIN booking b ON b.unit = u.id AND b.cancelled_at IS NULL
    AND tstzrange(b.starts_at, b.ends_at) && tstzrange(now(), greatest(now() + interval '7 days', r.ends_at))
  WHERE r.place = public_units.place AND r.retired_at IS NULL AND u.retired_at IS NULL AND d.retired_at IS NULL
$$;
REVOKE ALL ON FUNCTION public_units(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public_units(integer) TO maillage_api;
