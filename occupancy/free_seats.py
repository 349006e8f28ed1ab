"""What a free seat is: a seat to work at that a person could take now.

The one rule. The API answers by it, and the page shows what the API says; Grafana's views (migration 0022) say the same
in SQL, and ``tests/free_seats.py`` holds both to one table of cases. Hours, numbers and bookings come in as values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """Seats: with a chance of 95 % at least ``low``, with one of 95 % at most ``high``."""

    low: int
    high: int


NONE_FREE = Free(low=0, high=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A space as it is now."""

    seats: int | None
    """How many people it holds; None: not known."""
    for_work: bool
    """Its seats are seats to work at: no meeting room's chair, no stool at a kitchen's bar."""
    one_party: bool
    """One party at a time has it: a person in it, or a booking of it, takes it whole."""
    low: int | None
    """People in it, the 5 % quantile; None: not known, or too old."""
    high: int | None
    """People in it, the 95 % quantile."""
    bookings: int = 0
    """Bookings of it that are in force; where it isn't for one party, each holds one seat."""


def free_in(room: Room, *, opened: bool | None, locked: bool) -> Free | None:
    """The free seats of one space, whatever they are for; None: it can't be said.

    ``opened``: whether the place is open, None: its hours aren't known; ``locked``: whether it is in lockdown.
    A holder of a booking may sit there already or may still come: ``low`` is what is left in both cases.
    """
    if locked or opened is False:
        return NONE_FREE
    if room.seats is None:
        return None
    if room.one_party and room.bookings:
        return NONE_FREE
    if room.low is None or room.high is None:
        return None
    if room.one_party:
        return Free(low=0 if room.high else room.seats, high=0 if room.low else room.seats)
    return Free(
        low=max(0, room.seats - room.high - room.bookings), high=max(0, room.seats - max(room.low, room.bookings))
    )


def seats_for_work(rooms: Sequence[Room]) -> int | None:
    """How many seats to work at the rooms of a place have together; None: none is described."""
    known = [room.seats for room in rooms if room.for_work and room.seats is not None]
    return sum(known) if known else None


def free_for_work(
    rooms: Sequence[Room], *, low: int | None, high: int | None, opened: bool | None, locked: bool, bookings: int = 0
) -> Free | None:
    """The free seats to work at of a whole place; None: it can't be said, or no such seat is described.

    A room without a number of its own may be full and may be empty. Where no such room has one, the number of the place
    stands in: everybody in it may sit in these rooms, as far as the other rooms don't hold them.

    Args:
        rooms: its spaces, each seat in one of them only.
        low: people in the place as a whole, the 5 % quantile; None: not known.
        high: people in it, the 95 % quantile.
        opened: whether it is open; None: its hours aren't known.
        locked: whether it is in lockdown.
        bookings: of the place itself that are in force: each holds one seat.
    """
    if locked or opened is False:
        return NONE_FREE
    seats = seats_for_work(rooms)
    if seats is None:
        return None
    work = [room for room in rooms if room.for_work and room.seats is not None]
    known = [free_in(room, opened=opened, locked=locked) for room in work]
    if any(known):
        least = sum(free.low for free in known if free is not None)
        most = sum(free.high if free is not None else room.seats or 0 for free, room in zip(known, work, strict=True))
    elif low is None or high is None:
        return None
    else:
        held = sum(room.bookings for room in work)
        elsewhere = sum(room.seats or 0 for room in rooms if not room.for_work)
        least = max(0, seats - high - held)
        most = max(0, seats - max(low - elsewhere, held))
    return Free(low=max(0, least - bookings), high=max(0, min(most, seats - bookings)))
