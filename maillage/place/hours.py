"""Opening hours as people write them: ``mon: 09:00-12:00, 14:00-18:00``, and back. Pure.

In the database they are as ``access.schedules`` writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from access.errors import ListError
from access.holidays import DEPARTMENTS
from access.schedules import DAYS, schedule_from_json, schedule_to_json
from maillage.place.faults import Refused, nearest
from maillage.place.nodes import Node, Nothing, Record, Row, Text
from maillage.place.quoting import quoted

_PERIOD: Final = re.compile(r"([0-9]{1,2})[:hH]([0-9]{2})? ?(?:-|–|à|to) ?([0-9]{1,2})[:hH]([0-9]{2})?")
_DATES: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?: (?:to|au) ([0-9]{4}-[0-9]{2}-[0-9]{2}))?")
_KEYS: Final = (*DAYS, "holidays", "except", "closed")


def read_hours(node: Node) -> dict[str, Any]:
    """Read hours, normalised.

    Raises:
        Refused: they make no sense; the text says where.
    """
    if not isinstance(node, Record):
        raise Refused('opening hours are written by day, for example {mon: "09:00-12:00, 14:00-18:00"}')
    unknown = next((key for key in node.values if key not in _KEYS), None)
    if unknown is not None:
        raise Refused(f"{unknown} is no day{nearest(unknown, _KEYS)} (the days are {', '.join(DAYS)})")
    raw: dict[str, Any] = {day: _periods(day, node.values[day]) for day in DAYS if day in node.values}
    if "holidays" in node.values:
        raw["holidays"] = _holidays(node.values["holidays"])
    if "except" in node.values:
        raw["except"] = [_special(one) for one in _items("except", node.values["except"])]
    if "closed" in node.values:
        raw["closed"] = [_dates("closed", one) for one in _items("closed", node.values["closed"])]
    return normal_hours(raw)


def normal_hours(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return hours of the database in their one form.

    Raises:
        Refused: they make no sense.
    """
    try:
        return schedule_to_json(schedule_from_json(raw))
    except ListError as error:
        raise Refused(f"these hours make no sense: {error}") from None


def write_hours(hours: Mapping[str, Any]) -> str:
    """Write hours in one line."""
    return f"{{{', '.join(hours_by_line(hours))}}}"


def hours_by_line(hours: Mapping[str, Any]) -> list[str]:
    """Write hours with a line for each day."""
    parts = [f"{day}: {quoted(_text(hours[day]))}" for day in DAYS if day in hours]
    if (holidays := hours.get("holidays")) is not None:
        text = quoted(_text(holidays["hours"]))
        department = holidays["department"]
        whole = f"{{department: {quoted(department)}, hours: {text}}}" if department else text
        parts.append(f"holidays: {whole}")
    if "except" in hours:
        rows = (
            f"{{days: {quoted(_days(first, last))}, hours: {quoted(_text(periods))}}}"
            for first, last, periods in hours["except"]
        )
        parts.append(f"except: [{', '.join(rows)}]")
    if "closed" in hours:
        parts.append(f"closed: [{', '.join(quoted(_days(*days)) for days in hours['closed'])}]")
    return parts


def hours_in_parts(hours: Mapping[str, Any]) -> dict[str, str]:
    """Write hours by what they are for, in plain words: a day left out is closed."""
    parts = {day: _text(hours.get(day, [])) for day in DAYS}
    if (holidays := hours.get("holidays")) is not None:
        whose = f" of {holidays['department']}" if holidays["department"] else ""
        parts[f"holidays{whose}"] = _text(holidays["hours"])
    parts |= {_days(first, last): _text(periods) for first, last, periods in hours.get("except", [])}
    return parts | {_days(*days): _text([]) for days in hours.get("closed", [])}


def _text(periods: list[list[str]]) -> str:
    return ", ".join(f"{start}-{end}" for start, end in periods) or "closed"


def _days(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def _periods(where: str, node: Node) -> list[list[str]]:
    if isinstance(node, Nothing):
        return []
    if not isinstance(node, Text):
        raise Refused(f"{where}: write the hours as text, for example 09:00-12:00, 14:00-18:00")
    text = node.text.strip()
    if text.lower() in ("closed", "fermé"):
        return []
    periods = []
    for part in text.split(","):
        found = _PERIOD.fullmatch(part.strip())
        if found is None:
            raise Refused(f"{where}: {part.strip()[:40]!r} is no part of a day, as 09:00-12:00 is")
        hour, minute, until_hour, until_minute = (int(group or 0) for group in found.groups())
        periods.append([f"{hour:02}:{minute:02}", f"{until_hour:02}:{until_minute:02}"])
    periods.sort()
    try:
        normal = schedule_to_json(schedule_from_json({"mon": periods}))["mon"]
    except ListError as error:
        raise Refused(f"{where}: {error}") from None
    for (_, before), (after, _) in pairwise(normal):
        if after < before:
            raise Refused(f"{where}: the hours overlap: one part ends at {before}, the next begins at {after}")
    return periods


def _items(where: str, node: Node) -> tuple[Node, ...]:
    if not isinstance(node, Row):
        raise Refused(f"{where}: write a list")
    return node.items


def _dates(where: str, node: Node) -> list[str]:
    found = _DATES.fullmatch(node.text.strip()) if isinstance(node, Text) else None
    if found is None:
        raise Refused(f"{where}: write a day as 2026-12-25, or days as 2026-12-24 to 2027-01-02")
    return [found[1], found[2] or found[1]]


def _special(node: Node) -> list[Any]:
    if not isinstance(node, Record) or set(node.values) != {"days", "hours"}:
        raise Refused('except: write {days: "2026-12-24 to 2026-12-31", hours: "10:00-16:00"} for each')
    return [*_dates("except", node.values["days"]), _periods("except", node.values["hours"])]


def _holidays(node: Node) -> dict[str, Any]:
    if isinstance(node, Text):
        return {"department": None, "hours": _periods("holidays", node)}
    if not isinstance(node, Record) or not set(node.values) <= {"department", "hours"}:
        raise Refused('holidays: write closed, or hours, or {department: "67", hours: closed}')
    named = node.values.get("department")
    department = named.text if isinstance(named, Text) else None
    if department is not None and department not in DEPARTMENTS:
        raise Refused(f"holidays: there is no department {department[:10]!r}")
    hours = node.values.get("hours")
    return {"department": department, "hours": [] if hours is None else _periods("holidays", hours)}
