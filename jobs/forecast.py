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
from occupancy.departures import Learnt, Track, learn, read
from occupancy.forecast import AHEAD, KEPT, Quantiles, ahead, follow
from occupancy.public import Rule
from occupancy.usual import QUARTER_US, Calendar, Sample, UsualHour, days_of, usual

WEEKS: Final = 16
LEARN_AGAIN: Final = timedelta(hours=40)
_LEARN_S: Final = 20.0
_UNKNOWN: Final = (None,) * len(KEPT)

_SPACES: Final = """
-- every space that has a history, with its place's zone, holidays and hours
SELECT s.id, s.place, s.capacity, p.time_zone, p.department, p.opening_hours,
  coalesce((to_jsonb(p) ->> 'public_threshold')::integer, 3),
  coalesce((to_jsonb(p) ->> 'public_numbers')::boolean, false)
FROM space s JOIN place p ON p.id = s.place
WHERE s.retired_at IS NULL AND EXISTS (SELECT FROM space_state t WHERE t.space = s.id)
ORDER BY s.id
"""
_CLOSURES: Final = "SELECT place, first, last FROM closure WHERE last >= %s"
_DUE: Final = """
-- which spaces are to be learned, those never learned first
SELECT s.space FROM unnest(%s::integer[]) AS s (space)
LEFT JOIN forecast_model m ON m.space = s.space AND NOT m.public
WHERE m.learnt_at IS NULL OR m.learnt_at < %s
ORDER BY m.learnt_at NULLS FIRST
"""
_HISTORY: Final = """
-- the quarter hours of one space
SELECT (extract(epoch FROM at) * 1000000)::bigint, mean, known FROM occupancy_15m
WHERE space = %s AND at >= %s AND at < %s ORDER BY at
"""
_LEARNT: Final = """
INSERT INTO forecast_model (space, public, learnt_at, model, usual) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (space, public) DO UPDATE SET
  learnt_at = excluded.learnt_at, model = excluded.model, usual = excluded.usual
"""
_MODELS: Final = """
-- what was learned, and how far the last forecast has followed
SELECT m.space, m.public, m.learnt_at, m.model, f.track, (extract(epoch FROM f.seen_until) * 1000000)::bigint
FROM forecast_model m
LEFT JOIN forecast f ON f.space = m.space AND f.public = m.public AND f.learnt_at = m.learnt_at
WHERE m.model IS NOT NULL
"""
_SINCE: Final = """
-- the quarter hours of all spaces since then
SELECT q.space, array_agg((extract(epoch FROM q.at) * 1000000)::bigint),
  array_agg(CASE WHEN q.known >= 0.5 THEN q.mean END)
FROM occupancy_15m q WHERE q.at >= %s AND q.at < %s GROUP BY q.space
"""
_STAGE: Final = "CREATE TEMPORARY TABLE forecast_new (LIKE forecast) ON COMMIT DROP"
_COPY: Final = """
COPY forecast_new (space, public, place, made_at, learnt_at, first, seen_until, track, capacity, quantiles) FROM STDIN
"""
_STORE: Final = """
-- the new forecasts in place of the old ones
INSERT INTO forecast AS f (space, public, place, made_at, learnt_at, first, seen_until, track, capacity, quantiles)
SELECT space, public, place, made_at, learnt_at, first, seen_until, track, capacity, quantiles FROM forecast_new
ON CONFLICT (space, public) DO UPDATE SET
  place = excluded.place, made_at = excluded.made_at, learnt_at = excluded.learnt_at, first = excluded.first,
  seen_until = excluded.seen_until, track = excluded.track, capacity = excluded.capacity, quantiles = excluded.quantiles
"""
_OLD: Final = "DELETE FROM forecast WHERE made_at < %s - interval '1 hour'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """One space, and the calendar of its place."""

    id: int
    place: int
    capacity: int | None
    calendar: Calendar
    rule: Rule


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
    for number, place, capacity, zone, department, hours, threshold, numbers in connection.execute(_SPACES).fetchall():
        if place not in calendars:
            closed = (*closures.get(None, ()), *closures.get(place, ()))
            calendars[place] = calendar_of(zone, department, hours, closed)
        rule = Rule(threshold=threshold, numbers=numbers)
        yield Space(id=number, place=place, capacity=capacity, calendar=calendars[place], rule=rule)


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
        history: list[Sample] = connection.execute(_HISTORY, (number, since, now)).fetchall()
        with connection.transaction():
            for public in (False, True):
                model, hours = _learnt(space, _banded(space, history) if public else history, now)
                stored = None if model is None else Json(model.stored())
                rows = [_row(hour) for hour in hours]
                connection.execute(_LEARNT, (number, public, now, stored, Jsonb(rows)))
        done += 1
    return done


def _learnt(space: Space, history: Sequence[Sample], now: datetime) -> tuple[Learnt | None, Sequence[UsualHour]]:
    moment = round(now.timestamp()) * 1_000_000
    today, _ = space.calendar.local(moment)
    return learn(days_of(history, space.calendar), space.calendar, today), usual(history, space.calendar, moment)


def _row(hour: UsualHour) -> list[float]:
    return [hour.kind, hour.hour, *(round(value, 2) for value in (hour.median, hour.low, hour.high)), hour.days]


def _banded(space: Space, history: Sequence[Sample]) -> list[Sample]:
    """Return what answers without a key may know of the history."""
    return [(at, None if mean is None else shown(mean, space), known) for at, mean, known in history]


def shown(mean: float, space: Space) -> float:
    """Return the number that a quarter hour's mean counts as without a key: the middle of its band."""
    return space.rule.band(round(mean), space.capacity).middle


def _look_ahead(connection: psycopg.Connection[Any], spaces: Mapping[int, Space], now: datetime) -> int:
    until = round(now.timestamp()) * 1_000_000 // QUARTER_US * QUARTER_US
    targets = [until + number * QUARTER_US for number in range(AHEAD + 1)]
    models = []
    starts = {}
    for number, public, learnt_at, model, track, seen in connection.execute(_MODELS).fetchall():
        space, learnt = spaces.get(number), read(model)
        if space is None or learnt is None:
            continue
        starts[number, public] = seen or space.calendar.instant(learnt.until, 0)
        models.append((space, public, learnt_at, learnt, Track.resumed(track or learnt.track)))
    if not models:
        return 0
    oldest = datetime.fromtimestamp(min(starts.values()) / 1e6, UTC)
    recent = {
        number: dict(zip(ats, means, strict=True))
        for number, ats, means in connection.execute(_SINCE, (oldest, datetime.fromtimestamp(until / 1e6, UTC)))
    }
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_STAGE)
        with cursor.copy(_COPY) as copy:
            for space, public, learnt_at, learnt, before in models:
                start = starts[space.id, public]
                known = recent.get(space.id, {})
                steps = [(at, known.get(at)) for at in range(start, until, QUARTER_US)]
                if public:
                    steps = [(at, None if value is None else shown(value, space)) for at, value in steps]
                track, _ = follow(learnt, space.calendar, before, steps)
                found = ahead(learnt, space.calendar, track, until - QUARTER_US, targets, capacity=space.capacity)
                copy.write_row((
                    *(space.id, public, space.place, now, learnt_at, datetime.fromtimestamp(until / 1e6, UTC)),
                    datetime.fromtimestamp(until / 1e6, UTC), track.stored(), space.capacity, _tenths(found),
                ))  # fmt: skip
        cursor.execute(_STORE)
        cursor.execute(_OLD, (now,))
    return len(models)


def _tenths(found: Sequence[Quantiles]) -> list[int | None]:
    return [
        None if value is None else min(32_767, round(10 * value)) for one in found for value in (one.curve or _UNKNOWN)
    ]
