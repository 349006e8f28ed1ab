"""Opening hours in OpenStreetMap's syntax: read into hours of our own, and written from these.

A library (``opening_hours``) evaluates the text day by day. What the days have in common becomes the week, what public
holidays have in common their hours, and every other day an exception by date, so that doors, forecasts and Grafana need
to know no other form. School holidays are those of the department's zone, public ones those of the department; the
library knows neither, only the eleven of everywhere.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Final

from opening_hours import OpeningHours, ParserError, State  # type: ignore[attr-defined]

from access.holidays import holidays
from access.schedules import DAYS, schedule_from_json, schedule_to_json
from access.school_holidays import LAST_DAY, ZONES, in_school_holidays

AHEAD_DAYS: Final = 731
"""So far ahead exceptions are found."""
LONGEST: Final = 1_000
_MOST_EXCEPTIONS: Final = 200
_OSM_DAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_QUOTED: Final = re.compile(r'"[^"]*"')
_SCHOOL: Final = re.compile(r"\bSH\b")
_PUBLIC: Final = re.compile(r"\bPH\b")
_BOTH: Final = re.compile(r"\b(?:PH, ?SH|SH, ?PH)\b([^;]*)")
_AT: Final = re.compile(r"--> [0-9]+:([0-9]+)")
_DAY: Final = timedelta(days=1)

_Periods = tuple[tuple[str, str], ...]


class HoursUnreadable(Exception):
    """The text isn't opening hours, or such that doors can't follow; ``at``: the character where, from 1, if known."""

    def __init__(self, text: str, at: int | None = None) -> None:
        super().__init__(text)
        self.at = at


def hours_from_osm(text: str, *, department: str | None, today: date) -> dict[str, Any]:
    """Return the hours that ``text`` says, as ``access.schedules`` writes them, with exceptions for two years.

    Raises:
        HoursUnreadable: it says where, or what can't be followed.
    """
    if not text.strip() or len(text) > LONGEST:
        raise HoursUnreadable(f"expected 1 to {LONGEST:,} characters, for example Mo-Fr 09:00-18:00; PH off")
    _parsed(text)  # an error is told where it stands in the text as it was given
    plain = _QUOTED.sub("", text)
    days = _days_of(_parsed(_with_school_holidays(plain, department, today)), today)
    public = bool(_PUBLIC.search(plain))
    if public:
        days = _with_own_holidays(days, department)
    free = _holidays_between(department, today)
    week = [_usual(days[day] for day in days if day.weekday() == n and not (public and day in free)) for n in range(7)]
    body: dict[str, Any] = {name: _listed(periods) for name, periods in zip(DAYS, week, strict=True) if periods}
    on_holidays = _usual(days[day] for day in days if day in free) if public else ()
    if public:
        body["holidays"] = {"department": None, "hours": _listed(on_holidays)}
    odd = {
        day: periods
        for day, periods in days.items()
        if periods != (on_holidays if public and day in free else week[day.weekday()])
    }
    runs = _runs(odd)
    if len(runs) > _MOST_EXCEPTIONS:
        raise HoursUnreadable("these hours differ from day to day, as by the sun: write the hours of a week")
    if runs:
        body["except"] = [[first.isoformat(), last.isoformat(), _listed(periods)] for first, last, periods in runs]
    return schedule_to_json(schedule_from_json(body))


def hours_to_osm(hours: Mapping[str, Any]) -> str:
    """Write hours, as ``access.schedules`` writes them, in OpenStreetMap's syntax; linked schedules are left out."""
    groups: list[tuple[list[int], str]] = []
    for number, name in enumerate(DAYS):
        periods = _written(hours.get(name, ()))
        if groups and groups[-1][1] == periods and groups[-1][0][-1] == number - 1:
            groups[-1][0].append(number)
        else:
            groups.append(([number], periods))
    rules = [f"{_span(numbers)} {periods}" for numbers, periods in groups if periods]
    if len(groups) == 1 and groups[0][1] == "00:00-24:00":
        rules = ["24/7"]
    if hours.get("holidays") is not None:
        rules.append(f"PH {_written(hours['holidays']['hours']) or 'off'}")
    rules += [
        f"{_dates(first, last)} {_written(periods) or 'off'}"
        for first, last, periods in reversed(hours.get("except", ()))
    ]
    rules += [f"{_dates(first, last)} off" for first, last in hours.get("closed", ())]
    return "; ".join(rules) or "off"


def _parsed(text: str) -> OpeningHours:
    try:
        return OpeningHours(text, country="FR")
    except ParserError as error:
        found = _AT.search(str(error))
        at = int(found[1]) if found else None
        where = "" if at is None else f" at character {at}, from {text[at - 1 : at + 29]!r}"
        raise HoursUnreadable(f"can't be read{where}: expected hours as in Mo-Fr 09:00-18:00; PH off", at) from None


def _with_school_holidays(text: str, department: str | None, today: date) -> str:
    """Put dates in the place of ``SH``."""
    if not _SCHOOL.search(text):
        return text
    if department not in ZONES:
        raise HoursUnreadable("SH: the school holidays of this place's department aren't known")
    found = [today + n * _DAY for n in range((LAST_DAY - today).days + 1)]
    runs = _runs({day: () for day in found if in_school_holidays(day, department)})
    dates = ",".join(_dates(first.isoformat(), last.isoformat()) for first, last, _ in runs)
    if not dates:
        raise HoursUnreadable(f"SH: school holidays are known until {LAST_DAY} only")
    return _SCHOOL.sub(dates, _BOTH.sub(r"PH\1; SH\1", text))


def _days_of(hours: OpeningHours, today: date) -> dict[date, _Periods]:
    """Return the periods of each day to come."""
    start, end = datetime.combine(today, time()), datetime.combine(today + AHEAD_DAYS * _DAY, time())
    found: dict[date, list[tuple[str, str]]] = {today + n * _DAY: [] for n in range(AHEAD_DAYS)}
    for first, last, state, _ in hours.intervals(start, end):
        if state is not State.OPEN:
            continue
        opens = first.replace(second=0, microsecond=0)
        until = end if last is None else min(last, end)
        while opens < until:
            midnight = datetime.combine(opens.date() + _DAY, time())
            closes = min(until, midnight)
            if f"{opens:%H:%M}" != f"{closes:%H:%M}" or closes == midnight:
                found[opens.date()].append((f"{opens:%H:%M}", "24:00" if closes == midnight else f"{closes:%H:%M}"))
            opens = closes
    return {day: tuple(periods) for day, periods in found.items()}


def _with_own_holidays(days: dict[date, _Periods], department: str | None) -> dict[date, _Periods]:
    """Give the holidays that only the department has the hours of the nearest one that all have."""
    everywhere = sorted(day for day in _holidays_between(None, min(days)) if day in days)
    own = _holidays_between(department, min(days)).difference(everywhere)
    nearest = {day: min(everywhere, key=lambda one: abs(one - day)) for day in own if day in days}
    return {day: days[nearest.get(day, day)] for day in days}


def _holidays_between(department: str | None, today: date) -> frozenset[date]:
    years = range(today.year, today.year + AHEAD_DAYS // 365 + 1)
    return frozenset(day for year in years for day in holidays(year, department))


def _usual(periods: Iterable[_Periods]) -> _Periods:
    found = Counter(periods).most_common(1)
    return found[0][0] if found else ()


def _runs(days: Mapping[date, _Periods]) -> list[tuple[date, date, _Periods]]:
    """Return consecutive days with the same periods as one: first, last, periods."""
    runs: list[tuple[date, date, _Periods]] = []
    for day, periods in sorted(days.items()):
        if runs and runs[-1][1] + _DAY == day and runs[-1][2] == periods:
            runs[-1] = (runs[-1][0], day, periods)
        else:
            runs.append((day, day, periods))
    return runs


def _listed(periods: _Periods) -> list[list[str]]:
    return [[start, end] for start, end in periods]


def _written(periods: Iterable[Iterable[str]]) -> str:
    return ",".join("-".join(period) for period in periods)


def _span(numbers: list[int]) -> str:
    assert all(after == before + 1 for before, after in pairwise(numbers))
    first, last = _OSM_DAYS[numbers[0]], _OSM_DAYS[numbers[-1]]
    return first if first == last else f"{first}-{last}"


def _dates(first: str, last: str) -> str:
    def written(text: str) -> str:
        day = date.fromisoformat(text)
        return f"{day.year} {_MONTHS[day.month - 1]} {day.day:02}"

    return written(first) if first == last else f"{written(first)}-{written(last)}"
