-- What availability answers from: the bookings of some places, so that one booking isn't all of them read again; hours as
-- OpenStreetMap writes them; buildings that could become a place.

-- Not for readers: the bookings that hold a seat, now, later, or until less than a day ago.
CREATE VIEW booking_held AS
SELECT b.place, b.space, greatest(b.starts_at, '1000-01-01') AS starts_at, least(b.ends_at, '9000-01-01') AS ends_at, b.unit
FROM booking b WHERE b.cancelled_at IS NULL AND b.holds_seat AND b.ends_at > now() - interval '1 day';

CREATE OR REPLACE FUNCTION public_bookings() RETURNS TABLE (
  place integer, space integer, starts_at timestamptz, ends_at timestamptz, unit integer
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT h.place, h.space, h.starts_at, h.ends_at, h.unit FROM booking_held h
$$;
-- The same of some places.
CREATE FUNCTION public_bookings_of(places integer[]) RETURNS TABLE (
  place integer, space integer, starts_at timestamptz, ends_at timestamptz, unit integer
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT h.place, h.space, h.starts_at, h.ends_at, h.unit FROM booking_held h WHERE h.place = ANY (places)
$$;
REVOKE ALL ON FUNCTION public_bookings_of(integer[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public_bookings_of(integer[]) TO maillage_api;

-- The hours as they were written in OpenStreetMap's syntax; NULL: `opening_hours` were given in our own form. Doors, forecasts
-- and views know only `opening_hours`, which is made of it with exceptions for two years.
ALTER TABLE place ADD COLUMN opening_hours_osm text CHECK (length(opening_hours_osm) BETWEEN 1 AND 1000);
GRANT UPDATE (opening_hours_osm) ON place TO maillage_api;

-- A building that could become a place stands in the inventory only: like one in preparation it is never available.
ALTER TABLE place DROP CONSTRAINT place_status_check,
  ADD CONSTRAINT place_status_check CHECK (status IN ('building', 'preparation', 'open', 'closed'));
