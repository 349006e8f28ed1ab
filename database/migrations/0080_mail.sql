-- Mail that waits to be sent, and what became of it (docs/mail.md). `maillage jobs` sends it; the traces' upkeep deletes it.

CREATE TABLE mail (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ref text NOT NULL UNIQUE DEFAULT replace(gen_random_uuid()::text, '-', ''),   -- the Message-ID is made of it: the same at each try
  once text UNIQUE,                           -- what is queued again under the same word is not queued; NULL: each time
  to_member text REFERENCES member ON DELETE CASCADE,           -- sent to their address as it is then, and erased with them
  to_address text CHECK (to_address ~ '^[^@[:space:]<>,;]+@[^@[:space:]<>,;]+$' AND length(to_address) <= 320),
  kind text NOT NULL CHECK (kind ~ '^[a-z][a-z_]{0,39}$'),      -- a text of jobs/mail/texts
  language text NOT NULL DEFAULT 'fr' CHECK (language IN ('fr', 'en')),
  "values" jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof("values") = 'object' AND length("values"::text) <= 20000),
  calendar text CHECK (length(calendar) <= 100000),             -- an iCalendar object to attach
  queued_at timestamptz NOT NULL DEFAULT now(),
  not_after timestamptz,                      -- of no use to its reader later
  next_at timestamptz NOT NULL DEFAULT now(), -- not tried before; while it is being sent, the time after which another may
  tries integer NOT NULL DEFAULT 0,
  sent_at timestamptz,
  failed_at timestamptz,                      -- given up
  error text CHECK (length(error) <= 200),    -- a server's code or our word, never its text: that quotes addresses
  CONSTRAINT mail_to CHECK (to_member IS NOT NULL OR to_address IS NOT NULL),
  CONSTRAINT mail_ended CHECK (sent_at IS NULL OR failed_at IS NULL)
);
CREATE INDEX mail_waiting ON mail (next_at) WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX mail_member ON mail (to_member) WHERE to_member IS NOT NULL;

-- Queue a mail; false: it is queued already. Any process may, about anybody: what is written in it is a text of ours.
CREATE FUNCTION queue_mail(
  to_member text, to_address text, kind text, language text, "values" jsonb, calendar text, once text, not_after timestamptz
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO mail (to_member, to_address, kind, language, "values", calendar, once, not_after)
  VALUES (queue_mail.to_member, queue_mail.to_address, queue_mail.kind, queue_mail.language, queue_mail."values",
    queue_mail.calendar, queue_mail.once, queue_mail.not_after)
  ON CONFLICT ON CONSTRAINT mail_once_key DO NOTHING;
  RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION queue_mail(text, text, text, text, jsonb, text, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION queue_mail(text, text, text, text, jsonb, text, text, timestamptz)
  TO maillage_api, maillage_rights, maillage_ingest, maillage_maintain;

ALTER TABLE mail ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON mail TO maillage_maintain USING (true) WITH CHECK (true);
CREATE POLICY caller_reads ON mail FOR SELECT TO maillage_api
  USING ((SELECT caller_admin()) OR to_member = (SELECT caller_member()));
GRANT SELECT ON mail TO maillage_api, maillage_maintain;
GRANT UPDATE (next_at, tries, sent_at, failed_at, error), DELETE ON mail TO maillage_maintain;
GRANT SELECT (email) ON member TO maillage_maintain;
-- a mail that could not be sent is an alarm, which counts up while it is open
GRANT SELECT, UPDATE (from_at, until_at, text, detail, times, last_at) ON alarm TO maillage_maintain;
