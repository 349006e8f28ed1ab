"""Checks that a time can be booked: the place is open throughout, the room is free, the space has a seat left."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow

from access.errors import ListError
from access.openings import next_turn
from access.schedules import Schedule
from api.bookings.refusing import refused
from api.bookings.targets import Target
from api.http.session import Session
from api.present.opening import opening_schedule
from booking.limits import Refusal
from booking.slots import Window

# A place's hours, and its closures around a time.
_HOURS: Final = """
SELECT p.status, p.opening_hours, p.department, ARRAY(
    SELECT jsonb_build_array(c.first, c.last) FROM public_closures() c
    WHERE (c.place = p.id OR c.place IS NULL)) AS closures
FROM place p WHERE p.id = %s
"""
# The bookings of a space for one party that overlap a time, earliest first.
_TAKEN: Final = """
SELECT b.ref, b.starts_at, b.ends_at FROM booking b
WHERE b.space = %(space_id)s AND b.one_party AND b.cancelled_at IS NULL AND b.ref IS DISTINCT FROM %(ref)s
  AND tstzrange(b.starts_at, b.ends_at) && tstzrange(%(starts)s, %(ends)s)
ORDER BY b.starts_at LIMIT 1
"""
# Seats of a space (NULL: of the place) are given one after the other.
_QUEUE: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%(seats)s, 0))"
_SEATS: Final = """
SELECT s.capacity, seats_booked(%(place_id)s, %(space_id)s, %(starts)s, %(ends)s, %(ref)s) AS booked
FROM space s WHERE s.place = %(place_id)s
  AND CASE WHEN %(space_id)s::integer IS NULL THEN s.parent IS NULL ELSE s.id = %(space_id)s END
"""


async def opening_of(s: Session, target: Target) -> Schedule | None:
    """Return when the place is open; None: its hours aren't known, which refuses nothing.

    Raises:
        RuleRefused: it is a building, in preparation, or closed for good.
    """
    place = await s.row_once(_HOURS, (target.place_id,))
    assert place is not None
    return await opening_from(s, target, place)


async def opening_from(s: Session, target: Target, place: DictRow) -> Schedule | None:
    """Return the same from a row with the place's status, hours, department and closures."""
    if place["status"] != "open":
        said = {"building": "no more than a building yet", "preparation": "in preparation"}.get(
            place["status"], "closed for good"
        )
        why = f"the place is {said}; book another, or set its status to open"
        raise await refused(s, target.place_id, Refusal(rule="place_status", field="place", why=why))
    try:
        days = [(date.fromisoformat(first), date.fromisoformat(last)) for first, last in place["closures"]]
        return opening_schedule(place["opening_hours"], place["department"], days)
    except ListError:
        return None


def refused_by_hours(schedule: Schedule | None, target: Target, window: Window) -> Refusal | None:
    """Refuse a time at which the place is closed for a part of it; an event says itself when it is."""
    closed = None if schedule is None or target.event else refusal(schedule, *window, target.zone)
    return None if closed is None else Refusal(rule="opening_hours", field=closed[0], why=closed[1])


async def check_seats(s: Session, target: Target, starts: datetime, ends: datetime, ref: str | None) -> None:
    """Refuse a room that is taken, or a seat of a space that is full; ``ref``: a booking that is changed.

    The database itself refuses overlapping bookings of a room; this check says which booking has it.

    Raises:
        RuleRefused: it is.
    """
    values = {"place_id": target.place_id, "space_id": target.space_id, "starts": starts, "ends": ends, "ref": ref}
    if target.kind == "room":
        taken = await s.row(_TAKEN, values)
        if taken is not None:
            why = (
                f"the room is already booked, from {local(taken['starts_at'], target.zone)} until"
                f" {local(taken['ends_at'], target.zone)} (booking {taken['ref']}); choose another time or another room"
            )
            raise await refused(s, target.place_id, Refusal(rule="taken", field="from", why=why))
        return
    await s.run(_QUEUE, {"seats": f"seats {target.place_id} {target.space_id}"})
    seats = await s.row(_SEATS, values)
    if seats is not None and seats["capacity"] is not None and seats["booked"] >= seats["capacity"]:
        why = f"all {seats['capacity']} seats are booked for a part of this time; choose another time or another space"
        raise await refused(s, target.place_id, Refusal(rule="full", field="from", why=why))


def refusal(schedule: Schedule, starts: datetime, ends: datetime, zone: ZoneInfo) -> tuple[str, str] | None:
    """Return the wrong field and the reason if the place isn't open from ``starts`` until ``ends`` (aware)."""
    days = (ends - starts).days + 1
    closes = starts if not schedule.covers(starts, zone) else next_turn(schedule, starts, zone, days=days)
    if closes is None or closes >= ends:
        return None
    opens = next_turn(schedule, closes, zone)
    when = "it doesn't open again within three months" if opens is None else f"it opens at {local(opens, zone)}"
    if closes == starts:
        return "from", f"the place is closed at {local(starts, zone)}; {when}"
    return "until", f"the place closes at {local(closes, zone)}; {when}"


def local(at: datetime, zone: ZoneInfo) -> str:
    """Write a time on the clock of a place."""
    return f"{at.astimezone(zone):%H:%M on %A %Y-%m-%d} ({zone.key})"
