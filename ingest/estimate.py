"""How many people are in a space, from what each of its sources says: pure, and the one place to make better.

First form. Desk sensors and room sensors give a lower bound and say how much they can't tell; counters, or where there
are none badges, count who came in by the doors; what lies in a space counts for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ingest.space import UNKNOWN, Estimate, SpaceFold
from ingest.topology import Space

FORGOTTEN: Final = 14 * 3600 * 1_000_000
"""A member who badged in this long ago (microseconds) and never out forgot to badge out."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a group of sources says: at least ``low``, at most ``high``; whether any spoke, whether any is silent."""

    low: int
    high: int
    known: bool
    badly: bool


def estimate(space: Space, fold: SpaceFold, nested: Iterable[tuple[Space, Estimate]]) -> Estimate:
    """Estimate ``space`` from its fold and the estimates of those spaces in it that anything speaks of.

    Drops from ``fold.inside`` who forgot to badge out.
    """
    seated, room = _desks(space, fold), _room(space, fold)
    heads, doors_badly = _by_door(space, fold)
    known = seated.known or room.known or heads is not None
    badly = seated.badly or room.badly or doors_badly
    low, high = max(seated.low, room.low), max(seated.high, room.high)
    spread = 0
    for inside, inner in nested:
        badly = badly or inner.quality != "live"
        if inner.low is None or inner.high is None:
            spread += inside.capacity or 0  # not known to be empty, so never counted as free
            continue
        known = True
        low += inner.low
        # Who sits in a room that only knows "somebody" came in by the door, where the door counts.
        if heads is None or not inside.rooms:
            spread += inner.high - inner.low
    if not known:
        return UNKNOWN
    present = max(heads or 0, low)
    quality = "degraded" if badly else "live"
    return Estimate(present=present, low=low, high=max(high, low + spread, present), quality=quality)


def _desks(space: Space, fold: SpaceFold) -> _Seen:
    taken = uncertain = 0
    for device in space.desks:
        occupied = fold.desks.get(device, (None, 0))[0]
        if occupied is None or device in fold.silent:
            uncertain += 1
        elif occupied:
            taken += 1
    return _Seen(taken, taken + uncertain, known=uncertain < len(space.desks), badly=uncertain > 0)


def _room(space: Space, fold: SpaceFold) -> _Seen:
    said = [None if one in fold.silent else fold.rooms.get(one, (None, 0))[0] for one in space.rooms]
    somebody = any(said)
    high = max(space.capacity or 1, 1) if somebody else 0
    return _Seen(int(somebody), high, known=any(one is not None for one in said), badly=None in said)


def _by_door(space: Space, fold: SpaceFold) -> tuple[int | None, bool]:
    """How many are in by the counters or, without any, by the badges; None: they have not spoken. And who is silent."""
    if space.counters:
        said = [fold.counts[device][0] for device in space.counters if device in fold.counts]
        if not fold.net_at and not any(value is not None for value in said):
            return None, True
        return sum(value or 0 for value in said) + fold.net, None in said or bool(space.counters & fold.silent)
    if not space.badged or not fold.badges:
        return None, False
    for member in [member for member, at in fold.inside.items() if at < fold.at - FORGOTTEN]:
        del fold.inside[member]
    return len(fold.inside), False
