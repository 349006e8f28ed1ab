-- A member reads what doors decided on their own cards in the last three months: "why was I refused?" (docs/access.md). Also
-- reads of a card that a place's list doesn't hold any more, which name no member. Nobody else's: so there is no audit line.
CREATE FUNCTION own_card_reads(most integer) RETURNS TABLE (
  at timestamptz, place text, door text, name text, side text, granted boolean, reason text, by text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH me AS MATERIALIZED (SELECT caller_member() AS ref),
  found AS (
    (SELECT e.at, e.place, e.device, e.state, e.reason, e.detail FROM event e
     WHERE e.member = (SELECT ref FROM me) AND e.kind = 1 AND e.at > now() - interval '3 months'
     ORDER BY e.at DESC LIMIT least(most, 200))
    UNION ALL
    (SELECT e.at, e.place, e.device, e.state, e.reason, e.detail
     FROM (SELECT DISTINCT t.place, t.token FROM list_entry t JOIN card c ON c.lookup = coalesce(t.lookup, t.token)
           WHERE c.member = (SELECT ref FROM me)) k
     JOIN event e ON e.card = k.token AND e.place = k.place
     WHERE e.member IS NULL AND e.kind = 1 AND e.at > now() - interval '3 months'
     ORDER BY e.at DESC LIMIT least(most, 200))
  )
  SELECT f.at, p.code::text, d.code::text, d.name, v.side, f.state = 1, r.name, f.detail ->> 'by'
  FROM found f JOIN place p ON p.id = f.place JOIN device v ON v.id = f.device JOIN door d ON d.id = v.door
  LEFT JOIN reason r ON r.id = f.reason
  ORDER BY f.at DESC LIMIT least(most, 200)
$$;
REVOKE ALL ON FUNCTION own_card_reads(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION own_card_reads(integer) TO maillage_api;

-- As before (0046); to a member of their own card by place too, since a lost card's owner is told where it still opens.
CREATE OR REPLACE FUNCTION card_spread(ref text) RETURNS TABLE (
  place text, gateway text, place_id integer, online boolean, has integer, needs integer, made_at timestamptz, waits timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE WHEN own.sees OR caller_sees(p.id) THEN p.code::text END, CASE WHEN own.sees OR caller_sees(p.id) THEN g.code::text END,
         p.id, coalesce(s.online, false), s.list_version, v.version, made.made_at, w.since
  FROM card c
  CROSS JOIN LATERAL (SELECT coalesce(c.member = caller_member(), false) AS sees) AS own
  CROSS JOIN LATERAL (
    SELECT e.place, max(greatest(e.since, coalesce(e.until, 0))) AS version FROM list_entry e
    WHERE e.lookup = c.lookup GROUP BY e.place
  ) AS v
  JOIN place p ON p.id = v.place
  JOIN gateway g ON g.place = p.id AND g.retired_at IS NULL
  LEFT JOIN gateway_state s ON s.gateway = g.id
  LEFT JOIN list_version made ON made.place = p.id AND made.version = v.version
  CROSS JOIN LATERAL (
    SELECT min(d.at) AS since FROM access_dirty d
    WHERE d.member = c.member OR d.place = p.id OR (d.member IS NULL AND d.place IS NULL)
  ) AS w
  WHERE c.ref = card_spread.ref AND caller_sees_member(c.member)
  ORDER BY p.code, g.code
$$;
