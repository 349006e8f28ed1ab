-- The events, exactly once and in order for each gateway, and what could not be read.

-- One row for each life of a gateway's spool (epoch): how far its events are stored.
CREATE TABLE stream (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  gateway integer NOT NULL REFERENCES gateway ON DELETE CASCADE,
  epoch text NOT NULL CHECK (epoch ~ '^[0-9a-f]{8,32}$'),
  last_seq bigint NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
  started_at timestamptz NOT NULL DEFAULT now(),
  last_received_at timestamptz,
  UNIQUE (gateway, epoch)
);

-- Kinds and small values as numbers: an event is written a hundred thousand times a second and read by people through views.
-- kind: 1 access, 2 access_taken, 3 access_not_taken, 4 door, 5 desk, 6 count, 7 measure, 8 device, 9 gateway, 10 audit
-- state: desk 1 occupied, 0 free, NULL cannot tell; access 1 granted, 0 denied; door 0 closed, 1 open, 2 forced, 3 held, 4 tamper
CREATE TABLE event (
  at timestamptz NOT NULL,                    -- when it happened, by the edge's clock (corrected where edge_at is set)
  received_at timestamptz NOT NULL,           -- when the centre stored it
  tx bigint NOT NULL,                         -- the transaction that stored it: the order of the feed
  stream integer NOT NULL,
  seq bigint NOT NULL,
  place integer NOT NULL,
  device integer,                             -- NULL: the gateway itself
  kind smallint NOT NULL,
  state smallint,
  a integer,                                  -- count: entered or present; access: list version
  b integer,                                  -- count: left; access: list age in seconds
  value double precision,                     -- measure, device, gateway
  reason smallint,                            -- access: see table reason
  card bytea,                                 -- access: the card's token
  member text,                                -- access: the pseudonymous member reference
  edge_at timestamptz,                        -- what the edge wrote, where its clock was wrong
  detail jsonb                                -- what has no column of its own
);
SELECT create_hypertable('event', by_range('at', interval '1 day'), create_default_indexes => false);
CREATE INDEX event_place_at ON event (place, at);
CREATE INDEX event_tx ON event USING brin (tx) WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE event_kind (id smallint PRIMARY KEY, name text NOT NULL UNIQUE);
INSERT INTO event_kind VALUES (1, 'access'), (2, 'access_taken'), (3, 'access_not_taken'), (4, 'door'), (5, 'desk'),
  (6, 'count'), (7, 'measure'), (8, 'device'), (9, 'gateway'), (10, 'audit');
CREATE TABLE reason (id smallint PRIMARY KEY, name text NOT NULL UNIQUE);
INSERT INTO reason VALUES (0, 'granted'), (1, 'unknown_card'), (2, 'card_suspended'), (3, 'card_lost'), (4, 'card_expired'),
  (5, 'card_returned'), (6, 'member_suspended'), (7, 'no_right_here'), (8, 'outside_schedule'), (9, 'place_closed'),
  (10, 'pass_not_started'), (11, 'pass_ended'), (12, 'pass_used_up'), (13, 'booking_required'), (14, 'anti_passback'),
  (15, 'space_full'), (16, 'pin_required'), (17, 'wrong_pin'), (18, 'too_many_tries'), (19, 'lockdown'),
  (20, 'list_too_old'), (21, 'reader_fault');

-- What could not be read, with its bytes. The same bytes again count up `times`.
CREATE TABLE dead_letter (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  first_at timestamptz NOT NULL DEFAULT now(),
  last_at timestamptz NOT NULL DEFAULT now(),
  times bigint NOT NULL DEFAULT 1,
  origin text NOT NULL CHECK (origin IN ('ingest', 'gateway')),
  reason text NOT NULL,                       -- a short closed word, for example 'invalid_json'
  error text NOT NULL,                        -- one sentence for the operator
  topic text NOT NULL,
  gateway integer REFERENCES gateway ON DELETE SET NULL,
  stream integer,                             -- set where the letter holds one event of a stream…
  seq bigint,                                 -- …with this sequence number
  received_at timestamptz NOT NULL DEFAULT now(),
  sent_at timestamptz,
  payload bytea NOT NULL,                     -- the bytes, at most 64 KiB of them
  length integer NOT NULL,                    -- how many there were
  digest bytea NOT NULL,                      -- SHA-256 of topic, stream, seq and all the bytes
  replayed_at timestamptz,
  UNIQUE (digest)
);

-- What an operator must look at.
CREATE TABLE alarm (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  raised_at timestamptz NOT NULL DEFAULT now(),
  kind text NOT NULL,                         -- 'epoch_change', 'identity_conflict', 'clock_wrong', …
  place integer REFERENCES place ON DELETE CASCADE,
  gateway integer REFERENCES gateway ON DELETE CASCADE,
  from_at timestamptz,                        -- events may be missing from…
  until_at timestamptz,                       -- …to
  text text NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}',
  acknowledged_at timestamptz,
  acknowledged_by text
);
CREATE INDEX alarm_open ON alarm (raised_at) WHERE acknowledged_at IS NULL;

-- What each gateway last said of itself.
CREATE TABLE gateway_state (
  gateway integer PRIMARY KEY REFERENCES gateway ON DELETE CASCADE,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  online boolean NOT NULL,
  heard_at timestamptz NOT NULL,              -- by the centre's clock
  changed_at timestamptz NOT NULL,            -- when `online` last changed
  version text,
  boot text,
  epoch text,
  list_version integer,
  spool_depth integer,
  clock_offset_ms double precision,           -- the gateway's clock minus the centre's, measured by the ingest
  devices integer,
  unwell jsonb NOT NULL DEFAULT '[]'
);

GRANT SELECT, INSERT, UPDATE ON stream, dead_letter, alarm, gateway_state TO maillage_ingest;
GRANT SELECT, INSERT ON event TO maillage_ingest;
GRANT SELECT ON stream, event, event_kind, reason, dead_letter, alarm, gateway_state TO maillage_api;
GRANT SELECT ON event_kind, reason TO maillage_ingest;
GRANT UPDATE (acknowledged_at, acknowledged_by) ON alarm TO maillage_api;
GRANT SELECT, DELETE ON event, dead_letter, alarm TO maillage_maintain;
GRANT SELECT ON stream, gateway_state TO maillage_maintain;
