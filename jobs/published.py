"""Writes down what the API answered in each quarter hour that has passed: once, and never again.

A number was shown from the moment when it was stored (``occupancy_change.stored_at``), not from the time that it holds
for. It was shown for its time to live after the last event that made it, or after the instant up to which all events of
its place's gateways were stored (``occupancy.staleness``): ``gateway_gap`` says when that stood still. What arrives
later changes none of it. The database refuses to change these rows (migration 0055).

``shown`` and ``line`` are for answers without a key: they depend on bands and on whether the gateways were heard, never
on whether or when an event came. So they begin with the place's first gateway, a new capacity counts from its own
quarter hour on and not from the next event on, and time is counted in whole microseconds.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from jobs.history import add_up, gather
from jobs.job import Round
from jobs.rollup import quarter_of

SLICE: Final = timedelta(hours=2)
_KEPT: Final = timedelta(days=100)
"""Gaps are kept for so long; they serve a jobs process that was away."""

_MARK: Final = """
-- until when it is written down, and whether what was there before this table (NULL: nothing) is, too
SELECT done_until, tx > 0 FROM maintenance WHERE task = 'published'
"""
_FIRST: Final = """
-- the first number ever that was shown
SELECT min(coalesce(stored_at, at)) FROM occupancy_change WHERE at >= %s
"""
_ROLLED: Final = """
-- until when the summary goes
SELECT done_until FROM maintenance WHERE task = 'rollup'
"""
_HEARD: Final = """
-- whether any gateway was ever heard
SELECT EXISTS (SELECT FROM gateway_state)
"""
_SUMMED: Final = """
-- each place's first quarter hour in the summary
SELECT place, min(at) FROM occupancy_15m WHERE at < %s GROUP BY place
"""
_PLACES: Final = """
-- every place with an occupancy, and those whose gateways were heard
SELECT place FROM space_state UNION SELECT place FROM gateway_state
"""
_WRITE: Final = """
-- what was shown of each space, from the stored changes and the times at which they were stored
WITH here AS (
  SELECT s.id AS space, s.place, s.parent IS NULL AS root, p.time_zone AS zone,
    make_interval(secs => coalesce(t.ttl_s, 120)) AS ttl, p.public_threshold AS threshold, p.public_numbers AS numbers,
    s.capacity, CASE WHEN g.enrolled_at < %(end)s THEN greatest(%(start)s, g.enrolled_at) END AS begins
  FROM space s
  JOIN place p ON p.id = s.place
  LEFT JOIN space_state t ON t.space = s.id
  LEFT JOIN (
    SELECT h.place, min(g.enrolled_at) AS enrolled_at FROM gateway_state h JOIN gateway g ON g.id = h.gateway
    GROUP BY h.place
  ) g ON g.place = s.place
  WHERE coalesce(s.retired_at, 'infinity') > %(start)s AND (t.space IS NOT NULL OR g.enrolled_at < %(end)s)
),
-- when a gateway of the place had not said for too long that all its events are stored
gap AS (
  SELECT g.place, g.since + interval '120 seconds' AS since, g.until FROM gateway_gap g
  WHERE g.until > %(start)s AND g.since < %(end)s
  UNION ALL
  SELECT g.place, coalesce(h.complete_at, g.enrolled_at) + interval '120 seconds', coalesce(g.retired_at, 'infinity')
  FROM gateway g LEFT JOIN gateway_state h ON h.gateway = g.id
  WHERE coalesce(g.retired_at, 'infinity') > %(start)s
),
dark AS (
  SELECT place, range_agg(tstzrange(since, until)) * tstzmultirange(tstzrange(%(start)s, %(end)s)) AS times
  FROM gap WHERE since < until AND since < %(end)s GROUP BY place
),
-- an event that arrived in such a time kept the numbers of its space fresh all the same
lit AS (
  SELECT h.space, range_agg(tstzrange(e.received_at, e.at + h.ttl)) AS times
  FROM dark d
  JOIN here h ON h.place = d.place
  JOIN event e ON e.place = d.place AND e.at >= %(start)s::timestamptz - h.ttl AND e.at < %(end)s
    AND e.received_at < e.at + h.ttl
    AND (h.root OR h.space = (
      SELECT coalesce(v.space, o.to_space) FROM device v LEFT JOIN door o ON o.id = v.door
      WHERE v.id = e.device
    ))
  WHERE NOT isempty(d.times)
  GROUP BY h.space
),
shown AS (
  SELECT h.space, %(start)s::timestamptz AS since, o.at, o.present, o.capacity, o.quality
  FROM here h CROSS JOIN LATERAL (
    SELECT * FROM occupancy_change o
    WHERE o.space = h.space AND o.at <= %(start)s::timestamptz + interval '10 minutes'
      AND coalesce(o.stored_at, o.at) <= %(start)s
    ORDER BY o.at DESC LIMIT 1
  ) o
  UNION ALL
  -- of those stored at once, the newest was shown
  (SELECT DISTINCT ON (o.space, o.stored_at) o.space, o.stored_at, o.at, o.present, o.capacity, o.quality
   FROM occupancy_change o
   WHERE o.at >= %(start)s::timestamptz - interval '28 days' AND o.stored_at > %(start)s AND o.stored_at < %(end)s
   ORDER BY o.space, o.stored_at, o.at DESC)
  UNION ALL
  SELECT o.space, o.at, o.at, o.present, o.capacity, o.quality FROM occupancy_change o
  WHERE o.at > %(start)s AND o.at < %(end)s AND o.stored_at IS NULL
),
-- before the first number it was unknown, from the enrolment of the first gateway on
whole_line AS (
  SELECT * FROM shown
  UNION ALL
  SELECT h.space, h.begins, '-infinity', NULL, h.capacity, 'unknown' FROM here h
  WHERE h.begins IS NOT NULL AND NOT EXISTS (SELECT FROM shown s WHERE s.space = h.space AND s.since <= h.begins)
),
segment AS (
  SELECT s.*, h.threshold, h.numbers, h.place,
    lead(s.since, 1, %(end)s) OVER (PARTITION BY s.space ORDER BY s.since, s.at) AS until
  FROM whole_line s JOIN here h ON h.space = s.space
),
piece AS (
  SELECT q.at, g.space, g.threshold, g.numbers, g.present, g.quality, g.since, seen.seconds, aired.line,
    CASE WHEN n.space IS NULL THEN g.capacity ELSE n.capacity END AS capacity
  FROM segment g
  LEFT JOIN dark d ON d.place = g.place
  LEFT JOIN lit l ON l.space = g.space
  CROSS JOIN LATERAL generate_series(
    date_bin('15 minutes', g.since, '2000-01-01 00:00+00'), g.until - interval '1 microsecond', '15 minutes'
  ) AS q (at)
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0)::float8 AS seconds
    FROM unnest(
      tstzmultirange(tstzrange(greatest(g.since, q.at), least(g.until, q.at + interval '15 minutes')))
      - (coalesce(d.times, '{}') - coalesce(l.times, '{}'))
    ) AS r
  ) seen
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r)) * 1000000), 0)::bigint AS line
    FROM unnest(
      tstzmultirange(tstzrange(greatest(g.since, q.at), least(g.until, q.at + interval '15 minutes')))
      - coalesce(d.times, '{}')
    ) AS r
  ) aired
  LEFT JOIN LATERAL (
    SELECT c.space, c.capacity FROM space_capacity c
    WHERE c.space = g.space AND c.at < q.at + interval '15 minutes' ORDER BY c.at DESC LIMIT 1
  ) n ON true
  WHERE g.since < g.until
),
quarter AS (
  SELECT space, at,
    coalesce(round(sum(present * seconds)), 0)::integer AS persons,
    max(present) FILTER (WHERE seconds > 0) AS peak,
    least(900, coalesce(round(sum(seconds) FILTER (WHERE present IS NOT NULL)), 0))::integer AS known,
    coalesce(round(sum(seconds) FILTER (WHERE quality = 'degraded')), 0)::integer AS degraded,
    coalesce(round(sum(public_number(coalesce(present, 0), capacity, threshold, numbers) * line) / 1e6), 0)::integer
      AS shown,
    least(900, round(sum(line) / 1e6))::integer AS line,
    (array_agg(capacity ORDER BY since DESC))[1] AS capacity
  FROM piece GROUP BY space, at
),
-- every quarter hour of the local day that isn't written down yet; unknown where nothing was shown
slot AS (
  SELECT h.*, d.day::date AS day, d.day AT TIME ZONE h.zone AS starts, q.at,
    coalesce(cardinality(o.persons), 0) AS had
  FROM here h
  CROSS JOIN LATERAL generate_series(
    date_trunc('day', %(start)s AT TIME ZONE h.zone), (%(end)s - interval '1 second') AT TIME ZONE h.zone, '1 day'
  ) AS d (day)
  LEFT JOIN history_day o ON o.published AND o.space = h.space AND o.day = d.day::date
  CROSS JOIN LATERAL generate_series(
    (d.day AT TIME ZONE h.zone) + coalesce(cardinality(o.persons), 0) * interval '15 minutes',
    least((d.day + interval '1 day') AT TIME ZONE h.zone, %(end)s) - interval '15 minutes', '15 minutes'
  ) AS q (at)
  WHERE coalesce(o.minutes, 15) = 15
),
whole AS (
  SELECT s.space, s.place, s.zone, s.day, s.starts, s.at, q.space IS NOT NULL AS told, q.peak,
    coalesce(q.persons, 0) AS persons, coalesce(q.known, 0) AS known, coalesce(q.degraded, 0) AS degraded,
    coalesce(q.shown, 0) AS shown, coalesce(q.line, 0) AS line,
    q.capacity, s.had
  FROM slot s LEFT JOIN quarter q ON q.space = s.space AND q.at = s.at
)
INSERT INTO history_day AS old (published, space, day, place, zone, starts, persons, peak, known, degraded, shown,
  line, capacity, seconds, person_s, seat_s, known_s, degraded_s, shown_s, line_s, day_peak, shown_peak, day_capacity)
SELECT true, space, day, place, zone, starts, array_agg(persons ORDER BY at), array_agg(peak ORDER BY at),
  array_agg(known ORDER BY at), array_agg(degraded ORDER BY at), array_agg(shown ORDER BY at),
  array_agg(line ORDER BY at), array_agg(capacity ORDER BY at), count(*) * 900, sum(persons),
  coalesce(sum(capacity::bigint * known), 0),
  sum(known), sum(degraded), sum(shown), sum(line), max(peak), max(shown::float8 / nullif(line, 0)),
  (array_agg(capacity ORDER BY at DESC) FILTER (WHERE capacity IS NOT NULL))[1]
FROM whole GROUP BY space, place, zone, day, starts, had HAVING bool_or(told) OR had > 0
ON CONFLICT (published, space, day) DO UPDATE SET
  persons = old.persons || excluded.persons, peak = old.peak || excluded.peak, known = old.known || excluded.known,
  degraded = old.degraded || excluded.degraded, shown = old.shown || excluded.shown, line = old.line || excluded.line,
  capacity = old.capacity || excluded.capacity, seconds = old.seconds + excluded.seconds,
  person_s = old.person_s + excluded.person_s, seat_s = old.seat_s + excluded.seat_s,
  known_s = old.known_s + excluded.known_s, degraded_s = old.degraded_s + excluded.degraded_s,
  shown_s = old.shown_s + excluded.shown_s, line_s = old.line_s + excluded.line_s,
  day_peak = greatest(old.day_peak, excluded.day_peak), shown_peak = greatest(old.shown_peak, excluded.shown_peak),
  day_capacity = coalesce(excluded.day_capacity, old.day_capacity)
"""
_DONE: Final = """
-- remember until when it is written down
INSERT INTO maintenance AS m (task, done_until, tx) VALUES ('published', %s, 1)
ON CONFLICT (task) DO UPDATE SET done_until = greatest(m.done_until, excluded.done_until), tx = 1, ran_at = now()
"""
_DROP_GAPS: Final = """
-- gaps that no quarter hour to be written needs any more
DELETE FROM gateway_gap WHERE until < %s
"""


def write_down(round_: Round) -> None:
    """Write down every quarter hour that has passed since the last run."""
    connection, until = round_.connection, quarter_of(round_.now)
    mark = connection.execute(_MARK).fetchone()
    if mark is None:
        row = connection.execute(_FIRST, (round_.now - round_.keep,)).fetchone()
        start = until if row is None or row[0] is None else min(until, quarter_of(row[0]))
    else:
        start = mark[0]
        if not mark[1]:
            round_.log(f"published: taking what was summed up before {start:%Y-%m-%d %H:%M} UTC as published, too")
            _take_over(connection, start)
    quarters = int((until - start) / timedelta(minutes=15)) if start < until else 0
    while start < until:
        end = min(start + SLICE, until)
        with connection.transaction():
            connection.execute(_WRITE, {"start": start, "end": end})
            froms = {place: start for (place,) in connection.execute(_PLACES)}
            add_up(connection, froms, end, published=True)
            connection.execute(_DONE, (end,))
        start = end
    if mark is None and not quarters and connection.execute(_HEARD).fetchone() == (True,):
        with connection.transaction():
            connection.execute(_DONE, (until,))  # else it would begin with the first event
    with connection.transaction():
        connection.execute(_DROP_GAPS, (min(until, start) - _KEPT,))
    round_.log(f"published: {quarters} quarter hours written down, up to {until:%Y-%m-%d %H:%M} UTC")


def _take_over(connection: psycopg.Connection[Any], mark: datetime) -> None:
    """Gather what was summed up before this history was kept: it counts as published, too."""
    row = connection.execute(_ROLLED).fetchone()
    rolled = mark if row is None else row[0]
    gather(connection, dict(connection.execute(_SUMMED, (rolled,)).fetchall()), rolled)
    gather(connection, dict(connection.execute(_SUMMED, (mark,)).fetchall()), min(mark, rolled), published=True)
    with connection.transaction():
        connection.execute(_DONE, (mark,))
