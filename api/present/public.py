"""What an answer without a key may say of a number of people: the one rule (docs/privacy.md). Pure.

Numbers up to a place's threshold are one band, zero included, so that nobody sees from outside whether the person who
usually works there is in. ``band_of`` is the rule. Whatever shows or sums numbers of people without a key passes it: a
number is made a band first and shown, summed or averaged after that, so that one person moves no sum either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

THRESHOLD: Final = 3
"""Of a place that has none of its own (``place.public_threshold``)."""
MOST: Final = 1_000
"""The largest threshold of a place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """From ``low`` to ``high`` people, both included; the same twice: exactly so many."""

    low: int
    high: int

    @property
    def exact(self) -> int | None:
        """The number; None: only the band may be known."""
        return self.low if self.low == self.high else None

    @property
    def middle(self) -> float:
        """The number that the band counts as in a sum or a mean."""
        return (self.low + self.high) / 2

    def as_json(self) -> dict[str, int] | None:
        """Return ``{"from": 0, "to": 3}``; None for a number that is shown."""
        return None if self.exact is not None else {"from": self.low, "to": self.high}


def band_of(number: int, *, threshold: int = THRESHOLD, capacity: int | None = None) -> Band:
    """Return what the public may know of ``number`` people in a space of this capacity and a place of this threshold.

    A mean, a sum or a quantile for the public is made of ``band_of(…).middle``, and never of the numbers themselves.
    """
    return Band(low=0, high=threshold) if number <= threshold else Band(low=number, high=number)
