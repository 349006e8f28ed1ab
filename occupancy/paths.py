"""The courses that a day at the doors can take: on some days more people slip past the counters than usual. Pure.

The ratio of the missed exits to the missed entries is known from the days before, but it isn't the same each day: a
crowd is missed on its way in, a door is held open in the afternoon. A day's ratio is the usual one times exp(s z), s
learned from the balances (``occupancy.misses``). Each path follows one z with a distribution of its
own, and is weighed by how likely it makes what is counted: who leaves must have been in.

A mixture of conditional filters: Chen and Liu (2000), "Mixture Kalman filters"; Murphy and Russell (2001),
"Rao-Blackwellised particle filtering for dynamic Bayesian networks", here on a fixed grid instead of random draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from occupancy.counts import Counts, blended
from occupancy.rows import numbers_of, text_of

NODES: Final = (-2.2, 0.0, 2.2)
"""The values of z that are followed. With their weights they have the second and fourth moment of Student's t of four
degrees of freedom on a grid up to three: a day with a crowd is farther from the usual than days differ otherwise."""
_USUAL: Final = (0.14, 0.72, 0.14)
_LEAST: Final = 1e-4
"""No path is less likely: the day may change its course."""


class Paths(NamedTuple):
    """How likely each number of people is, on each path; one path where the days differ too little to matter."""

    counts: tuple[Counts, ...]
    weights: tuple[float, ...]
    """How likely each path is; they add up to 1."""

    @classmethod
    def begin(cls, counts: Counts, *, several: bool) -> Paths:
        """A day begins with ``counts``; whether its course matters."""
        return cls((counts,) * len(NODES), _USUAL) if several else cls((counts,), (1.0,))

    @property
    def nodes(self) -> tuple[float, ...]:
        """The z of each path."""
        return NODES if len(self.counts) > 1 else (0.0,)

    @property
    def mean(self) -> float:
        """The expected number."""
        return sum(w * one.mean for w, one in zip(self.weights, self.counts, strict=True))

    def chance(self, number: int) -> float:
        """The chance of exactly ``number``."""
        return sum(w * one.chance(number) for w, one in zip(self.weights, self.counts, strict=True))

    @property
    def together(self) -> Counts:
        """How likely each number is, whatever the path."""
        if len(self.counts) == 1:
            return self.counts[0]
        return blended(self.counts, self.weights)

    @property
    def plain(self) -> Paths:
        """The same as if it was read from what is stored: what is made of it is then the same to the last digit."""
        return Paths(tuple([one.plain for one in self.counts]), self.weights)

    def each(self, move: Callable[[Counts], Counts]) -> Paths:
        """Each path after the same ``move``, which says nothing of which path it is."""
        return Paths(tuple(map(move, self.counts)), self.weights)

    def moved(self, move: Callable[[Counts, float], Counts]) -> Paths:
        """Each path after ``move``, given its counts and its z; nothing that says which path it is."""
        return Paths(tuple(map(move, self.counts, self.nodes)), self.weights)

    def weighed(self, move: Callable[[Counts, float], tuple[Counts, float]]) -> Paths:
        """Each path after ``move``, which also says how likely its evidence was on that path."""
        found = list(map(move, self.counts, self.nodes))
        if len(found) == 1:
            return Paths((found[0][0],), self.weights)
        weights = [w * likely for w, (_, likely) in zip(self.weights, found, strict=True)]
        total = sum(weights)
        if not total > 0.0:
            return Paths(tuple(counts for counts, _ in found), self.weights)
        weights = [max(w / total, _LEAST * usual) for w, usual in zip(weights, _USUAL, strict=True)]
        total = sum(weights)
        return Paths(tuple(counts for counts, _ in found), tuple([w / total for w in weights]))

    def to_json(self) -> list[Any]:
        """Return JSON values; see ``from_json``."""
        return [[weight, one.low, text_of(one.chances)] for weight, one in zip(self.weights, self.counts, strict=True)]

    @classmethod
    def from_json(cls, value: list[Any]) -> Paths:
        """Read what ``to_json`` made."""
        counts = tuple(Counts(low, tuple(numbers_of(some))) for _, low, some in value)
        return cls(counts, tuple(one[0] for one in value))
