"""Gathers quarter hours into local days of spaces, departments and the network: the tables of the history.

A row of ``history_day`` holds the quarter hours of a local day of a space's place, and their sums; a row of
``history_group`` those of the places of a department, or of the network (``*``). Whole
seconds, so that quarter hours, hours and days add up exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

SLICE: Final = timedelta(days=7)
"""How much is gathered in one transaction."""

_PACK: Final = """
-- the quarter hours of the summary, as local days
WITH todo AS (
  SELECT t.place, t.from_at, p.time_zone AS zone
  FROM unnest(%(places)s::integer[], %(froms)s::timestamptz[]) AS t (place, from_at) JOIN place p ON p.id = t.place
),
day AS (
  SELECT t.place, t.zone, t.from_at, d.day::date AS day, d.day AT TIME ZONE t.zone AS starts,
    least((d.day + interval '1 day') AT TIME ZONE t.zone, %(until)s) AS ends
  FROM todo t CROSS JOIN LATERAL generate_series(
    date_trunc('day', t.from_at AT TIME ZONE t.zone), (%(until)s - interval '1 second') AT TIME ZONE t.zone, '1 day'
  ) AS d (day)
),
told AS MATERIALIZED (
  SELECT o.* FROM occupancy_15m o
  WHERE o.at >= (SELECT min(starts) FROM day) AND o.at < %(until)s AND o.place = ANY (%(places)s::integer[])
),
slot AS (
  SELECT s.id AS space, d.place, d.zone, d.day, d.starts, d.ends, q.at
  FROM day d
  JOIN space s ON s.place = d.place AND coalesce(s.retired_at, 'infinity') > d.starts
  CROSS JOIN LATERAL generate_series(d.starts, d.ends - interval '15 minutes', '15 minutes') AS q (at)
),
whole AS (
  SELECT s.space, s.place, s.zone, s.day, s.starts, s.ends, s.at, o.peak, o.capacity, o.space IS NOT NULL AS told,
    coalesce(round(o.known * 900)::integer, 0) AS known,
    coalesce(round(o.mean * o.known * 900)::integer, 0) AS persons,
    coalesce(round(o.degraded * 900)::integer, 0) AS degraded,
    CASE WHEN %(published)s THEN coalesce(round(o.known * 900)::integer, 0) ELSE 0 END AS line,
    CASE WHEN %(published)s
      THEN coalesce(round(o.known * 900 * public_number(o.peak, o.capacity, r.threshold, r.numbers))::integer, 0) ELSE 0
    END AS shown
  FROM slot s
  JOIN LATERAL (
    SELECT p.public_threshold AS threshold, p.public_numbers AS numbers FROM place p WHERE p.id = s.place
  ) r ON true
  LEFT JOIN told o ON o.space = s.space AND o.at = s.at
)
INSERT INTO history_day AS old (published, space, day, place, zone, starts, persons, peak, known, degraded, shown,
  line, capacity, seconds, person_s, seat_s, known_s, degraded_s, shown_s, line_s, day_peak, shown_peak, day_capacity)
SELECT %(published)s, space, day, place, zone, starts, array_agg(persons ORDER BY at), array_agg(peak ORDER BY at),
  array_agg(known ORDER BY at), array_agg(degraded ORDER BY at), array_agg(shown ORDER BY at),
  array_agg(line ORDER BY at), array_agg(capacity ORDER BY at), extract(epoch FROM ends - starts)::integer,
  sum(persons), coalesce(sum(capacity::bigint * known), 0), sum(known), sum(degraded), sum(shown), sum(line),
  max(peak), max(shown::float8 / nullif(line, 0)),
  (array_agg(capacity ORDER BY at DESC) FILTER (WHERE capacity IS NOT NULL))[1]
FROM whole GROUP BY space, place, zone, day, starts, ends HAVING bool_or(told)
ON CONFLICT (published, space, day) DO UPDATE SET
  persons = excluded.persons, peak = excluded.peak, known = excluded.known, degraded = excluded.degraded,
  shown = excluded.shown, line = excluded.line, capacity = excluded.capacity, seconds = excluded.seconds,
  person_s = excluded.person_s, seat_s = excluded.seat_s, known_s = excluded.known_s,
  degraded_s = excluded.degraded_s, shown_s = excluded.shown_s, line_s = excluded.line_s,
  day_peak = excluded.day_peak, shown_peak = excluded.shown_peak, day_capacity = excluded.day_capacity
WHERE old.minutes = 15 AND NOT old.published
"""
_HASHED: Final = """
-- the planner expects few rows of `told` and would read all of them for each day of a space: minutes instead of seconds
SET LOCAL enable_mergejoin = off; SET LOCAL enable_nestloop = off
"""
_PLANNED: Final = "SET LOCAL enable_mergejoin = DEFAULT; SET LOCAL enable_nestloop = DEFAULT"
_PLACES_OF: Final = """
-- which departments and time zones these places belong to, and from which local day on
SELECT coalesce(p.department, '?'), p.time_zone, min((t.from_at AT TIME ZONE p.time_zone)::date)
FROM unnest(%(places)s::integer[], %(froms)s::timestamptz[]) AS t (place, from_at) JOIN place p ON p.id = t.place
GROUP BY 1, 2
"""
_GROUP_COLUMNS: Final = """
INSERT INTO history_group (published, department, zone, day, starts, persons, people, shown_people, known, degraded,
  shown, line, seats, capacity, places, seconds, person_s, seat_s, known_s, degraded_s, shown_s, line_s, people_sum,
  shown_sum, quarters, shown_quarters, day_peak, shown_peak, day_capacity)
SELECT %(published)s, department, zone, day, min(starts),
  array_agg(persons ORDER BY i), array_agg(people ORDER BY i), array_agg(shown_people ORDER BY i),
  array_agg(known ORDER BY i), array_agg(degraded ORDER BY i), array_agg(shown ORDER BY i),
  array_agg(line ORDER BY i), array_agg(seats ORDER BY i),
  array_agg(capacity ORDER BY i), array_agg(places ORDER BY i), sum(places) * 900, sum(persons), sum(seats),
  sum(known), sum(degraded), sum(shown), sum(line), coalesce(sum(people), 0), coalesce(sum(shown_people), 0),
  count(people), count(shown_people), max(people), max(shown_people),
  (array_agg(capacity ORDER BY i DESC))[1]
FROM quarter GROUP BY department, zone, day
ON CONFLICT (published, department, day, zone) DO UPDATE SET
  starts = excluded.starts, persons = excluded.persons, people = excluded.people,
  shown_people = excluded.shown_people, known = excluded.known, degraded = excluded.degraded,
  shown = excluded.shown, line = excluded.line,
  seats = excluded.seats, capacity = excluded.capacity, places = excluded.places, seconds = excluded.seconds,
  person_s = excluded.person_s, seat_s = excluded.seat_s, known_s = excluded.known_s,
  degraded_s = excluded.degraded_s, shown_s = excluded.shown_s, line_s = excluded.line_s,
  people_sum = excluded.people_sum, shown_quarters = excluded.shown_quarters, shown_sum = excluded.shown_sum,
  shown_peak = excluded.shown_peak, quarters = excluded.quarters,
  day_peak = excluded.day_peak, day_capacity = excluded.day_capacity
"""
_DEPARTMENTS: Final = """
-- the sums of departments, from the root spaces of their places
WITH todo AS (
  SELECT * FROM unnest(%(departments)s::text[], %(zones)s::text[], %(days)s::date[]) AS t (department, zone, day)
),
quarter AS (
  SELECT t.department, d.zone, d.day, e.i, min(d.starts) AS starts, sum(e.persons) AS persons,
    sum(e.persons::float8 / nullif(e.known, 0)) AS people, sum(e.shown::float8 / nullif(e.line, 0)) AS shown_people,
    sum(e.known) AS known, sum(e.degraded) AS degraded, sum(e.shown) AS shown, sum(e.line) AS line,
    coalesce(sum(e.capacity::bigint * e.known), 0) AS seats,
    coalesce(sum(e.capacity) FILTER (WHERE e.known > 0), 0) AS capacity, count(*) AS places
  FROM todo t
  JOIN place p ON coalesce(p.department, '?') = t.department
  JOIN space s ON s.place = p.id AND s.parent IS NULL
  JOIN history_day d ON d.published = %(published)s AND d.space = s.id AND d.day >= t.day AND d.day <= %(last)s
    AND d.zone = t.zone AND d.minutes = 15
  CROSS JOIN LATERAL unnest(d.persons, d.known, d.degraded, d.shown, d.line, d.capacity)
    WITH ORDINALITY AS e (persons, known, degraded, shown, line, capacity, i)
  GROUP BY t.department, d.zone, d.day, e.i
)
{columns}""".replace("{columns}", _GROUP_COLUMNS)
_NETWORK: Final = """
-- the sums of the network, from those of departments
WITH todo AS (
  SELECT zone, min(day) AS day FROM unnest(%(zones)s::text[], %(days)s::date[]) AS t (zone, day) GROUP BY zone
),
quarter AS (
  SELECT '*' AS department, d.zone, d.day, e.i, min(d.starts) AS starts, sum(e.persons) AS persons,
    sum(e.people) AS people, sum(e.shown_people) AS shown_people, sum(e.known) AS known,
    sum(e.degraded) AS degraded, sum(e.shown) AS shown, sum(e.line) AS line,
    sum(e.seats) AS seats, sum(e.capacity) AS capacity, sum(e.places) AS places
  FROM todo t
  JOIN history_group d ON d.published = %(published)s AND d.department <> '*' AND d.zone = t.zone AND d.day >= t.day
    AND d.day <= %(last)s
  CROSS JOIN LATERAL
    unnest(d.persons, d.people, d.shown_people, d.known, d.degraded, d.shown, d.line, d.seats, d.capacity, d.places)
    WITH ORDINALITY AS e (persons, people, shown_people, known, degraded, shown, line, seats, capacity, places, i)
  GROUP BY d.zone, d.day, e.i
)
{columns}""".replace("{columns}", _GROUP_COLUMNS)


def gather(
    connection: psycopg.Connection[Any], froms: Mapping[int, datetime], until: datetime, *, published: bool = False
) -> None:
    """Make the days of these places anew, each from an instant on up to ``until``, and their sums.

    Args:
        connection: in autocommit mode; a week is one transaction.
        published: make what was published from the summary, where no row says it yet.
    """
    start = min(froms.values(), default=until)
    while start < until:
        end = min(start + SLICE, until)
        due = {place: max(begin, start) for place, begin in froms.items() if begin < end}
        values = {"places": list(due), "froms": list(due.values()), "until": end, "published": published}
        with connection.transaction():
            connection.execute(_HASHED)
            connection.execute(_PACK, values)
            connection.execute(_PLANNED)
            add_up(connection, due, end, published=published)
        start = end


def add_up(
    connection: psycopg.Connection[Any], froms: Mapping[int, datetime], until: datetime, *, published: bool
) -> None:
    """Sum up the departments of these places, and the network, from each place's instant on."""
    places = {"places": list(froms), "froms": list(froms.values())}
    rows = connection.execute(_PLACES_OF, places).fetchall()
    if rows:
        departments, zones, days = map(list, zip(*rows, strict=True))
        last = until.date() + timedelta(days=1)  # no zone is further ahead
        values = {"departments": departments, "zones": zones, "days": days, "last": last, "published": published}
        connection.execute(_DEPARTMENTS, values)
        connection.execute(_NETWORK, values)
