"""Busy times as intervals: joined, and compared with what is booked. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

Window = tuple[datetime, datetime]
"""Begin and end, aware; the end is not included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What makes the blocks of a calendar right."""

    add: Sequence[Window] = field(default=())
    remove: Sequence[str] = field(default=())
    """References of bookings."""
    taken: Sequence[Window] = field(default=())
    """Busy times, or parts of them, that other bookings have."""


def joined(windows: Iterable[Window]) -> list[Window]:
    """Return ``windows`` in order, with those that overlap or touch joined; empty ones are dropped."""
    found: list[Window] = []
    for begin, end in sorted(one for one in windows if one[0] < one[1]):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def without(windows: Iterable[Window], others: Iterable[Window]) -> list[Window]:
    """Return what of ``windows`` none of ``others`` covers."""
    cuts, left = joined(others), []
    for first, last in joined(windows):
        begin = first
        for start, stop in cuts:
            if stop <= begin or start >= last:
                continue
            if start > begin:
                left.append((begin, start))
            begin = max(begin, stop)
        if begin < last:
            left.append((begin, last))
    return left


def change_of(
    busy: Iterable[Window], blocks: dict[Window, str], others: Sequence[Window], *, now: datetime, until: datetime
) -> Change:
    """Compare what a calendar says with its blocks; only what isn't over by ``now`` and begins before ``until`` counts.

    ``blocks``: its bookings, by window, with their references; ``others``: when other bookings have the unit. What has
    begun keeps its begin, so that nothing is changed in the past.
    """
    wanted = joined((begin, end) for begin, end in busy if end > now and begin < until)
    free = without(wanted, others)
    kept = {window for window in free if window in blocks}
    return Change(
        add=[one for one in free if one not in kept],
        remove=[ref for window, ref in blocks.items() if window not in kept and window[1] > now],
        taken=without(wanted, free),
    )
