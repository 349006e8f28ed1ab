"""Compares the free seats of a place with a request. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from api.present.booked import NOTHING, Booked
from api.present.network import Space
from api.present.occupancy import Occupancy
from api.present.opening import Opening
from api.present.view import View
from api.present.wanted import Why
from occupancy.free_seats import Free

State = Literal["free", "full", "unknown", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The free seats of one place. ``space``: where they are; ``free``: None if unknown."""

    state: State
    space: Space | None
    occupancy: Occupancy
    free: Free | None
    opening: Opening
    why: Why | None
    """None: it is offered."""


def offer_of(view: View, *, seats: int, kind: str | None, booked: Booked = NOTHING, now: int = 0) -> Offer | None:
    """Return what a place offers to a party of ``seats`` people; None: it has no such seats.

    With a ``kind``, one space of this kind must have all the seats; without, all seats to work at count. The
    best space is returned: a free one (`free.low`), else an unknown one, else a full one. ``booked``: the place's
    bookings at ``now``, which tell a booked place from one that is full of people.
    """
    candidates: list[tuple[Space | None, Occupancy, Free | None, int | None]]
    if kind is not None:
        candidates = [
            (space, occupancy, seat.free, occupancy.capacity)
            for (space, occupancy), seat in zip(view.occupancies, view.seats.spaces, strict=True)
            if space.kind == kind
        ]
    elif view.seats.seats is not None:
        candidates = [(view.place.root, view.root, view.seats.free, view.seats.seats)]
    else:
        candidates = []
    opening = view.seats.opening
    offers = []
    for space, occupancy, free, most in candidates:
        state = _state(free, most, seats, opening)
        why = None if state == "free" else _why(state, opening, most, seats, _held(view, space, kind, booked, now))
        offers.append(Offer(state=state, space=space, occupancy=occupancy, free=free, opening=opening, why=why))
    return min(offers, key=_preference, default=None)


def _held(view: View, space: Space | None, kind: str | None, booked: Booked, now: int) -> int:
    if not booked:
        return 0
    place = view.place
    spaces = {space.id} if kind is not None and space is not None else {None, *(one.id for one in place.spaces)}
    return booked.most(now, now + 1, spaces)


def _why(state: State, opening: Opening, most: int | None, seats: int, held: int) -> Why:
    if state == "closed":
        return Why(code="lockdown" if opening.locked else "closed")
    if most is not None and most < seats:
        return Why(code="too_small")
    if most is not None and most - held < seats:
        return Why(code="booked")
    return Why(code="unknown" if state == "unknown" else "full")


def _state(free: Free | None, most: int | None, seats: int, opening: Opening) -> State:
    if opening.open is False:
        return "closed"
    if free is not None:
        return "free" if free.low >= seats else "full"
    return "full" if most is not None and most < seats else "unknown"  # too few seats, whatever the occupancy


def _preference(offer: Offer) -> tuple[int, int, str]:
    order = {"free": 0, "unknown": 1, "full": 2, "closed": 3}
    return order[offer.state], -(offer.free.low if offer.free else 0), offer.space.code if offer.space else ""
