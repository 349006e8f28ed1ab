"""What seats a place will have at an arrival or over a window: by its hours, bookings and forecast. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from api.present.booked import Booked
from api.present.network import Place, Space
from api.present.opening import Opening, opening_of
from api.present.wanted import Wanted, Why
from occupancy.forecast import chance
from occupancy.free_seats import NONE_FREE, Free
from occupancy.public import Rule

LIKELY: Final = 0.5
"""From this chance on seats are offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What seats a place will have: in ``space`` (None: in several), and the chance that there are enough.

    ``chance`` None: not known. ``free``: None: not known, or not for everybody. ``why``: None if they are offered.
    """

    space: Space | None
    chance: float | None
    free: Free | None
    opening: Opening
    capacity: int | None
    unbooked: int | None
    """Seats that nobody has booked at any instant of the window."""
    why: Why | None


Curves = Mapping[int, tuple[float, ...]]
"""The quantiles (``occupancy.forecast.KEPT``) of the people in a space at the arrival, by space."""
NO_CURVES: Final[Curves] = {}


def ahead_of(place: Place, curves: Curves, booked: Booked, wanted: Wanted, rule: Rule | None) -> Ahead:
    """Return what ``place``, which isn't unfit, will offer.

    Args:
        place: the place.
        curves: of its spaces. Where people are in several spaces for work, their quantiles are added: these are full on
            the same days.
        booked: its bookings.
        wanted: how many seats must be free, with a kind in one space; and when.
        rule: of answers without a key, whose ``curves`` are of banded numbers; None: of the numbers.
    """
    opening = opening_of(place, wanted.start)
    shut = _shut(opening, wanted)
    if wanted.kind is not None:
        spaces = [space for space in place.spaces if space.kind == wanted.kind and space.capacity is not None]
        offers = [
            _in_one(space, curves.get(space.id), _held(booked, wanted, {space.id}), wanted, rule) for space in spaces
        ]
    else:
        whole = _at_work(place, curves, booked, wanted, rule)
        offers = [] if whole is None else [whole]
    best = max(offers, key=lambda one: (one.chance is not None, one.chance or 0.0, one.unbooked), default=None)
    if best is None:
        return Ahead(
            space=None, chance=None, free=None, opening=opening, capacity=None, unbooked=None,
            why=shut or Why(code="no_such_space"),
        )  # fmt: skip
    likely, free = (0.0, NONE_FREE) if shut else (best.chance, best.free)
    return Ahead(
        space=best.space,
        chance=likely,
        free=free,
        opening=opening,
        capacity=best.capacity,
        unbooked=0 if shut else best.unbooked,
        why=shut or _why(best, likely, wanted.seats),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    space: Space | None
    chance: float | None
    free: Free | None
    capacity: int
    unbooked: int


def _shut(opening: Opening, wanted: Wanted) -> Why | None:
    if opening.open is False:
        return Why(code="lockdown" if opening.locked else "closed")
    if opening.open and opening.changes is not None and opening.changes < wanted.end:
        return Why(code="closes_early")
    return None


def _why(offer: _Offer, likely: float | None, seats: int) -> Why | None:
    if seats > offer.capacity:
        return Why(code="too_small")
    if seats > offer.unbooked:
        return Why(code="booked")
    if likely is None:
        return Why(code="unknown")
    return None if likely >= LIKELY else Why(code="unlikely")


def _in_one(space: Space, curve: tuple[float, ...] | None, bookings: int, wanted: Wanted, rule: Rule | None) -> _Offer:
    capacity, seats = space.capacity or 0, wanted.seats
    if space.one_party and (bookings or seats > capacity):
        unbooked = 0 if bookings else capacity
        return _Offer(space=space, chance=0.0, free=NONE_FREE, capacity=capacity, unbooked=unbooked)
    unbooked = max(0, capacity - bookings)
    if space.one_party and curve is not None:  # free for the party if nobody is in it
        likely, free = None if rule else chance(curve, capacity, capacity), None
    else:
        likely, free = _seats(curve, capacity, bookings, seats, rule)
    return _Offer(space=space, chance=likely, free=free, capacity=capacity, unbooked=unbooked)


def _at_work(place: Place, curves: Curves, booked: Booked, wanted: Wanted, rule: Rule | None) -> _Offer | None:
    work, root = place.work, place.root
    if not work:
        return None
    capacity = place.work_capacity
    bookings = _held(booked, wanted, place.work_bookings)
    known = [curves[space.id] for space in work if space.id in curves]
    if len(known) == len(work) and (rule is None or len(known) == 1):
        curve: tuple[float, ...] | None = (
            known[0] if len(known) == 1 else tuple([sum(values) for values in zip(*known, strict=True)])
        )
    else:
        curve = curves.get(root.id) if root else None
    space = work[0] if len(work) == 1 else root
    likely, free = _seats(curve, capacity, bookings, wanted.seats, rule)
    unbooked = max(0, capacity - bookings)
    return _Offer(space=space, chance=likely, free=free, capacity=capacity, unbooked=unbooked)


def _held(booked: Booked, wanted: Wanted, spaces: Collection[int | None]) -> int:
    """Return the most seats of ``spaces`` that are booked at one instant of the window, or at the arrival."""
    return booked.most(wanted.start, wanted.last + 1, spaces) if booked else 0


def _seats(
    curve: tuple[float, ...] | None, capacity: int, bookings: int, seats: int, rule: Rule | None
) -> tuple[float | None, Free | None]:
    """Return the chance that enough seats are free, and how many are; for everybody only what bands tell."""
    wanted = seats + bookings
    if wanted > capacity:
        return 0.0, None if rule or curve is None else NONE_FREE
    if curve is None:
        return None, None
    if rule is None:
        low, high = (int(max(0.0, capacity - bookings - curve[end] + 0.5)) for end in (-1, 0))
        return chance(curve, capacity, wanted), Free(low=low, high=max(low, high))
    room = capacity - wanted
    band = rule.band(room, capacity)
    if band.exact is not None:
        return chance(curve, capacity, wanted), None
    if room > 0 and band.high is not None and band.high <= room:
        return chance(curve, band.high, 0), None
    if band.low > 0:  # fewer people than the lower band's most: that is all that may be said, and it is enough
        return chance(curve, band.low - 1, 0), None
    return None, None
