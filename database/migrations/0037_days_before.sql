-- Where the events from before the ledger are, by day (UTC) and the numbers of their transactions: compressed chunks have no
-- index on these numbers, so a page would read them all. Written once, since nothing is added to these events.
CREATE TABLE feed_before (
  day timestamptz PRIMARY KEY,
  low bigint NOT NULL,
  high bigint NOT NULL
);
INSERT INTO feed_before
SELECT time_bucket(interval '1 day', at), min(tx), max(tx) FROM event
WHERE tx < 1125899906842624 AND at < (SELECT before FROM feed_end)
GROUP BY 1;
GRANT SELECT ON feed_before TO maillage_api;
