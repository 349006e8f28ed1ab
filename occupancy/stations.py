"""How many people are in by the stations of the Wi-Fi access points in a space: weak evidence. Pure.

w = b + c n: stations that are always there (printers, sensors, neighbours), and c for each person, who has a telephone,
a computer, both or neither. b is a low quantile of the numbers of each day's quietest hour. c is learned in hours in
which another witness knows n: weighted least squares with a prior (Ljung 1999, "System Identification", 11.2). The
number of people is never surer than a fifth of it, however well c is known.

Only numbers of stations come here, never an address of one. Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Container
from math import exp, sqrt
from typing import Any, Final

from occupancy.counts import Counts, exactly, scaled
from occupancy.hours import HOUR

EACH: Final = (1.4, 0.5)
"""Stations for each person, and how sure that is, before it is learned. Assumed."""
_VARIES: Final = 0.6
"""The variance of the number of stations of one person. Assumed."""
_NEVER_SURER: Final = 0.2
"""No mean number of people is nearer than this share of it: some have no Wi-Fi, some have three. Assumed."""
_ALWAYS: Final = (0.4, 0.1)
"""The variance of how many stations are there without anybody: at least, and for each of them. Assumed."""
_VISITED: Final = 0.1
"""How much less likely it is, in closed time, that people are in, where nothing but Wi-Fi tells of it. Assumed."""
_DAY: Final = 24 * HOUR
_DAYS: Final = 14
_KNOWN: Final = 3
"""Days of which the quietest hour is kept, and is known before anything is said."""
_KEPT: Final = 0.998
"""What is left of a lesson one lesson, an hour, later: a month of open hours."""
_ALIKE: Final = 4.0
"""Hours that teach the same: people stay for so long."""
_LEAST: Final = 0.2
_CREDIT: Final = 20.0
"""Lessons for which the belief counts that the error is as large as it is said to be."""
_FAR: Final = 16.0
"""No single error counts more than this, in variances."""


class Stations:
    """The access points of one space."""

    __slots__ = ("days", "heard", "lesson", "odd", "smooth", "sums")

    def __init__(self) -> None:
        self.heard: dict[int, tuple[float, int]] = {}
        """By radio: the number of its stations, and when it was counted."""
        self.days: dict[int, float] = {}
        """The mean number of all radios together in the quietest hour of the last days."""
        self.smooth = (0.0, 0)
        """The mean of the last hour, and up to when."""
        self.sums = [0.0, 0.0]
        """Of the lessons: people times stations, and people squared, each by its weight."""
        self.odd = [0.0, 0.0]
        """Squares of the differences from other witnesses, in variances, and how many."""
        self.lesson = 0
        """When it last learned."""

    @property
    def background(self) -> float:
        """The stations that are there without anybody."""
        lowest = sorted(self.days.values())
        return lowest[len(lowest) // 4]

    @property
    def each(self) -> tuple[float, float]:
        """Stations for each person, and the variance of that."""
        mean, wide = EACH
        prior = 1.0 / (wide * wide)
        total = prior + self.sums[1]
        return max(_LEAST, (mean * prior + self.sums[0]) / total), 1.0 / total

    def said(self, device: int, at: int, number: float, radios: Container[int]) -> None:
        """A radio has so many stations; ``radios``: those that are in the space."""
        self.heard[device] = number, at
        total = sum(one for radio, (one, _) in self.heard.items() if radio in radios)
        mean, since = self.smooth
        mean += (total - mean) * (1.0 - exp(min(0, since - at) / HOUR)) if since else total
        self.smooth = mean, max(since, at)
        day = at // _DAY
        before = self.days.get(day)
        if before is None and len(self.days) >= _DAYS:
            del self.days[min(self.days)]
        self.days[day] = mean if before is None else min(mean, before)

    def total(self, radios: Container[int], silent: Container[int]) -> float | None:
        """The stations of all radios; None: one of them doesn't speak, or the background isn't known yet."""
        numbers = [number for radio, (number, _) in self.heard.items() if radio in radios]
        dead = any(radio in silent for radio in self.heard if radio in radios)
        return None if dead or not numbers or len(self.days) < _KNOWN else sum(numbers)

    def lesson_due(self, at: int) -> bool:
        """Whether an hour has begun since the last lesson."""
        return at // HOUR > self.lesson // HOUR

    def learn(self, at: int, total: float, people: tuple[float, float]) -> None:
        """Another witness says how many people are in, mean and variance, where there are ``total`` stations."""
        self.lesson = at
        mean, variance = people
        if mean < 1.0:
            return  # nobody has no stations: the background says it
        each, _ = self.each
        beyond = total - self.background
        noise = _VARIES * mean + self._always() + each * each * variance
        said, unsure = self.people(total)
        odd = min(_FAR, (said - mean) ** 2 / (unsure / self.near + variance))
        self.odd = [self.odd[0] * _KEPT + odd, self.odd[1] * _KEPT + 1.0]
        weight = 1.0 / (noise * _ALIKE)
        self.sums = [self.sums[0] * _KEPT + mean * beyond * weight, self.sums[1] * _KEPT + mean * mean * weight]

    @property
    def near(self) -> float:
        """How much more than said the errors have been: never less."""
        return max(1.0, (_CREDIT + self.odd[0]) / (_CREDIT + self.odd[1]))

    def people(self, total: float) -> tuple[float, float]:
        """The mean and the variance of how many people have so many stations."""
        each, unsure = self.each
        mean = max(0.0, total - self.background) / each
        relative = max(_NEVER_SURER**2, unsure / (each * each))
        variance = (_VARIES * mean + self._always()) / (each * each) + relative * mean * mean
        return mean, variance * self.near

    def _always(self) -> float:
        return _ALWAYS[0] + _ALWAYS[1] * self.background

    def counts(self, total: float, most: int, *, closed: bool, alone: bool) -> Counts:
        """How likely each number of people up to ``most`` is, where there are so many stations.

        ``alone``: nothing else tells of the number. Without anybody hardly any station comes or goes, so that a number
        near the background speaks for nobody.
        """
        each, unsure = self.each
        relative = max(_NEVER_SURER**2 * each * each, unsure)
        beyond, always, near = total - self.background, self._always(), self.near
        weights = []
        for n in range(most + 1):
            variance = near * (always + _VARIES * n + relative * n * n)
            off = beyond - each * n
            weights.append(exp(-0.5 * off * off / variance) / sqrt(variance))
        if alone and closed:
            weights = [weights[0], *(one * _VISITED for one in weights[1:])]
        return scaled(0, weights) or exactly(min(most, max(0, round(beyond / each))))

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; see ``from_json``."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Stations:
        """Read what ``to_json`` made."""
        made = cls()
        made.heard = {int(radio): (one[0], one[1]) for radio, one in value["heard"].items()}
        made.days = {int(day): lowest for day, lowest in value["days"].items()}
        made.smooth = value["smooth"][0], value["smooth"][1]
        made.sums, made.odd, made.lesson = list(value["sums"]), list(value["odd"]), value["lesson"]
        return made
