"""What passages, and silence, at the doors say of how many are in: the steps of a birth and death process. Pure.

Counted entries add, counted exits take away, each with the people that the counter missed beside them. Silence is
evidence: each person who was in would have been seen leaving.

A step that is evidence returns how likely it was beside what it leaves: that weighs the courses that a day can take
(``occupancy.paths``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, repeat
from math import exp
from operator import mul
from typing import Final

from occupancy.counts import Counts, added, exactly, mixed, moments, scaled, taken, thinned

_CROWD: Final = 12.0
"""People after closing of whom half leave with others. Assumed."""
_SPURIOUS: Final = 0.004
"""Chance that a counted passage was none."""
_SELDOM: Final = 0.02
_UNSEEN: Final = 0.02
"""Chance that who is counted leaving had come in unseen. Assumed."""


def on_their_own(people: float) -> float:
    """Of so many after closing, who leave on their own and not with others."""
    return people / (1.0 + people / _CROWD)


def arrived(counts: Counts, entered: int, missed: float, clumped: float) -> Counts:
    """``counts`` after ``entered`` were counted coming in; of those who come a share ``missed`` is not counted."""
    return added(counts, _missed(entered, entered * missed / (1 - missed), clumped))


def departed(
    counts: Counts, left: int, missed: float, clumped: float, power: float, *, closed: bool
) -> tuple[Counts, float]:
    """``counts`` after ``left`` were seen leaving, and how likely that was.

    At least so many were in, unless entries were missed. The more were in, the likelier (to this ``power``; after
    closing as in ``unnoticed``: of a crowd, fewer leave on their own); that does not say which course a day takes,
    since the rates of the hours were learned from the same counts.
    """
    counts = _leaning(counts, power * left, closed=closed)
    likely = 1.0
    first = left - counts.low
    if first > 0:
        kept = counts.chances[first:]
        chance = sum(kept)
        likely = chance + _UNSEEN
        # else somebody came in unseen, or nobody left: nearly nobody is in now
        counts = scaled(left, kept) or exactly(left) if chance > _UNSEEN else Counts(left, (0.7, 0.2, 0.1))
    return taken(counts, _missed(left, left * missed / (1 - missed), clumped)), likely


def unnoticed(counts: Counts, opened: float, closed: float) -> tuple[Counts, float]:
    """Weigh by what would have been noticed in open and in closed time, and wasn't; return how likely the latter was.

    After closing the few who stay leave each alone, but a crowd leaves together: its silence says less.
    """
    low = counts.low
    likely = 1.0
    if closed > 0.0:
        weights = [p * exp(-on_their_own(n) * closed) for n, p in enumerate(counts.chances, low)]
        likely = sum(weights)
        counts = scaled(low, weights) or counts
    if opened > 0.0 and counts.width > 1:
        fewer = _fewer(opened, -(-counts.width // 64) * 64)
        counts = scaled(counts.low, list(map(mul, counts.chances, fewer))) or counts
    return counts, likely


def unseen(counts: Counts, pieces: Sequence[tuple[float, float]]) -> Counts:
    """``counts`` after each stayed with a chance and so many came, in each of these pieces of time, and none was seen.

    Where more than one in fifty times somebody left, only the mean and the variance are followed.
    """
    mean, variance, gone = counts.mean, counts.variance, 0.0
    for stays, come in pieces:
        leave = mean * (1.0 - stays)
        gone += leave
        variance = variance * stays * stays + leave * stays + come + come * come
        mean += come - leave
    if gone >= _SELDOM:
        return moments(mean, variance)
    for stays, come in pieces:
        counts = added(thinned(counts, stays), moments(come, come + come * come))
    return counts


def slipped(counts: Counts, share: float) -> Counts:
    """``counts`` after each left unseen with this chance."""
    gone = counts.mean * share
    return taken(counts, moments(gone, gone))


@lru_cache(maxsize=1024)
def _missed(counted: int, mean: float, clumped: float) -> Counts:
    """How many passed where ``counted`` were: those missed beside them, and now and then one who was none."""
    beside = moments(mean, mean * clumped + 1e-9) if mean > 1e-4 else exactly(0)
    out = Counts(counted + beside.low, beside.chances)
    return mixed(out, Counts(max(0, out.low - 1), out.chances), min(0.2, _SPURIOUS * counted))


def _leaning(counts: Counts, power: float, *, closed: bool) -> Counts:
    """Weigh each number by how many leave on their own, to this power: the more are in, the likelier one leaves."""
    if counts.width == 1:
        return counts
    low, end = counts.low, counts.low + counts.width
    powers = _powers(min(power, 40.0), -(-end // 64) * 64, closed)[low:end]
    return scaled(low, list(map(mul, counts.chances, powers))) or counts


@lru_cache(maxsize=256)
def _fewer(leaving: float, end: int) -> tuple[float, ...]:
    """How likely it is that none of so many left, for each number below ``end``."""
    return tuple(accumulate(repeat(exp(-leaving), end - 1), mul, initial=1.0))


@lru_cache(maxsize=64)
def _powers(power: float, end: int, closed: bool) -> tuple[float, ...]:
    """How likely somebody leaves, for each number below ``end``; where nobody is in that is possible, too."""
    alone = [on_their_own(number) if closed else number for number in range(1, end)]
    return (1e-3, *[one**power for one in alone])


def agreeing(one: Counts, other: Counts) -> float:
    """How likely ``one`` makes what ``other`` says."""
    return sum(p * one.chance(n) for n, p in enumerate(other.chances, other.low))
