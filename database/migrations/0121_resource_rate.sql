-- What a booking costs is a rate too, and its statement bills it (docs/bookings.md, docs/statements.md); and who may book what,
-- by category.

ALTER TABLE rate DROP CONSTRAINT rate_billed_check,
  ADD CONSTRAINT rate_billed_check CHECK (billed IN ('use', 'month', 'once', 'booking')),
  ADD CONSTRAINT rate_booking_unit CHECK (billed <> 'booking' OR unit IN ('hour', 'entry'));
ALTER TABLE resource
  ADD COLUMN rate integer REFERENCES rate,    -- of the network; NULL: its own prices, which no statement bills
  ADD COLUMN categories integer[] NOT NULL DEFAULT '{}',        -- only members of these may book it; none: all
  ADD CONSTRAINT resource_one_price CHECK (rate IS NULL OR (hour_cents IS NULL AND prices = '{}'));
CREATE INDEX resource_rate ON resource (rate) WHERE rate IS NOT NULL;

-- A rate of bookings is a resource's, all others are a pass's.
CREATE FUNCTION rate_fits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF (SELECT r.billed = 'booking' FROM rate r WHERE r.id = NEW.rate) IS DISTINCT FROM (TG_TABLE_NAME = 'resource') THEN
    RAISE EXCEPTION 'a rate that is billed by booking is for what can be booked, every other one for passes: choose another rate'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'fitted_rate';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER rate_fits BEFORE INSERT OR UPDATE OF rate ON resource FOR EACH ROW WHEN (NEW.rate IS NOT NULL) EXECUTE FUNCTION rate_fits();
CREATE TRIGGER rate_fits BEFORE INSERT OR UPDATE OF rate ON pass FOR EACH ROW WHEN (NEW.rate IS NOT NULL) EXECUTE FUNCTION rate_fits();

-- The categories that a member belongs to on a local day, as far as the caller sees them.
CREATE FUNCTION member_categories(member text, day date) RETURNS text[] LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT ARRAY(SELECT c.code::text FROM member_category k JOIN category c ON c.id = k.category
    WHERE k.member = member_categories.member AND k.first <= day AND (k.last IS NULL OR day <= k.last) ORDER BY 1)
$$;
REVOKE ALL ON FUNCTION rate_fits(), member_categories(text, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION member_categories(text, date) TO maillage_api, maillage_maintain;

-- Which bookings a statement's lines count; each is billed once.
ALTER TABLE statement_line DROP CONSTRAINT statement_line_kind_check,
  ADD CONSTRAINT statement_line_kind_check CHECK (kind IN ('use', 'included', 'overuse', 'month', 'once', 'booking', 'funded'));
CREATE TABLE billed_booking (
  booking text PRIMARY KEY REFERENCES booking ON DELETE CASCADE,
  place integer NOT NULL,
  at timestamptz NOT NULL,
  line bigint NOT NULL REFERENCES statement_line
);
CREATE INDEX billed_booking_line ON billed_booking (line);
ALTER TABLE billed_booking ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON billed_booking TO maillage_maintain USING (true) WITH CHECK (true);
CREATE POLICY caller_reads ON billed_booking FOR SELECT TO maillage_api
  USING (EXISTS (SELECT FROM booking b WHERE b.ref = billed_booking.booking));
GRANT SELECT ON billed_booking TO maillage_api;
GRANT SELECT, INSERT, DELETE ON billed_booking TO maillage_maintain;
