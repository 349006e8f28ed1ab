"""Where a seat is really free now: capacity, occupancy and opening hours together. What isn't known is never free."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from access.errors import ListError
from access.schedules import Schedule, schedule_from_json, zone_named
from api.network import Place, Space, compact
from api.occupancy import Occupancy, View
from api.times import to_datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """Seats: surely ``low``, perhaps ``high``."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one place has of free seats. ``space`` is where they are; ``free`` None: it isn't known."""

    state: Literal["free", "full", "unknown", "closed"]
    space: Space | None
    occupancy: Occupancy
    free: Free | None
    open: bool | None
    """None: the hours aren't known."""


def free_seats(occupancy: Occupancy) -> Free | None:
    """Capacity minus the people: surely free is what is left with the most of them there; None: it can't be said."""
    if occupancy.capacity is None or occupancy.low is None or occupancy.high is None:
        return None
    return Free(low=max(0, occupancy.capacity - occupancy.high), high=max(0, occupancy.capacity - occupancy.low))


def is_open(place: Place, now: int) -> bool | None:
    """Whether ``place`` is open at ``now`` (microseconds) by hours, closures and lockdowns; None: it isn't known."""
    if place.locked or _closed(place, now):
        return False
    if place.opening_hours is None:
        return None
    schedule = _schedule(compact(place.opening_hours))
    if schedule is None:
        return None
    try:
        return schedule.covers(to_datetime(now), zone_named(place.time_zone))
    except ListError:
        return None


def _closed(place: Place, now: int) -> bool:
    if not place.closures:
        return False
    try:
        today = to_datetime(now).astimezone(zone_named(place.time_zone)).date()
    except ListError:
        return False
    return any(first <= today <= last for first, last in place.closures)


def offer_of(view: View, *, seats: int, kind: str | None, now: int) -> Offer | None:
    """What ``view``'s place offers to ``seats`` people together; None: it has no space of ``kind``.

    With a ``kind``, one space of it must have all the seats; without, the place as a whole. The best space is told: a
    surely free one, else one of which nothing is known, else the fullest answer there is.
    """
    wanted = kind or "place"
    candidates = [_judge(space, said, seats) for space, said in view.said if space.kind == wanted]
    if not candidates:
        return None
    best = min(candidates, key=_preference)
    opened = is_open(view.place, now)
    state = "closed" if opened is False else best.state
    return Offer(state=state, space=best.space, occupancy=best.occupancy, free=best.free, open=opened)


def _judge(space: Space, said: Occupancy, seats: int) -> Offer:
    free = free_seats(said)
    state: Literal["free", "full", "unknown"] = "unknown"
    if free is not None:
        state = "free" if free.low >= seats else "full"
    elif said.capacity is not None and said.capacity < seats:
        state = "full"  # however few people there are
    return Offer(state=state, space=space, occupancy=said, free=free, open=None)


def _preference(offer: Offer) -> tuple[int, int, str]:
    order = {"free": 0, "unknown": 1, "full": 2, "closed": 3}
    return order[offer.state], -(offer.free.low if offer.free else 0), offer.space.code if offer.space else ""


@lru_cache(maxsize=4096)
def _schedule(hours: bytes) -> Schedule | None:
    try:
        return schedule_from_json(json.loads(hours))
    except ListError:
        return None
