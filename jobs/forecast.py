"""Makes the forecast of the next 24 hours of each space each quarter hour; learns each space again every other day.

All that is needed of the past is in what was learned and in the few numbers of ``Track``: a round reads the quarter
hours since the last one, no history. Learning reads sixteen weeks of one space at a time and is spread over the rounds:
a round learns for ``_LEARN_S`` at most. What arrives late counts from the next learning on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final

import psycopg
from psycopg.types.json import Json, Jsonb

from access.errors import ListError
from access.holidays import is_holiday
from access.schedules import Schedule, closed_on, schedule_from_json, with_department, zone_named
from access.school_holidays import in_school_holidays
from database import arrays
from occupancy.departures import KEPT, Learnt, Track, learn, read
from occupancy.forecast import AHEAD, Quantiles, ahead, follow
from occupancy.usual import QUARTER_US, Calendar, Sample, UsualHour, days_of, usual

WEEKS: Final = 16
LEARN_AGAIN: Final = timedelta(hours=40)
_LEARN_S: Final = 20.0
_UNKNOWN: Final = (None,) * len(KEPT)

_SPACES: Final = """
-- every space that may have a history, with its place's zone, holidays and hours
SELECT s.id, s.place, s.capacity, p.time_zone, p.department, p.opening_hours
FROM space s JOIN place p ON p.id = s.place
WHERE s.retired_at IS NULL
  AND (EXISTS (SELECT FROM space_state t WHERE t.space = s.id)
    OR EXISTS (SELECT FROM gateway_state g WHERE g.place = s.place)
    OR EXISTS (SELECT FROM history_known h WHERE h.space = s.id))
ORDER BY s.id
"""
_CLOSURES: Final = "SELECT place, first, last FROM closure WHERE last >= %s"
_DUE: Final = """
-- which spaces are to be learned, those never learned first, and of these whole places
SELECT s.space FROM unnest(%s::integer[]) AS s (space) JOIN space p ON p.id = s.space
LEFT JOIN forecast_model m ON m.space = s.space AND NOT m.public
WHERE m.learnt_at IS NULL OR m.learnt_at < %s
ORDER BY m.learnt_at NULLS FIRST, p.parent NULLS FIRST, s.space
"""
_HISTORY: Final = """
-- the quarter hours of one space
SELECT (extract(epoch FROM at) * 1000000)::bigint, mean, known FROM history_known
WHERE space = %s AND at >= %s AND at < %s ORDER BY at
"""
_PUBLISHED: Final = """
-- the quarter hours of one space, as answers without a key had them: nothing else goes into what is public
SELECT (extract(epoch FROM at) * 1000000)::bigint, mean, known FROM history_public
WHERE space = %s AND day >= (%s::timestamptz)::date - 1 AND at < %s ORDER BY at
"""
_LEARNT: Final = """
INSERT INTO forecast_model (space, public, learnt_at, model, numbers, usual) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (space, public) DO UPDATE SET
  learnt_at = excluded.learnt_at, model = excluded.model, numbers = excluded.numbers, usual = excluded.usual
"""
_MODELS: Final = """
-- what was learned, and how far the last forecast has followed
SELECT m.space, m.public, m.learnt_at, m.model, m.numbers, f.track,
  (extract(epoch FROM f.seen_until) * 1000000)::bigint
FROM forecast_model m
LEFT JOIN forecast f ON f.space = m.space AND f.public = m.public AND f.learnt_at = m.learnt_at
WHERE m.model IS NOT NULL AND m.space = ANY (%s)
"""
_SINCE: Final = """
-- the quarter hours of some spaces, each since its own time
SELECT s.space, q.at, q.means
FROM unnest(%s::integer[], %s::bigint[]) AS s (space, since)
CROSS JOIN LATERAL (
  SELECT array_agg((extract(epoch FROM h.at) * 1000000)::bigint) AS at,
    array_agg(CASE WHEN h.known >= 0.5 THEN h.mean END) AS means
  FROM history_known h WHERE h.space = s.space AND h.at >= to_timestamp(s.since / 1e6) AND h.at < %s
) q
WHERE q.at IS NOT NULL
"""
_PUBLISHED_SINCE: Final = _SINCE.replace(
    "history_known h WHERE", "history_public h WHERE h.day >= to_timestamp(s.since / 1e6)::date - 1 AND"
)
_STORE: Final = """
-- the new forecasts in place of the old ones
INSERT INTO forecast AS f (space, public, place, made_at, learnt_at, first, seen_until, track, capacity, quantiles)
SELECT n.space, n.public, n.place, %(now)s, n.learnt_at, %(first)s, %(first)s, n.track::double precision[], n.capacity,
  n.quantiles::smallint[]
FROM unnest(%(spaces)s::integer[], %(publics)s::boolean[], %(places)s::integer[], %(learnt)s::timestamptz[],
  %(tracks)s::text[], %(capacities)s::integer[], %(quantiles)s::text[])
  AS n (space, public, place, learnt_at, track, capacity, quantiles)
ON CONFLICT (space, public) DO UPDATE SET
  place = excluded.place, made_at = excluded.made_at, learnt_at = excluded.learnt_at, first = excluded.first,
  seen_until = excluded.seen_until, track = excluded.track, capacity = excluded.capacity, quantiles = excluded.quantiles
"""
_TELL: Final = "SELECT pg_notify('maillage_forecast', '')"
_OLD: Final = "DELETE FROM forecast WHERE made_at < %s - interval '1 hour'"


_AT_ONCE: Final = 200
"""Spaces that are forecast together: what was learned of all of them would take too much memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """One space and the calendar of its place."""

    id: int
    place: int
    capacity: int | None
    calendar: Calendar


def make_forecasts(connection: psycopg.Connection[Any], *, now: datetime, learn_s: float = _LEARN_S) -> tuple[int, int]:
    """Learn what is due, then forecast every space; return how many were learned and how many forecasts were made.

    Args:
        connection: in autocommit mode.
        now: aware. The quarter hours before it are summed up (``jobs.rollup``).
        learn_s: seconds after which learning goes on in the next round.
    """
    spaces = {space.id: space for space in _spaces(connection, now)}
    learnt = _learn(connection, spaces, now, learn_s)
    return learnt, _look_ahead(connection, spaces, now)


def _spaces(connection: psycopg.Connection[Any], now: datetime) -> Iterator[Space]:
    closures: dict[int | None, list[tuple[date, date]]] = {}
    for place, first, last in connection.execute(_CLOSURES, ((now - timedelta(weeks=WEEKS)).date(),)):
        closures.setdefault(place, []).append((first, last))
    calendars: dict[int, Calendar] = {}
    for number, place, capacity, zone, department, hours in connection.execute(_SPACES):
        if place not in calendars:
            closed = (*closures.get(None, ()), *closures.get(place, ()))
            calendars[place] = calendar_of(zone, department, hours, closed)
        yield Space(id=number, place=place, capacity=capacity, calendar=calendars[place])


def calendar_of(
    zone_name: str, department: str | None, hours: Mapping[str, Any] | None, closures: Sequence[tuple[date, date]]
) -> Calendar:
    """Return the calendar of a place; hours that can't be read are not known, an unknown zone is Paris's."""
    try:
        zone = zone_named(zone_name)
    except ListError:
        zone = zone_named("Europe/Paris")
    schedule: Schedule | None = None
    try:
        usual_hours = None if hours is None else schedule_from_json(with_department(hours, department))
        schedule = closed_on(usual_hours, closures)
    except ListError:
        pass
    opened = None
    if schedule is not None:
        known = schedule

        @lru_cache(maxsize=4096)
        def opened(at: int) -> bool:
            return known.covers(datetime.fromtimestamp(at / 1e6, UTC), zone)

    return Calendar(
        zone=zone,
        public_holiday=lru_cache(maxsize=512)(partial(is_holiday, department=department)),
        school_holidays=lru_cache(maxsize=512)(partial(in_school_holidays, department=department)),
        opened=opened,
    )


def _learn(connection: psycopg.Connection[Any], spaces: Mapping[int, Space], now: datetime, learn_s: float) -> int:
    began = time.monotonic()
    due = [number for (number,) in connection.execute(_DUE, (list(spaces), now - LEARN_AGAIN)).fetchall()]
    since = now - timedelta(weeks=WEEKS)
    done = 0
    for number in due:
        if time.monotonic() - began > learn_s:
            break
        space = spaces[number]
        with connection.transaction():
            for public in (False, True):
                query = _PUBLISHED if public else _HISTORY
                _learn_one(connection, space, connection.execute(query, (number, since, now)).fetchall(), now, public)
        done += 1
    if done:
        connection.execute(_TELL)  # the API reads the weeks again
    return done


def _learn_one(
    connection: psycopg.Connection[Any], space: Space, history: Sequence[Sample], now: datetime, public: bool
) -> None:
    values = {mean for _, mean, known in history if mean is not None and known >= 0.5}
    moment = round(now.timestamp()) * 1_000_000
    today, _ = space.calendar.local(moment)
    stored, numbers = None, None
    if public and len(values) == 1:
        stored = Json({"always": values.pop()})  # one band for ever: nothing to learn
    elif (learnt := learn(days_of(history, space.calendar), space.calendar, today)) is not None:
        stored, numbers = Json(learnt.stored()), learnt.numbers()
    rows = Jsonb([_row(hour, public) for hour in usual(history, space.calendar, moment)])
    connection.execute(_LEARNT, (space.id, public, now, stored, numbers, rows))


def _row(hour: UsualHour, public: bool) -> list[float | None]:
    days = None if public else hour.days
    return [hour.kind, hour.hour, *(round(value, 2) for value in (hour.median, hour.low, hour.high)), days]


def _look_ahead(connection: psycopg.Connection[Any], spaces: Mapping[int, Space], now: datetime) -> int:
    made = 0
    numbers = list(spaces)
    for start in range(0, len(numbers), _AT_ONCE):
        with connection.transaction():
            made += _look_at([spaces[number] for number in numbers[start : start + _AT_ONCE]], connection, now)
    connection.execute(_OLD, (now,))
    return made


def _look_at(spaces: Sequence[Space], connection: psycopg.Connection[Any], now: datetime) -> int:
    """Forecast some spaces, in the transaction that is open."""
    until = round(now.timestamp()) * 1_000_000 // QUARTER_US * QUARTER_US
    first = datetime.fromtimestamp(until / 1e6, UTC)
    by_id = {space.id: space for space in spaces}
    rows = connection.execute(_MODELS, (list(by_id),), binary=True).fetchall()
    since: dict[bool, dict[int, int]] = {False: {}, True: {}}
    models: list[tuple[Space, bool, datetime, Learnt | float, Sequence[float | None] | None, int]] = []
    for number, public, learnt_at, model, many, track, seen in rows:
        space = by_id[number]
        learnt = model["always"] if "always" in model else read(model, many)
        if learnt is None:
            continue
        start = until if isinstance(learnt, float) else seen or space.calendar.instant(learnt.until, 0)
        since[public][number] = start
        models.append((space, public, learnt_at, learnt, track, start))
    if not models:
        return 0
    recent: dict[bool, dict[int, dict[int, float | None]]] = {}
    for public, query in ((False, _SINCE), (True, _PUBLISHED_SINCE)):
        found = connection.execute(query, (list(since[public]), list(since[public].values()), first))
        recent[public] = {one: dict(zip(ats, means, strict=True)) for one, ats, means in found}
    targets = [until + number * QUARTER_US for number in range(AHEAD + 1)]
    made = []
    for space, public, learnt_at, learnt, before, start in models:
        if isinstance(learnt, float):
            state: Sequence[float | None] = ()
            quantiles = arrays.numbers([round(10 * learnt)] * (len(KEPT) * len(targets)))
        else:
            known = recent[public].get(space.id, {})
            steps = [(at, known.get(at)) for at in range(start, until, QUARTER_US)]
            track, _ = follow(learnt, space.calendar, Track.resumed(before or learnt.track), steps)
            state = track.stored()
            last = until - QUARTER_US
            curves = ahead(learnt, space.calendar, track, last, targets, capacity=space.capacity)
            quantiles = arrays.numbers(_tenths(curves))
        made.append((space.id, public, space.place, learnt_at, arrays.numbers(state), space.capacity, quantiles))
    names = ("spaces", "publics", "places", "learnt", "tracks", "capacities", "quantiles")
    columns = dict(zip(names, map(list, zip(*made, strict=True)), strict=True))
    connection.execute(_STORE, {**columns, "now": now, "first": first})
    return len(models)


def _tenths(found: Sequence[Quantiles]) -> list[int | None]:
    return [
        None if value is None else min(32_767, round(10 * value)) for one in found for value in (one.curve or _UNKNOWN)
    ]
