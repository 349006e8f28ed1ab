"""When a schedule opens or closes next, and whether it is open without a break. Pure.

``Schedule.covers`` alone decides; what is found here are the instants at which its answer may change. So exceptions,
holidays, closures, linked schedules and both nights of the clock changes are right by construction.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from access.schedules import Schedule

HORIZON_DAYS: Final = 92
"""So far ahead a change is looked for: longer than any summer's closure."""
_DAY: Final = timedelta(days=1)
_STEP: Final = timedelta(minutes=15)
"""Clocks are changed on a quarter of an hour."""


def next_turn(schedule: Schedule, at: datetime, zone: ZoneInfo, *, days: int = HORIZON_DAYS) -> datetime | None:
    """Return the first instant after ``at`` (aware) at which it opens or closes, in UTC; None: not within ``days``."""
    state = schedule.covers(at, zone)
    today = at.astimezone(zone).date()
    for ahead in range(days + 1):
        day = _after(today, ahead)
        if schedule.all_day(day) is state:
            continue
        for instant in _turns(schedule, day, zone):
            if instant > at and schedule.covers(instant, zone) is not state:
                return instant
    return None


def last_turn(schedule: Schedule, at: datetime, zone: ZoneInfo, *, days: int = 8) -> datetime | None:
    """Return the last instant up to ``at`` (aware) at which it opened or closed, in UTC; None: not within ``days``."""
    state = schedule.covers(at, zone)
    since: datetime | None = None
    for back in range(days + 1):
        for instant in reversed(list(_turns(schedule, _after(at.astimezone(zone).date(), -back), zone))):
            if instant > at:
                continue
            if schedule.covers(instant, zone) is not state:
                return since
            since = instant
    return None


def _after(day: date, days: int) -> date:
    return day + timedelta(days=days)


def _turns(schedule: Schedule, day: date, zone: ZoneInfo) -> Iterator[datetime]:
    """Give the instants of a local day, in their order, at which a clock on its wall may come to a boundary."""
    start = datetime.combine(day, time(), zone).astimezone(UTC)
    end = datetime.combine(day + _DAY, time(), zone).astimezone(UTC)
    found = {start}
    if end - start != _DAY:  # the clocks are changed: hours come twice or never
        while start < end:
            found.add(start)
            start += _STEP
    for minute in schedule.boundaries(day):
        for fold in (0, 1):
            if minute < 24 * 60:
                wall = datetime.combine(day, time(minute // 60, minute % 60), zone).replace(fold=fold)
                found.add(wall.astimezone(UTC))
    yield from sorted(found)
