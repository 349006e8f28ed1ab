"""Applies the rule of free seats (``occupancy.free_seats``) to the places in memory. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.present.booked import Booked
from api.present.network import Place, Space
from api.present.occupancy import Occupancy
from api.present.opening import Opening
from occupancy.free_seats import Free, Room, free_for_work, free_in, seats_for_work


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSeats:
    """A space's free seats (None: unknown), and the end of its current booking (None: not booked)."""

    free: Free | None = None
    booked_until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seats:
    """The free seats of a place now."""

    opening: Opening
    seats: int | None
    """Seats to work at, taken or not; None: not described."""
    free: Free | None
    spaces: tuple[SpaceSeats, ...]
    """In the order of the spaces' occupancies, including the root."""
    changed: int | None
    """When bookings or hours last changed it; None: unknown."""
    due: int
    """When time alone will change it (microseconds)."""


def seats_of(
    place: Place,
    occupancies: Sequence[tuple[Space, Occupancy]],
    booked: Booked,
    opening: Opening,
    now: int,
) -> Seats:
    """Return the free seats of ``place`` at ``now``; ``occupancies``: the occupancy of its spaces."""
    here = booked.at(now)
    root = place.root
    whole = here[None] + here[root.id] if here and root is not None else 0
    rooms = [
        Room(
            seats=now_in.capacity,
            for_work=space.for_work,
            one_party=space.one_party,
            low=now_in.least,
            high=now_in.most,
            bookings=here[space.id] if here and space.parent is not None else 0,
        )
        for space, now_in in occupancies
    ]
    counted = [room for room, (space, _) in zip(rooms, occupancies, strict=True) if space.id in place.apart]
    people = next((one for space, one in occupancies if space.parent is None), Occupancy())
    opened, locked = opening.open, opening.locked
    passed, ahead = _around(booked, opening, now)
    return Seats(
        opening=opening,
        seats=seats_for_work(counted),
        free=free_for_work(counted, low=people.least, high=people.most, opened=opened, locked=locked, bookings=whole),
        spaces=tuple(
            SpaceSeats(
                free=free_in(room, opened=opened, locked=locked),
                booked_until=booked.until(space.id, now) if room.one_party and room.bookings else None,
            )
            for room, (space, _) in zip(rooms, occupancies, strict=True)
        ),
        changed=passed,
        due=ahead,
    )


def _around(booked: Booked, opening: Opening, now: int) -> tuple[int | None, int]:
    """Return when hours or bookings last changed the free seats (None: unknown), and when they next will."""
    if not booked:
        return opening.since, opening.due
    before, after = booked.around(now)
    passed = [moment for moment in (before, opening.since) if moment is not None]
    return max(passed, default=None), opening.due if after is None else min(after, opening.due)
