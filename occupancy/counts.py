"""Distributions of a number of people, and what moves them. Pure.

A distribution is a window of chances: ``low`` is the smallest number with a chance worth keeping, ``chances[i]`` the
chance of ``low + i`` people; they add up to 1. What is less likely than ``LEAST`` at either end is cut off, so a large
place costs no more than its uncertainty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import erf, sqrt
from typing import Final

LEAST: Final = 1e-7
_NOTHING: Final = 1e-12
_NARROWED: Final = 16
MOST: Final = 20_000
"""No number above it: a report that says more is absurd."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How likely each number of people is."""

    low: int
    chances: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The expected number."""
        return self.low + sum(i * p for i, p in enumerate(self.chances))

    @property
    def variance(self) -> float:
        """Its variance."""
        mean = self.mean - self.low
        return max(0.0, sum(i * i * p for i, p in enumerate(self.chances)) - mean * mean)

    def chance(self, number: int) -> float:
        """The chance of exactly ``number``."""
        index = number - self.low
        return self.chances[index] if 0 <= index < len(self.chances) else 0.0

    def quantiles(self, *shares: float) -> tuple[int, ...]:
        """The smallest numbers that are not exceeded with at least these chances, which rise."""
        found: list[int] = []
        total, index, last = 0.0, -1, len(self.chances) - 1
        for share in shares:
            while index < last and total < share - 1e-9:
                index += 1
                total += self.chances[index]
            found.append(self.low + max(index, 0))
        return tuple(found)

    def beyond(self, centre: int, distance: float) -> float:
        """The chance of a number further than ``distance`` from ``centre``."""
        low = self.low
        return sum(p for i, p in enumerate(self.chances) if abs(low + i - centre) > distance)


def exactly(number: int) -> Counts:
    """A number that is known."""
    return Counts(max(0, number), (1.0,))


def scaled(low: int, weights: Sequence[float]) -> Counts | None:
    """Cut off what is unlikely, below zero or absurd, and let the rest add up to 1; None: nothing is left."""
    first, end = max(0, -low), min(len(weights), MOST - low)
    if end <= first:
        return None
    total = sum(weights[first:end])
    if not total > 0.0:
        return None
    least = total * LEAST
    while weights[first] < least:
        first += 1
    while weights[end - 1] < least:
        end -= 1
    kept = weights[first:end]
    total = sum(kept)
    return Counts(low + first, tuple([one / total for one in kept]))


def moments(mean: float, variance: float, most: int = MOST) -> Counts:
    """The Poisson or negative binomial distribution with this mean and variance; a normal one where it varies less.

    Panjer (1981), "Recursive evaluation of a family of compound distributions": p(k) = p(k-1) (a + b / k).
    """
    if mean < 1e-6:
        return exactly(0)
    if mean > 60 or variance < 0.9 * mean:
        return normal(mean, variance, most)
    variance = max(variance, mean)
    a = 1.0 - mean / variance
    b = mean * (1.0 - a) - a
    weights = [1.0]
    value = 1.0
    for k in range(1, min(most, int(mean + 6.0 * sqrt(variance)) + 3) + 1):
        value *= a + b / k
        weights.append(value)
    return scaled(0, weights) or exactly(round(mean))


def normal(mean: float, variance: float, most: int = MOST) -> Counts:
    """A normal distribution, rounded to whole numbers, what is below zero cut off."""
    wide = sqrt(2 * max(variance, 0.01))
    low = max(0, int(mean - 4 * wide))
    high = max(low, min(most, int(mean + 4 * wide) + 1))
    edges = [erf((n - 0.5 - mean) / wide) for n in range(low, high + 2)]
    weights = [after - before for before, after in pairwise(edges)]
    return scaled(low, weights) or exactly(min(most, max(0, round(mean))))


def persons(chances: Iterable[float]) -> Counts:
    """How many of several people are there, each with a chance of his own: the Poisson binomial distribution."""
    sure = 0
    out = [1.0]
    for chance in chances:
        if chance > 0.9995:
            sure += 1
            continue
        if chance < 0.0005:
            continue
        absent = 1.0 - chance
        out = [p * absent + before * chance for p, before in zip([*out, 0.0], [0.0, *out], strict=True)]
        if len(out) % _NARROWED == 0:  # what will be cut off at the end is not carried along
            while out[0] < _NOTHING:
                del out[0]
                sure += 1
            while out[-1] < _NOTHING:
                out.pop()
    return scaled(sure, out) or exactly(sure)


def added(one: Counts, other: Counts) -> Counts:
    """The sum of two independent numbers."""
    if len(one.chances) < len(other.chances):
        one, other = other, one
    long, short = one.chances, other.chances
    if len(short) == 1:
        return Counts(one.low + other.low, long)
    return scaled(one.low + other.low, _convolved(long, short)) or one


def _convolved(one: Sequence[float], other: Sequence[float]) -> list[float]:
    width = len(one)
    out = [0.0] * (width + len(other) - 1)
    for start, q in enumerate(other):
        out[start : start + width] = [sofar + q * p for sofar, p in zip(out[start : start + width], one, strict=True)]
    return out


def taken(one: Counts, other: Counts) -> Counts:
    """``one`` minus an independent ``other``; less than nobody is nobody."""
    long, short = one.chances, other.chances
    size = len(short)
    out = _convolved(long, short[::-1])
    low = one.low - other.low - size + 1
    if low < 0:
        cut = min(-low, len(out) - 1)
        out[cut] += sum(out[:cut])
        out, low = out[cut:], low + cut
    return scaled(max(0, low), out) or exactly(0)


def thinned(one: Counts, stays: float) -> Counts:
    """Each person stays with the same chance ``stays``, on his own."""
    if stays >= 1.0 or (one.low == 0 and len(one.chances) == 1):
        return one
    mean, variance = one.mean, one.variance
    if mean * (1 - stays) < 0.02:  # seldom more than one leaves: the first terms say it all
        low, chances, leaves = one.low, one.chances, 1 - stays
        out = [0.0] * (len(chances) + 1)
        for i, p in enumerate(chances):
            goes = min(1.0, (low + i) * leaves)
            out[i + 1] += p * (1 - goes)
            out[i] += p * goes
        if low == 0:
            out[1] += out[0]
            return scaled(0, out[1:]) or one
        return scaled(low - 1, out) or one
    return moments(mean * stays, variance * stays * stays + mean * stays * (1 - stays))


def mixed(one: Counts, other: Counts, share: float) -> Counts:
    """With chance ``share`` the number is as ``other`` says, else as ``one``."""
    low = min(one.low, other.low)
    high = max(one.low + len(one.chances), other.low + len(other.chances))
    out = [0.0] * (high - low)
    for i, p in enumerate(one.chances, one.low - low):
        out[i] += p * (1 - share)
    for i, p in enumerate(other.chances, other.low - low):
        out[i] += p * share
    return scaled(low, out) or one


def agreed(several: Sequence[Counts], doubt: float) -> Counts:
    """What several independent witnesses of one number say together.

    Each is wrong altogether with the chance ``doubt``, so that two who contradict each other leave both possible.
    """
    if len(several) == 1:
        return several[0]
    low = min(one.low for one in several)
    high = max(one.low + len(one.chances) for one in several)
    floor = doubt / (high - low)
    out = [1.0] * (high - low)
    for one in several:
        start = one.low - low
        chances = one.chances
        end = start + len(chances)
        for i in range(high - low):
            out[i] *= floor + (chances[i - start] if start <= i < end else 0.0)
        top = max(out)
        out = [value / top for value in out]
    return scaled(low, out) or several[0]
