"""Whether a place is open now, and until when: its hours, public holidays, closures and lockdowns together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from access.errors import ListError
from access.openings import last_turn, next_turn
from access.schedules import Schedule, schedule_from_json, zone_named
from api.http.compact_json import compact
from api.http.timestamps import to_datetime, to_us
from api.present.network import Place
from rights.hours import ALWAYS, closed_on, with_department

_LOOK_AGAIN: Final = 6 * 3600 * 1_000_000
"""Where no change is in sight: an hour may come that lies beyond what is looked ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Times in microseconds."""

    open: bool | None
    """None: the hours aren't known."""
    locked: bool
    """In lockdown: closed until it is released, whatever the hours say."""
    changes: int | None
    """When it closes or opens next by its hours; None: not known, or not within three months."""
    since: int | None
    """When its hours last opened or closed it, where that was within a week."""
    due: int
    """From when on this may no longer be true."""


def opening_of(place: Place, now: int) -> Opening:
    """Whether ``place`` is open at ``now`` (microseconds). Hours that can't be read are not known."""
    opened, changes, since, due = _turns(
        compact(place.opening_hours), place.department, place.time_zone, place.closures, _minute(to_datetime(now))
    )
    due = now + _LOOK_AGAIN if due is None else due
    if place.locked:
        return Opening(open=False, locked=True, changes=None, since=since, due=due)
    return Opening(open=opened, locked=False, changes=changes, since=since, due=due)


def is_open(place: Place, now: int) -> bool | None:
    """Whether ``place`` is open at ``now`` (microseconds); None: its hours aren't known."""
    return opening_of(place, now).open


def opening_schedule(
    hours: Mapping[str, Any] | None, department: str | None, closures: Sequence[tuple[date, date]]
) -> Schedule:
    """A place's hours with the holidays of its department, and its closures; without hours only these close it.

    Raises:
        ListError: they can't be read.
    """
    usual = None if hours is None else schedule_from_json(with_department(hours, department))
    schedule = closed_on(usual, closures)
    return ALWAYS if schedule is None else schedule


@lru_cache(maxsize=8192)
def _turns(
    hours: bytes, department: str | None, zone_name: str, closures: tuple[tuple[date, date], ...], at: datetime
) -> tuple[bool | None, int | None, int | None, int | None]:
    """Whether it is open, when that changes (None where it isn't known), since when it is so, when to look again."""
    known = json.loads(hours)
    try:
        zone = zone_named(zone_name)
        schedule = opening_schedule(known, department, closures)
    except ListError:
        return None, None, None, None
    changes = next_turn(schedule, at, zone)
    due = None if changes is None else to_us(changes)
    turned = last_turn(schedule, at, zone)
    since = None if turned is None else to_us(turned)
    if known is None:  # only closures are known
        return (None if schedule.covers(at, zone) else False), None, since, due
    return schedule.covers(at, zone), due, since, due


def _minute(at: datetime) -> datetime:
    """Hours are whole minutes: the places of a network share what was found for one of them."""
    return at.replace(second=0, microsecond=0)
