-- A place that people fit out: what it tells the public, and spaces, desks, doors and devices that are made, moved and
-- retired over the API (docs/api.md). Nothing here is deleted: history names it. What is out of service has `retired_at`.

-- The place ------------------------------------------------------------------------------------------------------------

-- Whether a value is a list of prices: {"category": …, "unit": …, "amount": euro cents}.
CREATE FUNCTION is_prices(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
  SELECT jsonb_typeof(value) = 'array' AND NOT EXISTS (
    SELECT FROM jsonb_array_elements(CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE '[]' END) AS one (price)
    WHERE NOT coalesce(jsonb_typeof(price) = 'object' AND price - '{category,unit,amount}'::text[] = '{}'
      AND jsonb_typeof(price -> 'category') = 'string' AND btrim(price ->> 'category') <> '' AND length(price ->> 'category') <= 100
      AND jsonb_typeof(price -> 'unit') = 'string' AND btrim(price ->> 'unit') <> '' AND length(price ->> 'unit') <= 50
      AND jsonb_typeof(price -> 'amount') = 'number' AND price ->> 'amount' ~ '^[0-9]{1,9}$', false))
$$;

ALTER TABLE place
  -- open to the public; in preparation or closed it offers no seat and stands on no public list
  ADD COLUMN status text NOT NULL DEFAULT 'open' CHECK (status IN ('preparation', 'open', 'closed')),
  ADD COLUMN siret text CHECK (siret ~ '^[0-9]{14}$'),
  ADD COLUMN rna text CHECK (rna ~ '^W[0-9]{9}$'),
  ADD COLUMN contact_name text CHECK (btrim(contact_name) <> '' AND length(contact_name) <= 200),
  ADD COLUMN phone text CHECK (phone ~ '^\+?[0-9][0-9 .()-]{1,29}$'),
  ADD COLUMN email text CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND length(email) <= 254),
  ADD COLUMN logo text CHECK (logo ~ '^https?://[^[:space:]]+$' AND length(logo) <= 500),
  ADD COLUMN accessibility text[] CHECK (cardinality(accessibility) <= 50 AND array_position(accessibility, NULL) IS NULL),
  ADD COLUMN equipment text[] CHECK (cardinality(equipment) <= 200 AND array_position(equipment, NULL) IS NULL),
  ADD COLUMN fibre boolean,
  ADD COLUMN prices jsonb CHECK (is_prices(prices));

-- Spaces, desks, doors, gateways, devices --------------------------------------------------------------------------------

ALTER TABLE space DROP CONSTRAINT space_kind_check;   -- the reference to space_kind remains
INSERT INTO space_kind VALUES ('workshop', false, false), ('machine_room', false, false);

ALTER TABLE space ADD COLUMN retired_at timestamptz, ADD COLUMN revision integer NOT NULL DEFAULT 1;
ALTER TABLE desk ADD COLUMN retired_at timestamptz, ADD COLUMN revision integer NOT NULL DEFAULT 1;
ALTER TABLE door ADD COLUMN retired_at timestamptz, ADD COLUMN revision integer NOT NULL DEFAULT 1,
  ADD COLUMN unlock_s real NOT NULL DEFAULT 5 CHECK (unlock_s > 0 AND unlock_s <= 60),             -- seconds
  ADD COLUMN held_after_s real NOT NULL DEFAULT 30 CHECK (held_after_s > 0 AND held_after_s <= 3600);
ALTER TABLE gateway ADD COLUMN revision integer NOT NULL DEFAULT 1;
ALTER TABLE device ADD COLUMN retired_at timestamptz, ADD COLUMN revision integer NOT NULL DEFAULT 1,
  ADD COLUMN inverted boolean NOT NULL DEFAULT false;   -- of a contact: what it calls open is closed
