"""When seats of a place's spaces, and its rooms that aren't resources, are free for so long."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from access.schedules import zone_named
from api.bookings.check import Check, check
from api.bookings.free_slots import Bookable, bookable_times, quarters
from api.bookings.targets import Target
from api.http.references import place_named
from api.http.session import Session
from booking.limits import Held, most_at_once
from booking.slots import Slot, Window

# The spaces of a place with seats to work at, and the rooms that no resource stands for.
_SPACES: Final = """
SELECT s.id, s.code::text AS code, s.name, s.capacity, k.one_party FROM space s JOIN space_kind k ON k.kind = s.kind
WHERE s.place = %(place_id)s AND s.retired_at IS NULL AND (%(space)s::text IS NULL OR s.code::text = %(space)s)
  AND (k.one_party OR (coalesce(s.for_work, k.for_work) AND s.capacity > 0))
  AND NOT EXISTS (SELECT FROM resource r WHERE r.space = s.id AND r.kind = 'room' AND r.retired_at IS NULL)
ORDER BY k.one_party, s.name, s.code
"""
_HELD: Final = """
SELECT space, starts_at, ends_at FROM public_bookings_of(ARRAY[%(place_id)s::integer])
WHERE tstzrange(starts_at, ends_at) && tstzrange(%(starts)s, %(ends)s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSlots:
    """A space, and when it, or a seat of it, is free."""

    code: str
    name: str
    kind: str
    """``room`` or ``seat``."""
    slots: list[Slot]
    check: Check | None


async def space_slots(
    s: Session,
    place: str,
    space: str | None,
    span: Window,
    *,
    length: timedelta,
    seats: int,
    most: int,
    now: datetime,
    at: datetime | None = None,
) -> list[SpaceSlots]:
    """Return the first ``most`` slots within ``span`` of each space of a place, or of one; a room is free as a whole.

    ``at``: when a booking would begin of which is said whether it can be made.

    Raises:
        BadField: there is no such place.
        RuleRefused: it is not open at all.
    """
    place_id, zone_name = await place_named(s, place)
    zone = zone_named(zone_name)
    spaces = await s.rows(_SPACES, {"place_id": place_id, "space": space})
    held: dict[int, list[Held]] = defaultdict(list)
    wide = span if at is None else (min(span[0], at), max(span[1], at + length))
    for row in await s.rows(_HELD, {"place_id": place_id, "starts": wide[0], "ends": wide[1]}):
        held[row["space"]].append(_held(row["starts_at"], row["ends_at"]))
    opened: dict[str, tuple[Target, Bookable]] = {}
    for kind in sorted({_kind(one_party=row["one_party"]) for row in spaces}):
        target = _target(place, place_id, zone, kind)
        opened[kind] = target, await bookable_times(s, target, span, length=length, now=now)
    found = []
    for row in spaces:
        kind = _kind(one_party=row["one_party"])
        wanted, capacity = (1, 1) if kind == "room" else (seats, row["capacity"])
        slots: list[Slot] = []
        target, bookable = opened[kind]
        for starts, ends in quarters(bookable.times, length):
            free = capacity - most_at_once(held[row["id"]], starts, ends)
            if free >= wanted:
                slots.append(Slot(starts=starts, ends=ends, units=free))
                if len(slots) == most:
                    break
        checked = None
        if at is not None:
            left = max(0, capacity - most_at_once(held[row["id"]], at, at + length))
            checked = check(bookable, target, (at, at + length), left, now)
        found.append(SpaceSlots(code=row["code"], name=row["name"], kind=kind, slots=slots, check=checked))
    return found


def _kind(*, one_party: bool) -> str:
    return "room" if one_party else "seat"


def _target(place: str, place_id: int, zone: ZoneInfo, kind: str) -> Target:
    return Target(place=place, place_id=place_id, zone=zone, space_id=None, kind=kind)


def _held(starts: datetime, ends: datetime) -> Held:
    return Held(own=False, place=0, under=None, kind="seat", starts=starts, ends=ends)
