-- What the pages of people who sign in read at each opening, without reading whole tables (docs/benchmarks.md, `pages`).

-- Visits of a day and later; who has passes for visits only.
CREATE INDEX pass_visits ON pass (valid_until) WHERE visitor IS NOT NULL;
-- A page of members by name.
CREATE INDEX member_sorted ON member (coalesce(lower(name), ''), ref);
-- A member by the last digits of a card.
CREATE INDEX card_last4 ON card (last4) WHERE last4 IS NOT NULL;

-- As before (0134), planned once in a connection and not with each call: planning for the chunks of three months takes longer
-- than reading a member's few rows of them.
CREATE OR REPLACE FUNCTION own_card_reads(most integer) RETURNS TABLE (
  at timestamptz, place text, door text, name text, side text, granted boolean, reason text, by text
) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  me text := caller_member();
  many integer := least(most, 200);
BEGIN
  RETURN QUERY
  WITH found AS (
    (SELECT e.at, e.place, e.device, e.state, e.reason, e.detail FROM event e
     WHERE e.member = me AND e.kind = 1 AND e.at > now() - interval '3 months'
     ORDER BY e.at DESC LIMIT many)
    UNION ALL
    (SELECT e.at, e.place, e.device, e.state, e.reason, e.detail
     FROM (SELECT DISTINCT t.place, t.token FROM list_entry t JOIN card c ON c.lookup = coalesce(t.lookup, t.token)
           WHERE c.member = me) k
     JOIN event e ON e.card = k.token AND e.place = k.place
     WHERE e.member IS NULL AND e.kind = 1 AND e.at > now() - interval '3 months'
     ORDER BY e.at DESC LIMIT many)
  )
  SELECT f.at, p.code::text, d.code::text, d.name, v.side, f.state = 1, r.name, f.detail ->> 'by'
  FROM found f JOIN place p ON p.id = f.place JOIN device v ON v.id = f.device JOIN door d ON d.id = v.door
  LEFT JOIN reason r ON r.id = f.reason
  ORDER BY f.at DESC LIMIT many;
END $$;
