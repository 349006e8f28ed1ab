"""What was learned of the air of a room: how much one person adds to its CO2, and how fast it is changed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

NOISE: Final = 14.0**2
"""Variance of a CO2 reading, ppm², its offset apart. Assumed."""
VARIES: Final = 0.15
"""By such a share the air change differs from one hour to the next. Assumed."""
BREATHS: Final = 0.1
"""By such a share people differ in what they breathe out, taken together. Assumed."""
_BREATH: Final = 0.0052 * 3600
"""Litres of CO2 that one person breathes out in an hour."""
_ROOM: Final = 22.0
"""Cubic metres for each person whom a space holds. Assumed."""
_UNSURE_GAIN: Final = 0.6
_BELIEVED: Final = (0.5, 2.5)
"""How sure that is before anything is known, as a share of it, and the shares beyond which it is never believed."""
_CHANGES: Final = ((1.0, 1.5), (0.7, 0.7))
"""Air changes an hour in open and in closed time, and how sure that is, before they are known. Assumed."""
_SLOWEST: Final = 0.05
_KEPT: Final = 0.999
"""What is left of what was learned a lesson later: three weeks' memory."""
_ALIKE: Final = 3.0
"""So many lessons in a row err alike: they count as one. Assumed."""
_FAR: Final = 4.0
"""The square of so many standard deviations off, and a lesson counts less."""

Square = list[list[float]]


class Learned:
    """g, the rise of CO2 that one person makes, ppm an hour, and the air changes an hour in open and in closed time.

    Weighted least squares with a prior, forgetting (Ljung 1999, "System Identification", 11.2). That the number of
    people isn't sure would make g and a too small: half its variance is taken off their squares (Fuller 1987,
    "Measurement error models", 2.2; half, since the variance is a cautious one).
    """

    __slots__ = ("_shared", "spurious", "sums", "usual", "values")

    def __init__(self, holds: int) -> None:
        self.usual = 1000.0 * _BREATH / (_ROOM * holds)
        """g, before anything is known."""
        self.sums: Square = [[0.0] * 4 for _ in range(3)]
        """The normal equations of the lessons so far: three rows of a matrix, each with its right side."""
        self.spurious = 0.0
        """How much of the square of the person-hours is likely their error."""
        self._solve()

    def of(self, *, closed: bool) -> tuple[float, float]:
        """G and the air change."""
        return self.values[0], self.values[1 + closed]

    def unsure(self, people: float, above: float, *, closed: bool) -> float:
        """The variance of what the number of people is made of, g n - a x, by what isn't known of g and a."""
        row = 1 + closed
        gains, both, changes = self._shared[0][0], self._shared[0][row], self._shared[row][row]
        return max(0.0, above * above * changes - 2.0 * above * people * both + people * people * gains)

    def lesson(self, rise: float, factors: Sequence[float], variance: float) -> None:
        """Learn from a lesson.

        Args:
            rise: of CO2 in it, ppm.
            factors: of the three values: person-hours, and ppm-hours above the air outside in open and closed time,
                which are negative.
            variance: of the person-hours.
        """
        noise = 2.0 * NOISE + self.usual * self.usual * (variance + (BREATHS * factors[0]) ** 2)
        noise += (VARIES * (self.values[1] * factors[1] + self.values[2] * factors[2])) ** 2
        noise *= _ALIKE
        off = rise - sum(one * factor for one, factor in zip(self.values, factors, strict=True))
        if off * off > _FAR * noise:
            noise = off * off / _FAR
        for i, row in enumerate(self.sums):
            for j, factor in enumerate((*factors, rise)):
                row[j] = row[j] * _KEPT + factors[i] * factor / noise
        self.spurious = self.spurious * _KEPT + 0.5 * min(variance, factors[0] * factors[0]) / noise
        self._solve()

    def _solve(self) -> None:
        """Make ``values`` and their covariance of the sums; g is kept within what is believed, and a follows it."""
        gain = self.usual
        prior = ((gain, _UNSURE_GAIN * gain), *_CHANGES)
        matrix = [list(row[:3]) for row in self.sums]
        right = [row[3] for row in self.sums]
        for i, (mean, wide) in enumerate(prior):
            matrix[i][i] += 1.0 / (wide * wide)
            right[i] += mean / (wide * wide)
        truer = [list(row) for row in matrix]
        truer[0][0] -= self.spurious
        shared = inverse(truer) or inverse(matrix)
        if shared is None:
            raise ValueError("sums that no lessons make")
        found = [sum(one * by for one, by in zip(row, right, strict=True)) for row in shared]
        believed = min(_BELIEVED[1] * gain, max(_BELIEVED[0] * gain, found[0]))
        moved = (believed - found[0]) / shared[0][0]
        self._shared = shared
        self.values = [believed, *(max(_SLOWEST, found[i] + shared[i][0] * moved) for i in (1, 2))]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; see ``from_json``."""
        return {"usual": self.usual, "sums": self.sums, "spurious": self.spurious}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Learned:
        """Read what ``to_json`` made."""
        made = cls(1)
        made.usual, made.spurious = value["usual"], value["spurious"]
        made.sums = [list(row) for row in value["sums"]]
        if [len(row) for row in made.sums] != [4, 4, 4]:
            raise ValueError("sums of other values")
        made._solve()
        return made


def inverse(matrix: Square) -> Square | None:
    """The inverse of a symmetric matrix of three rows; None where it isn't positive definite."""
    (a, b, c), (_, d, e), (_, _, f) = matrix
    first = d * f - e * e
    determinant = a * first - b * (b * f - c * e) + c * (b * e - c * d)
    if not (a > 0.0 and a * d - b * b > 0.0 and determinant > 0.0):
        return None
    ab, ac, bc = c * e - b * f, b * e - c * d, b * c - a * e
    return [
        [first / determinant, ab / determinant, ac / determinant],
        [ab / determinant, (a * f - c * c) / determinant, bc / determinant],
        [ac / determinant, bc / determinant, (a * d - b * b) / determinant],
    ]
