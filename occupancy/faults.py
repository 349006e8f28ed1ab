"""What is wrong with the sources of a space, as its fold shows it. Pure.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import sqrt
from typing import Final

from occupancy.counts import Counts
from occupancy.estimate import tolerance
from occupancy.hours import CLOSED, HOUR, Calendar
from occupancy.quiet import dead, frozen
from occupancy.space import SpaceFold
from occupancy.topology import Space
from occupancy.witnesses import Testimony, believable

FAULTS: Final = ("swapped", "unbalanced", "absurd", "silent", "frozen", "stuck", "disagreeing", "closed")
"""``swapped``: counters look the wrong way round. ``unbalanced``: they miss one direction far more than the other.
``absurd``: a counter reported more people than could have passed. ``silent``: a source that no longer speaks.
``frozen``: a counter reports nobody though people pass, or a CO2 sensor repeats a reading that can't stay the same.
``stuck``: a desk that has been taken for longer than anybody stays. ``disagreeing``: sources contradict each other.
``closed``: people are in though the place is closed; they count all the same."""
_LONG: Final = 30 * HOUR
_UNBALANCED: Final = 0.2
_LIKELY: Final = 0.5
"""A counter that is so likely dead or frozen is said to be so."""


_APART: Final = 3.0
"""Standard deviations by which two sources that agree seldom differ."""


def faults_of(
    space: Space,
    fold: SpaceFold,
    now: int,
    *,
    found: Testimony,
    counts: Counts | None,
    silent: Mapping[int, int],
    calendar: Calendar,
) -> tuple[str, ...]:
    """The faults of the sources of ``space`` at ``now``, of ``FAULTS``.

    Args:
        space: the space.
        fold: what was reported of it.
        now: the instant.
        found: what each of its sources says.
        counts: what they say together.
        silent: devices that are not believed, and from when on.
        calendar: of its place.
    """
    faults: list[str] = []
    if space.counters and fold.flow.at:
        if fold.flow.swapped:
            faults.append("swapped")
        if max(fold.flow.misses.shares()) > _UNBALANCED:
            faults.append("unbalanced")
    heads = [fold.counts[one][0] for one in space.counters if one in fold.counts] if fold.counts else []
    if (fold.flow.absurd and now - fold.flow.absurd < _LONG) or (
        heads and any(one is not None and not believable(one, space.capacity) for one in heads)
    ):
        faults.append("absurd")
    doors = [one for one in fold.flow.doors if one in space.counters] if fold.flow.doors else []
    if (silent and any(one in space.lasts for one in silent)) or (
        doors and any([dead(fold.flow, one, calendar, now) > _LIKELY for one in doors])  # noqa: C419
    ):
        faults.append("silent")
    if (doors and any([frozen(fold.flow, one, len(fold.seats.since)) > _LIKELY for one in doors])) or (  # noqa: C419
        fold.air and any(sensor.stuck and one in space.air for one, sensor in fold.air.items())
    ):
        faults.append("frozen")
    if any([one in space.desks for one in fold.seats.stuck(now - _LONG)]):  # noqa: C419
        faults.append("stuck")
    if len(found) > 1 and _disagree(found, tolerance(space.capacity)):
        faults.append("disagreeing")
    if counts is not None and calendar.known and calendar.piece(now)[2] > CLOSED and counts.quantiles(0.05)[0]:
        faults.append("closed")
    return tuple(faults)


def _disagree(found: Testimony, tolerated: float) -> bool:
    """Whether two sources say what cannot both be true."""
    means = [one.counts.mean for one in found]
    if max(means) - min(means) <= tolerated:
        return False
    for (mean, one), (other, two) in combinations(zip(means, found, strict=True), 2):
        apart = abs(mean - other)
        if apart > tolerated and apart > _APART * sqrt(one.counts.variance + two.counts.variance):
            return True
    return False
