"""What the balances of days show of how many pass uncounted, each way. Pure.

Between two moments when nobody was in, as many left as came. Only the ratio of what is missed in the two directions can
be known from it, a fortnight's: Sangogboye and Kjærgaard (2016), "PLCount". What is left over on a day has two causes.
Each person may be missed on his own, or two together: that varies with the root of the passages. And the ratio itself
is not the same each day: that varies with the passages. The variance of a day's error is v u + (s n)²: u expected
missed people, v at most 2 since people pass in twos, n passages each way.
"""

from __future__ import annotations

from math import exp, sqrt
from typing import Any, Final

MISSED: Final = 0.04
"""Share of passages that a counter misses, where nothing else is known. Assumed: makers claim 0.02 to 0.05."""
SURE: Final = 60.0
"""Passages in each direction that the belief in equal shares counts for."""
KEPT: Final = 0.93
"""What is left of a day's passages in the balance a day later: a fortnight's memory."""
_MOST: Final = 0.6
"""No larger share is missed."""
_CLUMPED: Final = (10.0, 10.0)
"""Squares of the error of a day's balance, and what they would be if each passage were missed on its own: what is
believed before any day was balanced."""
_TWOS: Final = 2.0
_DAYS_DIFFER: Final = 0.03
"""The standard deviation of the logarithm of a day's ratio, before any day was balanced. Assumed."""
_FIRST: Final = 2500.0
"""The square of the passages each way of one day, that this counts for."""
_CLIP: Final = 2.0
"""Standard deviations of a day's error, beyond which people came or left elsewhere: that is no share of what is missed.
Assumed."""
_FARTHEST: Final = 25.0
"""Squares of an error, over the expected missed people, above which a day says nothing more."""


class Misses:
    """What was learned from the balanced days of one space."""

    __slots__ = ("_known", "balance", "days", "squares")

    def __init__(self) -> None:
        self.balance = [0.0, 0.0]
        """Entries and exits, forgotten slowly."""
        self.squares = [0.0, 0.0, 0.0]
        """Sums over days: the squared error of the balance, the expected missed people, the squared passages."""
        self.days = 0.0
        self._known: dict[float, tuple[float, float]] = {}

    @property
    def varied(self) -> float:
        """How much more the number of missed people varies than if each were missed alone, with chance ``MISSED``."""
        return min(_TWOS, max(0.3, (_CLUMPED[0] + self.squares[0]) / (_CLUMPED[1] + self.squares[1])))

    @property
    def differing(self) -> float:
        """The standard deviation of the logarithm of a day's ratio (s)."""
        rest = max(0.0, self.squares[0] - _TWOS * self.squares[1])
        return sqrt((_DAYS_DIFFER**2 * _FIRST + rest) / (_FIRST + self.squares[2]))

    @property
    def matters(self) -> bool:
        """Whether the course of a usual day moves the number by a person."""
        usual = (_FIRST + self.squares[2]) / (1.0 + self.days)
        return self.differing * sqrt(usual) > 1.0

    def shares(self, z: float = 0.0) -> tuple[float, float]:
        """The shares of entries and of exits that are missed, on a day whose ratio is exp(s z) times the usual one."""
        known = self._known.get(z)
        if known is None:
            known = self._known[z] = self._shares(z)
        return known

    def _shares(self, z: float) -> tuple[float, float]:
        ratio = (self.balance[1] + SURE) / (self.balance[0] + SURE)
        if z:
            ratio *= exp(self.differing * z)
        missed = MISSED * min(1.0, self.varied)
        if ratio < 1.0:  # exits are missed more
            return missed, min(_MOST, 1 - (1 - missed) * ratio)
        return min(_MOST, 1 - (1 - missed) / ratio), missed

    def learn(self, came: float, went: float) -> None:
        """So many were counted between two moments when nobody was in.

        Who was in at the first moment counts as one who came, who is in at the second as one who left.
        """
        miss_in, miss_out = self.shares()
        error = came / (1 - miss_in) - went / (1 - miss_out)
        usual = came * miss_in + went * miss_out
        passages = (came + went) / 2
        most = _CLIP * sqrt(_TWOS * usual + (self.differing * passages) ** 2)
        if error < -most:
            went += (error + most) * (1 - miss_out)
        elif error > most:
            came -= (error - most) * (1 - miss_in)
        new = (min(error * error, _FARTHEST * usual), usual, passages * passages)
        self.squares = [old * KEPT + one for old, one in zip(self.squares, new, strict=True)]
        self.balance = [self.balance[0] * KEPT + came, self.balance[1] * KEPT + went]
        self.days = self.days * KEPT + 1.0
        self._known.clear()

    def to_json(self) -> list[Any]:
        """Return JSON values; see ``from_json``."""
        return [self.balance, self.squares, self.days]

    @classmethod
    def from_json(cls, value: list[Any]) -> Misses:
        """Read what ``to_json`` made."""
        made = cls()
        balance, squares, made.days = value
        made.balance, made.squares = list(balance), list(squares)
        return made
