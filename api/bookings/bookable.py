"""Checks that a time can be booked: the place is open throughout, and the room is free."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from access.errors import ListError
from access.openings import next_turn
from access.schedules import Schedule, zone_named
from api.bookings import bookings as rows
from api.http.errors import Conflict
from api.http.session import Session
from api.present.opening import opening_schedule


async def check_bookable(s: Session, values: Mapping[str, Any]) -> None:
    """Refuse a booking (``place_id``, ``space_id``, ``starts``, ``ends``; ``ref`` of one that is changed).

    The database itself refuses overlapping bookings of a room; this check says which booking has it.

    Raises:
        Conflict: the place is closed for a part of it, or another booking has the room.
    """
    place = await s.row(rows.HOURS, values)
    assert place is not None
    if place["status"] != "open":
        said = {"building": "no more than a building yet", "preparation": "in preparation"}.get(
            place["status"], "closed for good"
        )
        raise Conflict(f"the place is {said}; book another, or set its status to open", field="place")
    zone = zone_named(place["time_zone"])
    try:
        days = [(date.fromisoformat(first), date.fromisoformat(last)) for first, last in place["closures"]]
        schedule = opening_schedule(place["opening_hours"], place["department"], days)
    except ListError:
        pass  # invalid hours count as unknown and refuse nothing
    else:
        closed = refusal(schedule, values["starts"], values["ends"], zone)
        if closed is not None:
            field, why = closed
            raise Conflict(why, field=field)
    taken = await s.row(rows.TAKEN, {"ref": None, **values})
    if taken is not None:
        raise Conflict(
            f"the room is already booked, from {_local(taken['starts_at'], zone)} until"
            f" {_local(taken['ends_at'], zone)} (booking {taken['ref']}); choose another time or another room",
            field="from",
        )


def refusal(schedule: Schedule, starts: datetime, ends: datetime, zone: ZoneInfo) -> tuple[str, str] | None:
    """Return the wrong field and the reason if the place isn't open from ``starts`` until ``ends`` (aware)."""
    closes = starts if not schedule.covers(starts, zone) else next_turn(schedule, starts, zone)
    if closes is None or closes >= ends:
        return None
    opens = next_turn(schedule, closes, zone)
    when = "it doesn't open again within three months" if opens is None else f"it opens at {_local(opens, zone)}"
    if closes == starts:
        return "from", f"the place is closed at {_local(starts, zone)}; {when}"
    return "until", f"the place closes at {_local(closes, zone)}; {when}"


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M on %A %Y-%m-%d} ({zone.key})"
