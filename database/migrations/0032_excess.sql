-- Unreadable events beyond what is kept of a gateway as dead letters (ingest.quota): counted, not kept.
CREATE TABLE dead_letter_excess (
  stream integer NOT NULL REFERENCES stream ON DELETE CASCADE,
  day date NOT NULL,                          -- of their arrival, in UTC
  reason text NOT NULL,
  stored boolean NOT NULL,                    -- they are rows of `event` all the same: only a device's bytes are missing
  events bigint NOT NULL CHECK (events > 0),
  first_seq bigint NOT NULL,
  last_seq bigint NOT NULL CHECK (last_seq >= first_seq),
  last_at timestamptz NOT NULL DEFAULT now(),
  error text NOT NULL,                        -- of the last of them
  PRIMARY KEY (stream, day, reason)
);
GRANT SELECT, INSERT, UPDATE ON dead_letter_excess TO maillage_ingest;
GRANT SELECT, DELETE ON dead_letter_excess TO maillage_maintain;

-- A use of a pass counts where the pass holds, or has held: these tell (ingest.records).
GRANT SELECT ON pass_place TO maillage_ingest;
GRANT SELECT (place, member, holder) ON list_entry TO maillage_ingest;
