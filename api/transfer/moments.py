"""Converts a table's local days to instants and back, in the time zone of the line's place. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from api.transfer.known import Known
from api.transfer.lines import CLEAR, Moment

_DEFAULT: Final = "Europe/Paris"


def zone_of(known: Known, places: Iterable[int], home: int | None) -> ZoneInfo:
    """Return the zone of the first of ``places``, else of ``home``, else of metropolitan France."""
    first = next(iter(places), home)
    place = known.place_of.get(first) if first is not None else None
    return ZoneInfo(place.time_zone if place is not None else _DEFAULT)


def instant(given: Moment | str | None, was: datetime | None, zone: ZoneInfo, *, end: bool) -> datetime | None:
    """Return the new value of ``was`` by a cell: a day begins at local midnight; as an end it ends at the next one."""
    if given is None:
        return was
    if isinstance(given, str):
        assert given == CLEAR
        return None
    if isinstance(given, datetime):
        return (given if given.tzinfo is not None else given.replace(tzinfo=zone)).astimezone(UTC)
    day = given + timedelta(days=1) if end else given
    return datetime.combine(day, time(), zone).astimezone(UTC)


def written(at: datetime | None, zone: ZoneInfo, *, end: bool) -> str:
    """Return the text that ``instant`` reads back as ``at``: a day at a local midnight, else a time with its offset."""
    if at is None:
        return ""
    local = at.astimezone(zone)
    if local.time() != time():
        return local.isoformat()
    day: date = local.date()
    return (day - timedelta(days=1) if end else day).isoformat()
