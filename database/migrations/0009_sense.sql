-- More nonsense made impossible: hours that are none, time zones that only PostgreSQL reads, spaces that hold each other.

-- Whether a value is weekly hours: {"mon": [["08:00", "12:00"], ["14:00", "24:00"]], …}, each end after its start.
CREATE FUNCTION is_weekly_hours(hours jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
  SELECT jsonb_typeof(hours) = 'object' AND NOT EXISTS (
    SELECT FROM jsonb_each(CASE jsonb_typeof(hours) WHEN 'object' THEN hours ELSE '{}' END) AS day (name, periods)
    WHERE day.name <> ALL ('{mon,tue,wed,thu,fri,sat,sun}') OR jsonb_typeof(day.periods) <> 'array' OR EXISTS (
      SELECT FROM jsonb_array_elements(CASE jsonb_typeof(day.periods) WHEN 'array' THEN day.periods ELSE '[]' END) AS one (period)
      WHERE coalesce(
        jsonb_typeof(period) <> 'array' OR jsonb_array_length(CASE jsonb_typeof(period) WHEN 'array' THEN period ELSE '[]' END) <> 2
          OR NOT (period ->> 0 ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$' AND period ->> 1 ~ '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$')
          OR (period ->> 0) COLLATE "C" >= (period ->> 1) COLLATE "C", true)
    )
  )
$$;
ALTER TABLE place ADD CONSTRAINT place_opening_hours CHECK (opening_hours IS NULL OR is_weekly_hours(opening_hours));
ALTER TABLE access_right ADD CONSTRAINT access_right_schedule CHECK (schedule IS NULL OR is_weekly_hours(schedule));

-- PostgreSQL takes 'ABC5' for a zone; the gateways, which ask the IANA database, would not.
ALTER TABLE place ADD CONSTRAINT place_time_zone_name CHECK (time_zone ~ '^(UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+){1,2})$');

ALTER TABLE gateway ADD CONSTRAINT gateway_retired CHECK (retired_at >= enrolled_at);

-- A new space can hold nothing yet, so that only a move can close a circle.
CREATE FUNCTION space_no_circle() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF EXISTS (
    WITH RECURSIVE above (id, parent) AS (
      SELECT s.id, s.parent FROM space s WHERE s.id = NEW.parent
      UNION
      SELECT s.id, s.parent FROM space s JOIN above a ON s.id = a.parent)
    SELECT FROM above WHERE id = NEW.id
  ) THEN
    RAISE EXCEPTION 'space % would lie inside itself', NEW.code USING ERRCODE = 'check_violation', CONSTRAINT = 'space_no_circle';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER space_no_circle AFTER UPDATE OF parent ON space
  FOR EACH ROW EXECUTE FUNCTION space_no_circle();
