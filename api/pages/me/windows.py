"""The window that a person types as a day and two hours, on the clock of a place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from booking.slots import Window

QUARTER: Final = timedelta(minutes=15)
_USUAL: Final = timedelta(hours=2)
_MORNING: Final = time(9)
_YEARS: Final = range(2000, 2101)
"""Others are no date that anybody means, and the first and last years overflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was typed, and the window that it means."""

    day: str
    starts: str
    ends: str
    window: Window | None
    """Aware, in UTC; None: it can't be read, or ends before it begins."""
    wrong: frozenset[str]
    """The names of the fields that are wrong: ``day``, ``from``, ``until``."""

    @property
    def minutes(self) -> int:
        """How long it lasts; 0 without a window."""
        return 0 if self.window is None else round((self.window[1] - self.window[0]) / timedelta(minutes=1))

    @property
    def query(self) -> dict[str, str]:
        """The fields, as a page's address has them."""
        return {"day": self.day, "from": self.starts, "until": self.ends}


def typed(fields: Mapping[str, str], zone: ZoneInfo, now: datetime) -> Typed:
    """Read the fields ``day``, ``from`` and ``until``; those that aren't there are filled in.

    Args:
        fields: of a form or an address.
        zone: of the place.
        now: aware.
    """
    usual = usual_window(zone, now)
    day, starts, ends = (fields.get(name, "").strip() for name in ("day", "from", "until"))
    day = day or f"{usual[0].astimezone(zone):%Y-%m-%d}"
    starts = starts or f"{usual[0].astimezone(zone):%H:%M}"
    ends = ends or _later(starts)
    on, begin, end = _date(day), _time(starts), _time(ends)
    wrong = {name for name, value in (("day", on), ("from", begin), ("until", end)) if value is None}
    window = None
    if on is not None and begin is not None and end is not None:
        last = on + timedelta(days=1) if end == time() else on  # until midnight
        first = datetime.combine(on, begin, zone).astimezone(UTC)
        until = datetime.combine(last, end, zone).astimezone(UTC)
        if until > first:
            window = first, until
        else:
            wrong.add("until")
    return Typed(day=day, starts=starts, ends=ends, window=window, wrong=frozenset(wrong))


def typed_of(window: Window, zone: ZoneInfo) -> Typed:
    """Return the fields of a window; ``wrong`` has ``until`` where it doesn't end on the day on which it begins."""
    first, last = (one.astimezone(zone) for one in window)
    until_midnight = last.time() == time() and last.date() == first.date() + timedelta(days=1)
    wrong = frozenset[str]() if until_midnight or last.date() == first.date() else frozenset({"until"})
    return Typed(day=f"{first:%Y-%m-%d}", starts=f"{first:%H:%M}", ends=f"{last:%H:%M}", window=window, wrong=wrong)


def usual_window(zone: ZoneInfo, now: datetime) -> Window:
    """Return the two hours from the next quarter on; tomorrow morning where they go past midnight."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    starts = epoch + -(-(now - epoch) // QUARTER) * QUARTER
    ends = starts + _USUAL
    today = now.astimezone(zone).date()
    if ends.astimezone(zone).date() != today:
        starts = datetime.combine(today + timedelta(days=1), _MORNING, zone).astimezone(UTC)
        ends = starts + _USUAL
    return starts, ends


def day_of(window: Window, zone: ZoneInfo) -> Window:
    """Return the local day on which a window begins."""
    on = window[0].astimezone(zone).date()
    first = datetime.combine(on, time(), zone).astimezone(UTC)
    return first, datetime.combine(on + timedelta(days=1), time(), zone).astimezone(UTC)


def _later(starts: str) -> str:
    begin = _time(starts)
    if begin is None:
        return ""
    at = datetime.combine(date(2000, 1, 1), begin) + _USUAL
    return f"{at:%H:%M}" if at.day == 1 else "00:00"


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year in _YEARS else None


def _time(text: str) -> time | None:
    try:
        found = time.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is not None else found.replace(second=0, microsecond=0)
