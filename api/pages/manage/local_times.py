"""Days and hours as a form of a place writes them, on that place's clock."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_HOUR: Final = re.compile(r"([01]?\d|2[0-4]):?([0-5]\d)(?::[0-5]\d)?")


def day_of(text: str | None) -> date | None:
    """Read ``2026-12-24``; None: it is no day, or one that no form of ours means."""
    try:
        day = date.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2199 else None


def minute_of(text: str | None) -> int | None:
    """Read ``09:30`` as minutes since midnight, ``24:00`` too; None: it is no time."""
    found = _HOUR.fullmatch((text or "").strip().replace("h", ":"))
    if found is None:
        return None
    minutes = int(found[1]) * 60 + int(found[2])
    return minutes if minutes <= 24 * 60 else None


def moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Return ``minute`` of a local day. Of a time that comes twice the first, of one that never comes what follows."""
    local = datetime.combine(day, time(), zone) + timedelta(minutes=minute)  # on the clock of the wall
    return local.astimezone(UTC).astimezone(zone)


def moment_of(text: str | None) -> datetime | None:
    """Read a time with its zone, as scripts send it; None: it is none."""
    try:
        at = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return at if at.tzinfo is not None and 2000 <= at.year <= 2199 else None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when a local day begins."""
    return moment(day, 0, zone)


def today_at(zone: ZoneInfo) -> date:
    """Return the day that it is there now."""
    return datetime.now(zone).date()
