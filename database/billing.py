"""SQL that reads what is to be billed, and at which prices: for the job that closes months and for the API alike.

``ITEMS``, ``BADGED`` and ``BOOKINGS`` give the rows of ``booking.items.item_of``, ``PRICES`` those of
``booking.rates.price_of``. Parameters:
``member`` (a reference, or null), ``home`` (a place's id, or null: who has no home) where ``member`` is null, and
``month`` (its first day); ``access`` and ``not_taken``, kinds of events (``gateway.contract.stored_events.KINDS``).
"""

from __future__ import annotations

from typing import Final

_HELD: Final = """
held AS MATERIALIZED (
  SELECT p.ref, p.member, p.unit, p.allowance, p.each_month, m.organisation, m.home, r.code::text AS rate, r.billed,
         r.unit AS rate_unit, z.zone, coalesce(p.valid_from, p.created_at) AS begins,
         coalesce(p.valid_from, p.created_at) AT TIME ZONE z.zone AS begins_local,
         least(p.valid_until, p.revoked_at) AS ends
  FROM pass p JOIN member m ON m.ref = p.member JOIN rate r ON r.id = p.rate LEFT JOIN place h ON h.id = m.home
  CROSS JOIN LATERAL (SELECT coalesce(h.time_zone, 'Europe/Paris') AS zone) z
  WHERE (m.ref = %(member)s::text OR (%(member)s::text IS NULL AND m.home IS NOT DISTINCT FROM %(home)s::integer))
)"""
_LINES: Final = """
SELECT i.ref, h.member, h.organisation, h.home, i.kind, i.slot, i.place, i.at, i.local::date, h.rate, h.billed,
       coalesce(h.unit, h.rate_unit), i.over, member_categories(h.member, i.local::date), NULL::integer
FROM items i JOIN held h ON h.ref = i.ref
WHERE i.local < %(month)s::date + interval '1 month'
  AND NOT EXISTS (SELECT FROM billed b WHERE b.pass = i.ref AND b.kind = i.kind AND b.slot = i.slot)
ORDER BY i.at, i.ref, i.kind, i.slot
"""
ITEMS: Final = """
-- what isn't billed yet until the end of a month: uses as gateways counted them, the month of subscriptions, and passes
-- that are paid once
WITH {held}, used AS (
  SELECT h.ref, h.allowance, h.each_month, u.slot, u.place, u.at,
         u.at AT TIME ZONE coalesce(q.time_zone, h.zone) AS local
  FROM held h JOIN pass_use u ON u.pass = h.ref LEFT JOIN place q ON q.id = u.place
  WHERE h.unit IS NOT NULL
), counted AS (
  SELECT ref, slot, place, at, local, row_number() OVER (
    PARTITION BY ref, CASE WHEN each_month THEN date_trunc('month', local) END ORDER BY at, slot) > allowance AS over
  FROM used
), items AS (
  SELECT ref, 'use' AS kind, slot, place, at, local, over FROM counted WHERE place IS NOT NULL
  UNION ALL
  SELECT ref, 'month', (extract(year FROM %(month)s::date) * 12 + extract(month FROM %(month)s::date))::bigint, NULL,
    greatest(begins, %(month)s::date::timestamp AT TIME ZONE zone), greatest(begins_local, %(month)s::date::timestamp),
    false
  FROM held
  WHERE billed = 'month' AND begins_local < %(month)s::date + interval '1 month'
    AND (ends IS NULL OR (ends AT TIME ZONE zone > %(month)s::date AND ends > begins))
  UNION ALL
  SELECT ref, 'once', 0, NULL, begins, begins_local, false FROM held WHERE billed = 'once'
)
{lines}""".replace("{held}", _HELD).replace("{lines}", _LINES)
BADGED: Final = """
-- uses of passes without an allowance that aren't billed yet until the end of a month: by the first badge-in of a
-- half-day or day
WITH {held}, badged AS (
  SELECT h.ref, h.rate_unit, e.place, e.at, e.at AT TIME ZONE q.time_zone AS local,
         (e.at AT TIME ZONE q.time_zone)::date - date '0001-01-01' + 1 AS ordinal
  FROM held h JOIN event e ON e.member = h.member AND e.detail ->> 'pass_ref' = h.ref
    AND e.at >= %(month)s::date - interval '62 days' AND e.at < %(month)s::date + interval '1 month 1 day'
  JOIN place q ON q.id = e.place LEFT JOIN device d ON d.id = e.device
  WHERE h.unit IS NULL AND h.rate_unit IN ('half_day', 'day')
    AND e.kind = %(access)s AND e.state = 1 AND d.side IS DISTINCT FROM 'out'
    -- unless the door's contact says that nobody came
    AND NOT (coalesce((e.detail ->> 'awaits')::boolean, false) AND EXISTS (
      SELECT FROM event t WHERE t.place = e.place AND t.at >= e.at AND t.at < e.at + interval '10 minutes'
        AND t.kind = %(not_taken)s AND t.device = e.device
        AND (t.detail ->> 'access_at')::bigint = (extract(epoch FROM coalesce(e.edge_at, e.at)) * 1000000)::bigint))
), halves AS (
  SELECT ref, place, at, local, CASE rate_unit WHEN 'day' THEN ordinal
    ELSE 2 * ordinal + (extract(hour FROM local) >= 13)::integer END AS slot
  FROM badged
), items AS (
  SELECT DISTINCT ON (ref, slot) ref, 'use' AS kind, slot, place, at, local, false AS over FROM halves
  ORDER BY ref, slot, at
)
{lines}""".replace("{held}", _HELD).replace("{lines}", _LINES)
IS_BADGED: Final = """
-- whether BADGED can find anything of a member: the database takes longer to plan it than for all else
SELECT EXISTS (SELECT FROM pass p JOIN rate r ON r.id = p.rate
  WHERE p.member = %(member)s AND p.unit IS NULL AND r.unit IN ('half_day', 'day'))
"""
BOOKINGS: Final = """
-- bookings that are over and not billed yet until the end of a month, also those that nobody came for
SELECT b.ref, b.member, m.organisation, m.home, 'booking', 0::bigint, b.place, b.starts_at, l.day, t.code::text,
       t.billed, 'booking', false, member_categories(b.member, l.day), b.price_cents
FROM resource r JOIN rate t ON t.id = r.rate JOIN place p ON p.id = r.place
JOIN resource_unit u ON u.resource = r.id JOIN booking b ON b.unit = u.id JOIN member m ON m.ref = b.member
CROSS JOIN LATERAL (SELECT (b.starts_at AT TIME ZONE p.time_zone)::date AS day) l
WHERE (m.ref = %(member)s::text OR (%(member)s::text IS NULL AND m.home IS NOT DISTINCT FROM %(home)s::integer))
  AND b.status IN ('ended', 'no_show') AND b.price_cents IS NOT NULL AND l.day < %(month)s::date + interval '1 month'
  AND NOT EXISTS (SELECT FROM billed_booking d WHERE d.booking = b.ref)
ORDER BY b.starts_at, b.ref
"""
PRICES: Final = """
-- every price of every rate
SELECT r.code::text, c.code::text, p.first, p.cents, p.overuse_cents, p.clearing_cents, p.vat_permille, p.funder,
       p.funder_permille
FROM rate_price p JOIN rate r ON r.id = p.rate LEFT JOIN category c ON c.id = p.category ORDER BY p.id
"""
