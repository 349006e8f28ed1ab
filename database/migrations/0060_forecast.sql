-- The next hours of each space: what is learned of it (the jobs process learns each space again every other day), and the
-- forecast of 24 hours that is made of it each quarter hour. Both twice: of the numbers, and of what answers without a key
-- may show (`public`), which is learned from banded numbers only, so that nothing of one person is in it.
CREATE TABLE forecast_model (
  space integer NOT NULL REFERENCES space ON DELETE CASCADE,
  public boolean NOT NULL,
  learnt_at timestamptz NOT NULL,
  model json,                                 -- occupancy.departures.Learnt; NULL: too little is known of the space
  usual jsonb NOT NULL,                       -- occupancy.usual.UsualHour: [kind of day, hour, median, low, high, days]
  PRIMARY KEY (space, public)
);

CREATE TABLE forecast (
  space integer NOT NULL REFERENCES space ON DELETE CASCADE,
  public boolean NOT NULL,
  place integer NOT NULL REFERENCES place ON DELETE CASCADE,
  made_at timestamptz NOT NULL,
  learnt_at timestamptz NOT NULL,             -- of the model that it is made of
  first timestamptz NOT NULL,                 -- the start of the first quarter hour, the one that runs
  seen_until timestamptz,                     -- the end of the newest quarter hour that is in `track`
  track double precision[] NOT NULL,          -- occupancy.departures.Track
  capacity integer,
  -- tenths of people: 7 quantiles (5, 10, 25, 50, 75, 90, 95 %) of each quarter hour, one after the other; NULL: not known
  quantiles smallint[] NOT NULL CHECK (cardinality(quantiles) % 7 = 0),
  PRIMARY KEY (space, public)
) WITH (fillfactor = 60);
CREATE INDEX forecast_place ON forecast (place);

GRANT SELECT, INSERT, UPDATE, DELETE ON forecast_model, forecast TO maillage_maintain;
GRANT SELECT ON forecast_model, forecast TO maillage_api;
GRANT SELECT ON closure TO maillage_maintain;

-- The forecast of each space by quarter hour, for who may see the numbers.
CREATE VIEW report.forecast WITH (security_barrier) AS
SELECT f.first + (q.n - 1) * interval '15 minutes' AS at, p.place, p.department, s.code AS space, s.name AS space_name,
  s.parent IS NULL AS root, f.made_at, f.capacity,
  f.quantiles[7 * q.n - 3] / 10.0::float8 AS median,
  f.quantiles[7 * q.n - 6] / 10.0::float8 AS low,
  f.quantiles[7 * q.n] / 10.0::float8 AS high
FROM report.place p
JOIN space s ON s.place = p.id
JOIN forecast f ON f.space = s.id AND NOT f.public AND f.made_at > now() - interval '1 hour'
CROSS JOIN LATERAL generate_series(1, cardinality(f.quantiles) / 7) AS q (n);

-- The usual of each space by local hour; kind: 0 Monday to 6 Sunday, 7 a public holiday.
CREATE VIEW report.usual WITH (security_barrier) AS
SELECT p.place, p.department, s.code AS space, s.name AS space_name, s.parent IS NULL AS root,
  (u.hour ->> 0)::integer AS kind, (u.hour ->> 1)::integer AS hour, (u.hour ->> 2)::float8 AS median,
  (u.hour ->> 3)::float8 AS low, (u.hour ->> 4)::float8 AS high, (u.hour ->> 5)::integer AS days, m.learnt_at
FROM report.place p
JOIN space s ON s.place = p.id
JOIN forecast_model m ON m.space = s.id AND NOT m.public
CROSS JOIN LATERAL jsonb_array_elements(m.usual) AS u (hour);
GRANT SELECT ON report.forecast, report.usual TO maillage_report;
