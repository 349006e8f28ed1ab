-- Marks move by a function that refuses, so that the ingest's last statements and its COMMIT travel together.
CREATE FUNCTION move_marks(ids integer[], known bigint[], reached bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE moved integer;
BEGIN
  UPDATE stream SET last_seq = new.last_seq, last_received_at = now()
  FROM unnest(ids, known, reached) AS new (id, known_seq, last_seq)
  WHERE stream.id = new.id AND stream.last_seq = new.known_seq;
  GET DIAGNOSTICS moved = ROW_COUNT;
  IF moved <> cardinality(ids) THEN
    RAISE EXCEPTION '% of % marks were moved by another worker', cardinality(ids) - moved, cardinality(ids)
      USING ERRCODE = 'MA001';
  END IF;
END $$;
REVOKE EXECUTE ON FUNCTION move_marks FROM PUBLIC;
GRANT EXECUTE ON FUNCTION move_marks TO maillage_ingest;
