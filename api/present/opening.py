"""Whether a place is open, and until when: by its status, hours, public holidays, closures and lockdowns. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from access.errors import ListError
from access.openings import last_turn, next_turn
from access.schedules import ALWAYS, Schedule, closed_on, schedule_from_json, with_department, zone_named
from api.http.timestamps import to_datetime, to_us
from api.present.network import Place

_LOOK_AGAIN: Final = 6 * 3600 * 1_000_000
"""When to look again if no change is within the period that is searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Times in microseconds."""

    open: bool | None
    """None: the hours are unknown."""
    locked: bool
    """In lockdown: closed until it is released, whatever the hours say."""
    changes: int | None
    """When it next closes or opens by its hours; None: unknown, or not within three months."""
    since: int | None
    """When its hours last opened or closed it, if within a week."""
    due: int
    """From when on this may have changed."""


def opening_of(place: Place, now: int) -> Opening:
    """Return whether ``place`` is open at ``now`` (microseconds). Invalid hours count as unknown."""
    opened, changes, since, due = _turns(
        place.hours_key, place.department, place.time_zone, place.closures, _minute(to_datetime(now))
    )
    due = now + _LOOK_AGAIN if due is None else due
    if place.status != "open":
        return Opening(open=False, locked=place.locked, changes=None, since=since, due=due)
    if place.locked:
        return Opening(open=False, locked=True, changes=None, since=since, due=due)
    return Opening(open=opened, locked=False, changes=changes, since=since, due=due)


def is_open(place: Place, now: int) -> bool | None:
    """Whether ``place`` is open at ``now`` (microseconds); None: its hours are unknown."""
    return opening_of(place, now).open


def opening_schedule(
    hours: Mapping[str, Any] | None, department: str | None, closures: Sequence[tuple[date, date]]
) -> Schedule:
    """Return a place's hours with its department's holidays and its closures; without hours, only closures close it.

    Raises:
        ListError: the hours are invalid.
    """
    usual = None if hours is None else schedule_from_json(with_department(hours, department))
    schedule = closed_on(usual, closures)
    return ALWAYS if schedule is None else schedule


@lru_cache(maxsize=8192)
def _turns(
    hours: bytes, department: str | None, zone_name: str, closures: tuple[tuple[date, date], ...], at: datetime
) -> tuple[bool | None, int | None, int | None, int | None]:
    """Return whether it is open, when that changes (None: unknown), since when, and when to look again."""
    zone, schedule = _read(hours, department, zone_name, closures)
    if zone is None or schedule is None:
        return None, None, None, None
    changes = next_turn(schedule, at, zone)
    due = None if changes is None else to_us(changes)
    turned = last_turn(schedule, at, zone)
    since = None if turned is None else to_us(turned)
    if hours == b"null":  # only closures are known
        return (None if schedule.covers(at, zone) else False), None, since, due
    return schedule.covers(at, zone), due, since, due


@lru_cache(maxsize=8192)
def _read(
    hours: bytes, department: str | None, zone_name: str, closures: tuple[tuple[date, date], ...]
) -> tuple[ZoneInfo | None, Schedule | None]:
    try:
        return zone_named(zone_name), opening_schedule(json.loads(hours), department, closures)
    except ListError:
        return None, None


def _minute(at: datetime) -> datetime:
    """Round to the minute, as hours are: places with equal hours share a cached result."""
    return at.replace(second=0, microsecond=0)
