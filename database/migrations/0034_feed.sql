-- The order of the feed belongs to the data: a ledger of what was stored, in the order of the commits. Until now it was
-- the cluster's transaction number, which starts again in another cluster.

-- No ingest of the version before may store from here on: its transactions wait, and then find no move_marks. Those that
-- are under way end first. So what has no line in the ledger is what this migration found.
LOCK TABLE event IN SHARE ROW EXCLUSIVE MODE;
DROP FUNCTION move_marks(integer[], bigint[], bigint[]);
ALTER FUNCTION move_marks(integer[], bigint[], bigint[], text[], bigint[]) RENAME TO set_marks;

-- The number of a transaction that stores events, in event.tx. Earlier rows have the cluster's number there, which is lower.
CREATE SEQUENCE event_batch AS bigint START 1125899906842624 MINVALUE 1125899906842624;
GRANT USAGE ON SEQUENCE event_batch TO maillage_ingest;

-- One row for what a transaction stored of one batch: the events of `stream` from `first` to `last` that bear `tx`.
CREATE TABLE feed (
  n bigint PRIMARY KEY,                       -- grows with the commits; microseconds since 1970, or the one before and 1
  tx bigint NOT NULL,
  stream integer NOT NULL,
  place integer NOT NULL,
  first bigint NOT NULL,
  last bigint NOT NULL,
  low timestamptz NOT NULL,                   -- the earliest `at` of these events…
  high timestamptz NOT NULL                   -- …and the latest
);
CREATE INDEX feed_place ON feed (place, n);

-- The row that the end of the feed is locked by; locked and never written, so that it leaves nothing to vacuum. It says
-- before which time all events lie that have no line in the ledger.
CREATE TABLE feed_end (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  before timestamptz NOT NULL
);
INSERT INTO feed_end (before)
SELECT coalesce(max(range_end), '1970-01-01Z') FROM timescaledb_information.chunks
WHERE hypertable_schema = 'public' AND hypertable_name = 'event';

-- Append what this transaction stored: its last step before the commit. The lock makes one transaction after another end,
-- so that a reader who sees a number sees all below it. A number is never below the clock: after the restore of an older
-- backup new ones lie above those that readers were given before.
CREATE FUNCTION append_feed(
  batch bigint, streams integer[], places integer[], firsts bigint[], lasts bigint[], lows timestamptz[], highs timestamptz[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM feed_end FOR UPDATE;
  INSERT INTO feed
  SELECT b.n + p.i - 1, batch, p.stream, p.place, p.first, p.last, p.low, p.high
  FROM (
    SELECT greatest((extract(epoch FROM clock_timestamp()) * 1000000)::bigint, (SELECT max(f.n) FROM feed f) + 1) AS n
  ) b, unnest(streams, places, firsts, lasts, lows, highs) WITH ORDINALITY AS p (stream, place, first, last, low, high, i);
END $$;
REVOKE EXECUTE ON FUNCTION append_feed FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_feed TO maillage_ingest;

-- The rollup has seen the ledger up to maintenance.tx. What it had not seen before becomes lines without an event, one
-- for each place, which no reader meets.
INSERT INTO feed
SELECT row_number() OVER (), 0, 0, e.place, 1, 0, min(e.at), max(e.at)
FROM event e, maintenance m
WHERE m.task = 'rollup'
  AND e.tx >= CASE WHEN m.tx > pg_snapshot_xmin(pg_current_snapshot())::text::bigint THEN 0 ELSE m.tx END
GROUP BY e.place;
UPDATE maintenance SET tx = 0 WHERE task = 'rollup';

COMMENT ON COLUMN maintenance.tx IS 'rollup: feed.n up to which stored events have been seen';
COMMENT ON COLUMN event.tx IS 'the transaction that stored it: event_batch; below 2^50 the cluster''s own number (before 0034)';

GRANT SELECT, INSERT ON feed TO maillage_ingest;
GRANT SELECT, UPDATE ON feed_end TO maillage_ingest;
GRANT SELECT ON feed, feed_end TO maillage_api;
GRANT SELECT, DELETE ON feed TO maillage_maintain;
