-- What the use of places costs: categories with their proofs, rates with their prices, consent for minors, and the
-- statements and clearing lines that a closed month leaves (docs/passes.md, docs/statements.md). Money is in euro cents.

CREATE TABLE category (                       -- whom a price is for: job seekers, students, …
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code code NOT NULL UNIQUE,
  name text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 200),
  needs_proof boolean NOT NULL DEFAULT true,
  revision integer NOT NULL DEFAULT 1
);

-- A member belongs to a category from `first` until `last`, both included. The proof itself is not stored.
CREATE TABLE member_category (
  ref text PRIMARY KEY DEFAULT new_ref('k'),
  member text NOT NULL REFERENCES member ON DELETE CASCADE,
  category integer NOT NULL REFERENCES category,
  first date NOT NULL DEFAULT current_date,
  last date,                                  -- NULL: no end, only where the category needs no proof
  seen text CHECK (btrim(seen) <> '' AND length(seen) <= 200),          -- what was shown, for example 'carte étudiante'
  seen_by text NOT NULL DEFAULT coalesce((caller()).actor, 'db:' || session_user),
  seen_at timestamptz NOT NULL DEFAULT now(),
  warned_at timestamptz,                      -- when the member was told that it ends
  CONSTRAINT member_category_order CHECK (last >= first)
);
CREATE INDEX member_category_member ON member_category (member);
CREATE INDEX member_category_last ON member_category (last) WHERE warned_at IS NULL;
CREATE FUNCTION proof_needed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF (NEW.seen IS NULL OR NEW.last IS NULL) AND (SELECT c.needs_proof FROM category c WHERE c.id = NEW.category) THEN
    RAISE EXCEPTION 'this category needs a proof: say what was seen and until when it holds'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'member_category_proof';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER proof_needed BEFORE INSERT OR UPDATE ON member_category FOR EACH ROW EXECUTE FUNCTION proof_needed();

-- A minor has passes only with a guardian's consent; where it is withdrawn the passes end.
ALTER TABLE member ADD COLUMN minor_until date;                           -- the day on which they come of age; NULL: an adult
CREATE TABLE consent (
  member text PRIMARY KEY REFERENCES member ON DELETE CASCADE,
  guardian text NOT NULL CHECK (btrim(guardian) <> '' AND length(guardian) <= 200),   -- personal
  given_on date NOT NULL DEFAULT current_date,
  seen_by text NOT NULL DEFAULT coalesce((caller()).actor, 'db:' || session_user)
);
CREATE FUNCTION consent_lacks(whose text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (SELECT FROM member m WHERE m.ref = whose AND m.minor_until > current_date)
    AND NOT EXISTS (SELECT FROM consent c WHERE c.member = whose)
$$;
CREATE FUNCTION consent_needed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_TABLE_NAME = 'pass' THEN
    IF NEW.revoked_at IS NULL AND consent_lacks(NEW.member) THEN
      RAISE EXCEPTION 'this member is a minor and has no consent of a guardian: note the consent first, then give the pass';
    END IF;
  ELSIF TG_TABLE_NAME = 'consent' THEN
    UPDATE pass SET revoked_at = now() WHERE member = OLD.member AND revoked_at IS NULL AND consent_lacks(OLD.member);
  ELSIF consent_lacks(NEW.ref) AND EXISTS (SELECT FROM pass p WHERE p.member = NEW.ref AND p.revoked_at IS NULL
                                           AND coalesce(p.valid_until, 'infinity') > now()) THEN
    RAISE EXCEPTION 'this member has passes and, as a minor, no consent of a guardian: note the consent first';
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION consent_lacks(text) FROM PUBLIC;
CREATE TRIGGER consent_needed AFTER INSERT OR UPDATE OF revoked_at, member, valid_until ON pass
  FOR EACH ROW EXECUTE FUNCTION consent_needed();
CREATE TRIGGER consent_needed AFTER DELETE ON consent FOR EACH ROW EXECUTE FUNCTION consent_needed();
CREATE TRIGGER consent_needed AFTER UPDATE OF minor_until ON member FOR EACH ROW EXECUTE FUNCTION consent_needed();

CREATE TABLE rate (                           -- what passes and resources are charged by
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code code NOT NULL UNIQUE,
  name text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 200),
  billed text NOT NULL CHECK (billed IN ('use', 'month', 'once')),
  unit text NOT NULL CHECK (unit IN ('half_day', 'day', 'hour', 'entry')),            -- what is counted
  revision integer NOT NULL DEFAULT 1
);
-- What a rate costs a category (NULL: everyone) from a local day on; a price is replaced by a later one, never changed.
CREATE TABLE rate_price (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rate integer NOT NULL REFERENCES rate ON DELETE CASCADE,
  category integer REFERENCES category,
  first date NOT NULL,
  cents integer NOT NULL CHECK (cents BETWEEN 0 AND 100000000),                       -- of what is billed, without VAT
  overuse_cents integer NOT NULL DEFAULT 0 CHECK (overuse_cents BETWEEN 0 AND 100000000),  -- of a unit beyond the allowance
  clearing_cents integer NOT NULL DEFAULT 0 CHECK (clearing_cents BETWEEN 0 AND 100000000), -- of a unit used away from home
  vat_permille integer NOT NULL CHECK (vat_permille BETWEEN 0 AND 1000),
  funder integer REFERENCES organisation,
  funder_permille integer CHECK (funder_permille BETWEEN 1 AND 1000),
  CONSTRAINT rate_price_once UNIQUE NULLS NOT DISTINCT (rate, category, first),
  CONSTRAINT rate_price_funder CHECK ((funder IS NULL) = (funder_permille IS NULL))
);
ALTER TABLE pass ADD COLUMN rate integer REFERENCES rate;                 -- NULL: not billed
CREATE INDEX pass_rate ON pass (rate) WHERE rate IS NOT NULL;

CREATE TABLE organisation_manager (           -- members who see their organisation's statements
  organisation integer NOT NULL REFERENCES organisation ON DELETE CASCADE,
  member text NOT NULL REFERENCES member ON DELETE CASCADE,
  PRIMARY KEY (organisation, member)
);
CREATE INDEX organisation_manager_member ON organisation_manager (member);

-- A closed month of one payer at one place that bills. It outlives its place, its organisation and its member: no references.
CREATE TABLE statement (
  ref text PRIMARY KEY DEFAULT new_ref('s'),
  month date NOT NULL CHECK (extract(day FROM month) = 1),
  place integer,                              -- who bills: the home of the members; NULL: the network
  payer text NOT NULL CHECK (payer IN ('member', 'organisation', 'funder')),
  member text,
  organisation integer,
  organisation_name text,
  corrects text REFERENCES statement,         -- a counter-entry to this one
  closed_at timestamptz NOT NULL DEFAULT now(),
  net_cents bigint NOT NULL,
  vat_cents bigint NOT NULL,
  CHECK ((payer = 'member') = (member IS NOT NULL) AND (payer = 'member') = (organisation IS NULL))
);
CREATE INDEX statement_month ON statement (month, place);
CREATE INDEX statement_member ON statement (member) WHERE member IS NOT NULL;
CREATE INDEX statement_organisation ON statement (organisation) WHERE organisation IS NOT NULL;
CREATE INDEX statement_corrects ON statement (corrects) WHERE corrects IS NOT NULL;
CREATE TABLE statement_line (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  statement text NOT NULL REFERENCES statement,
  number integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('use', 'included', 'overuse', 'month', 'once', 'funded')),
  month date NOT NULL,                        -- of the uses; earlier than the statement's where a gateway reported late
  member text,                                -- by reference only; NULL: a funder's line, of many
  place integer,                              -- where it was used; NULL: nowhere, a month's or a pass's price
  rate text NOT NULL,                         -- codes, as they were
  category text,
  unit text NOT NULL,
  count integer NOT NULL CHECK (count <> 0),
  price_cents bigint NOT NULL,
  funded_cents bigint NOT NULL,               -- what a funder pays of it
  funder integer,
  net_cents bigint NOT NULL,                  -- count × price − funded
  vat_permille integer NOT NULL,
  vat_cents bigint NOT NULL,
  corrects bigint REFERENCES statement_line,
  reason text CHECK (length(reason) <= 500),
  UNIQUE (statement, number),
  CHECK (kind = 'funded' OR net_cents = count * price_cents - funded_cents),
  CHECK ((corrects IS NULL) = (reason IS NULL))
);
CREATE INDEX statement_line_corrects ON statement_line (corrects) WHERE corrects IS NOT NULL;

-- What a place owes another for a member of its own who used it.
CREATE TABLE clearing_line (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  month date NOT NULL CHECK (extract(day FROM month) = 1),               -- in which it was closed
  used_in date NOT NULL,                      -- the month of the uses
  debtor integer NOT NULL,                    -- the member's home
  creditor integer NOT NULL,                  -- the place that was used
  holder text NOT NULL,                       -- a pseudonym of the member, another one each month
  rate text NOT NULL,
  unit text NOT NULL,
  count integer NOT NULL CHECK (count <> 0),
  price_cents bigint NOT NULL,
  amount_cents bigint NOT NULL,
  closed_at timestamptz NOT NULL DEFAULT now(),
  corrects bigint REFERENCES clearing_line,
  reason text CHECK (length(reason) <= 500),
  CHECK (debtor <> creditor AND amount_cents = count * price_cents),
  CHECK ((corrects IS NULL) = (reason IS NULL))
);
CREATE INDEX clearing_line_month ON clearing_line (month, debtor);
CREATE INDEX clearing_line_creditor ON clearing_line (month, creditor);
CREATE INDEX clearing_line_corrects ON clearing_line (corrects) WHERE corrects IS NOT NULL;

-- What the lines count: a use of a pass, a month of it, or the pass itself; each is billed once. Uses go with the traces.
CREATE TABLE billed (
  pass text NOT NULL REFERENCES pass ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('use', 'month', 'once')),
  slot bigint NOT NULL,                       -- as in pass_use; of a month: 12 × year + month; once: 0
  place integer,
  at timestamptz NOT NULL,
  line bigint NOT NULL REFERENCES statement_line,
  clearing bigint REFERENCES clearing_line,
  PRIMARY KEY (pass, kind, slot)
);
CREATE INDEX billed_line ON billed (line);
CREATE INDEX billed_clearing ON billed (clearing) WHERE clearing IS NOT NULL;
CREATE INDEX billed_at ON billed (at) WHERE kind = 'use';

-- Closed is closed, also for the owner. Lines are added by the transaction that closes their statement, by no later one.
CREATE FUNCTION closed_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a closed % is not changed: correct it by a counter-entry', replace(TG_TABLE_NAME, '_', ' ')
    USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'closed_stays';
END $$;
CREATE TRIGGER closed_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON statement FOR EACH STATEMENT EXECUTE FUNCTION closed_stays();
CREATE TRIGGER closed_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON statement_line FOR EACH STATEMENT EXECUTE FUNCTION closed_stays();
CREATE TRIGGER closed_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON clearing_line FOR EACH STATEMENT EXECUTE FUNCTION closed_stays();
CREATE FUNCTION closed_now() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.closed_at := now();
  RETURN NEW;
END $$;
CREATE TRIGGER closed_now BEFORE INSERT ON statement FOR EACH ROW EXECUTE FUNCTION closed_now();
CREATE TRIGGER closed_now BEFORE INSERT ON clearing_line FOR EACH ROW EXECUTE FUNCTION closed_now();

-- A counter-entry takes back what a line counts, or a part of it, and never more; all else is as in that line.
CREATE FUNCTION line_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  its statement;
  first statement_line;
  taken bigint;
BEGIN
  SELECT * INTO its FROM statement s WHERE s.ref = NEW.statement;
  IF its.closed_at IS DISTINCT FROM now() THEN
    RAISE EXCEPTION 'a closed statement takes no further line: correct it by a counter-entry'
      USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'closed_stays';
  END IF;
  IF its.corrects IS NULL AND NEW.corrects IS NULL THEN
    RETURN NEW;
  END IF;
  PERFORM FROM statement s WHERE s.ref = its.corrects FOR NO KEY UPDATE;
  SELECT * INTO first FROM statement_line l WHERE l.id = NEW.corrects AND l.statement = its.corrects;
  SELECT coalesce(sum(l.count), 0) INTO taken FROM statement_line l WHERE l.corrects = NEW.corrects;
  IF first IS NULL OR first.corrects IS NOT NULL
     OR (first.kind, first.month, first.member, first.place, first.rate, first.category, first.unit, first.price_cents, first.vat_permille, first.funder)
        IS DISTINCT FROM (NEW.kind, NEW.month, NEW.member, NEW.place, NEW.rate, NEW.category, NEW.unit, NEW.price_cents, NEW.vat_permille, NEW.funder)
     OR sign(first.count) = sign(NEW.count) OR abs(NEW.count + taken) > abs(first.count) THEN
    RAISE EXCEPTION 'a counter-entry takes back a line of the statement that it corrects, at most what is left of it (%)',
      coalesce(first.count + taken, 0);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER line_added BEFORE INSERT ON statement_line FOR EACH ROW EXECUTE FUNCTION line_added();
CREATE FUNCTION clearing_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  first clearing_line;
  taken bigint;
BEGIN
  IF NEW.corrects IS NULL THEN
    RETURN NEW;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('clearing_line'), (NEW.corrects % 2147483647)::integer);
  SELECT * INTO first FROM clearing_line l WHERE l.id = NEW.corrects;
  SELECT coalesce(sum(l.count), 0) INTO taken FROM clearing_line l WHERE l.corrects = NEW.corrects;
  IF first IS NULL OR first.corrects IS NOT NULL
     OR (first.used_in, first.debtor, first.creditor, first.holder, first.rate, first.unit, first.price_cents)
        IS DISTINCT FROM (NEW.used_in, NEW.debtor, NEW.creditor, NEW.holder, NEW.rate, NEW.unit, NEW.price_cents)
     OR NEW.count > 0 OR -NEW.count > first.count + taken THEN
    RAISE EXCEPTION 'a counter-entry takes back a clearing line, at most what is left of it (%)', coalesce(first.count + taken, 0);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER clearing_added BEFORE INSERT ON clearing_line FOR EACH ROW EXECUTE FUNCTION clearing_added();

-- Who may see and change this (as in 0014).
CREATE FUNCTION caller_organisations() RETURNS SETOF integer LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT o.organisation FROM organisation_manager o WHERE o.member = (SELECT caller_member())
$$;
DO $$
DECLARE
  one text;
  staff text := '{place_manager,front_desk,auditor}';
  desk text := '{place_manager,front_desk}';
  books text := '{place_manager,auditor}';
  manager text := '{place_manager}';
  sees text := '((SELECT caller_all(VARIADIC %1$L::text[])) OR %2$s = ANY ((SELECT caller_scope(VARIADIC %1$L::text[]))::integer[]))';
  seen text := format('(SELECT caller_all(VARIADIC %L::text[])) OR EXISTS (SELECT FROM member m WHERE m.ref = %%1$I.member)', staff);
  people text := format('((SELECT caller_all(VARIADIC %1$L::text[])) OR member IN (SELECT caller_people(VARIADIC %1$L::text[])))', desk);
  reads jsonb;
BEGIN
  reads := jsonb_build_object(
    'category', 'true', 'rate', 'true', 'rate_price', 'true',
    'member_category', format(seen, 'member_category'),
    'consent', format(seen, 'consent'),
    'organisation_manager', '(SELECT caller_staff()) OR member = (SELECT caller_member())',
    'statement', format(sees, books, 'place') || ' OR member = (SELECT caller_member()) OR organisation IN (SELECT caller_organisations())',
    'statement_line', 'member = (SELECT caller_member()) OR EXISTS (SELECT FROM statement s WHERE s.ref = statement_line.statement)',
    'clearing_line', format(sees, books, 'debtor') || ' OR ' || format(sees, books, 'creditor'),
    'billed', format(sees, staff, 'place') || format(' OR pass IN (SELECT caller_passes(VARIADIC %L::text[]))', staff));
  FOR one IN SELECT jsonb_object_keys(reads) LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', one);
    EXECUTE format('CREATE POLICY process ON %I TO maillage_rights, maillage_ingest, maillage_maintain USING (true) WITH CHECK (true)', one);
    EXECUTE format('CREATE POLICY caller_reads ON %I FOR SELECT TO maillage_api USING (%s)', one, reads ->> one);
    EXECUTE format('GRANT SELECT ON %I TO maillage_api, maillage_maintain', one);
  END LOOP;
  -- prices are the network's
  FOREACH one IN ARRAY '{category,rate,rate_price,organisation_manager}'::text[] LOOP
    EXECUTE format('CREATE POLICY caller_writes ON %I TO maillage_api USING ((SELECT caller_admin())) WITH CHECK ((SELECT caller_admin()))', one);
  END LOOP;
  FOREACH one IN ARRAY '{member_category,consent}'::text[] LOOP
    EXECUTE format('CREATE POLICY caller_writes ON %I TO maillage_api USING (%s) WITH CHECK (%s)', one, people, people);
  END LOOP;
  -- counter-entries
  EXECUTE format('CREATE POLICY caller_adds ON statement FOR INSERT TO maillage_api WITH CHECK (corrects IS NOT NULL AND caller_may(place, VARIADIC %L::text[]))', manager);
  EXECUTE format('CREATE POLICY caller_adds ON statement_line FOR INSERT TO maillage_api WITH CHECK (corrects IS NOT NULL AND EXISTS (
    SELECT FROM statement s WHERE s.ref = statement_line.statement AND s.corrects IS NOT NULL AND caller_may(s.place, VARIADIC %L::text[])))', manager);
  EXECUTE format('CREATE POLICY caller_adds ON clearing_line FOR INSERT TO maillage_api WITH CHECK (corrects IS NOT NULL
    AND caller_may(debtor, VARIADIC %1$L::text[]) AND caller_may(creditor, VARIADIC %1$L::text[]))', manager);
END $$;
GRANT INSERT, UPDATE (name, needs_proof), DELETE ON category TO maillage_api;
GRANT INSERT, UPDATE (name), DELETE ON rate TO maillage_api;
GRANT INSERT, DELETE ON rate_price, organisation_manager TO maillage_api;
GRANT INSERT (member, category, first, last, seen), UPDATE (last) ON member_category TO maillage_api;
GRANT INSERT (member, guardian, given_on), UPDATE (guardian, given_on, seen_by), DELETE ON consent TO maillage_api;
GRANT INSERT ON statement, statement_line, clearing_line TO maillage_api, maillage_maintain;
GRANT INSERT, DELETE ON billed TO maillage_maintain;
GRANT UPDATE (warned_at) ON member_category TO maillage_maintain;
GRANT SELECT (home, organisation) ON member TO maillage_maintain;
GRANT SELECT ON organisation TO maillage_maintain;
GRANT EXECUTE ON FUNCTION new_ref(text) TO maillage_maintain;
GRANT EXECUTE ON FUNCTION caller_organisations() TO maillage_api;

DO $$
DECLARE
  line text[];
  event text;
  home_of text := '(SELECT m.home FROM member m WHERE m.ref = r ->> ''member'')';
  lines text[] := ARRAY[
    -- table, key, subject, place, person, hidden, personal, ignored, condition (as in 0013)
    ARRAY['category', 'id', '''category '' || (r ->> ''code'')', 'NULL', 'NULL', '{}', '{}', '{revision}', 'true'],
    ARRAY['member_category', 'ref', '''category of member '' || (r ->> ''member'')', home_of, 'r ->> ''member''', '{}', '{seen}', '{warned_at}', 'true'],
    ARRAY['consent', 'member', '''consent for member '' || (r ->> ''member'')', home_of, 'r ->> ''member''', '{}', '{guardian}', '{}', 'true'],
    ARRAY['rate', 'id', '''rate '' || (r ->> ''code'')', 'NULL', 'NULL', '{}', '{}', '{revision}', 'true'],
    ARRAY['rate_price', 'id', '''price '' || (r ->> ''id'')', 'NULL', 'NULL', '{}', '{}', '{}', 'true'],
    ARRAY['organisation_manager', 'organisation, member', '''organisation '' || (r ->> ''organisation'')', 'NULL', 'r ->> ''member''', '{}', '{}', '{}', 'true'],
    -- what the upkeep closes is no act of anybody's
    ARRAY['statement', 'ref', '''statement '' || (r ->> ''ref'')', 'r ->> ''place''', 'r ->> ''member''', '{}', '{}', '{}', 'r ->> ''corrects'' IS NOT NULL'],
    ARRAY['clearing_line', 'id', '''clearing line '' || (r ->> ''id'')', 'r ->> ''debtor''', 'NULL', '{}', '{}', '{}', 'r ->> ''corrects'' IS NOT NULL']];
BEGIN
  FOREACH line SLICE 1 IN ARRAY lines LOOP
    FOREACH event IN ARRAY CASE WHEN line[1] IN ('statement', 'clearing_line') THEN '{INSERT}' ELSE '{INSERT,UPDATE,DELETE}' END::text[] LOOP
      EXECUTE format('CREATE TRIGGER audit_changed_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT
        EXECUTE FUNCTION audit_changed(%L, %L, %L, %L, %L, %L, %L, %L)', lower(event), event, line[1],
        CASE event WHEN 'INSERT' THEN 'NEW TABLE AS new_rows' WHEN 'DELETE' THEN 'OLD TABLE AS old_rows'
          ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END,
        line[2], line[3], line[4], line[5], line[6], line[7], line[8], line[9]);
    END LOOP;
    IF line[1] NOT IN ('statement', 'clearing_line') THEN
      EXECUTE format('CREATE TRIGGER audit_emptied AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_emptied()', line[1]);
    END IF;
    IF line[1] IN ('category', 'rate') THEN
      EXECUTE format('CREATE TRIGGER revision_moves BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION revision_moves()', line[1]);
    END IF;
  END LOOP;
END $$;

ALTER TABLE maintenance DROP CONSTRAINT maintenance_task_check;
ALTER TABLE maintenance ADD CONSTRAINT maintenance_task_check
  CHECK (task IN ('rollup', 'retention', 'published', 'thinned', 'late', 'worth', 'statements'));
