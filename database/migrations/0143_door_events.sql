-- What happened at a place's doors, for who manages it (docs/access.md). Hypertables carry no row-level security, so that this
-- function asks who the caller is before it reads, as the views of readers do.

-- Whether the caller may read the events of a place: by role, or by the scope of an older key.
CREATE FUNCTION caller_reads_events(of_place integer) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT caller_may(of_place, 'place_manager', 'auditor') OR EXISTS (
    SELECT FROM caller() c JOIN api_key k ON k.id = c.key
    WHERE ('events:read' = ANY (k.scopes) OR 'admin' = ANY (k.scopes)) AND (c.places IS NULL OR of_place = ANY (c.places)))
$$;

-- Decisions, and doors that were forced, held open or tampered with, newest first. what: all, decision, denied or trouble. Those
-- before (at, stream, seq) of the last line that was read.
CREATE FUNCTION door_events(
  of_place integer, since timestamptz, until timestamptz, before_stream integer, before_seq bigint, of_door integer, what text,
  of_member text, most integer
) RETURNS TABLE (
  at timestamptz, stream integer, seq bigint, kind smallint, state smallint, reason smallint, card bytea, member text, detail jsonb,
  device text, side text, door text, door_name text
) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT caller_reads_events(of_place) THEN
    RAISE EXCEPTION 'this key may not read the events of this place' USING ERRCODE = 'insufficient_privilege';
  END IF;
  -- planned each time: a plan for any bounds would look at every chunk
  RETURN QUERY EXECUTE $query$
    SELECT e.at, e.stream, e.seq, e.kind, e.state, e.reason, e.card, e.member, e.detail, v.code::text, v.side::text, d.code::text, d.name
    FROM event e JOIN device v ON v.id = e.device JOIN door d ON d.id = v.door
    WHERE e.place = $1 AND e.at >= $2 AND e.at <= $3 AND (e.at, e.stream, e.seq) < ($3, $4, $5)
      AND e.kind IN (1, 4) AND (e.kind = 1 OR e.state >= 2)
      AND ($6::integer IS NULL OR d.id = $6) AND ($8::text IS NULL OR e.member = $8)
      AND CASE $7 WHEN 'decision' THEN e.kind = 1 WHEN 'denied' THEN e.kind = 1 AND e.state = 0 WHEN 'trouble' THEN e.kind = 4
          ELSE true END
    ORDER BY e.at DESC, e.stream DESC, e.seq DESC LIMIT $9
  $query$ USING of_place, since, until, before_stream, before_seq, of_door, what, of_member, most;
END $$;
REVOKE ALL ON FUNCTION caller_reads_events(integer),
  door_events(integer, timestamptz, timestamptz, integer, bigint, integer, text, text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION caller_reads_events(integer),
  door_events(integer, timestamptz, timestamptz, integer, bigint, integer, text, text, integer) TO maillage_api;
