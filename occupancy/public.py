"""What an answer without a key may say of numbers of people: the one rule (docs/privacy.md). Pure.

Numbers up to a place's threshold are one band, zero included, so that nobody sees from outside whether the person who
usually works there is in. In a larger space there are two bands, "seats left" and "nearly full", unless its place shows
numbers. ``Rule.band`` says which. Whatever shows or sums numbers of people without a key passes it: a number is made a
band first and shown, summed or averaged after that, so that one person moves no sum either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

THRESHOLD: Final = 3
"""Of a place that has none of its own (``place.public_threshold``)."""
NEARLY_FULL: Final = 0.9
"""Above this share of its capacity a space is nearly full. At 0.85 a guesser learns too much (benchmarks.privacy)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """From ``low`` to ``high`` people, both included; the same twice: exactly so many. ``high`` None: no limit."""

    low: int
    high: int | None

    @property
    def exact(self) -> int | None:
        """The number; None: only the band may be known."""
        return self.low if self.low == self.high else None

    @property
    def middle(self) -> float:
        """The number that the band counts as in a sum or a mean."""
        return self.low if self.high is None else (self.low + self.high) / 2

    def as_json(self) -> dict[str, int | None] | None:
        """Return ``{"from": 0, "to": 3}``; None for a number that is shown."""
        return None if self.exact is not None else {"from": self.low, "to": self.high}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A place's own settings of the rule."""

    threshold: int = THRESHOLD
    numbers: bool = False
    """Numbers above the threshold are shown as they are: whoever sees them for months can find out who comes."""

    def band(self, number: int, capacity: int | None) -> Band:
        """Return what the public may know of ``number`` people in a space of this capacity.

        A mean, a sum or a quantile for the public is made of the ``middle`` of bands, never of numbers.
        """
        return band_of(number, threshold=self.threshold, capacity=capacity, numbers=self.numbers)


def band_of(number: int, *, threshold: int = THRESHOLD, capacity: int | None = None, numbers: bool = False) -> Band:
    """Return what ``Rule.band`` does, of the settings one by one."""
    if number <= threshold and (numbers or capacity is None):
        return Band(low=0, high=threshold)
    if numbers:
        return Band(low=number, high=number)
    most = threshold if capacity is None else max(threshold, int(capacity * NEARLY_FULL))
    if number <= most:
        return Band(low=0, high=most)
    return Band(low=most + 1, high=capacity if capacity is not None and number <= capacity else None)
