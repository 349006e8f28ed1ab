-- A place that people fit out: what it tells the public, and spaces, desks, doors and devices that are made, moved and
-- retired over the API (docs/api.md). Nothing here is deleted: history names it. What is out of service has `retired_at`.

-- The place ------------------------------------------------------------------------------------------------------------

-- Whether a value is a list of prices: {"category": …, "unit": …, "amount": euro cents}.
CREATE FUNCTION is_prices(value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
  SELECT jsonb_typeof(value) = 'array' AND NOT EXISTS (
    SELECT FROM jsonb_array_elements(CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE '[]' END) AS one (price)
    WHERE NOT coalesce(jsonb_typeof(price) = 'object' AND price - '{category,unit,amount}'::text[] = '{}'
      AND jsonb_typeof(price -> 'category') = 'string' AND btrim(price ->> 'category') <> '' AND length(price ->> 'category') <= 100
      AND jsonb_typeof(price -> 'unit') = 'string' AND btrim(price ->> 'unit') <> '' AND length(price ->> 'unit') <= 50
      AND jsonb_typeof(price -> 'amount') = 'number' AND price ->> 'amount' ~ '^[0-9]{1,9}$', false))
$$;

ALTER TABLE place
  -- open to the public; in preparation or closed it offers no seat and stands on no public list
  ADD COLUMN status text NOT NULL DEFAULT 'open' CHECK (status IN ('preparation', 'open', 'closed')),
  ADD COLUMN siret text CHECK (siret ~ '^[0-9]{14}$'),
  ADD COLUMN rna text CHECK (rna ~ '^W[0-9]{9}$'),
  ADD COLUMN contact_name text CHECK (btrim(contact_name) <> '' AND length(contact_name) <= 200),
  ADD COLUMN phone text CHECK (phone ~ '^\+?[0-9][0-9 .()-]{1,29}$'),
  ADD COLUMN email text CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND length(email) <= 254),
  ADD COLUMN logo text CHECK (logo ~ '^https?://[^[:space:]]+$' AND length(logo) <= 500),
  ADD COLUMN accessibility text[] CHECK (cardinality(accessibility) <= 50 AND array_position(accessibility, NULL) IS NULL),
  ADD COLUMN equipment text[] CHECK (cardinality(equipment) <= 200 AND array_position(equipment, NULL) IS NULL),
  ADD COLUMN fibre boolean,
  ADD COLUMN prices jsonb CHECK (is_prices(prices));

-- Spaces, desks, doors, gateways, devices --------------------------------------------------------------------------------

ALTER TABLE space DROP CONSTRAINT space_kind_check;   -- the reference to space_kind remains
INSERT INTO space_kind VALUES ('workshop', false, false), ('machine_room', false, false);

ALTER TABLE space ADD COLUMN retired_at timestamptz, ADD COLUMN revision integer NOT NULL DEFAULT 1;
ALTER TABLE desk ADD COLUMN retired_at timestamptz, ADD COLUMN revision integer NOT NULL DEFAULT 1;
ALTER TABLE door ADD COLUMN retired_at timestamptz, ADD COLUMN revision integer NOT NULL DEFAULT 1,
  ADD COLUMN unlock_s real NOT NULL DEFAULT 5 CHECK (unlock_s > 0 AND unlock_s <= 60),             -- seconds
  ADD COLUMN held_after_s real NOT NULL DEFAULT 30 CHECK (held_after_s > 0 AND held_after_s <= 3600);
ALTER TABLE gateway ADD COLUMN revision integer NOT NULL DEFAULT 1;
ALTER TABLE device ADD COLUMN retired_at timestamptz, ADD COLUMN revision integer NOT NULL DEFAULT 1,
  ADD COLUMN inverted boolean NOT NULL DEFAULT false;   -- of a contact: what it calls open is closed
-- A desk that moves takes its devices with it.
DO $$
DECLARE old name;
BEGIN
  SELECT conname INTO STRICT old FROM pg_constraint
  WHERE conrelid = 'device'::regclass AND contype = 'f' AND confrelid = 'desk'::regclass;
  EXECUTE format('ALTER TABLE device DROP CONSTRAINT %I', old);
END $$;
ALTER TABLE device ADD CONSTRAINT device_desk_fkey
  FOREIGN KEY (desk, place, space) REFERENCES desk (id, place, space) ON UPDATE CASCADE;

-- What no gateway in service has, or was there twice, is out of service: the first of two remains.
UPDATE device v SET retired_at = g.retired_at FROM gateway g WHERE g.id = v.gateway AND g.retired_at IS NOT NULL;
UPDATE device v SET retired_at = now()
FROM (
  SELECT d.id, row_number() OVER (PARTITION BY d.gateway, d.driver, d.address, d.kind ORDER BY d.id) AS heard,
    row_number() OVER (PARTITION BY d.kind, coalesce(d.desk, -d.id) ORDER BY d.id) AS seated
  FROM device d WHERE d.retired_at IS NULL
) twice
WHERE twice.id = v.id AND (twice.heard > 1 OR (twice.seated > 1 AND v.kind = 'desk_sensor' AND v.desk IS NOT NULL));
-- A device that moves leaves its row, out of service, to its history: the code belongs to the one in service.
ALTER TABLE device DROP CONSTRAINT device_gateway_code_key;
CREATE UNIQUE INDEX device_code ON device (gateway, code) WHERE retired_at IS NULL;
CREATE INDEX device_codes ON device (gateway, code);
CREATE UNIQUE INDEX device_address ON device (gateway, driver, address, kind) WHERE retired_at IS NULL;
CREATE UNIQUE INDEX device_at_desk ON device (desk) WHERE kind = 'desk_sensor' AND retired_at IS NULL;

-- What stands where, for the checks below.
CREATE INDEX space_parent ON space (parent);
CREATE INDEX desk_space ON desk (space);
CREATE INDEX door_from ON door (from_space);
CREATE INDEX door_to ON door (to_space);
CREATE INDEX device_desk ON device (desk);
CREATE INDEX device_door ON device (door);
CREATE INDEX device_space ON device (space);

-- Checks ---------------------------------------------------------------------------------------------------------------

-- Changes of one place come one after the other, so that each is checked against what the others left.
CREATE FUNCTION fitting_waits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM FROM place p WHERE p.id = NEW.place FOR NO KEY UPDATE;
  RETURN NEW;
END $$;
-- What history, topics and lists name things by never changes, nor does the place that a thing is of.
CREATE FUNCTION code_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.code <> OLD.code THEN
    RAISE EXCEPTION 'the code % can''t change: events, lists and topics name it; make a new one and retire this one', OLD.code
      USING ERRCODE = 'check_violation', CONSTRAINT = 'fitted_code';
  END IF;
  IF TG_TABLE_NAME <> 'place' AND to_jsonb(NEW) -> 'place' <> to_jsonb(OLD) -> 'place' THEN
    RAISE EXCEPTION '% can''t move to another place: its history belongs to this one; retire it here and make it there', OLD.code
      USING ERRCODE = 'check_violation', CONSTRAINT = 'fitted_place';
  END IF;
  RETURN NEW;
END $$;

-- Sentences of what is wrong; each is raised under a name, by which the API knows the field (api.http.database_errors).
CREATE FUNCTION fitted_refused(named text, why text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION '%', why USING ERRCODE = 'check_violation', CONSTRAINT = named;
END $$;

-- No space has fewer seats than desks.
CREATE FUNCTION fitted_capacity(space integer) RETURNS void LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  s space;
  desks bigint;
BEGIN
  SELECT * INTO s FROM space x WHERE x.id = fitted_capacity.space AND x.retired_at IS NULL AND x.capacity IS NOT NULL;
  IF FOUND THEN
    SELECT count(*) INTO desks FROM desk d WHERE d.space = s.id AND d.retired_at IS NULL;
    IF desks > s.capacity THEN
      PERFORM fitted_refused('fitted_capacity', format(
        'space %s would have %s desks and a capacity of %s: raise its capacity, or move or retire desks first', s.code, desks, s.capacity));
    END IF;
  END IF;
END $$;

-- What is known of a place's spaces is estimated anew (ingest.due). A row that the ingest writes at this moment is left to it:
-- it reads the network again after each change.
CREATE FUNCTION fitting_due(place integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE space_state t SET due_at = now()
  WHERE t.space IN (SELECT st.space FROM space_state st
    WHERE st.place = fitting_due.place AND coalesce(st.due_at, 'infinity') > now() FOR UPDATE SKIP LOCKED);
END $$;

-- These look at what the transaction leaves, when it commits: so one transaction may change several things that belong together.
CREATE FUNCTION space_fitted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  s space;
  users text;
BEGIN
  PERFORM fitting_due(NEW.place);
  SELECT * INTO s FROM space x WHERE x.id = NEW.id;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  IF s.retired_at IS NULL THEN
    IF EXISTS (SELECT FROM space u WHERE u.id = s.parent AND u.retired_at IS NOT NULL) THEN
      PERFORM fitted_refused('fitted_parent', format('space %s would lie in a space that is out of service: choose another parent', s.code));
    END IF;
    PERFORM fitted_capacity(s.id);
    RETURN NULL;
  END IF;
  IF s.parent IS NULL THEN
    PERFORM fitted_refused('fitted_root', 'the root space is the place itself: set the place''s status to closed instead');
  END IF;
  SELECT string_agg(x.what, ', ' ORDER BY x.what) INTO users FROM (
    SELECT 'space ' || c.code FROM space c WHERE c.parent = s.id AND c.retired_at IS NULL
    UNION ALL SELECT 'desk ' || d.code FROM desk d WHERE d.space = s.id AND d.retired_at IS NULL
    UNION ALL SELECT 'door ' || o.code FROM door o WHERE s.id IN (o.from_space, o.to_space) AND o.retired_at IS NULL
    UNION ALL SELECT 'device ' || v.code FROM device v WHERE v.space = s.id AND v.desk IS NULL AND v.retired_at IS NULL
    UNION ALL SELECT 'booking ' || b.ref FROM booking b WHERE b.space = s.id AND b.cancelled_at IS NULL AND b.ends_at > now()
  ) x (what);
  IF users IS NOT NULL THEN
    PERFORM fitted_refused('fitted_space_in_use', format('space %s is still in use by %s: move, retire or cancel that first', s.code, left(users, 300)));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION desk_fitted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  d desk;
  users text;
BEGIN
  PERFORM fitting_due(NEW.place);
  SELECT * INTO d FROM desk x WHERE x.id = NEW.id;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  IF d.retired_at IS NULL THEN
    IF EXISTS (SELECT FROM space s WHERE s.id = d.space AND s.retired_at IS NOT NULL) THEN
      PERFORM fitted_refused('fitted_space', format('desk %s would stand in a space that is out of service: choose another space', d.code));
    END IF;
    PERFORM fitted_capacity(d.space);
    RETURN NULL;
  END IF;
  SELECT string_agg('device ' || v.code, ', ' ORDER BY v.code) INTO users FROM device v WHERE v.desk = d.id AND v.retired_at IS NULL;
  IF users IS NOT NULL THEN
    PERFORM fitted_refused('fitted_desk_in_use', format('desk %s is still in use by %s: move or retire that first', d.code, users));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION door_fitted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  o door;
  users text;
BEGIN
  PERFORM fitting_due(NEW.place);
  SELECT * INTO o FROM door x WHERE x.id = NEW.id;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  IF o.retired_at IS NULL THEN
    IF EXISTS (SELECT FROM space s WHERE s.id IN (o.from_space, o.to_space) AND s.retired_at IS NOT NULL) THEN
      PERFORM fitted_refused('fitted_door', format('door %s would lead to a space that is out of service: choose another space', o.code));
    END IF;
    RETURN NULL;
  END IF;
  SELECT string_agg(x.what, ', ' ORDER BY x.what) INTO users FROM (
    SELECT 'device ' || v.code FROM device v WHERE v.door = o.id AND v.retired_at IS NULL
    UNION ALL SELECT 'a lockdown in force' FROM lockdown l WHERE l.door = o.id AND l.released_at IS NULL
  ) x (what);
  IF users IS NOT NULL THEN
    PERFORM fitted_refused('fitted_door_in_use', format('door %s is still in use by %s: move, retire or release that first', o.code, left(users, 300)));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION gateway_fitted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE users text;
BEGIN
  SELECT string_agg('device ' || v.code, ', ' ORDER BY v.code) INTO users
  FROM gateway g JOIN device v ON v.gateway = g.id AND v.retired_at IS NULL WHERE g.id = NEW.id AND g.retired_at IS NOT NULL;
  IF users IS NOT NULL THEN
    PERFORM fitted_refused('fitted_gateway_in_use',
      format('gateway %s is still in use by %s: move these devices to another gateway, or retire them first', NEW.code, left(users, 300)));
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION device_fitted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v device;
  field text;
BEGIN
  PERFORM fitting_due(NEW.place);
  SELECT * INTO v FROM device x WHERE x.id = NEW.id AND x.retired_at IS NULL;
  IF FOUND THEN
    SELECT x.what INTO field FROM (
      SELECT 'gateway' FROM gateway g WHERE g.id = v.gateway AND g.retired_at IS NOT NULL
      UNION ALL SELECT 'door' FROM door o WHERE o.id = v.door AND o.retired_at IS NOT NULL
      UNION ALL SELECT 'desk' FROM desk d WHERE d.id = v.desk AND d.retired_at IS NOT NULL
      UNION ALL SELECT 'space' FROM space s WHERE s.id = v.space AND s.retired_at IS NOT NULL) x (what) LIMIT 1;
    IF field IS NOT NULL THEN
      PERFORM fitted_refused('fitted_device_' || field, format('device %s would be at a %s that is out of service: choose another %s', v.code, field, field));
    END IF;
  END IF;
  RETURN NULL;
END $$;

-- A booking to come is of a space in service.
CREATE FUNCTION booking_fitted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM FROM space s WHERE s.id = NEW.space FOR SHARE;
  IF EXISTS (SELECT FROM space s WHERE s.id = NEW.space AND s.retired_at IS NOT NULL) THEN
    PERFORM fitted_refused('fitted_booking', 'this space is out of service: book another');
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER booking_fitted BEFORE INSERT OR UPDATE OF space ON booking FOR EACH ROW
  WHEN (NEW.space IS NOT NULL AND NEW.cancelled_at IS NULL) EXECUTE FUNCTION booking_fitted();

DO $$
DECLARE
  line text[];
  lines text[] := ARRAY[
    -- table, and the columns whose change is looked at
    ARRAY['space', 'parent, capacity, retired_at'],
    ARRAY['desk', 'space, retired_at'],
    ARRAY['door', 'from_space, to_space, retired_at'],
    ARRAY['gateway', 'retired_at'],
    ARRAY['device', 'gateway, door, desk, space, retired_at']];
BEGIN
  FOREACH line SLICE 1 IN ARRAY lines LOOP
    EXECUTE format('CREATE TRIGGER fitting_waits BEFORE INSERT OR UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION fitting_waits()', line[1]);
    EXECUTE format('CREATE TRIGGER code_stays BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION code_stays()', line[1]);
    EXECUTE format('CREATE TRIGGER revision_moves BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION revision_moves()', line[1]);
    EXECUTE format('CREATE CONSTRAINT TRIGGER fitted AFTER INSERT OR UPDATE OF %s ON %I DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION %I()', line[2], line[1], line[1] || '_fitted');
  END LOOP;
END $$;
CREATE TRIGGER code_stays BEFORE UPDATE ON place FOR EACH ROW EXECUTE FUNCTION code_stays();

-- Who may change what -----------------------------------------------------------------------------------------------------

-- Places and gateways are the network administrator's to make; what a place holds is its manager's too. Nobody deletes.
DO $$
DECLARE
  here text := '((SELECT caller_admin()) OR (SELECT caller_all(''place_manager'')) OR place = ANY ((SELECT caller_scope(''place_manager''))::integer[]))';
  one text;
BEGIN
  FOREACH one IN ARRAY ARRAY['desk', 'device', 'gateway'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', one);
    EXECUTE format('CREATE POLICY process ON %I TO maillage_rights, maillage_ingest, maillage_maintain USING (true) WITH CHECK (true)', one);
    EXECUTE format('CREATE POLICY caller_reads ON %I FOR SELECT TO maillage_api USING (true)', one);
    EXECUTE format('CREATE POLICY caller_adds ON %I FOR INSERT TO maillage_api WITH CHECK (%s)', one,
      CASE one WHEN 'gateway' THEN '(SELECT caller_admin())' ELSE here END);
    EXECUTE format('CREATE POLICY caller_changes ON %I FOR UPDATE TO maillage_api USING (%s) WITH CHECK (%2$s)', one,
      CASE one WHEN 'gateway' THEN '(SELECT caller_admin())' ELSE here END);
  END LOOP;
  FOREACH one IN ARRAY ARRAY['place', 'space', 'door'] LOOP
    EXECUTE format('DROP POLICY caller_removes ON %I', one);
  END LOOP;
END $$;
DROP POLICY caller_adds ON place;
CREATE POLICY caller_adds ON place FOR INSERT TO maillage_api WITH CHECK ((SELECT caller_admin()));
REVOKE DELETE, TRUNCATE ON place, space, desk, door, gateway, device
  FROM maillage_api, maillage_ingest, maillage_rights, maillage_maintain, maillage_report;
GRANT INSERT ON place, space, desk, door, gateway, device TO maillage_api;
GRANT UPDATE (name, status, latitude, longitude, time_zone, address, postcode, commune, commune_code, department, region, website,
  typology, siret, rna, contact_name, phone, email, logo, accessibility, equipment, fibre, prices) ON place TO maillage_api;
GRANT UPDATE (name, kind, parent, capacity, for_work, person_limit, retired_at) ON space TO maillage_api;
GRANT UPDATE (name, space, retired_at) ON desk TO maillage_api;
GRANT UPDATE (name, from_space, to_space, unlock_s, held_after_s, retired_at) ON door TO maillage_api;
GRANT UPDATE (retired_at) ON gateway TO maillage_api;
GRANT UPDATE (model, address, side, uid_reversed, bits, inverted, expect_every, retired_at) ON device TO maillage_api;
GRANT EXECUTE ON FUNCTION is_prices(jsonb) TO maillage_api;
REVOKE ALL ON FUNCTION fitting_waits(), code_stays(), fitted_refused(text, text), fitted_capacity(integer), fitting_due(integer),
  space_fitted(), desk_fitted(), door_fitted(), gateway_fitted(), device_fitted(), booking_fitted() FROM PUBLIC;

-- The audit names who to call but doesn't repeat it, and doesn't tell of revisions; desks are audited too.
DO $$
DECLARE
  line text[];
  event text;
  lines text[] := ARRAY[
    -- table, subject, place, hidden, ignored (0013)
    ARRAY['place', '''place '' || (r ->> ''code'')', 'r ->> ''id''', '{contact_name,phone,email}', '{revision,search}'],
    ARRAY['space', '''space '' || (r ->> ''id'')', 'r ->> ''place''', '{}', '{revision}'],
    ARRAY['desk', '''desk '' || (r ->> ''id'')', 'r ->> ''place''', '{}', '{revision}'],
    ARRAY['door', '''door '' || (r ->> ''id'')', 'r ->> ''place''', '{}', '{revision}'],
    ARRAY['gateway', '''gateway '' || (r ->> ''code'')', 'r ->> ''place''', '{}', '{revision}'],
    ARRAY['device', '''device '' || (r ->> ''code'')', 'r ->> ''place''', '{}', '{revision}']];
BEGIN
  FOREACH line SLICE 1 IN ARRAY lines LOOP
    FOREACH event IN ARRAY '{INSERT,UPDATE,DELETE}'::text[] LOOP
      EXECUTE format('CREATE OR REPLACE TRIGGER audit_changed_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT
        EXECUTE FUNCTION audit_changed(''id'', %L, %L, ''NULL'', %L, ''{}'', %L, ''true'')', lower(event), event, line[1],
        CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
          ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
        line[2], line[3], line[4], line[5]);
    END LOOP;
  END LOOP;
END $$;
CREATE TRIGGER audit_emptied AFTER TRUNCATE ON desk FOR EACH STATEMENT EXECUTE FUNCTION audit_emptied();

-- What Grafana reads ------------------------------------------------------------------------------------------------------

-- As before; a place in preparation or closed is not open.
CREATE OR REPLACE VIEW place_opening AS
SELECT p.id AS place, l.locked,
  p.status = 'open' AND NOT l.locked AND NOT EXISTS (
    SELECT FROM closure c
    WHERE (c.place IS NULL OR c.place = p.id) AND (now() AT TIME ZONE p.time_zone)::date BETWEEN c.first AND c.last)
  AND hours_cover(p.opening_hours, p.department, now() AT TIME ZONE p.time_zone) AS open
FROM place p
CROSS JOIN LATERAL (
  SELECT EXISTS (
    SELECT FROM lockdown d WHERE d.released_at IS NULL AND d.door IS NULL AND (d.place IS NULL OR d.place = p.id)) AS locked
) l;

-- As before, of what is in service.
CREATE OR REPLACE VIEW report.space_now WITH (security_barrier) AS
SELECT p.place, s.code AS space, s.name, s.kind, s.parent IS NULL AS root,
  n.present, n.low, n.high,
  c.capacity,
  100.0::float8 * n.present / nullif(c.capacity, 0) AS percent,
  q.quality,
  array_position('{unknown,live,degraded,stale}'::text[], q.quality) - 1 AS quality_level,
  a.at, st.ttl_s,
  o.open, o.locked, k.for_work, k.counts, b.bookings,
  CASE
    WHEN NOT o.open THEN 0
    WHEN c.capacity IS NULL THEN NULL
    WHEN k.one_party AND b.held > 0 THEN 0
    WHEN n.high IS NULL THEN NULL
    WHEN k.one_party THEN CASE WHEN n.high > 0 THEN 0 ELSE c.capacity END
    ELSE greatest(0, c.capacity - n.high - b.held) END AS free_low,
  CASE
    WHEN NOT o.open THEN 0
    WHEN c.capacity IS NULL THEN NULL
    WHEN k.one_party AND b.held > 0 THEN 0
    WHEN n.low IS NULL THEN NULL
    WHEN k.one_party THEN CASE WHEN n.low > 0 THEN 0 ELSE c.capacity END
    ELSE greatest(0, c.capacity - greatest(n.low, b.held)) END AS free_high
FROM space s
JOIN report.place p ON p.id = s.place
LEFT JOIN space_state st ON st.space = s.id
LEFT JOIN report.line l ON l.place = s.place
CROSS JOIN LATERAL (SELECT x.open, x.locked FROM place_opening x WHERE x.place = s.place OFFSET 0) o  -- asked once a place
LEFT JOIN space u ON u.id = s.parent
CROSS JOIN LATERAL (
  SELECT coalesce(s.for_work, t.for_work) AS for_work, t.one_party,
    (s.parent IS NOT NULL OR coalesce(s.for_work, t.for_work))
      AND NOT coalesce((SELECT coalesce(u.for_work, v.for_work) FROM space_kind v WHERE v.kind = u.kind), false) AS counts
  FROM space_kind t WHERE t.kind = s.kind) k
CROSS JOIN LATERAL (
  -- those of the root space are the place's, and hold seats wherever these are
  SELECT count(*)::integer AS bookings, CASE WHEN s.parent IS NULL THEN 0 ELSE count(*)::integer END AS held FROM booking r
  WHERE r.place = s.place AND (r.space = s.id OR (r.space IS NULL AND s.parent IS NULL)) AND r.cancelled_at IS NULL
    AND tstzrange(r.starts_at, r.ends_at) @> now()) b
CROSS JOIN LATERAL (SELECT coalesce(st.capacity, s.capacity) AS capacity) c
CROSS JOIN LATERAL (SELECT CASE WHEN l.clear THEN greatest(st.at, l.heard_at) ELSE st.at END AS at) a
CROSS JOIN LATERAL (
  SELECT CASE
    WHEN st.quality IS NULL OR st.quality = 'unknown' THEN 'unknown'
    WHEN now() > a.at + make_interval(secs => st.ttl_s) THEN 'stale'
    ELSE st.quality END AS quality
) q
CROSS JOIN LATERAL (
  SELECT CASE WHEN q.quality IN ('live', 'degraded') THEN st.present END AS present,
    CASE WHEN q.quality IN ('live', 'degraded') THEN st.low END AS low,
    CASE WHEN q.quality IN ('live', 'degraded') THEN st.high END AS high
) n
WHERE s.retired_at IS NULL;
CREATE OR REPLACE VIEW report.desk_now WITH (security_barrier) AS
SELECT p.place, s.code AS space, s.name AS space_name, k.code AS desk, k.name,
  CASE WHEN NOT d.silent AND now() <= d.asof + make_interval(secs => st.ttl_s) THEN d.occupied::integer END AS occupied,
  d.at
FROM desk k
JOIN report.place p ON p.id = k.place
JOIN space s ON s.id = k.space
LEFT JOIN space_state st ON st.space = k.space
LEFT JOIN report.line l ON l.place = k.place
LEFT JOIN LATERAL (
  SELECT f.occupied, f.at, CASE WHEN l.clear THEN greatest(st.at, l.heard_at) ELSE st.at END AS asof,
    coalesce(st.fold -> 'silent', '[]') @> to_jsonb(v.id) AS silent
  FROM device v
  CROSS JOIN LATERAL (
    SELECT (one.pair ->> 0)::boolean AS occupied, to_timestamp((one.pair ->> 1)::float8 / 1e6) AS at
    FROM (SELECT st.fold #> ARRAY['desks', v.id::text] AS pair) one
    WHERE one.pair IS NOT NULL
  ) f
  WHERE v.place = k.place AND v.desk = k.id AND v.retired_at IS NULL
  ORDER BY f.at DESC LIMIT 1
) d ON true
WHERE k.retired_at IS NULL;
CREATE OR REPLACE VIEW report.door_now WITH (security_barrier) AS
SELECT p.place, d.code AS door, d.name, f.name AS from_name, t.name AS to_name,
  e.state, e.state_at, coalesce(e.entered, 0) AS entered_24h, coalesce(e.gone, 0) AS left_24h,
  coalesce(e.denied, 0) AS denied_24h
FROM door d
JOIN report.place p ON p.id = d.place
LEFT JOIN space f ON f.id = d.from_space
JOIN space t ON t.id = d.to_space
LEFT JOIN LATERAL (
  SELECT (array_agg(e.state ORDER BY e.at DESC) FILTER (WHERE e.kind = 4))[1]::integer AS state,
    max(e.at) FILTER (WHERE e.kind = 4) AS state_at,
    count(*) FILTER (WHERE e.passed AND v.side = 'in') AS entered,
    count(*) FILTER (WHERE e.passed AND v.side = 'out') AS gone,
    count(*) FILTER (WHERE e.kind = 1 AND e.state = 0) AS denied
  FROM device v
  JOIN door_event e ON e.device = v.id
  WHERE v.place = d.place AND v.door = d.id AND e.place = d.place
    AND e.at BETWEEN now() - interval '24 hours' AND now() + interval '5 minutes'
) e ON true
WHERE d.retired_at IS NULL;
-- As before; of a place in preparation or closed nobody waits for news.
CREATE OR REPLACE VIEW report.place_without_news WITH (security_barrier) AS
SELECT n.place, n.name, n.label, n.department, coalesce(g.state, 'stale') AS why,
  coalesce(g.state_level, 4) AS why_level, coalesce(g.since, n.at) AS since
FROM report.place_now n
JOIN place o ON o.code = n.place AND o.status = 'open'
LEFT JOIN (
  SELECT DISTINCT ON (w.place) w.place, w.state, w.state_level, w.heard_at AS since
  FROM report.gateway_now w
  WHERE w.state <> 'online'
  ORDER BY w.place, w.heard_at NULLS FIRST
) g ON g.place = n.place
WHERE n.equipped AND (g.state IS NOT NULL OR n.quality = 'stale');
