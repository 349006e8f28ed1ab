"""Weekly hours in a place's local time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from access.errors import ListError

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MIN: Final = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Part of a day: from ``start_min`` until just before ``end_min``, minutes since local midnight, at most 1440."""

    start_min: int
    end_min: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_min < self.end_min <= _DAY_MIN:
            raise ListError(f"no part of a day: minute {self.start_min} to {self.end_min}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The hours of a week; ``days`` holds Monday to Sunday. What crosses midnight is two periods.

    The clock on the wall decides: the hour that comes twice in autumn is open both times or not at all, the one that
    spring leaves out never comes.
    """

    days: tuple[tuple[Period, ...], ...]

    def __post_init__(self) -> None:
        if len(self.days) != 7:
            raise ListError(f"a week has 7 days, not {len(self.days)}")

    def covers(self, at: datetime, zone: ZoneInfo) -> bool:
        """Return whether ``at`` (aware) falls into the hours, read on a clock in ``zone``."""
        local = at.astimezone(zone)
        minute = local.hour * 60 + local.minute
        return any(period.start_min <= minute < period.end_min for period in self.days[local.weekday()])


def zone_named(name: str) -> ZoneInfo:
    """Return the time zone called ``name``, for example ``Europe/Paris``.

    Raises:
        ListError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ListError(f"unknown time zone {name!r}") from error


def schedule_from_json(value: Any) -> Schedule:
    """Read ``{"mon": [["08:00", "12:00"], ["14:00", "24:00"]], …}``; a day left out has no hours.

    Raises:
        ListError: another shape, an unknown day, a time that is none, an end that isn't after its start.
    """
    if not isinstance(value, Mapping):
        raise ListError("a schedule is an object of days")
    unknown = set(value) - set(DAYS)
    if unknown:
        raise ListError(f"unknown day {min(map(str, unknown))!r} in a schedule")
    return Schedule(days=tuple(_periods(value.get(day, ())) for day in DAYS))


def schedule_to_json(schedule: Schedule) -> dict[str, list[list[str]]]:
    """Write what ``schedule_from_json`` reads; days without hours are left out."""
    return {
        day: [[_clock(period.start_min), _clock(period.end_min)] for period in periods]
        for day, periods in zip(DAYS, schedule.days, strict=True)
        if periods
    }


def _periods(value: Any) -> tuple[Period, ...]:
    if not isinstance(value, list | tuple):
        raise ListError("a day in a schedule is a list of periods")
    periods = []
    for pair in value:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ListError("a period is a start and an end")
        periods.append(Period(start_min=_minute(pair[0]), end_min=_minute(pair[1])))
    return tuple(sorted(periods, key=lambda period: period.start_min))


def _minute(text: Any) -> int:
    if isinstance(text, str) and len(text) == 5 and text[2] == ":" and (text[:2] + text[3:]).isascii():
        hour, minute = text[:2], text[3:]
        if hour.isdigit() and minute.isdigit() and int(minute) < 60:
            value = int(hour) * 60 + int(minute)
            if value <= _DAY_MIN:
                return value
    raise ListError(f"not a time of day: {text!r}")


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
