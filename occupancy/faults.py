"""What is wrong with the sources of a space, as its fold shows it. Pure.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from typing import Final

from occupancy.hours import HOUR
from occupancy.space import SpaceFold
from occupancy.topology import Space

FAULTS: Final = ("swapped", "unbalanced", "absurd", "silent", "stuck", "disagreeing")
"""``swapped``: counters look the wrong way round. ``unbalanced``: they miss one direction far more than the other.
``absurd``: a counter reported more people than could have passed. ``silent``: a source that no longer speaks.
``stuck``: a desk that has been taken for longer than anybody stays. ``disagreeing``: sources contradict each other."""
_LONG: Final = 30 * HOUR
_UNBALANCED: Final = 0.2


def faults_of(space: Space, fold: SpaceFold, now: int) -> tuple[str, ...]:
    """The faults of the sources of ``space`` at ``now``, of ``FAULTS``."""
    found: list[str] = []
    if space.counters and fold.flow.at:
        if fold.flow.swapped:
            found.append("swapped")
        if max(fold.flow.shares_missed) > _UNBALANCED:
            found.append("unbalanced")
        if fold.flow.absurd and now - fold.flow.absurd < _LONG:
            found.append("absurd")
    if fold.silent:
        found.append("silent")
    if any(now - since > _LONG for since, _ in fold.seats.since.values()):
        found.append("stuck")
    return tuple(found)
