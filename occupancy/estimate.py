"""Estimates how many people are in a space: what its witnesses say of the one number, brought together. Pure.

The witnesses' distributions (``occupancy.witnesses``) are multiplied, each with a doubt of its own. ``present`` is the
median, ``low`` and ``high`` the 5 and 95 % quantiles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from occupancy.counts import Counts, agreed
from occupancy.rooms import LIKELY
from occupancy.space import Estimate, Evidence, SpaceFold
from occupancy.topology import Space
from occupancy.witnesses import Testimony, heard

SURE: Final = 0.01
"""``live``: so small is the chance that the number is wrong by more than ``tolerance``."""
WEAK: Final = frozenset({"air", "stations", "bookings"})
"""Kinds of witnesses that make no number live where no other speaks."""
DOUBT: Final = 0.003
"""The chance that a witness is wrong altogether."""


def tolerance(capacity: int | None) -> float:
    """How far a live number may be off: two people, or a tenth of the capacity."""
    return max(2.0, 0.1 * (capacity or 0))


def estimated(
    space: Space, counts: Counts | None, faults: Iterable[str] = (), word: bool | None = None, *, weak: bool = False
) -> Estimate:
    """The estimate that a distribution stands for; None: unknown. One that is made of ``weak`` evidence isn't live.

    ``word``: what presence sensors last made likely, somebody or nobody, None without any. Where it isn't sure, that
    stands and not the median, so that a number doesn't go to and fro (``rooms.LIKELY``).
    """
    if counts is None:
        return Estimate(present=None, low=None, high=None, quality="unknown", faults=tuple(faults))
    low, present, high = counts.quantiles(0.05, 0.5, 0.95)
    if word is not None and bool(present) != word and LIKELY[0] < 1 - counts.chance(0) < LIKELY[1]:
        present = int(word)
    wrong = counts.beyond(present, tolerance(space.capacity))
    quality = "live" if wrong <= SURE and not weak else "degraded"
    return Estimate(present=present, low=low, high=high, quality=quality, faults=tuple(faults))


def bounded(one: Estimate, above: Estimate, capacity: int | None) -> Estimate:
    """The estimate of a space, knowing that of what it lies in: nobody is in it who isn't there too.

    So each of its quantiles is at most that of what it lies in, whose doors say what its own sensors can't know. Where
    that moves one by more than ``tolerance`` and what it lies in isn't live, their evidence disagrees: the space isn't
    live either.
    """
    if one.present is None or one.low is None or one.high is None:
        return one
    if above.present is None or above.low is None or above.high is None:
        return one
    if one.present <= above.present and one.high <= above.high and one.low <= above.low:
        return one
    low, present, high = min(one.low, above.low), min(one.present, above.present), min(one.high, above.high)
    moved = max(one.low - low, one.present - present, one.high - high)
    one = replace(one, low=low, present=present, high=high)
    if above.quality == "live" or moved <= tolerance(capacity):
        return one
    return replace(one, quality="degraded", faults=tuple(dict.fromkeys((*one.faults, "disagreeing"))))


def together(found: Testimony) -> Counts | None:
    """What the witnesses say together; None where there is none."""
    return agreed([one.counts for one in found], DOUBT) if found else None


def weak(found: Testimony) -> bool:
    """Whether nothing but evidence that is weak by itself was found."""
    return all([one.kind in WEAK for one in found])  # noqa: C419


def weighted(found: Testimony, fold: SpaceFold) -> tuple[Evidence, ...]:
    """The evidence of what was reported of a space, the weightiest first."""
    variances = [one.counts.variance for one in found]
    total = sum(1.0 / (variance + 0.1) for variance in variances)
    ranked = [
        Evidence(
            kind=one.kind,
            at=heard(one, fold),
            mean=one.counts.mean,
            spread=variance**0.5,
            weight=1.0 / (variance + 0.1) / total,
            numbers=one.numbers,
        )
        for one, variance in zip(found, variances, strict=True)
    ]
    return tuple(sorted(ranked, key=lambda one: -one.weight))
