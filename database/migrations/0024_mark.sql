-- What a mark stands for: the digest of all events up to it, as their gateway said; and numbers that hold no row.
ALTER TABLE stream
  ADD COLUMN digest text,                             -- of the events up to last_seq; NULL: its gateway said none
  ADD COLUMN held_before bigint NOT NULL DEFAULT 0;   -- events whose rows stand in an earlier stream of the gateway

CREATE FUNCTION move_marks(ids integer[], known bigint[], reached bigint[], digests text[], held bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE moved integer;
BEGIN
  UPDATE stream SET last_seq = new.last_seq, last_received_at = now(), digest = new.digest,
                    held_before = stream.held_before + new.held
  FROM unnest(ids, known, reached, digests, held) AS new (id, known_seq, last_seq, digest, held)
  WHERE stream.id = new.id AND stream.last_seq = new.known_seq;
  GET DIAGNOSTICS moved = ROW_COUNT;
  IF moved <> cardinality(ids) THEN
    RAISE EXCEPTION '% of % marks were moved by another worker', cardinality(ids) - moved, cardinality(ids)
      USING ERRCODE = 'MA001';
  END IF;
END $$;
REVOKE EXECUTE ON FUNCTION move_marks(integer[], bigint[], bigint[], text[], bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION move_marks(integer[], bigint[], bigint[], text[], bigint[]) TO maillage_ingest;

-- An ingest of the version before moves marks and knows no digest.
CREATE OR REPLACE FUNCTION move_marks(ids integer[], known bigint[], reached bigint[]) RETURNS void LANGUAGE sql AS $$
  SELECT move_marks(ids, known, reached, array_fill(NULL::text, ARRAY[cardinality(ids)]),
                    array_fill(0::bigint, ARRAY[cardinality(ids)]))
$$;

-- An alarm that lasts as long as what it tells of is looked up by its kind.
CREATE INDEX alarm_lasting ON alarm (gateway, kind) WHERE until_at IS NULL;
