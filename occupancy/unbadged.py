"""How many people come in without a badge of their own, for each badge: learned from the place itself. Pure.

The share is the mean of a normal belief: a prior, and what other sources of the same space say. Each hour in which the
place is open, desks, counters or sensors that count heads say how many are in, badges say how many are known: the rest
came without a badge. It is held against ``exposure``, the number of those who would be in if one came with each badge
(recursive least squares through the origin, Ljung 1999, "System Identification", 11.2). Members who badge out and were
not seen coming in say it of those who have a card, where a reader stands on the way out (a Gamma-Poisson question).
Where none does and the door has a contact, more openings than badges say it, weakly.

A share that isn't known well makes the number of unknown people wider, not only other.
"""

from __future__ import annotations

from math import exp, sqrt
from typing import Any, Final

from occupancy.hours import HOUR
from occupancy.openings import Openings

WITH_CARD: Final = (1.0, 50.0)
"""Entries without a badge by people who have a card, for so many with: what is believed at first. Assumed."""
WITHOUT_CARD: Final = 0.01
"""Unknown people who have no card, for each badge, at first. Assumed."""
_DOUBT: Final = 0.03
"""The standard deviation of that. Assumed."""
_MOST: Final = 0.6
_ALIKE: Final = 4.0
"""Hours that say the same thing twice: people stay for so long."""
_SCALE: Final = 0.04
"""No other source is nearer than that to the number: counters miss people, bags lie on desks."""
_KEPT: Final = 0.998
"""What is left of what was learned one badge out later."""
_MEMORY: Final = 30.0 * 24.0
"""Hours in which a third is left of what other sources said."""
_FARTHEST: Final = 2.0
"""Standard deviations of an error beyond which a comparison says no more: one of the sources is wrong."""


class Unbadged:
    """What was learned of the unknown people of one space."""

    __slots__ = ("at", "exits", "exposure", "openings", "sums")

    def __init__(self) -> None:
        self.at = 0
        """When it was last compared."""
        self.openings = Openings()
        self.exits = [0.0, 0.0]
        """Members who badged out without having badged in, and who badged out and had."""
        self.exposure = 0.0
        """How many unknown people were expected to be in if one came with each badge."""
        self.sums = [0.0, 0.0]
        """Of the comparisons: share times weight, and weight."""

    @property
    def share(self) -> float:
        """Unknown people for each badge in."""
        prior, variance = self._prior()
        total, weight = prior / variance + self.sums[0], 1.0 / variance + self.sums[1]
        if (beyond := self.openings.beyond) is not None:
            total, weight = total + beyond[0] / beyond[1], weight + 1.0 / beyond[1]
        return min(_MOST, max(0.0, total / weight))

    @property
    def variance(self) -> float:
        """The variance of the belief in ``share``."""
        beyond = self.openings.beyond
        doors = 0.0 if beyond is None else 1.0 / beyond[1]
        return 1.0 / (1.0 / self._prior()[1] + self.sums[1] + doors)

    def _prior(self) -> tuple[float, float]:
        known = WITH_CARD[1] + self.exits[1]
        with_card = (WITH_CARD[0] + self.exits[0]) / known
        return with_card + WITHOUT_CARD, with_card / known + _DOUBT**2

    def left(self, *, known: bool) -> None:
        """A member badged out, of whom it was known or not that he had come in."""
        self.exits = [self.exits[0] * _KEPT + (not known), self.exits[1] * _KEPT + known]

    def compared(self, at: int, seen: tuple[float, float], badges: tuple[float, float], exposure: float) -> None:
        """Other sources say that so many people are in, badges that so many are: each a mean and its variance.

        The number by badges holds the unknown people as they are believed to be, its variance no doubt of the share.
        """
        hours = (at - self.at) / HOUR if self.at else 0.0
        self.at = max(self.at, at)
        fades = exp(-max(0.0, hours) / _MEMORY)
        if exposure < 0.5:
            return
        variance = seen[1] + badges[1] + (_SCALE * seen[0]) ** 2
        far = _FARTHEST * sqrt(variance + exposure * exposure * self.variance)
        error = min(far, max(-far, seen[0] - badges[0]))
        weight = exposure * exposure / (variance * _ALIKE)
        share = self.share + error / exposure
        self.sums = [self.sums[0] * fades + share * weight, self.sums[1] * fades + weight]

    def to_json(self) -> list[Any]:
        """Return JSON values; see ``from_json``."""
        return [self.at, self.exits, self.exposure, self.sums, self.openings.to_json()]

    @classmethod
    def from_json(cls, value: list[Any]) -> Unbadged:
        """Read what ``to_json`` made."""
        made = cls()
        made.at, exits, made.exposure, sums, openings = value
        made.openings = Openings.from_json(openings)
        made.exits, made.sums = list(exits), list(sums)
        return made
