-- A door that an evacuation holds open stays in service until a release: people may be on their way to it. And what the
-- broker's watcher has done, so that a gateway that is shut out here and not at the broker is seen.

-- Whether a gateway in service has carried out (or may just carry out) an evacuation of the door, or of its whole place, and
-- no release since.
CREATE FUNCTION door_evacuated(its_place integer, its_door integer) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM command c JOIN gateway g ON g.id = c.gateway AND g.retired_at IS NULL
    WHERE c.place = its_place AND c.do_what = 'evacuate' AND (c.door IS NULL OR c.door = its_door)
      AND (c.outcome = 'done' OR (c.outcome IS NULL AND c.expires_at > now()))
      AND NOT EXISTS (
        SELECT FROM command r WHERE r.gateway = c.gateway AND r.do_what = 'release' AND r.outcome = 'done'
          AND (r.door IS NULL OR r.door = c.door) AND r.ordered_at > c.ordered_at))
$$;
REVOKE ALL ON FUNCTION door_evacuated(integer, integer) FROM PUBLIC;

CREATE OR REPLACE FUNCTION door_fitted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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
    UNION ALL SELECT 'an evacuation in force' WHERE door_evacuated(o.place, o.id)
  ) x (what);
  IF users IS NOT NULL THEN
    PERFORM fitted_refused('fitted_door_in_use', format('door %s is still in use by %s: move, retire or release that first', o.code, left(users, 300)));
  END IF;
  RETURN NULL;
END $$;

-- When the broker knew all that stood here: `maillage broker watch` says so, at least every ten seconds.
CREATE TABLE broker_watch (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  read_at timestamptz NOT NULL
);
CREATE FUNCTION broker_knows(until timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO broker_watch AS w (read_at) VALUES (least(until, now()))
  ON CONFLICT (one) DO UPDATE SET read_at = greatest(w.read_at, excluded.read_at)
$$;
REVOKE ALL ON FUNCTION broker_knows(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION broker_knows(timestamptz) TO maillage_broker;

-- Gateways that were shut out (or one of whose certificates was revoked) a minute ago, and of which the broker may not know:
-- `read_at` is when it last knew all; NULL: it has no watcher. Who shut it out had ten seconds to commit.
CREATE FUNCTION gateways_not_shut_out() RETURNS TABLE (gateway integer, place integer, code text, cut_at timestamptz, read_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT g.id, g.place, g.code::text, x.cut_at, w.read_at
  FROM gateway g
  CROSS JOIN LATERAL (
    SELECT greatest(g.retired_at, g.revoked_at, max(c.revoked_at)) AS cut_at, max(c.not_after) AS not_after
    FROM certificate c WHERE c.gateway = g.id
  ) x
  LEFT JOIN broker_watch w ON true
  WHERE g.joined_at IS NOT NULL AND x.not_after > now() AND x.cut_at < now() - interval '1 minute'
    AND (w.read_at IS NULL OR w.read_at < x.cut_at + interval '10 seconds')
$$;
REVOKE ALL ON FUNCTION gateways_not_shut_out() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gateways_not_shut_out() TO maillage_maintain;

-- As in 0045, but for the order of the locks: a code that is sent while its gateway is revoked is void.
CREATE OR REPLACE FUNCTION enrol_gateway(code_digest bytea, request text, sealing_key bytea, from_addr text)
RETURNS TABLE (outcome text, id text, retry_s integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  code enrolment_code;
  found_request text;
BEGIN
  LOCK TABLE enrolment_try IN SHARE ROW EXCLUSIVE MODE;  -- one after the other, so that tries are counted
  DELETE FROM enrolment_try t WHERE t.at < now() - interval '1 hour';
  IF (SELECT count(*) >= 10 FROM enrolment_try t WHERE t.from_addr = enrol_gateway.from_addr)
     OR (SELECT count(*) >= 500 FROM enrolment_try t) THEN
    RETURN QUERY SELECT 'limited', NULL::text, (
      SELECT greatest(1, ceil(extract(epoch FROM min(t.at) + interval '1 hour' - now())))::integer FROM enrolment_try t
      WHERE t.from_addr = enrol_gateway.from_addr OR (SELECT count(*) >= 500 FROM enrolment_try));
    RETURN;
  END IF;
  -- the gateway first, as a revocation does: else the two wait for each other, and one of them fails
  PERFORM FROM gateway g JOIN enrolment_code c ON c.gateway = g.id WHERE c.digest = code_digest FOR KEY SHARE OF g;
  SELECT c.* INTO code FROM enrolment_code c JOIN gateway g ON g.id = c.gateway
  WHERE c.digest = code_digest AND c.expires_at > now() AND g.retired_at IS NULL FOR UPDATE OF c;
  IF FOUND AND code.used_at IS NULL THEN
    UPDATE enrolment_code c SET used_at = now() WHERE c.id = code.id;
    INSERT INTO certificate_request AS r (gateway, code, request, sealing_key)
    VALUES (code.gateway, code.id, enrol_gateway.request, enrol_gateway.sealing_key) RETURNING r.id INTO found_request;
  ELSIF FOUND THEN
    SELECT r.id INTO found_request FROM certificate_request r
    WHERE r.code = code.id AND r.request = enrol_gateway.request AND r.sealing_key = enrol_gateway.sealing_key;
  END IF;
  IF found_request IS NULL THEN
    INSERT INTO enrolment_try (from_addr) VALUES (enrol_gateway.from_addr);
    RETURN QUERY SELECT 'refused', NULL::text, NULL::integer;
  ELSE
    RETURN QUERY SELECT 'asked', found_request, NULL::integer;
  END IF;
END $$;
