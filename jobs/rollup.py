"""The quarter-hour summary of occupancy: from every change to a mean, a peak and the share of time that is known.

Quarter hours are UTC, so no change of the clocks touches them. Only finished ones are summed up. Events that arrive
late (a gateway was offline for a day) bring the quarters that they tell about up again: they are found by the ledger of
what was stored (``feed``), which is exact where a time would be a guess.

A change holds until the next one, but only while its gateway ran: after a gateway's last event, or after the instant up
to which all its events are stored, a number is believed for its time to live (``occupancy.staleness``). Then it is
unknown until the gateway's next event: stale means unknown, never zero. So is what a place counts while one of its
gateways was enrolled and has never been heard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from gateway.contract.stored_events import KINDS
from jobs.history import gather

QUARTER: Final = timedelta(minutes=15)
SLICE: Final = timedelta(hours=6)
"""How much is summed up in one transaction."""

_MARK = """
-- where the last run left off
SELECT done_until, tx FROM maintenance WHERE task = 'rollup'
"""
_LAST = """
-- the last line of the ledger: what is committed later has a higher number
SELECT coalesce(max(n), 0) FROM feed
"""
_FIRST = """
-- the first change ever, where no run was before
SELECT min(at) FROM occupancy_change WHERE at >= %s
"""
_PLACES = """
-- every place with an occupancy, and from when on it must be summed up: from the last event before the oldest new one
WITH news AS (
  SELECT place, min(greatest(low, %(oldest)s)) AS at FROM feed WHERE n > %(seen)s AND high >= %(oldest)s GROUP BY place
)
SELECT p.place,
  least(n.at, b.at, (SELECT min(r.since) FROM refold r WHERE r.place = p.place AND r.done AND NOT r.summed))
FROM (SELECT DISTINCT place FROM space_state) p
LEFT JOIN news n ON n.place = p.place
LEFT JOIN LATERAL (
  SELECT e.at FROM event e WHERE e.place = p.place AND e.at < n.at AND e.at >= %(oldest)s ORDER BY e.at DESC LIMIT 1
) b ON true
"""
_ROLL = """
-- sum up, from each place's own beginning to one common end
WITH todo AS (
  SELECT t.place, t.from_at, coalesce((SELECT max(s.ttl_s) FROM space_state s WHERE s.place = t.place), 120) AS ttl_s
  FROM unnest(%(places)s::integer[], %(froms)s::timestamptz[]) AS t (place, from_at)
),
-- the gateways of those places, with the streams of all their epochs
line AS (
  SELECT t.place, t.from_at, make_interval(secs => t.ttl_s) AS ttl, g.id AS gateway, g.enrolled_at, g.retired_at,
    ARRAY(SELECT s.id FROM stream s WHERE s.gateway = g.id) AS streams
  FROM todo t JOIN gateway g ON g.place = t.place
),
-- when a gateway was silent and then started anew: devices were not heard in between. One without an event before, or
-- whose events are deleted by now, counts as silent since it was enrolled
outage AS (
  SELECT l.place, coalesce(b.at, l.enrolled_at) + l.ttl AS since, e.at AS until
  FROM line l
  JOIN event e ON e.place = l.place AND e.stream = ANY (l.streams) AND e.at >= l.from_at AND e.at < %(end)s
    AND e.kind = {gateway} AND e.detail ->> 'what' = 'start'
  LEFT JOIN LATERAL (
    SELECT p.at FROM event p WHERE p.place = l.place AND p.stream = ANY (l.streams) AND p.at < e.at
    ORDER BY p.at DESC LIMIT 1
  ) b ON true
  UNION ALL
  -- the last event before the end, if any: whether the rest is known depends on what follows it
  SELECT l.place,
    coalesce(CASE WHEN a.at IS NULL THEN greatest(b.at, h.complete_at) ELSE b.at END, l.enrolled_at) + l.ttl,
    CASE WHEN a.at IS NULL THEN coalesce(l.retired_at, 'infinity') WHEN a.start THEN a.at END
  FROM line l
  LEFT JOIN LATERAL (
    SELECT p.at FROM event p WHERE p.place = l.place AND p.stream = ANY (l.streams) AND p.at < %(end)s
    ORDER BY p.at DESC LIMIT 1
  ) b ON true
  LEFT JOIN LATERAL (
    SELECT n.at, n.kind = {gateway} AND n.detail ->> 'what' = 'start' AS start FROM event n
    WHERE n.place = l.place AND n.stream = ANY (l.streams) AND n.at >= %(end)s
    ORDER BY n.at LIMIT 1
  ) a ON true
  LEFT JOIN gateway_state h ON h.gateway = l.gateway
),
dark AS (
  SELECT place, range_agg(tstzrange(since, until)) AS times FROM outage WHERE since < until GROUP BY place
),
change AS (
  SELECT t.place, t.from_at, s.id AS space, c.at, c.present, c.capacity, c.quality
  FROM todo t
  JOIN space s ON s.place = t.place AND coalesce(s.retired_at, 'infinity') > t.from_at
  CROSS JOIN LATERAL (
    (SELECT o.at, o.present, o.capacity, o.quality FROM occupancy_told o
     WHERE o.space = s.id AND o.at < t.from_at ORDER BY o.at DESC LIMIT 1)
    UNION ALL
    (SELECT o.at, o.present, o.capacity, o.quality FROM occupancy_told o
     WHERE o.space = s.id AND o.at >= t.from_at AND o.at < %(end)s)
  ) c
),
segment AS (
  SELECT place, space, present, capacity, quality, at AS told_at,
    greatest(at, from_at) AS since,
    lead(at, 1, %(end)s) OVER (PARTITION BY space ORDER BY at) AS until
  FROM change
),
piece AS (
  SELECT q.at, g.place, g.space, g.present, g.capacity, g.quality, g.since, g.told_at,
    lit.seconds
  FROM segment g
  LEFT JOIN dark d ON d.place = g.place
  CROSS JOIN LATERAL generate_series(
    date_bin('15 minutes', g.since, '2000-01-01 00:00+00'), g.until - interval '1 microsecond', '15 minutes'
  ) AS q (at)
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0)::float8 AS seconds
    FROM unnest(
      tstzmultirange(tstzrange(greatest(g.since, q.at), least(g.until, q.at + interval '15 minutes')))
      - coalesce(d.times, '{}')
    ) AS r
  ) lit
  WHERE g.since < g.until
),
quarter AS (
  SELECT at, place, space,
    sum(present * seconds) FILTER (WHERE present IS NOT NULL)
      / nullif(sum(seconds) FILTER (WHERE present IS NOT NULL), 0) AS mean,
    max(present) FILTER (WHERE seconds > 0) AS peak,
    least(1, coalesce(sum(seconds) FILTER (WHERE present IS NOT NULL), 0) / 900) AS known,
    (array_agg(capacity ORDER BY since DESC))[1] AS capacity, max(told_at) AS told_at,
    least(1, coalesce(sum(seconds) FILTER (WHERE quality = 'degraded'), 0) / 900) AS degraded
  FROM piece GROUP BY at, place, space
)
INSERT INTO occupancy_15m AS old (at, place, space, mean, peak, known, capacity, degraded)
SELECT q.at, q.place, q.space, q.mean, q.peak, q.known, CASE WHEN n.space IS NULL THEN q.capacity ELSE n.capacity END,
  q.degraded
FROM quarter q
LEFT JOIN LATERAL (
  SELECT c.space, c.capacity FROM space_capacity c
  WHERE c.space = q.space AND c.at > q.told_at AND c.at < q.at + interval '15 minutes' ORDER BY c.at DESC LIMIT 1
) n ON true
ON CONFLICT (space, at) DO UPDATE SET
  place = excluded.place, mean = excluded.mean, peak = excluded.peak, known = excluded.known,
  capacity = excluded.capacity, degraded = excluded.degraded
WHERE (old.mean, old.peak, old.known, old.capacity, old.degraded) IS DISTINCT FROM
  (excluded.mean, excluded.peak, excluded.known, excluded.capacity, excluded.degraded)
""".replace("{gateway}", str(KINDS["gateway"]))
_SUMMED = """
-- what was made again is summed up
UPDATE refold SET summed = true WHERE done AND NOT summed
"""
_DONE = """
-- remember where this run ended
INSERT INTO maintenance AS m (task, done_until, tx) VALUES ('rollup', %s, %s)
ON CONFLICT (task) DO UPDATE SET
  done_until = greatest(m.done_until, excluded.done_until), tx = excluded.tx, ran_at = now()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled:
    """What a run did."""

    until: datetime
    """Quarter hours before this are summed up."""
    written: int
    """Quarter hours of spaces that are new or came out differently."""


def roll_up(
    connection: psycopg.Connection[Any], *, now: datetime, keep: timedelta, log: Callable[[str], None]
) -> Rolled:
    """Sum up every finished quarter hour that isn't yet, or about which news has come.

    ``connection`` is in autocommit mode: six hours of the network are one transaction. Runs again without harm: the
    same changes give the same rows, and equal rows are not written.

    Args:
        now: aware.
        keep: events older than this may be gone; what they told stays as it was summed up.
    """
    until = quarter_of(now)
    oldest = quarter_of(now - keep) + timedelta(days=1)
    last = _one(connection, _LAST)
    mark = connection.execute(_MARK).fetchone()
    if mark is None:
        first = _one(connection, _FIRST, (oldest,))
        done, seen = (quarter_of(first) if first is not None else until), 0
    else:
        done, seen = mark
    froms = {
        place: max(oldest, min(done, quarter_of(news) if news is not None else done))
        for place, news in connection.execute(_PLACES, {"seen": seen, "oldest": oldest}).fetchall()
    }
    written = 0
    start = min(froms.values(), default=until)
    while start < until:
        end = min(start + SLICE, until)
        due = {place: max(begin, start) for place, begin in froms.items() if begin < end}
        if due:
            with connection.transaction():
                written += connection.execute(
                    _ROLL, {"places": list(due), "froms": list(due.values()), "end": end}
                ).rowcount
        if end < until:
            log(f"rollup: up to {end:%Y-%m-%d %H:%M} UTC, {written} quarter hours written so far")
        start = end
    gather(connection, froms, until)
    with connection.transaction():
        connection.execute(_DONE, (until, last))
        connection.execute(_SUMMED)
    log(f"rollup: {written} quarter hours written for {len(froms)} places, up to {until:%Y-%m-%d %H:%M} UTC")
    return Rolled(until=until, written=written)


def quarter_of(at: datetime) -> datetime:
    """Return the start of the quarter hour that ``at`` lies in, UTC."""
    utc = at.astimezone(UTC)
    return utc.replace(minute=utc.minute // 15 * 15, second=0, microsecond=0)


def _one(connection: psycopg.Connection[Any], query: Any, parameters: tuple[Any, ...] = ()) -> Any:
    row = connection.execute(query, parameters).fetchone()
    return None if row is None else row[0]
