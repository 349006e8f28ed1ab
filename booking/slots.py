"""Free slots: when something is free for so long within a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

Window = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A time at which at least one unit is free throughout."""

    starts: datetime
    ends: datetime
    units: int
    """How many are free throughout."""


def free_windows(opened: Iterable[Window], taken: Iterable[Window]) -> Iterator[Window]:
    """Give the parts of ``opened`` that no window of ``taken`` overlaps; both in order."""
    busy = list(taken)
    for begin, end in opened:
        at = begin
        for first, last in busy:
            if last <= at or first >= end:
                continue
            if first > at:
                yield at, first
            at = last
        if at < end:
            yield at, end


def units_free(taken: Iterable[Sequence[Window]], window: Window) -> int:
    """Return how many units are free throughout ``window``; ``taken``: of each unit, when it is taken."""
    return sum(all(last <= window[0] or first >= window[1] for first, last in one) for one in taken)


def slots_of(
    opened: Sequence[Window],
    taken: Sequence[Sequence[Window]],
    *,
    length: timedelta,
    step: timedelta,
    least: int,
    most: int,
) -> list[Slot]:
    """Return slots of ``length`` in order, at most ``most``.

    Args:
        opened: when the place is open, in order.
        taken: of each unit, when it is taken, in the order of the starts.
        length: of a slot.
        step: between the starts of two slots of one opening.
        least: how many units must be free.
        most: how many slots to return.
    """
    free = [list(free_windows(opened, one)) for one in taken]
    found: list[Slot] = []
    for begin, end in opened:
        at = begin
        while at + length <= end:
            units = sum(any(first <= at and at + length <= last for first, last in one) for one in free)
            if units >= least:
                found.append(Slot(starts=at, ends=at + length, units=units))
                if len(found) == most:
                    return found
            at += step
    return found
