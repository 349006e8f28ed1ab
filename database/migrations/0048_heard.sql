-- Devices that gateways hear and nobody has assigned, and how the assigned ones are.

-- A device that isn't in a gateway's configuration: what its gateway last reported of it. Erased after 30 days of silence.
CREATE TABLE heard_device (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  gateway integer NOT NULL,
  place integer NOT NULL,
  driver text NOT NULL,
  model text,
  kind text,                                  -- what it seems to be
  lacks text,                                 -- what its driver must be given to read it: 'model'
  address text NOT NULL,
  key text NOT NULL,                          -- the address as it is compared: it is the same device by it
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  times integer NOT NULL,                     -- messages since its gateway's start
  said text NOT NULL,                         -- in a few words; no card's number
  dismissed_at timestamptz,                   -- it isn't listed any more
  dismissed_by text,
  UNIQUE (gateway, driver, key),
  FOREIGN KEY (gateway, place) REFERENCES gateway (id, place) ON DELETE CASCADE
);
CREATE INDEX heard_device_place ON heard_device (place);

ALTER TABLE heard_device ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON heard_device TO maillage_ingest, maillage_maintain USING (true) WITH CHECK (true);
CREATE POLICY caller_reads ON heard_device FOR SELECT TO maillage_api
  USING ((SELECT caller_all('place_manager', 'front_desk', 'auditor'))
    OR place = ANY ((SELECT caller_scope('place_manager', 'front_desk', 'auditor'))::integer[]));
CREATE POLICY caller_changes ON heard_device FOR UPDATE TO maillage_api
  USING ((SELECT caller_admin()) OR (SELECT caller_all('place_manager'))
    OR place = ANY ((SELECT caller_scope('place_manager'))::integer[]));
CREATE POLICY caller_removes ON heard_device FOR DELETE TO maillage_api
  USING ((SELECT caller_admin()) OR (SELECT caller_all('place_manager'))
    OR place = ANY ((SELECT caller_scope('place_manager'))::integer[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON heard_device TO maillage_ingest;
GRANT SELECT, DELETE ON heard_device TO maillage_maintain;
GRANT SELECT, UPDATE (dismissed_at, dismissed_by), DELETE ON heard_device TO maillage_api;

-- What its gateway last reported of each device.
CREATE TABLE device_state (
  device integer PRIMARY KEY REFERENCES device ON DELETE CASCADE,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  reported_at timestamptz NOT NULL,           -- by the centre's clock
  heard_at timestamptz,                       -- its last message, a heartbeat included
  expect_every_s integer,                     -- silent for longer, it counts as silent
  silent_since timestamptz,
  battery real,                               -- percent
  rssi real,                                  -- dBm
  snr real,                                   -- dB
  linkquality real,                           -- Zigbee's, 0 to 255
  troubles text[] NOT NULL DEFAULT '{}',      -- low_battery, bad_link, stuck: what the gateway found
  counted_nobody boolean NOT NULL DEFAULT false   -- of a counter: people were let in, and it counted none (jobs.counters)
);
CREATE INDEX device_state_place ON device_state (place);

ALTER TABLE device_state ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON device_state TO maillage_ingest, maillage_maintain USING (true) WITH CHECK (true);
CREATE POLICY caller_reads ON device_state FOR SELECT TO maillage_api
  USING ((SELECT caller_all('place_manager', 'front_desk', 'auditor'))
    OR place = ANY ((SELECT caller_scope('place_manager', 'front_desk', 'auditor'))::integer[]));
GRANT SELECT, INSERT, UPDATE ON device_state TO maillage_ingest;
GRANT SELECT ON device_state TO maillage_api;
GRANT SELECT, INSERT, UPDATE (counted_nobody) ON device_state TO maillage_maintain;
GRANT UPDATE (until_at) ON alarm TO maillage_maintain;

-- Each device now, for dashboards. well_level: 0 unknown, 1 well, 2 in trouble, 3 silent.
CREATE VIEW report.device_now WITH (security_barrier) AS
SELECT p.place, d.code AS device, d.kind, d.model, coalesce(k.name, o.name, s.name) AS at_name,
  CASE WHEN t.device IS NULL THEN 0 WHEN t.silent_since IS NOT NULL THEN 3 WHEN t.troubles <> '{}' OR t.counted_nobody THEN 2
       WHEN t.heard_at IS NULL THEN 0 ELSE 1 END AS well_level,
  t.heard_at, t.silent_since, t.battery::float8 AS battery, t.rssi::float8 AS rssi, t.snr::float8 AS snr,
  t.linkquality::float8 AS linkquality, 
  coalesce(t.troubles || CASE WHEN t.counted_nobody THEN '{stuck}'::text[] ELSE '{}' END, '{}') AS troubles
FROM device d
JOIN report.place p ON p.id = d.place
JOIN gateway g ON g.id = d.gateway AND g.retired_at IS NULL
LEFT JOIN device_state t ON t.device = d.id
LEFT JOIN desk k ON k.id = d.desk
LEFT JOIN door o ON o.id = d.door
LEFT JOIN space s ON s.id = d.space
WHERE d.retired_at IS NULL;
GRANT SELECT ON report.device_now TO maillage_report;
