"""Notes for each booking when its holder came and left, from the stored events, each once.

The mark is moved in the transaction that notes what the events say. What is noted is the earliest and the latest
instant, so neither the order of gateways nor an event that is read twice makes a difference.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from gateway.contract.stored_events import KINDS

_LINES_AT_ONCE: Final = 2000

_TAKE: Final = """
-- up to where events have been read; no row: another process reads them now
SELECT n FROM attendance_mark FOR UPDATE SKIP LOCKED
"""
_LINES: Final = """
-- what was stored since, and whether anybody has booked there then
SELECT f.n, f.tx, f.stream, f.place, f.first, f.last, f.low, f.high,
  f.first <= f.last AND EXISTS (
    SELECT FROM booking b WHERE b.place = f.place AND b.member IS NOT NULL AND b.ends_at > f.low
      AND b.starts_at < f.high + interval '1 day') AS booked
FROM feed f WHERE f.n > %(seen)s ORDER BY f.n LIMIT %(limit)s
"""
_NOTE: Final = """
-- note who came and left
WITH heard AS MATERIALIZED (
  SELECT e.place, e.at, e.kind, e.member, e.device, e.detail, d.side, d.desk, o.from_space IS NULL AS outside
  FROM unnest(%(tx)s::bigint[], %(stream)s::integer[], %(place)s::integer[], %(first)s::bigint[], %(last)s::bigint[],
              %(low)s::timestamptz[], %(high)s::timestamptz[]) AS l (tx, stream, place, first, last, low, high)
  CROSS JOIN LATERAL (
    SELECT * FROM event e
    WHERE e.place = l.place AND e.stream = l.stream AND e.tx = l.tx AND e.seq BETWEEN l.first AND l.last
      AND e.at BETWEEN l.low AND l.high AND e.at BETWEEN %(lowest)s AND %(highest)s
      AND (e.kind = %(taken)s OR (e.kind IN (%(access)s, %(desk)s) AND e.state = 1))
    OFFSET 0
  ) e
  JOIN device d ON d.id = e.device
  LEFT JOIN door o ON o.id = d.door
), sighting AS (
  -- a grant counts at once, or when the door's contact says that a person went through
  SELECT place, at, member, NULL::integer AS desk, side = 'out' AND outside AS out FROM heard
  WHERE kind = %(access)s AND member IS NOT NULL AND NOT coalesce((detail ->> 'awaits')::boolean, false)
  UNION ALL
  SELECT h.place, g.at, g.member, NULL, h.side = 'out' AND h.outside
  FROM heard h JOIN event g ON g.place = h.place AND g.device = h.device AND g.kind = %(access)s AND g.state = 1
    AND g.at BETWEEN h.at - interval '10 minutes' AND h.at
    AND (extract(epoch FROM coalesce(g.edge_at, g.at)) * 1000000)::bigint = (h.detail ->> 'access_at')::bigint
  WHERE h.kind = %(taken)s AND g.member IS NOT NULL
  UNION ALL
  -- a desk that becomes taken
  SELECT h.place, h.at, NULL, h.desk, false FROM heard h
  WHERE h.kind = %(desk)s AND h.desk IS NOT NULL AND 1 IS DISTINCT FROM (
    SELECT p.state FROM event p WHERE p.place = h.place AND p.device = h.device AND p.kind = %(desk)s
      AND p.state IS NOT NULL AND p.at < h.at AND p.at > h.at - interval '1 day' ORDER BY p.at DESC LIMIT 1)
)
INSERT INTO attendance AS a (booking, in_at, seen_at, left_at)
SELECT b.ref, min(s.at) FILTER (WHERE NOT s.out), max(s.at) FILTER (WHERE NOT s.out), max(s.at) FILTER (WHERE s.out)
FROM sighting s
JOIN booking b ON b.place = s.place AND (b.cancelled_at IS NULL OR b.status = 'no_show')
  AND b.starts_at < s.at + interval '1 day' AND b.ends_at > s.at
LEFT JOIN place_policy y ON y.place = b.place
WHERE b.member IS NOT NULL
  AND s.at >= b.starts_at - make_interval(secs => coalesce(y.booking_before_s, 900))
  AND (b.member = s.member OR (
    b.unit IN (SELECT u.id FROM resource_unit u WHERE u.desk = s.desk)
    -- before it begins the desk is that of the booking before
    AND NOT EXISTS (SELECT FROM booking o WHERE o.unit = b.unit AND o.ref <> b.ref AND o.cancelled_at IS NULL
      AND tstzrange(o.starts_at, o.ends_at) @> s.at)))
GROUP BY b.ref
ON CONFLICT (booking) DO UPDATE SET in_at = least(a.in_at, excluded.in_at),
  seen_at = greatest(a.seen_at, excluded.seen_at), left_at = greatest(a.left_at, excluded.left_at)
"""
_MOVE: Final = """
-- these events are read
UPDATE attendance_mark SET n = %s
"""
_KINDS: Final = {"access": KINDS["access"], "taken": KINDS["access_taken"], "desk": KINDS["desk"]}
_INSIDE: Final = """
-- of bookings that have begun: whether their holder had come before and has not left since; looked up once for each
WITH due AS MATERIALIZED (
  SELECT b.ref, b.place, b.member, b.starts_at FROM booking_watched b
  WHERE b.status = 'booked' AND b.looked_at IS NULL AND b.starts_at <= %(now)s AND b.ends_at > %(now)s
  ORDER BY b.starts_at LIMIT 500
), found AS (
  SELECT d.ref, CASE WHEN NOT p.out THEN d.starts_at END AS at
  FROM due d LEFT JOIN LATERAL (
    SELECT v.side = 'out' AND o.from_space IS NULL AS out
    FROM event e JOIN device v ON v.id = e.device LEFT JOIN door o ON o.id = v.door
    WHERE e.place = d.place AND e.at <= d.starts_at AND e.at > d.starts_at - interval '16 hours'
      AND e.kind = %(access)s AND e.state = 1 AND e.member = d.member
      -- unless the door's contact says that nobody went through
      AND NOT (coalesce((e.detail ->> 'awaits')::boolean, false) AND EXISTS (
        SELECT FROM event t WHERE t.place = e.place AND t.at >= e.at AND t.at < e.at + interval '10 minutes'
          AND t.kind = %(not_taken)s AND t.device = e.device
          AND (t.detail ->> 'access_at')::bigint = (extract(epoch FROM coalesce(e.edge_at, e.at)) * 1000000)::bigint))
    ORDER BY e.at DESC LIMIT 1
  ) p ON true
)
INSERT INTO attendance AS a (booking, in_at, seen_at, looked_at) SELECT f.ref, f.at, f.at, %(now)s FROM found f
ON CONFLICT (booking) DO UPDATE SET looked_at = excluded.looked_at, in_at = least(a.in_at, excluded.in_at),
  seen_at = greatest(a.seen_at, excluded.seen_at)
"""


def note(connection: psycopg.Connection[Any]) -> bool | None:
    """Note what the next stored events say; False: there are more; None: another process reads them.

    Call it in a transaction.
    """
    mark = connection.execute(_TAKE).fetchone()
    if mark is None:
        return None
    with connection.cursor(row_factory=dict_row) as cursor:
        lines = cursor.execute(_LINES, {"seen": mark[0], "limit": _LINES_AT_ONCE}).fetchall()
    booked = [line for line in lines if line["booked"]]
    if booked:
        columns = {name: [line[name] for line in booked] for name in booked[0]}
        bounds = {"lowest": min(columns["low"]), "highest": max(columns["high"])}
        # never prepared: a plan for any bounds would look at every chunk
        connection.execute(_NOTE, {**columns, **bounds, **_KINDS}, prepare=False)
    if lines:
        connection.execute(_MOVE, (lines[-1]["n"],))
    return len(lines) < _LINES_AT_ONCE


def look_inside(connection: psycopg.Connection[Any], now: datetime) -> None:
    """Note whose holder was inside when their booking began, or when they booked."""
    values = {"now": now, "access": KINDS["access"], "not_taken": KINDS["access_not_taken"]}
    connection.execute(_INSIDE, values, prepare=False)
