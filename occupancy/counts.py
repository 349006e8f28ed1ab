"""Distributions of a number of people, and what moves them. Pure.

A distribution is a window of chances: ``low`` is the smallest number with a chance worth keeping, ``chances[i]`` the
chance of ``low + i`` people; they add up to 1. What is less likely than ``LEAST`` at either end is cut off, so a large
place costs no more than its uncertainty.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import ceil, erf, floor, sqrt
from operator import mul, sub
from typing import Final

from occupancy.products import LEAST, WHOLE, between, gathered, likely, mixture, packed, repacked, trials, unpacked

_SURELY: Final = 0.9995
_HARDLY: Final = 0.0005
_FEW: Final = 24
"""Of more people it is approximated how many are there."""
_FLOATS: Final = tuple(map(float, range(1024)))
MOST: Final = 20_000
"""No number above it: a report that says more is absurd."""


class Counts:
    """How likely each number of people is. It is never changed.

    Most are only multiplied further, so what one was made of is kept as it is until its chances are asked for: the
    product of two packed ones, or weights that don't add up to 1. All are of one class, without ``__getattr__``: each
    look at an attribute of another, or through that, costs as much as a small call.
    """

    __slots__ = ("_chances", "_mean", "_mirrored", "_of", "_packed", "_total", "_variance", "low", "width")

    def __init__(
        self,
        low: int,
        chances: tuple[float, ...] | None,
        width: int = 0,
        of: int | Sequence[float] | None = None,
        total: float = 1.0,
    ) -> None:
        """``of``: instead of chances a product, or weights that add up to ``total``, and how many there are."""
        self.low = low
        self.width = width if chances is None else len(chances)
        """How many chances there are."""
        self._chances = chances
        self._of = of
        self._total = total
        self._mean: float | None = None
        self._variance: float | None = None
        self._packed: int | None = None
        self._mirrored: int | None = None

    def __eq__(self, other: object) -> bool:
        """Whether both say the same."""
        return isinstance(other, Counts) and self.low == other.low and self.chances == other.chances

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """The numbers and their chances."""
        return f"Counts({self.low}, {self.chances})"

    @property
    def chances(self) -> tuple[float, ...]:
        """The chance of ``low`` people, and of each number above it."""
        made = self._chances
        if made is None:
            if isinstance(self._of, int):
                raw = unpacked(self._of, self.width)
                share = 1.0 / (sum(raw) - self.width * WHOLE)
                made = tuple([(one - WHOLE) * share for one in raw])
            else:
                share = 1.0 / self._total
                made = tuple([one * share for one in self._of or ()])
            self._chances = made
        return made

    @property
    def plain(self) -> Counts:
        """The same as if it was read from what is stored: a product is packed to a digit more than its chances."""
        return Counts(self.low, self.chances) if isinstance(self._of, int) else self

    def shifted(self, number: int) -> Counts:
        """So many more."""
        return Counts(self.low + number, self._chances, self.width, self._of, self._total)

    @property
    def mean(self) -> float:
        """The expected number."""
        mean = self._mean
        if mean is None:
            mean = self._mean = self.low + sum(map(mul, _numbers(self.width), self.chances))
        return mean

    @property
    def variance(self) -> float:
        """Its variance."""
        variance = self._variance
        if variance is None:
            numbers = _numbers(self.width)
            weighed = list(map(mul, self.chances, numbers))
            mean = sum(weighed)
            square = sum(map(mul, weighed, numbers))
            variance = self._variance = max(0.0, square - mean * mean)
        return variance

    @property
    def packed(self) -> int:
        """The chances as one long integer (``occupancy.products``)."""
        one = self._packed
        if one is None:
            of = self._of
            if isinstance(of, int):
                one = repacked(of, self.width)
            else:
                one = packed(self.chances if of is None else of, self._total)
            self._packed = one
        return one

    @property
    def mirrored(self) -> int:
        """The same in the opposite order."""
        one = self._mirrored
        if one is None:
            of = self.chances if self._of is None or isinstance(self._of, int) else self._of
            one = self._mirrored = packed(of[::-1], self._total)
        return one

    @property
    def high(self) -> int:
        """The largest number with a chance worth keeping."""
        return self.low + self.width - 1

    def chance(self, number: int) -> float:
        """The chance of exactly ``number``."""
        index = number - self.low
        return self.chances[index] if 0 <= index < self.width else 0.0

    def quantiles(self, *shares: float) -> tuple[int, ...]:
        """The smallest numbers that are not exceeded with at least these chances, which rise."""
        reached = list(accumulate(self.chances))
        last = len(reached) - 1
        return tuple([self.low + min(bisect_left(reached, share - 1e-9), last) for share in shares])

    def beyond(self, centre: int, distance: float) -> float:
        """The chance of a number further than ``distance`` from ``centre``."""
        first = max(0, ceil(centre - distance) - self.low)
        end = max(first, floor(centre + distance) - self.low + 1)
        chances = self.chances
        return sum(chances[:first]) + sum(chances[end:])


def _numbers(width: int) -> Sequence[float]:
    """The numbers from 0 to before ``width``, and maybe more."""
    return _FLOATS if width <= len(_FLOATS) else range(width)


def exactly(number: int) -> Counts:
    """A number that is known."""
    return Counts(max(0, number), (1.0,))


def scaled(low: int, weights: Sequence[float]) -> Counts | None:
    """Cut off what is unlikely, below zero or absurd, and let the rest add up to 1; None: nothing is left."""
    if low < 0 or low + len(weights) > MOST:
        weights = weights[max(0, -low) : max(0, MOST - low)]
        low = max(0, low)
    total = sum(weights)
    if not total > 0.0:
        return None
    least = total * LEAST
    if weights[0] < least or weights[-1] < least:
        first, last = 0, len(weights) - 1
        while weights[first] < least:
            first += 1
        while weights[last] < least:
            last -= 1
        weights = weights[first : last + 1]
        low += first
        total = sum(weights)
    return Counts(low, None, len(weights), weights, total)


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
    end = min(most, int(mean + 6.0 * sqrt(variance)) + 3) + 1
    weights = list(accumulate([a + b / k for k in range(1, end)], mul, initial=1.0))
    return scaled(0, weights) or exactly(round(mean))


def normal(mean: float, variance: float, most: int = MOST) -> Counts:
    """A normal distribution, rounded to whole numbers, what is below zero cut off."""
    wide = sqrt(2 * max(variance, 0.01))
    low = max(0, int(mean - 4 * wide))
    high = max(low, min(most, int(mean + 4 * wide) + 1))
    below = (low - 0.5 - mean) / wide
    share = 1.0 / wide
    edges = [erf(below + n * share) for n in range(high + 2 - low)]
    weights = list(map(sub, edges[1:], edges))
    return scaled(low, weights) or exactly(min(most, max(0, round(mean))))


def persons(chances: Sequence[float], others: float = 0.0) -> Counts:
    """How many of several people are there, each with a chance of his own: the Poisson binomial distribution.

    Beside them ``others`` unknown ones are expected (a Poisson distribution). Where there are many people it is
    approximated (``_about``). The order in which they are given doesn't matter, to the last digit: a stored state may
    be read back in another one.
    """
    rising = sorted(chances)
    middle = bisect_right(rising, 0.5)
    unlikely = rising[bisect_left(rising, _HARDLY) : middle]
    likely = [1.0 - chance for chance in rising[middle : bisect_right(rising, _SURELY)]]
    sure = len(rising) - middle
    if len(likely) + len(unlikely) > _FEW:
        absent, beside = _about(likely), _about(unlikely, others)
        return taken(beside.shifted(sure), absent)
    low, several = sure - len(likely), [*unlikely, *[1.0 - chance for chance in likely]]
    if not several:
        return moments(others, others) if not sure else moments(others, others).shifted(sure)
    beside = moments(others, others)
    return unfolded(low + beside.low, trials(several) * beside.packed, len(several) + beside.width)


def _about(chances: Sequence[float], others: float = 0.0) -> Counts:
    """How many of many people are there, and of others: the binomial distribution with the same mean and variance.

    Ehm (1991), "Binomial approximation to the Poisson binomial distribution": the nearer the smaller and the more alike
    the chances are, here at most a half each. The number of trials need not be whole. Of 24 people and more none of the
    chances is off by more than about a hundredth.
    """
    mean = sum(chances) + others
    if not chances:
        return moments(mean, mean)
    share = sum(map(mul, chances, chances)) / mean
    odds = share / (1.0 - share)
    of, mode = (mean / share + 1.0) * odds, int(mean)
    far = int(6.5 * sqrt(mean * (1.0 - share))) + 8  # what is further is unlikely enough to be cut off
    end, low = min(mode + far, ceil(of / odds) - 1), max(0, mode - far)  # no more than all
    rising = accumulate([of / k - odds for k in range(mode + 1, end + 1)], mul, initial=1.0)
    falling = list(accumulate([k / (of - k * odds) for k in range(mode, low, -1)], mul))
    return scaled(low, [*falling[::-1], *rising]) or exactly(mode)


def added(one: Counts, other: Counts) -> Counts:
    """The sum of two independent numbers."""
    if one.width < other.width:
        one, other = other, one
    if other.width == 1:
        return one.shifted(other.low)
    return unfolded(one.low + other.low, one.packed * other.packed, one.width + other.width - 1)


def unfolded(low: int, product: int, width: int) -> Counts:
    """The distribution that a product of two packed ones stands for, beginning at ``low``; nobody is below zero."""
    if low < 0:
        cut = min(-low, width - 1)
        product, low, width = gathered(product, cut), max(0, low + cut), width - cut
    first, end = likely(product, width)
    if end - first == width:  # as for most
        return Counts(low, None, width, product)
    return Counts(low + first, None, end - first, between(product, first, end))


def blended(several: Sequence[Counts], weights: Sequence[float]) -> Counts:
    """The mixture of several distributions; the weights add up to 1."""
    low = min([one.low for one in several])
    width = max([one.low + one.width for one in several]) - low
    parts = [(weight, one.low - low, one.packed) for weight, one in zip(weights, several, strict=True)]
    return unfolded(low, mixture(parts), width)


def taken(one: Counts, other: Counts) -> Counts:
    """``one`` minus an independent ``other``; less than nobody is nobody."""
    low = one.low - other.low - other.width + 1
    if low >= 0 and one.width == 1:
        return Counts(low, other.chances[::-1])
    if low >= 0 and other.width == 1:
        return one.shifted(-other.low)
    return unfolded(low, one.packed * other.mirrored, one.width + other.width - 1)


def thinned(one: Counts, stays: float) -> Counts:
    """Each person stays with the same chance ``stays``, on his own."""
    if stays >= 1.0 or (one.low == 0 and one.width == 1):
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
    start, keeps = one.low - low, 1 - share
    out[start : start + len(one.chances)] = [p * keeps for p in one.chances]
    start = other.low - low
    end = start + len(other.chances)
    out[start:end] = [sofar + p * share for sofar, p in zip(out[start:end], other.chances)]  # noqa: B905
    return scaled(low, out) or one


def agreed(several: Sequence[Counts], doubt: float) -> Counts:
    """What several independent witnesses of one number say together.

    Each is wrong altogether with the chance ``doubt``, so that two who contradict each other leave both possible.
    """
    if len(several) == 1:
        return several[0]
    low = min([one.low for one in several])
    high = max([one.low + one.width for one in several])
    width = high - low
    right = width / doubt
    out: list[float] = []
    for one in several:  # beside a number that it makes impossible, each makes one likelier by so much
        start, end = one.low - low, one.low - low + one.width
        likelier = [1.0 + right * p for p in one.chances]
        if not out:
            out = [*[1.0] * start, *likelier, *[1.0] * (width - end)]
        elif one.width == width:
            out = list(map(mul, out, likelier))
        else:
            out[start:end] = map(mul, out[start:end], likelier)
    return scaled(low, out) or several[0]
