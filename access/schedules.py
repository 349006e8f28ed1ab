"""Hours in a place's local time: a week of them, exceptions by date, public holidays, closures, linked schedules.

The clock on the wall decides: the hour that comes twice in autumn is open both times or not at all, the one that
spring leaves out never comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from access.errors import ListError
from access.holidays import is_holiday

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KEYS: Final = frozenset({*DAYS, "holidays", "except", "closed", "linked"})
_DAY_MIN: Final = 24 * 60
_DEEPEST: Final = 8
"""Depth of linked schedules: more isn't needed, and a malicious list must not exhaust the stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Part of a day: from ``start_min`` until just before ``end_min``, minutes since local midnight, at most 1440.

    An end at 1439 (23:59) becomes 1440: who writes it means the end of the day, not its last minute.
    """

    start_min: int
    end_min: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_min < self.end_min <= _DAY_MIN:
            raise ListError(_no_period(self.start_min, self.end_min))
        if self.end_min == _DAY_MIN - 1:
            object.__setattr__(self, "end_min", _DAY_MIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holidays:
    """What a schedule does on public holidays: ``periods`` instead of the weekday's."""

    department: str | None = None
    """Whose holidays (``access.holidays``); None: the eleven of everywhere."""
    periods: tuple[Period, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Special:
    """The local days ``first`` to ``last``, both included, and their hours instead of the usual ones."""

    first: date
    last: date
    periods: tuple[Period, ...] = ()

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ListError(f"an exception that ends before it begins: {self.first} to {self.last}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """The local days ``first`` to ``last``, both included: closed, whatever is linked."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ListError(f"a closure that ends before it begins: {self.first} to {self.last}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The hours of a week; ``days`` holds Monday to Sunday. What crosses midnight is two periods.

    A day's own hours are those of its first exception, else of the holiday that it is, else of its weekday. A schedule
    is open in these and whenever a linked one is; a closure closes it all the same.
    """

    days: tuple[tuple[Period, ...], ...]
    holidays: Holidays | None = None
    """None: a holiday is a day like any other."""
    exceptions: tuple[Special, ...] = ()
    closures: tuple[Closure, ...] = ()
    linked: tuple[Schedule, ...] = ()

    def __post_init__(self) -> None:
        if len(self.days) != 7:
            raise ListError(f"a week has 7 days, not {len(self.days)}")

    def covers(self, at: datetime, zone: ZoneInfo) -> bool:
        """Return whether ``at`` (aware) falls into the hours, read on a clock in ``zone``."""
        return self.period_at(at, zone) is not None

    def period_at(self, at: datetime, zone: ZoneInfo) -> tuple[date, Period] | None:
        """Return the local day and the period that ``at`` falls into, this schedule's own or a linked one's."""
        local = at.astimezone(zone)
        period = self._period(local.date(), local.hour * 60 + local.minute)
        return None if period is None else (local.date(), period)

    def period_on(self, day: date, minute: int) -> Period | None:
        """Return the period that ``minute`` of the local ``day`` falls into, this schedule's own or a linked one's."""
        return self._period(day, minute)

    def boundaries(self, day: date) -> frozenset[int]:
        """Return the minutes of ``day`` at which one of its periods begins or ends, a linked schedule's too."""
        own = {minute for period in self._own(day) for minute in (period.start_min, period.end_min)}
        return frozenset(own).union(*(other.boundaries(day) for other in self.linked))

    def all_day(self, day: date) -> bool | None:
        """Return whether it is open, or closed, on all of ``day``; None: neither is certain."""
        if self.closures and any(one.first <= day <= one.last for one in self.closures):
            return False
        own = self._own(day)
        if any(one.start_min == 0 and one.end_min >= _DAY_MIN for one in own):
            return True
        return False if not own and all(other.all_day(day) is False for other in self.linked) else None

    def _period(self, day: date, minute: int) -> Period | None:
        if self.closures and any(one.first <= day <= one.last for one in self.closures):
            return None
        found = _within(self._own(day), minute)
        for other in self.linked if found is None else ():
            found = other._period(day, minute)
            if found is not None:
                break
        return found

    def _own(self, day: date) -> tuple[Period, ...]:
        for special in self.exceptions:
            if special.first <= day <= special.last:
                return special.periods
        if self.holidays is not None and is_holiday(day, self.holidays.department):
            return self.holidays.periods
        return self.days[day.weekday()]


def zone_named(name: str) -> ZoneInfo:
    """Return the time zone called ``name``, for example ``Europe/Paris``.

    Raises:
        ListError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ListError(f"unknown time zone {name!r}") from error


def schedule_from_json(value: Any, *, depth: int = 0) -> Schedule:
    """Read ``{"mon": [["08:00", "12:00"], ["14:00", "24:00"]], …}``; a day left out has no hours.

    An end at 00:00 or 23:59 is the end of the day, 24:00: doors stay open through its last minute.

    Beside the days: ``holidays`` ``{"department": "67", "hours": […]}``; ``except`` ``[[first, last, hours], …]`` and
    ``closed`` ``[[first, last], …]`` with ISO dates; ``linked``, a list of schedules.

    Raises:
        ListError: another shape, an unknown day, a time that is none, an end that isn't after its start.
    """
    if not isinstance(value, Mapping):
        raise ListError("a schedule is an object of days")
    if depth > _DEEPEST:
        raise ListError("schedules are linked too deeply")
    unknown = set(value) - _KEYS
    if unknown:
        raise ListError(f"unknown day {min(map(str, unknown))!r} in a schedule")
    return Schedule(
        days=tuple(_periods(value.get(day, ())) for day in DAYS),
        holidays=_holidays(value.get("holidays")),
        exceptions=tuple(
            Special(first=_date(first), last=_date(last), periods=_periods(hours))
            for first, last, hours in (_row(one, 3) for one in _list(value, "except"))
        ),
        closures=tuple(
            Closure(first=_date(first), last=_date(last))
            for first, last in (_row(one, 2) for one in _list(value, "closed"))
        ),
        linked=tuple(schedule_from_json(one, depth=depth + 1) for one in _list(value, "linked")),
    )


def with_department(hours: Mapping[str, Any], department: str | None) -> dict[str, Any]:
    """Return ``hours`` with its holidays those of ``department``, where it doesn't say whose they are."""
    body = dict(hours)
    holidays = body.get("holidays")
    if isinstance(holidays, Mapping) and holidays.get("department") is None:
        body["holidays"] = {**holidays, "department": department}
    return body


def closed_on(hours: Schedule | None, days: Sequence[tuple[date, date]]) -> Schedule | None:
    """Return opening hours that also close on ``days`` (first and last, both included); None: never closed."""
    if not days:
        return hours
    more = tuple(Closure(first=first, last=last) for first, last in sorted(set(days)))
    usual = hours if hours is not None else ALWAYS
    return replace(usual, closures=(*usual.closures, *more))


def schedule_to_json(schedule: Schedule) -> dict[str, Any]:
    """Write what ``schedule_from_json`` reads; days without hours and what isn't used are left out."""
    body: dict[str, Any] = {day: _hours(periods) for day, periods in zip(DAYS, schedule.days, strict=True) if periods}
    if schedule.holidays is not None:
        body["holidays"] = {
            "department": schedule.holidays.department,
            "hours": _hours(schedule.holidays.periods),
        }
    if schedule.exceptions:
        body["except"] = [
            [one.first.isoformat(), one.last.isoformat(), _hours(one.periods)] for one in schedule.exceptions
        ]
    if schedule.closures:
        body["closed"] = [[one.first.isoformat(), one.last.isoformat()] for one in schedule.closures]
    if schedule.linked:
        body["linked"] = [schedule_to_json(one) for one in schedule.linked]
    return body


def _within(periods: tuple[Period, ...], minute: int) -> Period | None:
    for period in periods:
        if period.start_min <= minute < period.end_min:
            return period
    return None


def _holidays(value: Any) -> Holidays | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ListError("a schedule's holidays are an object")
    department = value.get("department")
    if department is not None and not isinstance(department, str):
        raise ListError("a department is a text")
    return Holidays(department=department, periods=_periods(value.get("hours", ())))


def _row(value: Any, width: int) -> list[Any]:
    if not isinstance(value, list) or len(value) != width:
        raise ListError(f"an exception by date is a row of {width}")
    return value


def _list(value: Mapping[str, Any], key: str) -> list[Any]:
    found = value.get(key, [])
    if not isinstance(found, list):
        raise ListError(f"{key} in a schedule is a list")
    return found


def _periods(value: Any) -> tuple[Period, ...]:
    if not isinstance(value, list | tuple):
        raise ListError("a day in a schedule is a list of periods")
    periods = []
    for pair in value:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ListError("a period is a start and an end")
        start, end = _minute(pair[0]), _minute(pair[1])
        periods.append(Period(start_min=start, end_min=_DAY_MIN if end == 0 < start else end))
    return tuple(sorted(periods, key=lambda period: period.start_min))


def _no_period(start: int, end: int) -> str:
    """Why ``start`` to ``end`` is no part of a day, and how to write what is probably meant."""
    if not (0 <= start <= _DAY_MIN and 0 <= end <= _DAY_MIN) or start == _DAY_MIN:
        return f"no part of a day: minute {start} to {end}"
    written = f"{_clock(start)} to {_clock(end)}"
    if start == end:
        return f"{written} is no time at all: a whole day is 00:00 to 24:00"
    return (
        f"{written} crosses midnight: write {_clock(start)} to 24:00 on this day and 00:00 to {_clock(end)} on the "
        "next one"
    )


def _date(text: Any) -> date:
    if isinstance(text, str) and len(text) == 10 and text[7] == "-":  # not the form by weeks
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise ListError(f"not a date: {text!r}")


def _minute(text: Any) -> int:
    if isinstance(text, str) and len(text) == 5 and text[2] == ":" and (text[:2] + text[3:]).isascii():
        hour, minute = text[:2], text[3:]
        if hour.isdigit() and minute.isdigit() and int(minute) < 60:
            value = int(hour) * 60 + int(minute)
            if value <= _DAY_MIN:
                return value
    raise ListError(f"not a time of day: {text!r}")


def _hours(periods: tuple[Period, ...]) -> list[list[str]]:
    return [[_clock(period.start_min), _clock(period.end_min)] for period in periods]


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


ALWAYS: Final = schedule_from_json({day: [["00:00", "24:00"]] for day in DAYS})
