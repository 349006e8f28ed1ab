"""The days of a series: the part of RFC 5545's recurrence rules that bookings use, within a bounded span.

``FREQ`` (DAILY, WEEKLY, MONTHLY), ``INTERVAL``, ``BYDAY`` (in a month also ``2TU`` or ``-1FR``), ``BYMONTHDAY``,
``COUNT``, ``UNTIL``, ``WKST=MO``. Every day of the span is looked at once, so that no rule takes long, not even one
that never comes true.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

MOST: Final = 400
"""Occurrences of one series."""
SPAN: Final = timedelta(days=731)
"""From the first occurrence to the last."""
_DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_PART: Final = re.compile(r"([A-Z]+)=([A-Z0-9,+-]+)")
_BYDAY: Final = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T([0-9]{2})([0-9]{2})([0-9]{2})(Z?))?")
_KNOWN: Final = frozenset(("FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "COUNT", "UNTIL", "WKST"))


class RuleError(ValueError):
    """A recurrence rule can't be used; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A recurrence rule, as read."""

    freq: Literal["DAILY", "WEEKLY", "MONTHLY"]
    interval: int = 1
    days: tuple[tuple[int, int], ...] = ()
    """Which one of the month (0: every; -1: the last), and the weekday (Monday: 0)."""
    month_days: tuple[int, ...] = ()
    """1 to 31, or -31 to -1 from the end of the month."""
    count: int | None = None
    until: datetime | None = None
    """The last possible start: aware where the rule has ``Z``, else local; a day alone counts whole."""


def read_rule(text: str) -> Recurrence:
    """Read ``FREQ=WEEKLY;BYDAY=TU;COUNT=10``, with or without ``RRULE:`` before it.

    Raises:
        RuleError: it is no rule, has no end, or one that bookings don't know.
    """
    parts: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").split(";"):
        found = _PART.fullmatch(part)
        if found is None:
            raise RuleError(f"expected parts like FREQ=WEEKLY separated by ; and not {part[:40]!r}")
        name, value = found.groups()
        if name in parts:
            raise RuleError(f"{name} stands twice")
        if name not in _KNOWN:
            raise RuleError(f"{name} is not supported; use {', '.join(sorted(_KNOWN))}")
        parts[name] = value
    freq = parts.get("FREQ", "")
    if freq not in ("DAILY", "WEEKLY", "MONTHLY"):
        raise RuleError("FREQ must be DAILY, WEEKLY or MONTHLY")
    if parts.get("WKST", "MO") != "MO":
        raise RuleError("WKST must be MO: weeks begin on Monday")
    if ("COUNT" in parts) == ("UNTIL" in parts):
        raise RuleError(f"a series has an end: COUNT (at most {MOST}) or UNTIL, and not both")
    days = tuple(_day(one, freq) for one in parts["BYDAY"].split(",")) if "BYDAY" in parts else ()
    if "BYMONTHDAY" in parts and freq == "WEEKLY":
        raise RuleError("BYMONTHDAY needs FREQ=MONTHLY or DAILY")
    return Recurrence(
        freq=freq,  # type: ignore[arg-type]
        interval=_number("INTERVAL", parts.get("INTERVAL", "1"), 1, 1000),
        days=days,
        month_days=tuple(_month_day(one) for one in parts["BYMONTHDAY"].split(",")) if "BYMONTHDAY" in parts else (),
        count=_number("COUNT", parts["COUNT"], 1, MOST) if "COUNT" in parts else None,
        until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
    )


def starts_of(rule: Recurrence, first: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the local starts (naive), in order; ``first`` (naive) is the first possible one.

    Raises:
        RuleError: there are none, too many, or the last is too far from the first.
    """
    if rule.until is not None and _local(rule.until, zone) > first + SPAN:
        raise RuleError(f"UNTIL is too far: a series lasts at most {SPAN.days} days")
    found: list[datetime] = []
    for day in _days_of(rule, first.date()):
        start = datetime.combine(day, first.time())
        if rule.until is not None and start > _local(rule.until, zone):
            break
        found.append(start)
        if len(found) > MOST:
            raise RuleError(f"these are more than {MOST} occurrences; choose an earlier UNTIL")
        if len(found) == rule.count:
            break
    if not found:
        raise RuleError("it never comes true; check the days")
    if rule.count is not None and len(found) < rule.count:
        raise RuleError(f"only {len(found)} occurrences lie within {SPAN.days} days; choose a lower COUNT")
    return found


def windows_of(starts: list[datetime], minutes: int, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """Return each start's window in UTC, on the clocks of ``zone``.

    A series at 9:00 stays at 9:00 when the clocks change. A time that comes twice means the first, one that never comes
    the same moment after the change; where that leaves nothing of a window, it lasts its minutes.
    """
    found: list[tuple[datetime, datetime]] = []
    for start in starts:
        begin, end = ((at.replace(tzinfo=zone)).astimezone(UTC) for at in (start, start + timedelta(minutes=minutes)))
        found.append((begin, end if begin < end else begin + timedelta(minutes=minutes)))
    return found


def _days_of(rule: Recurrence, first: date) -> Iterator[date]:
    monday = first - timedelta(days=first.weekday())
    for ahead in range(SPAN.days + 1):
        day = first + timedelta(days=ahead)
        if rule.freq == "DAILY":
            turn = ahead
        elif rule.freq == "WEEKLY":
            turn = (day - monday).days // 7
        else:
            turn = (day.year - first.year) * 12 + day.month - first.month
        if turn % rule.interval == 0 and _matches(rule, day, first):
            yield day


def _matches(rule: Recurrence, day: date, first: date) -> bool:
    length = monthrange(day.year, day.month)[1]
    if rule.days and not any(
        day.weekday() == weekday and which in (0, (day.day + 6) // 7, -((length - day.day + 7) // 7))
        for which, weekday in rule.days
    ):
        return False
    if rule.month_days and day.day not in rule.month_days and day.day - length - 1 not in rule.month_days:
        return False
    if rule.days or rule.month_days or rule.freq == "DAILY":
        return True
    return day.weekday() == first.weekday() if rule.freq == "WEEKLY" else day.day == first.day


def _day(text: str, freq: str) -> tuple[int, int]:
    found = _BYDAY.fullmatch(text)
    if found is None:
        raise RuleError(f"BYDAY: expected days like TU, and not {text[:20]!r}")
    if found[1] and freq != "MONTHLY":
        raise RuleError("BYDAY: a number before the day needs FREQ=MONTHLY")
    return int(found[1] or 0), _DAYS.index(found[2])


def _month_day(text: str) -> int:
    return _number("BYMONTHDAY", text, -31, 31) or _number("BYMONTHDAY", text, 1, 31)


def _number(name: str, text: str, least: int, most: int) -> int:
    if re.fullmatch(r"[+-]?[0-9]{1,6}", text) is None or not least <= int(text) <= most:
        raise RuleError(f"{name}: expected a number from {least} to {most}, and not {text[:20]!r}")
    return int(text)


def _until(text: str) -> datetime:
    found = _UNTIL.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        year, month, day = (int(found[part]) for part in (1, 2, 3))
        if found[4] is None:
            return datetime.combine(date(year, month, day), time(23, 59, 59))
        hour, minute, second = (int(found[part]) for part in (4, 5, 6))
        at = datetime.combine(date(year, month, day), time(hour, minute, second))
    except ValueError:
        raise RuleError(f"UNTIL: expected 20261231 or 20261231T235959Z, and not {text[:30]!r}") from None
    return at.replace(tzinfo=UTC) if found[7] else at


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    return at if at.tzinfo is None else at.astimezone(zone).replace(tzinfo=None)
