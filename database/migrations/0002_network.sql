-- The network: places, their spaces, doors, desks, gateways and devices.
-- Only extensions that PostgreSQL trusts a database's owner with: earthdistance asks for a superuser and isn't needed.
CREATE EXTENSION IF NOT EXISTS timescaledb;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;

CREATE DOMAIN code AS text CHECK (VALUE ~ '^[a-z0-9][a-z0-9._-]{0,63}$');

CREATE TABLE place (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code code NOT NULL UNIQUE,
  name text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 200),
  shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 63),
  latitude double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
  longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
  time_zone text NOT NULL DEFAULT 'Europe/Paris' CHECK (now() AT TIME ZONE time_zone IS NOT NULL),
  address text,
  postcode text CHECK (postcode ~ '^[0-9]{5}$'),
  commune text,
  commune_code text CHECK (commune_code ~ '^([0-9]{5}|2[AB][0-9]{3})$'),
  department text CHECK (department ~ '^([0-9]{2}|2[AB]|97[1-8])$'),
  region text,
  website text,
  typology text,
  -- {"mon": [["08:00", "20:00"]], …} in the place's local time; NULL: not known
  opening_hours jsonb CHECK (opening_hours IS NULL OR jsonb_typeof(opening_hours) = 'object'),
  source text NOT NULL,                       -- where the row comes from, for example 'cget-2019'
  source_id text NOT NULL,
  generated boolean NOT NULL DEFAULT false,   -- true: made up from a seed, not from a source
  search text GENERATED ALWAYS AS (lower(name || ' ' || coalesce(commune, '') || ' ' || coalesce(postcode, ''))) STORED,
  UNIQUE (source, source_id)
);
CREATE INDEX place_search ON place USING gin (search gin_trgm_ops);
CREATE INDEX place_where ON place (latitude, longitude);

-- Spaces form a tree under the place's root space (parent IS NULL, kind 'place'), whose occupancy is the place's.
CREATE TABLE space (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  code code NOT NULL,
  name text NOT NULL CHECK (btrim(name) <> ''),
  kind text NOT NULL CHECK (kind IN ('place', 'open_space', 'meeting_room', 'fab_lab', 'phone_box', 'kitchen', 'other')),
  parent integer,
  capacity integer CHECK (capacity BETWEEN 0 AND 100000),
  generated boolean NOT NULL DEFAULT false,
  UNIQUE (place, code),
  UNIQUE (id, place),
  FOREIGN KEY (parent, place) REFERENCES space (id, place) ON DELETE CASCADE,
  CHECK ((parent IS NULL) = (kind = 'place')),
  CHECK (parent <> id)
);
CREATE UNIQUE INDEX space_one_root ON space (place) WHERE parent IS NULL;

CREATE TABLE desk (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  place integer NOT NULL,
  space integer NOT NULL,
  code code NOT NULL,
  name text NOT NULL CHECK (btrim(name) <> ''),
  generated boolean NOT NULL DEFAULT false,
  UNIQUE (place, code),
  UNIQUE (id, place, space),
  FOREIGN KEY (space, place) REFERENCES space (id, place) ON DELETE CASCADE
);

-- A door leads from one space (NULL: outside) into another.
CREATE TABLE door (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  code code NOT NULL,
  name text NOT NULL CHECK (btrim(name) <> ''),
  from_space integer,
  to_space integer NOT NULL,
  generated boolean NOT NULL DEFAULT false,
  UNIQUE (place, code),
  UNIQUE (id, place),
  FOREIGN KEY (from_space, place) REFERENCES space (id, place),
  FOREIGN KEY (to_space, place) REFERENCES space (id, place),
  CHECK (from_space IS DISTINCT FROM to_space)
);

CREATE TABLE gateway (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  code code NOT NULL UNIQUE,                  -- also its MQTT user name
  enrolled_at timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz,
  generated boolean NOT NULL DEFAULT false,
  UNIQUE (id, place)
);

CREATE TABLE device (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  gateway integer NOT NULL,
  place integer NOT NULL,
  code text NOT NULL CHECK (length(code) BETWEEN 1 AND 64 AND code <> 'gateway'),
  kind text NOT NULL CHECK (kind IN ('reader', 'lock', 'desk_sensor', 'presence_sensor', 'counter', 'contact', 'climate')),
  driver text NOT NULL CHECK (driver IN ('esp_rfid', 'zigbee2mqtt', 'chirpstack')),
  model text,
  address text NOT NULL CHECK (address <> ''),
  space integer,                              -- where a sensor senses
  desk integer,                               -- the seat that it watches
  door integer,                               -- the door that it guards
  side text NOT NULL DEFAULT 'in' CHECK (side IN ('in', 'out')),
  uid_reversed boolean NOT NULL DEFAULT false,
  expect_every interval CHECK (expect_every > interval '0'),
  generated boolean NOT NULL DEFAULT false,
  UNIQUE (gateway, code),
  FOREIGN KEY (gateway, place) REFERENCES gateway (id, place) ON DELETE CASCADE,
  FOREIGN KEY (space, place) REFERENCES space (id, place),
  FOREIGN KEY (desk, place, space) REFERENCES desk (id, place, space),
  FOREIGN KEY (door, place) REFERENCES door (id, place),
  CHECK (kind NOT IN ('reader', 'lock', 'contact') OR door IS NOT NULL),
  CHECK (kind <> 'desk_sensor' OR desk IS NOT NULL),
  CHECK (kind NOT IN ('presence_sensor', 'climate') OR space IS NOT NULL),
  CHECK (kind <> 'counter' OR space IS NOT NULL OR door IS NOT NULL),
  CHECK (desk IS NULL OR space IS NOT NULL)
);
CREATE INDEX device_place ON device (place);

GRANT SELECT ON place, space, desk, door, gateway, device TO maillage_ingest, maillage_api, maillage_maintain;
