"""A table's local days as instants, and back: by the zone of the place that a line is about. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from api.transfer.known import Known
from api.transfer.lines import CLEAR, Moment

_DEFAULT: Final = "Europe/Paris"


def zone_of(known: Known, places: Iterable[int], home: int | None) -> ZoneInfo:
    """The zone of the first of ``places``, else of ``home``, else that of metropolitan France."""
    first = next(iter(places), home)
    place = known.place_of.get(first) if first is not None else None
    return ZoneInfo(place.time_zone if place is not None else _DEFAULT)


def instant(given: Moment | str | None, was: datetime | None, zone: ZoneInfo, *, end: bool) -> datetime | None:
    """What a cell makes of ``was``: a day begins at its local midnight, and as an end it is the day's last instant."""
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
    """What ``instant`` reads back as ``at``: a day where it is a local midnight, else the instant with its offset."""
    if at is None:
        return ""
    local = at.astimezone(zone)
    if local.time() != time():
        return local.isoformat()
    day: date = local.date()
    return (day - timedelta(days=1) if end else day).isoformat()
