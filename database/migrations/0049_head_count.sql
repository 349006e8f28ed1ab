-- Head counts: a manager says how many people are in a space. The API adds a row here; the ingest, which alone writes
-- occupancy, makes it an event (stream 0, seq = id). What was published at that instant is kept beside it: the trust score
-- compares the two.

INSERT INTO event_kind VALUES (11, 'head_count');
COMMENT ON COLUMN event.stream IS 'one life of a gateway''s spool; 0: head counts, whose seq is head_count.id';
COMMENT ON COLUMN event.a IS 'count: entered or present; access: list version; head_count: present';
COMMENT ON COLUMN event.b IS 'count: left; access: list age in seconds; head_count: space';

-- An estimate may be stored long after the time that it holds for: a gateway was offline. Nobody read it before.
ALTER TABLE occupancy_change ADD COLUMN stored_at timestamptz;
COMMENT ON COLUMN occupancy_change.stored_at IS 'when the centre stored it; NULL: by a release before 0049';

CREATE TABLE head_count (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  place integer NOT NULL,
  space integer NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),      -- when it was counted
  present integer NOT NULL CHECK (present BETWEEN 0 AND 100000),
  made_at timestamptz NOT NULL DEFAULT now(),
  made_by text NOT NULL DEFAULT '',           -- who, as in the audit; set by head_count_made
  key integer REFERENCES api_key ON DELETE SET NULL,
  idempotency_key text CHECK (length(idempotency_key) BETWEEN 1 AND 100),
  -- what the API answered for the space at `at`
  published integer,                          -- NULL: no number
  low integer,
  high integer,
  quality text CHECK (quality IN ('live', 'degraded', 'unknown', 'stale')),
  capacity integer,
  stored_at timestamptz,                      -- when the ingest made it an event; NULL: not yet
  refused text,                               -- why the ingest could not
  withdrawn_at timestamptz,                   -- it was a mistake: it isn't compared; what it has moved stays moved
  withdrawn_by text,
  FOREIGN KEY (space, place) REFERENCES space (id, place) ON DELETE CASCADE,
  UNIQUE (key, idempotency_key),
  CHECK (at <= made_at AND at > made_at - interval '8 days'),
  CHECK ((published IS NULL) = (quality IN ('unknown', 'stale')))
);
CREATE INDEX head_count_place ON head_count (place, id);
CREATE INDEX head_count_space ON head_count (space, made_at);
CREATE INDEX head_count_waiting ON head_count (id) WHERE stored_at IS NULL AND refused IS NULL AND withdrawn_at IS NULL;

-- What no caller sets: who, when, and what was published. A number counts as published if it was stored by then, and was not
-- past its time to live: an event kept it fresh, or all gateways of the place were online with everything stored.
CREATE FUNCTION head_count_made() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  who caller := caller();
  last record;
  state record;
  as_of timestamptz;
BEGIN
  NEW.made_at := now();
  NEW.at := least(coalesce(NEW.at, now()), now());
  NEW.made_by := coalesce(who.actor, 'db:' || session_user);
  NEW.key := who.key;
  NEW.stored_at := NULL;
  NEW.refused := NULL;
  NEW.withdrawn_at := NULL;
  SELECT s.at, s.ttl_s INTO state FROM space_state s WHERE s.space = NEW.space;
  SELECT c.at, c.present, c.low, c.high, c.capacity, c.quality INTO last
  FROM occupancy_change c
  WHERE c.space = NEW.space AND c.at <= NEW.at + interval '10 minutes' AND coalesce(c.stored_at, c.at) <= NEW.at
  ORDER BY c.at DESC, c.stored_at DESC NULLS LAST LIMIT 1;
  as_of := greatest(last.at, CASE WHEN state.at <= NEW.at THEN state.at END);
  IF (
    SELECT count(*) > 0 AND bool_and(coalesce(g.online AND g.changed_at <= NEW.at, false))
      AND min(coalesce(g.complete_at, '-infinity')) >= NEW.at - make_interval(secs => state.ttl_s)
    FROM gateway v LEFT JOIN gateway_state g ON g.gateway = v.id
    WHERE v.place = NEW.place AND v.retired_at IS NULL
  ) THEN
    as_of := NEW.at;
  END IF;
  NEW.quality := CASE
    WHEN last.present IS NULL THEN 'unknown'
    WHEN coalesce(as_of + make_interval(secs => state.ttl_s) < NEW.at, true) THEN 'stale'
    ELSE last.quality END;
  NEW.published := CASE WHEN NEW.quality IN ('live', 'degraded') THEN last.present END;
  NEW.low := CASE WHEN NEW.published IS NOT NULL THEN last.low END;
  NEW.high := CASE WHEN NEW.published IS NOT NULL THEN last.high END;
  NEW.capacity := coalesce(last.capacity, (SELECT s.capacity FROM space s WHERE s.id = NEW.space));
  RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION head_count_made() FROM PUBLIC;
CREATE TRIGGER head_count_made BEFORE INSERT ON head_count FOR EACH ROW EXECUTE FUNCTION head_count_made();

-- The ingest hears of it at once.
CREATE FUNCTION head_count_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('maillage_head_count', '');
  RETURN NULL;
END $$;
CREATE TRIGGER head_count_waits AFTER INSERT ON head_count FOR EACH STATEMENT EXECUTE FUNCTION head_count_waits();

-- Made and withdrawn; not what the ingest notes.
DO $$
DECLARE event text;
BEGIN
  FOREACH event IN ARRAY '{INSERT,UPDATE}'::text[] LOOP
    EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON head_count REFERENCING %s FOR EACH STATEMENT
      EXECUTE FUNCTION audit_changed(%L, %L, %L, %L, %L, %L, %L, %L)', lower(event), event,
      CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END, 'id',
      '''head count '' || (r ->> ''id'') || '' of '' || (SELECT s.code FROM space s WHERE s.id = (r ->> ''space'')::integer)',
      'r ->> ''place''', 'NULL', '{}', '{}',
      '{id,place,space,made_at,made_by,key,idempotency_key,published,low,high,quality,capacity,stored_at,refused,withdrawn_by}',
      'true');
  END LOOP;
END $$;

ALTER TABLE head_count ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON head_count TO maillage_ingest, maillage_maintain USING (true) WITH CHECK (true);
CREATE POLICY caller_reads ON head_count FOR SELECT TO maillage_api
  USING ((SELECT caller_all('place_manager', 'front_desk', 'auditor'))
    OR place = ANY ((SELECT caller_scope('place_manager', 'front_desk', 'auditor'))::integer[]));
CREATE POLICY caller_adds ON head_count FOR INSERT TO maillage_api
  WITH CHECK ((SELECT caller_admin()) OR (SELECT caller_all('place_manager'))
    OR place = ANY ((SELECT caller_scope('place_manager'))::integer[]));
CREATE POLICY caller_changes ON head_count FOR UPDATE TO maillage_api
  USING ((SELECT caller_admin()) OR (SELECT caller_all('place_manager'))
    OR place = ANY ((SELECT caller_scope('place_manager'))::integer[]));
GRANT SELECT, INSERT (place, space, at, present, idempotency_key), UPDATE (withdrawn_at, withdrawn_by) ON head_count
  TO maillage_api;
GRANT SELECT, UPDATE (stored_at, refused) ON head_count TO maillage_ingest;
GRANT SELECT ON head_count TO maillage_maintain;

-- How near the published numbers were to the head counts of the last 90 days, by space and (space NULL) by place. Not
-- compared: a head count without a published number, and one within an hour after another of the same space was made, since
-- the number then repeats that one. With fewer than five nothing is known.
CREATE VIEW trust AS
SELECT p.id AS place, t.space, t.head_counts, t.compared,
  CASE WHEN t.compared >= 5 THEN t.error END AS error,
  CASE WHEN t.measured >= 5 THEN t.error_percent END AS error_percent,
  CASE WHEN t.compared >= 5 THEN t.within END AS within,
  CASE WHEN t.compared >= 5 THEN t.false_empty END AS false_empty,
  CASE WHEN t.compared >= 5 THEN t.false_occupied END AS false_occupied,
  t.last_at
FROM place p
CROSS JOIN LATERAL (
  SELECT h.space, count(*) AS head_counts,
    count(*) FILTER (WHERE c.counts) AS compared,
    count(*) FILTER (WHERE c.counts AND h.capacity > 0) AS measured,
    (avg(abs(h.present - h.published)) FILTER (WHERE c.counts))::float8 AS error,
    (avg(100.0 * abs(h.present - h.published) / nullif(h.capacity, 0)) FILTER (WHERE c.counts))::float8 AS error_percent,
    (avg((h.present BETWEEN h.low AND h.high)::integer) FILTER (WHERE c.counts))::float8 AS within,
    count(*) FILTER (WHERE c.counts AND h.published = 0 AND h.present > 0) AS false_empty,
    count(*) FILTER (WHERE c.counts AND h.published > 0 AND h.present = 0) AS false_occupied,
    max(h.at) AS last_at
  FROM head_count h
  CROSS JOIN LATERAL (
    SELECT h.published IS NOT NULL AND NOT EXISTS (
      SELECT FROM head_count o
      WHERE o.space = h.space AND o.id < h.id AND o.made_at <= h.at AND o.made_at > h.at - interval '1 hour'
    ) AS counts
  ) c
  WHERE h.place = p.id AND h.at > now() - interval '90 days' AND h.refused IS NULL AND h.withdrawn_at IS NULL
  GROUP BY ROLLUP (h.space)
) t
WHERE t.head_counts > 0;
GRANT SELECT ON trust TO maillage_api, maillage_maintain;

-- The same for dashboards: each head count beside what was published, and the score of each place and space.
CREATE VIEW report.head_count WITH (security_barrier) AS
SELECT h.at, p.place, s.code AS space, s.name AS space_name, s.parent IS NULL AS root,
  h.present, h.published, h.low, h.high, h.capacity, h.quality
FROM head_count h
JOIN report.place p ON p.id = h.place
JOIN space s ON s.id = h.space
WHERE h.refused IS NULL AND h.withdrawn_at IS NULL;
CREATE VIEW report.trust WITH (security_barrier) AS
SELECT p.place, p.name, p.label, p.department, s.code AS space, s.name AS space_name, t.head_counts, t.compared,
  t.error, t.error_percent, t.within, t.false_empty, t.false_occupied, t.last_at
FROM trust t
JOIN report.place p ON p.id = t.place
LEFT JOIN space s ON s.id = t.space;
GRANT SELECT ON report.head_count, report.trust TO maillage_report;
