-- An operator is invited by a mail with a link to sign in, and chooses whether reports are announced to them (docs/access.md).

-- Send an operator a link that signs in once, within three days. false: they have ended, or have no address.
CREATE FUNCTION invite_operator(ref text, digest bytea, link text, page text, language text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  address text;
  ends timestamptz := now() + interval '3 days';
BEGIN
  IF NOT caller_admin() THEN
    RAISE EXCEPTION 'only a network administrator invites an operator' USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT o.email INTO address FROM operator o WHERE o.ref = invite_operator.ref AND o.ended_at IS NULL;
  IF address IS NULL THEN
    RETURN false;
  END IF;
  INSERT INTO sign_in_link (digest, email, expires_at) VALUES (invite_operator.digest, address, ends);
  PERFORM queue_mail(NULL, address, 'invitation', invite_operator.language,
    jsonb_build_object('link', link, 'page', page), NULL, NULL, ends);
  PERFORM audit_write('invited', 'operator ' || invite_operator.ref, NULL, NULL);
  RETURN true;
END $$;

-- Whether the operator who asks gets a mail when a monthly report of theirs is there; NULL: the key is no operator's.
CREATE FUNCTION own_report_mail(wanted boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE now_is boolean;
BEGIN
  UPDATE operator o SET report_mail = own_report_mail.wanted
  WHERE o.ref = caller_person() AND o.ended_at IS NULL AND own_report_mail.wanted IS NOT NULL
    AND o.report_mail <> own_report_mail.wanted;
  SELECT o.report_mail INTO now_is FROM operator o WHERE o.ref = caller_person() AND o.ended_at IS NULL;
  RETURN now_is;
END $$;

-- As before (0125), with invitations.
CREATE OR REPLACE FUNCTION forget_report_mail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM mail m WHERE m.kind IN ('report_ready', 'sign_in', 'sign_in_changed', 'invitation') AND lower(m.to_address) = lower(OLD.email);
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION invite_operator(text, bytea, text, text, text), own_report_mail(boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invite_operator(text, bytea, text, text, text), own_report_mail(boolean) TO maillage_api;
