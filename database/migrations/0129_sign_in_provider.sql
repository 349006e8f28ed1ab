-- Signing in at an OpenID Connect provider (docs/sign-in.md): it has said who has an address, so a link to choose the role needs no
-- mail. Nothing of the provider is stored: who has the address there is who has it here, as with a mail.
CREATE FUNCTION sign_in_vouched(address text, digest bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE held text := (SELECT p.email FROM sign_in_people(sign_in_vouched.address) p LIMIT 1);
BEGIN
  IF held IS NULL THEN
    RETURN false;
  END IF;
  -- asked for an hour ago: it isn't one of the mails that an address gets in an hour
  INSERT INTO sign_in_link (digest, email, asked_at, expires_at)
  VALUES (sign_in_vouched.digest, held, now() - interval '1 hour', now() + interval '5 minutes');
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION sign_in_vouched(text, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sign_in_vouched(text, bytea) TO maillage_api;
