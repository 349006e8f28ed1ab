-- When does every door know? Each gateway of the places whose lists hold (or held) a card: the version in which the card
-- last changed there, the version that the gateway decides by, and since when a change waits to be made into lists. Places
-- that the caller doesn't see are counted, without their names. By place, along the primary key: a token leads no index.
CREATE FUNCTION card_spread(ref text) RETURNS TABLE (
  place text, gateway text, place_id integer, online boolean, has integer, needs integer, made_at timestamptz, waits timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE WHEN caller_sees(p.id) THEN p.code::text END, CASE WHEN caller_sees(p.id) THEN g.code::text END, p.id,
         coalesce(s.online, false), s.list_version, v.version, made.made_at, w.since
  FROM card c
  CROSS JOIN place p
  CROSS JOIN LATERAL (
    SELECT max(greatest(e.since, coalesce(e.until, 0))) AS version FROM list_entry e
    WHERE e.place = p.id AND e.token = c.token
  ) AS v
  JOIN gateway g ON g.place = p.id AND g.retired_at IS NULL
  LEFT JOIN gateway_state s ON s.gateway = g.id
  LEFT JOIN list_version made ON made.place = p.id AND made.version = v.version
  CROSS JOIN LATERAL (
    SELECT min(d.at) AS since FROM access_dirty d
    WHERE d.member = c.member OR d.place = p.id OR (d.member IS NULL AND d.place IS NULL)
  ) AS w
  WHERE c.ref = card_spread.ref AND caller_sees_member(c.member) AND v.version IS NOT NULL
  ORDER BY p.code, g.code
$$;
-- Since when a change of the card's member, or of everything, waits to be made into lists; NULL: none does.
CREATE FUNCTION card_pending(ref text) RETURNS timestamptz LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT min(d.at) FROM card c JOIN access_dirty d ON d.member = c.member OR (d.member IS NULL AND d.place IS NULL)
  WHERE c.ref = card_pending.ref AND caller_sees_member(c.member)
$$;
-- The slots of a pass that are used, wherever: how many are left is no secret to who sees the pass, where they were used is.
CREATE FUNCTION pass_slots(ref text) RETURNS bigint[] LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(array_agg(u.slot ORDER BY u.slot), '{}')
  FROM pass p JOIN pass_use u ON u.pass = p.ref
  WHERE p.ref = pass_slots.ref AND caller_sees_member(p.member)
$$;
REVOKE ALL ON FUNCTION card_spread(text), card_pending(text), pass_slots(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION card_spread(text), card_pending(text), pass_slots(text) TO maillage_api;
