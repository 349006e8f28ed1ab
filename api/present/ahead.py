"""Reads the forecasts of spaces, and says what seats a place will have at an arrival time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg_pool import AsyncConnectionPool

from api.http.public_rows import public_rows
from api.http.timestamps import to_datetime
from api.present.network import Place, Space
from api.present.opening import opening_of
from api.present.reach import Reach
from api.present.seats import BookedTime
from occupancy.forecast import chance
from occupancy.free_seats import Free
from occupancy.public import Rule

# The quantiles of one quarter hour of every space of some places, in tenths of people.
_AT: Final = """
SELECT f.space, f.capacity, f.quantiles[7 * q.n + 1 : 7 * q.n + 7] AS quantiles
FROM forecast f
CROSS JOIN LATERAL (SELECT floor(extract(epoch FROM %s::timestamptz - f.first) / 900)::integer AS n) q
WHERE f.place = ANY (%s) AND f.public = %s AND q.n >= 0 AND f.made_at > now() - interval '1 hour'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What seats a place will have: in ``space`` (None: in several), and the chance that there are enough.

    ``chance`` None: not known. ``free``: None: not known, or not for everybody.
    """

    space: Space | None
    chance: float | None
    free: Free | None
    open: bool | None
    changes: int | None
    capacity: int | None


def rule_of(place: Place, to: Reach) -> Rule | None:
    """Return the rule that an answer to a caller with this reach passes; None: the numbers may be shown."""
    return None if to.has(place) else place.public


Curves = Mapping[int, tuple[float, ...]]
"""The quantiles (``occupancy.forecast.KEPT``) by space."""


async def curves_at(pool: AsyncConnectionPool[Any], places: Sequence[int], at: int, *, public: bool) -> Curves:
    """Return what is forecast for the quarter hour that ``at`` (µs) lies in.

    Raises:
        Unavailable: the database is down or too busy.
    """
    rows = await public_rows(pool, _AT, (to_datetime(at), list(places), public))
    return {
        row["space"]: tuple(value / 10 for value in row["quantiles"])
        for row in rows
        if row["quantiles"] and None not in row["quantiles"]
    }


def ahead_of(
    place: Place,
    curves: Curves,
    booked: Sequence[BookedTime],
    at: int,
    *,
    seats: int,
    kind: str | None,
    rule: Rule | None,
) -> Ahead | None:
    """Return what ``place`` offers to a party of ``seats`` people at ``at``; None: it has no such seats.

    Args:
        place: the place.
        curves: of its spaces. Where people are in several spaces for work, their quantiles are added: these are full on
            the same days.
        booked: its bookings.
        at: the arrival, µs.
        seats: how many must be free, with ``kind`` in one space.
        kind: of the space; None: all seats to work at count.
        rule: of answers without a key, whose ``curves`` are of banded numbers; None: of the numbers.
    """
    opening = opening_of(place, at)
    here = [one.space for one in booked if one.starts <= at < one.ends]
    if kind is not None:
        spaces = [space for space in place.spaces if space.kind == kind and space.capacity is not None]
        offers = [_in_one(space, curves.get(space.id), here.count(space.id), seats, rule) for space in spaces]
    else:
        whole = _at_work(place, curves, here, seats, rule)
        offers = [] if whole is None else [whole]
    best = max(offers, key=lambda one: (one[1] is not None, one[1] or 0.0), default=None)
    if best is None:
        return None
    space, likely, free, capacity = best
    if opening.open is False:
        likely, free = 0.0, Free(low=0, high=0)
    return Ahead(
        space=space, chance=likely, free=free, open=opening.open, changes=opening.changes, capacity=capacity
    )  # fmt: skip


_Offer = tuple[Space | None, float | None, Free | None, int | None]


def _in_one(space: Space, curve: tuple[float, ...] | None, bookings: int, seats: int, rule: Rule | None) -> _Offer:
    capacity = space.capacity or 0
    if space.one_party and (bookings or seats > capacity):
        return space, 0.0, Free(low=0, high=0), capacity
    if curve is None:
        return space, None, None, capacity
    if space.one_party:  # free for the party if nobody is in it
        return space, None if rule else chance(curve, capacity, capacity), None, capacity
    return space, *_seats(curve, capacity, bookings, seats, rule), capacity


def _at_work(place: Place, curves: Curves, here: Sequence[int | None], seats: int, rule: Rule | None) -> _Offer | None:
    work = [space for space in place.spaces if space.id in place.apart and space.for_work and space.capacity]
    if not work:
        return None
    capacity = sum(space.capacity or 0 for space in work)
    root = place.root
    ids = {None, *(space.id for space in work)} | ({root.id} if root else set())
    bookings = sum(one in ids for one in here)
    known = [curves[space.id] for space in work if space.id in curves]
    if len(known) == len(work) and (rule is None or len(known) == 1):
        curve: tuple[float, ...] | None = tuple(sum(values) for values in zip(*known, strict=True))
    else:
        curve = curves.get(root.id) if root else None
    space = work[0] if len(work) == 1 else root
    if curve is None:
        return space, None, None, capacity
    return space, *_seats(curve, capacity, bookings, seats, rule), capacity


def _seats(
    curve: tuple[float, ...], capacity: int, bookings: int, seats: int, rule: Rule | None
) -> tuple[float | None, Free | None]:
    """Return the chance that enough seats are free, and how many are; for everybody only what bands tell."""
    wanted = seats + bookings
    if rule is None:
        low, high = (int(max(0.0, capacity - bookings - curve[end] + 0.5)) for end in (-1, 0))
        return chance(curve, capacity, wanted), Free(low=low, high=max(low, high))
    room = capacity - wanted
    if room < 0:
        return 0.0, None
    band = rule.band(room, capacity)
    if band.exact is not None:
        return chance(curve, capacity, wanted), None
    if room > 0 and band.high is not None and band.high <= room:
        return chance(curve, band.high, 0), None
    if band.low > 0:  # fewer people than the lower band's most: that is all that may be said, and it is enough
        return chance(curve, band.low - 1, 0), None
    return None, None
