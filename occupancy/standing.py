"""How many people are where no sensor sees them, for each whom one sees: learned from head counts. Pure.

Some stand, walk, or sit in an armchair: one in twenty in an office, one in eight in a fab lab. The share is the mean of
a normal belief: a prior, and what each head count says beside the sensors (recursive least squares through the origin,
Ljung 1999, "System Identification", 11.2). Where nobody has counted, the doubt of the prior makes the number wider.
"""

from __future__ import annotations

from math import exp, sqrt
from typing import Final

from occupancy.counts import Counts, moments
from occupancy.hours import HOUR

Prior = tuple[float, float]
"""The share that is believed at first, and its standard deviation."""
_LEAST: Final = 3.0
"""Beside fewer people a head count says nothing of a share."""
_ALIKE: Final = 4.0
"""Hours after which a head count says something new. Assumed."""
_DIFFERS: Final = 0.03
"""How much the share of an hour differs from the usual one. Assumed."""
_MEMORY: Final = 45.0 * 24.0
"""Hours in which a third is left of what was learned."""
_FARTHEST: Final = 2.5
"""Standard deviations of an error beyond which a head count says no more: it may be a mistake."""
_MOST: Final = 0.5


class Standing:
    """The people beside those whom one kind of sensor sees in one space."""

    __slots__ = ("at", "sums")

    def __init__(self) -> None:
        self.at = 0
        """When people were last counted by hand."""
        self.sums = [0.0, 0.0]
        """Of the head counts: share times weight, and weight."""

    def believed(self, prior: Prior) -> tuple[float, float]:
        """The share, and its variance.

        The farther head counts are from the prior, by more than their own doubt, the less that counts: some places are
        quite other ones (a prior with the tails of Student's t).
        """
        total, known = self.sums
        far = max(0.0, (total / known - prior[0]) ** 2 - 1.0 / known) if known else 0.0
        before = 1.0 / (prior[1] ** 2 + far)
        weight = before + known
        return min(_MOST, max(0.0, (prior[0] * before + total) / weight)), 1.0 / weight

    def beside(self, seen: float, prior: Prior, few: float = 0.0) -> Counts:
        """How many are unseen where so many are seen, and ``few`` more."""
        share, variance = self.believed(prior)
        mean = share * seen + few
        return moments(mean, mean + variance * seen * seen)

    def learn(self, at: int, present: int, said: Counts, prior: Prior) -> None:
        """So many were counted by hand when the sensors, with those unseen as believed so far, made it ``said``."""
        share, doubt = self.believed(prior)
        seen = said.mean / (1.0 + share)
        if seen < _LEAST:
            return
        hours = (at - self.at) / HOUR if self.at else _MEMORY
        self.at = max(at, self.at)
        variance = max(0.25, said.variance - doubt * seen * seen) + (_DIFFERS * seen) ** 2
        far = _FARTHEST * sqrt(variance + doubt * seen * seen)
        error = min(far, max(-far, present - said.mean))
        fades = exp(-max(0.0, hours) / _MEMORY)
        weight = seen * seen / variance * (1.0 - exp(-max(0.0, hours) / _ALIKE))
        self.sums = [self.sums[0] * fades + (share + error / seen) * weight, self.sums[1] * fades + weight]

    def to_json(self) -> list[int | float]:
        """Return JSON values; see ``from_json``."""
        return [self.at, *self.sums]

    @classmethod
    def from_json(cls, value: list[float]) -> Standing:
        """Read what ``to_json`` made."""
        made = cls()
        at, total, weight = value
        made.at, made.sums = int(at), [total, weight]
        return made
