"""Hours of a week as a form: several spans a day, holidays, other hours for some weeks of the year, days closed.

``fields_of`` writes what the API has into fields, ``hours_of`` reads it back; neither does I/O.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from access.schedules import DAYS
from api.pages.manage.local_times import day_of, minute_of

MOST_SPECIAL: Final = 40
"""Rows of other hours, and of days closed, in one form."""
_BETWEEN: Final = re.compile(r"\s*(?:-|–|—|\bà\b|\bau\b|\bto\b)\s*")
_LONGEST: Final = 200
"""Characters of a day's hours."""
_PARTS: Final = re.compile(r"\s*[,;]\s*|\s+et\s+|\s+and\s+")


class Unreadable(ValueError):
    """A field can't be read; ``field`` is its name."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def spans_text(periods: Any) -> str:
    """Write the spans of a day: ``09:00-12:00, 14:00-18:00``."""
    return ", ".join(f"{start}-{end}" for start, end in periods or ())


def spans_of(text: str, field: str) -> list[list[str]]:
    """Read the spans of a day; none: closed.

    Raises:
        Unreadable: it is neither.
    """
    found: list[list[str]] = []
    if text.strip().casefold() in ("", "closed", "fermé", "ferme"):
        return found
    if len(text) > _LONGEST:
        raise Unreadable(field)
    for part in _PARTS.split(text.strip()):
        ends = [minute_of(_hour(one)) for one in _BETWEEN.split(part)]
        if len(ends) != 2 or None in ends:
            raise Unreadable(field)
        start, end = ends
        assert start is not None
        assert end is not None
        if end == 0:
            end = 24 * 60
        if start >= end or (found and _text(start) < found[-1][1]):
            raise Unreadable(field)
        found.append([_text(start), _text(end)])
    return found


def fields_of(hours: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the fields of a form for these hours; ``known`` is empty where there are none."""
    fields = {"known": "" if hours is None else "yes"}
    given = hours or {}
    fields |= {day: spans_text(given.get(day)) for day in DAYS}
    holidays = given.get("holidays")
    fields["holidays"] = "" if holidays is None else "hours" if holidays.get("hours") else "closed"
    fields["holiday_hours"] = spans_text(holidays.get("hours")) if holidays else ""
    fields["department"] = (holidays or {}).get("department") or ""
    for number, (first, last, periods) in enumerate(given.get("except", ())):
        fields |= {f"x{number}_first": first, f"x{number}_last": last, f"x{number}_hours": spans_text(periods)}
    for number, (first, last) in enumerate(given.get("closed", ())):
        fields |= {f"c{number}_first": first, f"c{number}_last": last}
    return fields


def hours_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the hours of a form, as the API takes them.

    Raises:
        Unreadable: one field can't be read.
    """
    hours: dict[str, Any] = {}
    for day in DAYS:
        if periods := spans_of(fields.get(day, ""), day):
            hours[day] = periods
    if fields.get("holidays") in ("closed", "hours"):
        own = spans_of(fields.get("holiday_hours", ""), "holiday_hours") if fields["holidays"] == "hours" else []
        hours["holidays"] = {"department": fields.get("department", "").strip().upper() or None, "hours": own}
    special = [(*days, spans_of(fields.get(f"{row}_hours", ""), f"{row}_hours")) for row, days in _rows(fields, "x")]
    if special:
        hours["except"] = [list(one) for one in special]
    if closed := [list(days) for _row, days in _rows(fields, "c")]:
        hours["closed"] = closed
    return hours


def rows_in(fields: Mapping[str, str], letter: str) -> list[str]:
    """Return the names of the rows that a form has, and of an empty one."""
    known = [f"{letter}{number}" for number in range(MOST_SPECIAL) if fields.get(f"{letter}{number}_first")]
    used = {int(name[1:]) for name in known}
    free = next((number for number in range(MOST_SPECIAL) if number not in used), None)
    return known if free is None else [*known, f"{letter}{free}"]


def _rows(fields: Mapping[str, str], letter: str) -> list[tuple[str, tuple[str, str]]]:
    found = []
    for number in range(MOST_SPECIAL):
        row = f"{letter}{number}"
        texts = fields.get(f"{row}_first", "").strip(), fields.get(f"{row}_last", "").strip()
        if texts == ("", ""):
            continue
        first, last = day_of(texts[0]), day_of(texts[1] or texts[0])
        if first is None or last is None or last < first:
            raise Unreadable(f"{row}_first")
        found.append((row, (first.isoformat(), last.isoformat())))
    return found


def _hour(text: str) -> str:
    text = text.strip().casefold().replace("h", ":")
    if text.endswith(":"):
        text += "00"
    return text if ":" in text else f"{text}:00"


def _text(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
