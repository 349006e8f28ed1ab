-- The page that a refused form was answered with, for some minutes: going back to it, or loading it again, shows it and sends
-- nothing. It holds what a person typed: sealed with a key that is in the page's address only, and of one session (api/pages/kept.py).

CREATE TABLE refused_form (
  digest bytea PRIMARY KEY CHECK (length(digest) = 32),         -- of what is in the address
  key integer NOT NULL REFERENCES api_key ON DELETE CASCADE,    -- of the session
  sealed bytea NOT NULL CHECK (length(sealed) <= 262144),
  expires_at timestamptz NOT NULL DEFAULT now() + interval '15 minutes'
);
CREATE INDEX refused_form_key ON refused_form (key, expires_at);
CREATE INDEX refused_form_old ON refused_form (expires_at);
ALTER TABLE refused_form ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON refused_form TO maillage_maintain USING (true);
GRANT SELECT, DELETE ON refused_form TO maillage_maintain;

-- Keep a page of the caller's session: of each session the last twenty.
CREATE FUNCTION keep_refused_form(digest bytea, sealed bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE own integer := (SELECT c.key FROM caller() c);
BEGIN
  IF own IS NULL THEN
    RETURN;
  END IF;
  DELETE FROM refused_form f WHERE f.key = own AND (f.expires_at < now() OR f.digest NOT IN (
    SELECT l.digest FROM refused_form l WHERE l.key = own ORDER BY l.expires_at DESC, l.digest LIMIT 19));
  INSERT INTO refused_form (digest, key, sealed) VALUES (keep_refused_form.digest, own, keep_refused_form.sealed);
END $$;
-- A page that was kept for the caller's session; NULL: none, or no longer.
CREATE FUNCTION kept_refused_form(digest bytea) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT f.sealed FROM refused_form f, caller() c
  WHERE f.digest = kept_refused_form.digest AND f.key = c.key AND f.expires_at > now()
$$;

REVOKE ALL ON FUNCTION keep_refused_form(bytea, bytea), kept_refused_form(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keep_refused_form(bytea, bytea), kept_refused_form(bytea) TO maillage_api;
