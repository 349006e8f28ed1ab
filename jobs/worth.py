"""Counts what places offer in opening hours and what of it is taken, by space, desk and local day (docs/worth.md).

Spaces: the quarter hours of ``history_day`` as known. Desks: the events of their sensors, which are deleted after three
months. A day is counted when it is over and summed up, and again when events of it arrive late or a closure changes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from gateway.contract.stored_events import KINDS
from jobs.job import Round
from occupancy.lasting import STAY, lasts

SLICE: Final = timedelta(days=7)
"""How much is counted in one transaction."""

_MARK: Final = """
-- how far the summary is, and how far this job is
SELECT r.done_until, r.tx, w.done_until, w.tx
FROM maintenance r LEFT JOIN maintenance w ON w.task = 'worth' WHERE r.task = 'rollup'
"""
_FIRST: Final = """
-- the first day that the history holds
SELECT min(day)::timestamptz FROM history_day WHERE NOT published
"""
_PLACES: Final = """
-- from when on each place is to be counted: from the last run on, or from where late events changed something
SELECT d.place, least(%(done)s, n.low, b.at, r.since)
FROM (SELECT DISTINCT place FROM space_state) d
LEFT JOIN (
  SELECT place, min(greatest(low, %(oldest)s)) AS low FROM feed
  WHERE n > %(seen)s AND n <= %(last)s AND high >= %(oldest)s GROUP BY place
) n ON n.place = d.place
-- whether a number was believed after the event before depends on the new one
LEFT JOIN LATERAL (
  SELECT e.at FROM event e WHERE e.place = d.place AND e.at < n.low AND e.at >= %(oldest)s ORDER BY e.at DESC LIMIT 1
) b ON true
LEFT JOIN (
  SELECT place, min(since) AS since FROM refold WHERE done AND summed AND NOT valued GROUP BY place
) r ON r.place = d.place
"""
_OPEN: Final = """
-- the days to be counted, each with its opening hours: quarter hours that begin in them
WITH todo AS (
  SELECT t.place, t.from_at, p.time_zone AS zone, coalesce(p.department, '?') AS department, p.opening_hours
  FROM unnest(%(places)s::integer[], %(froms)s::timestamptz[]) AS t (place, from_at) JOIN place p ON p.id = t.place
),
day AS (
  SELECT t.place, t.zone, t.department, d.day::date AS day, offered_hours(coalesce(
    (SELECT h.opening_hours FROM place_hours h WHERE h.place = t.place AND h.before > d.day ORDER BY h.before LIMIT 1),
    t.opening_hours)) AS hours
  FROM todo t CROSS JOIN LATERAL generate_series(
    (t.from_at AT TIME ZONE t.zone)::date::timestamp,
    (%(until)s AT TIME ZONE t.zone)::date::timestamp - interval '1 day', '1 day'
  ) AS d (day)
),
-- many places have the same hours
kind AS MATERIALIZED (
  SELECT k.zone, k.department, k.hours, k.day,
    ARRAY(
      SELECT q.at FROM generate_series(k.day::timestamp AT TIME ZONE k.zone,
        (k.day + 1)::timestamp AT TIME ZONE k.zone - interval '15 minutes', '15 minutes') AS q (at)
      WHERE hours_cover(k.hours, k.department, q.at AT TIME ZONE k.zone) ORDER BY q.at
    ) AS quarters
  FROM (SELECT DISTINCT zone, department, hours, day FROM day) k
),
open_day AS MATERIALIZED (
  SELECT d.place, d.day, d.day::timestamp AT TIME ZONE d.zone AS starts,
    (d.day + 1)::timestamp AT TIME ZONE d.zone AS ends, o.quarters,
    (SELECT coalesce(range_agg(tstzrange(q, q + interval '15 minutes')), '{}') FROM unnest(o.quarters) AS q) AS times
  FROM day d
  JOIN kind k USING (zone, department, hours, day)
  CROSS JOIN LATERAL (
    SELECT CASE WHEN EXISTS (
      SELECT FROM closure c WHERE (c.place IS NULL OR c.place = d.place) AND d.day BETWEEN c.first AND c.last
    ) THEN '{}' ELSE k.quarters END AS quarters
  ) o
)"""
_SPACES: Final = """
{open}
-- the spaces of these days; a day that was thinned to its sums stays as it was counted
INSERT INTO worth_space (space, day, place, open_s, known_s, seat_s, person_s, quarters, busy, peak, peak_at,
  peak_capacity)
SELECT h.space, h.day, h.place, cardinality(o.quarters) * 900,
  coalesce(sum(e.known) FILTER (WHERE e.capacity IS NOT NULL), 0),
  coalesce(sum(e.capacity::bigint * e.known), 0), coalesce(sum(e.persons) FILTER (WHERE e.capacity IS NOT NULL), 0),
  count(*) FILTER (WHERE e.sure), count(*) FILTER (WHERE e.sure AND e.mean > 0.8 * e.capacity),
  max(e.mean) FILTER (WHERE e.sure), (array_agg(e.at ORDER BY e.mean DESC, e.at) FILTER (WHERE e.sure))[1],
  (array_agg(e.capacity ORDER BY e.mean DESC, e.at) FILTER (WHERE e.sure))[1]
FROM open_day o
JOIN space s ON s.place = o.place
JOIN history_day h ON NOT h.published AND h.space = s.id AND h.day = o.day AND h.minutes = 15
LEFT JOIN LATERAL (
  SELECT u.persons, u.known, u.capacity, a.at, u.persons::float8 / nullif(u.known, 0) AS mean,
    u.known >= 450 AND u.capacity > 0 AS sure
  FROM unnest(h.persons, h.known, h.capacity) WITH ORDINALITY AS u (persons, known, capacity, i)
  CROSS JOIN LATERAL (SELECT h.starts + (u.i - 1) * interval '15 minutes' AS at) a
  WHERE a.at = ANY (o.quarters)
) e ON true
GROUP BY h.space, h.day, h.place, o.quarters
ON CONFLICT (space, day) DO UPDATE SET
  place = excluded.place, open_s = excluded.open_s, known_s = excluded.known_s, seat_s = excluded.seat_s,
  person_s = excluded.person_s, quarters = excluded.quarters, busy = excluded.busy, peak = excluded.peak,
  peak_at = excluded.peak_at, peak_capacity = excluded.peak_capacity
""".replace("{open}", _OPEN)
_DESKS: Final = """
{open},
-- the desks of these days: what a sensor said holds until it speaks again, and no longer than it may be believed
young AS MATERIALIZED (SELECT * FROM open_day WHERE starts >= %(oldest)s),
reach AS (SELECT place, min(starts) AS starts, max(ends) AS ends FROM young GROUP BY place),
sensor AS (
  SELECT v.id, v.place, v.desk, k.space, coalesce(least(v.retired_at, k.retired_at), 'infinity') AS ends,
    CASE WHEN v.expect_every IS NULL THEN %(stay)s ELSE greatest(%(missed)s * v.expect_every, %(shortest)s) END AS lasts
  FROM device v JOIN desk k ON k.id = v.desk
  WHERE v.kind = 'desk_sensor' AND v.place IN (SELECT place FROM reach)
),
said AS (
  SELECT s.desk, e.state, e.at AS since,
    least(lead(e.at, 1, 'infinity') OVER (PARTITION BY s.id ORDER BY e.at, e.seq), e.at + s.lasts,
      s.ends) AS until
  FROM reach r
  JOIN event e ON e.place = r.place AND e.at >= r.starts - %(stay)s AND e.at < r.ends AND e.kind = {desk}
    AND e.at >= %(heard)s AND e.at < %(until)s
  JOIN sensor s ON s.id = e.device
),
own AS (
  SELECT DISTINCT ON (d.day, s.desk) d.*, s.desk, s.space
  FROM young d JOIN sensor s ON s.place = d.place AND s.ends > d.starts
),
use AS (
  SELECT o.desk, o.day, o.place, o.space, o.quarters, o.times,
    coalesce(range_agg(r.span) FILTER (WHERE a.state IS NOT NULL), '{}') AS known,
    coalesce(range_agg(r.span) FILTER (WHERE a.state = 1), '{}') AS taken
  FROM own o
  LEFT JOIN said a ON a.desk = o.desk AND a.since < a.until AND a.since < o.ends AND a.until > o.starts
  LEFT JOIN LATERAL (SELECT tstzrange(greatest(a.since, o.starts), least(a.until, o.ends)) AS span) r ON true
  GROUP BY o.desk, o.day, o.place, o.space, o.quarters, o.times
)
INSERT INTO worth_desk AS old (desk, day, place, space, open_s, known_s, taken_s, all_taken_s)
SELECT desk, day, place, space, cardinality(quarters) * 900,
  (SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0)::integer FROM unnest(known * times) AS r),
  (SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0)::integer FROM unnest(taken * times) AS r),
  (SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0)::integer FROM unnest(taken) AS r)
FROM use
ON CONFLICT (desk, day) DO UPDATE SET
  place = excluded.place, space = excluded.space, open_s = excluded.open_s, known_s = excluded.known_s,
  taken_s = excluded.taken_s, all_taken_s = excluded.all_taken_s
""".replace("{open}", _OPEN).replace("{desk}", str(KINDS["desk"]))
_AGAIN: Final = """
-- days of which closures or opening hours say something else since they were counted, by place; noon in UTC is on the
-- same day everywhere
SELECT a.id, coalesce(a.place, s.place),
  (greatest(a.first, coalesce(f.first, current_date)) + interval '12 hours') AT TIME ZONE 'UTC',
  (least(a.last, (%(done)s::timestamptz AT TIME ZONE 'UTC')::date) + interval '36 hours') AT TIME ZONE 'UTC'
FROM worth_again a
CROSS JOIN (SELECT min(day) AS first FROM history_day WHERE NOT published) f
LEFT JOIN (SELECT DISTINCT place FROM space_state) s ON s.place = a.place OR a.place IS NULL
ORDER BY 3, 4
"""
_NOT_AGAIN: Final = "DELETE FROM worth_again WHERE id = ANY (%s)"
_VALUED: Final = """
-- what was made again is counted
UPDATE refold SET valued = true WHERE done AND summed AND NOT valued
"""
_DONE: Final = """
-- remember how far this job is
INSERT INTO maintenance AS m (task, done_until, tx) VALUES ('worth', %s, %s)
ON CONFLICT (task) DO UPDATE SET
  done_until = greatest(m.done_until, excluded.done_until), tx = excluded.tx, ran_at = now()
"""
_STAY: Final = timedelta(microseconds=STAY)
_SHORTEST: Final = timedelta(microseconds=lasts(0))
_MISSED: Final = lasts(3_600_000_000) // 3_600_000_000


def count_worth(round_: Round) -> None:
    """Count the days that are over since the last run, and those about which events came late."""
    connection = round_.connection
    mark = connection.execute(_MARK).fetchone()
    if mark is None:
        return  # nothing is summed up yet
    until, last, done, seen = mark
    until = min(until, round_.now)
    if done is None:
        row = connection.execute(_FIRST).fetchone()
        done = until if row is None or row[0] is None else row[0] - timedelta(days=1)
    oldest = round_.now - round_.keep + timedelta(days=1)  # events before this may be gone
    # the first round also has nothing late: all is counted
    values = {"done": done, "seen": last if seen is None else seen, "last": last, "oldest": oldest}
    froms: dict[int, datetime] = dict(connection.execute(_PLACES, values).fetchall())
    days, desks = _count_again(round_, done, until, oldest)
    start = min(froms.values(), default=until)
    while start < until:
        end = min(start + SLICE, until)
        due = {place: max(begin, start) for place, begin in froms.items() if begin < end}
        counted = _count(round_, due, end, oldest)
        days, desks, start = days + counted[0], desks + counted[1], end
    with connection.transaction():
        connection.execute(_VALUED)
        connection.execute(_DONE, (until, last))
    round_.log(f"worth: {days} days of spaces and {desks} of desks counted, up to {until:%Y-%m-%d %H:%M} UTC")


def _count_again(round_: Round, done: datetime, until: datetime, oldest: datetime) -> tuple[int, int]:
    """Count days again that were counted before ``done``; return how many days of spaces and of desks."""
    days = desks = 0
    ids: set[int] = set()
    due: dict[tuple[datetime, datetime], set[int]] = {}
    for number, place, first, last in round_.connection.execute(_AGAIN, {"done": done}).fetchall():
        ids.add(number)
        begin = first
        while place is not None and begin < min(last, until):
            due.setdefault((begin, min(begin + SLICE, last, until)), set()).add(place)
            begin += SLICE
    for (begin, end), places in due.items():
        counted = _count(round_, dict.fromkeys(places, begin), end, oldest)
        days, desks = days + counted[0], desks + counted[1]
    if ids:
        with round_.connection.transaction():
            round_.connection.execute(_NOT_AGAIN, (list(ids),))
    return days, desks


def _count(round_: Round, due: dict[int, datetime], until: datetime, oldest: datetime) -> tuple[int, int]:
    values: dict[str, Any] = {"places": list(due), "froms": list(due.values()), "until": until, "oldest": oldest}
    heard = min(due.values(), default=until) - timedelta(days=1) - _STAY  # no desk's day hangs on an earlier event
    spans = {"stay": _STAY, "shortest": _SHORTEST, "missed": _MISSED, "heard": heard}
    with round_.connection.transaction():
        days = round_.connection.execute(_SPACES, values).rowcount
        desks = round_.connection.execute(_DESKS, {**values, **spans}).rowcount
    return days, desks
