"""Whether units of a resource are free at a time, and when that changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from booking.slots import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class NextFree:
    """How many units are free; ``changes``: until when one stays free, or from when on one is. None: not known."""

    free: int
    changes: datetime | None


def next_free(units: Iterable[Sequence[Window]], at: datetime) -> NextFree:
    """Return how many units are free at ``at``.

    Args:
        units: what is booked of each, in any order; bookings that are over don't matter.
        at: the time.
    """
    free, stays, comes = 0, list[datetime | None](), list[datetime]()
    for booked in units:
        until = at
        following: datetime | None = None
        for starts, ends in sorted(booked):
            if starts <= until < ends:
                until = ends
            elif starts > until:
                following = starts
                break
        if until == at:
            free += 1
            stays.append(following)
        else:
            comes.append(until)
    if free:
        known = [one for one in stays if one is not None]
        return NextFree(free=free, changes=max(known) if len(known) == len(stays) else None)
    return NextFree(free=0, changes=min(comes, default=None))
