-- Challenges to sign in by, which anybody may ask for, are no more than those of some minutes; of one person who adds passkeys, few.

-- As in 0126; some that are too old go with each that is made.
CREATE OR REPLACE FUNCTION sign_in_challenge(digest bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  DELETE FROM sign_in_challenge h WHERE h.digest IN (
    SELECT o.digest FROM sign_in_challenge o WHERE o.expires_at < now() ORDER BY o.expires_at LIMIT 10 FOR UPDATE SKIP LOCKED);
  INSERT INTO sign_in_challenge (digest) VALUES (sign_in_challenge.digest)
$$;
-- As in 0126; the newest four of the person stay beside it, for pages that are open at the same time.
CREATE OR REPLACE FUNCTION passkey_challenge(digest bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE who record;
BEGIN
  SELECT * INTO who FROM sign_in_changer();
  DELETE FROM sign_in_challenge h WHERE h.digest IN (
    SELECT o.digest FROM sign_in_challenge o WHERE o.member = who.member OR o.operator = who.operator
    ORDER BY o.expires_at DESC OFFSET 4);
  INSERT INTO sign_in_challenge (digest, member, operator) VALUES (passkey_challenge.digest, who.member, who.operator);
END $$;
CREATE INDEX sign_in_challenge_member ON sign_in_challenge (member) WHERE member IS NOT NULL;
CREATE INDEX sign_in_challenge_operator ON sign_in_challenge (operator) WHERE operator IS NOT NULL;
