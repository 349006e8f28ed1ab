-- What `maillage maintain` needs: where it left off, and the right to drop old events without owning them.
CREATE TABLE maintenance (
  task text PRIMARY KEY CHECK (task IN ('rollup', 'retention')),
  done_until timestamptz NOT NULL,            -- rollup: quarter hours before this are summed up; retention: traces before this are gone
  tx bigint NOT NULL DEFAULT 0,               -- rollup: what transactions before this one stored has been seen
  ran_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE ON maintenance TO maillage_maintain;
GRANT SELECT ON maintenance TO maillage_api;
GRANT SELECT ON space_state TO maillage_maintain;

-- Drop the chunks of `event` that lie wholly before `before`, and name them. Only a table's owner may drop chunks, so
-- this runs as the owner; the newest month can't be asked for, whoever calls.
CREATE FUNCTION drop_events_before(before timestamptz) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF before > now() - interval '1 month' THEN
    RAISE EXCEPTION 'events younger than a month are not dropped' USING ERRCODE = 'check_violation';
  END IF;
  RETURN QUERY SELECT drop_chunks('public.event', older_than => before);
END $$;
REVOKE ALL ON FUNCTION drop_events_before(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_events_before(timestamptz) TO maillage_maintain;
