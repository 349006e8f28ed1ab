-- Access, first form: cards, schedules and rights, and the signed list each place's gateways hold. No names here.

CREATE TABLE member (
  ref text PRIMARY KEY CHECK (ref ~ '^m-[0-9a-z]{4,32}$'),   -- pseudonymous: all that leaves the centre
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  home integer REFERENCES place ON DELETE SET NULL,
  generated boolean NOT NULL DEFAULT false
);

CREATE TABLE card (
  token bytea PRIMARY KEY CHECK (length(token) = 32),        -- HMAC-SHA-256 of the normalised number
  last4 text CHECK (length(last4) <= 4),
  member text NOT NULL REFERENCES member ON DELETE CASCADE,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'lost', 'expired', 'returned')),
  valid_from timestamptz,
  valid_until timestamptz,
  generated boolean NOT NULL DEFAULT false,
  CHECK (valid_from < valid_until)
);

-- What a member may open: a place's doors (NULL: all of them), at the hours of a schedule (NULL: always).
CREATE TABLE access_right (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  member text NOT NULL REFERENCES member ON DELETE CASCADE,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  doors text[],
  -- {"mon": [["08:00", "20:00"]], …} in the place's local time; NULL: always
  schedule jsonb CHECK (schedule IS NULL OR jsonb_typeof(schedule) = 'object'),
  valid_from timestamptz,
  valid_until timestamptz,
  CHECK (valid_from < valid_until)
);
CREATE UNIQUE INDEX access_right_one ON access_right (member, place, coalesce(doors, '{}'));
CREATE INDEX access_right_place ON access_right (place);

-- The list as signed and sent; only the newest of a place is kept.
CREATE TABLE access_list (
  place integer PRIMARY KEY REFERENCES place ON DELETE CASCADE,
  version integer NOT NULL CHECK (version > 0),
  made_at timestamptz NOT NULL DEFAULT now(),
  body text NOT NULL,
  signature text NOT NULL
);

CREATE TABLE api_key (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  digest bytea NOT NULL UNIQUE,               -- SHA-256 of the key; the key itself is shown once and held nowhere
  scopes text[] NOT NULL CHECK (scopes <@ ARRAY['events:read', 'access:manage', 'admin'] AND cardinality(scopes) > 0),
  places integer[],                           -- NULL: the whole network
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);

GRANT SELECT ON member, card, access_right, access_list TO maillage_ingest, maillage_api;
GRANT SELECT ON api_key TO maillage_api;
GRANT UPDATE (last_used_at) ON api_key TO maillage_api;
