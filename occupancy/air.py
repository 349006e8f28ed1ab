"""How many people are in by the carbon dioxide that they breathe out. Pure.

Mass balance: V dC/dt = n G - Q (C - C_out). G is what one person breathes out, 0.0052 l/s for an adult who sits
(Persily and de Jonge 2017, "Carbon dioxide generation rates for building occupants", Indoor Air 27). The volume V and
the air change a = Q / V of a place are not known. So x = C - C_out follows dx/dt = g n - a x, and g = G / V and a, of
open and of closed time, are learned from half hours in which another witness knows n (``occupancy.learned_air``; Jiang
et al. 2016, "Indoor occupancy estimation from carbon dioxide concentration", Energy and Buildings 131). C_out is a low
quantile of the lowest C of each day, so that an offset of the sensor doesn't matter.

``Sensor`` is a Kalman filter of C and n. Who is counted at the doors moves n, so that the air tells of the level. A
fall of C that would need fewer people than none is an open window: the air says nothing for an hour. A window that
isn't noticed hides people: more may be in than the air tells of.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from math import exp, sqrt
from typing import Any, Final

from occupancy.counts import Counts, normal, scaled
from occupancy.hours import HOUR
from occupancy.learned_air import BREATHS, NOISE, VARIES, Learned

_HOLDS: Final = 20
_DAY: Final = 24 * HOUR
_DAYS: Final = 8
_KNOWN: Final = 3
"""Days of which the lowest C is kept, and is known before the air says anything."""
_OUTSIDE: Final = 20.0
"""How far the lowest C of a day is from the air outside, ppm. Assumed, and counts for three days."""
_TURNS: Final = (2.0, 0.1)
"""People who come and leave in an hour, for each whom a space holds, in open and in closed time: in groups. Assumed."""
_UNCOUNTED: Final = (0.02, 0.1)
"""Of these, the share that nobody counts where the doors are counted; of those who are counted, the share that is
another number of people. Assumed."""
_AIRED: Final = HOUR
_BELOW: Final = 2.0
"""So many standard deviations below nobody is an open window."""
_HIDDEN: Final = (0.15, 0.05)
"""Chance that a window is open unnoticed, in open and in closed time. Assumed."""
_JUST: Final = 0.3
"""Chance, in open time, that the number isn't that of a quarter of an hour ago any more. Assumed."""
_VISITED: Final = 0.1
"""How much less likely it is, in closed time, that people are in, where nothing but the air tells of it. Assumed."""
_LESSON: Final = HOUR // 2
_GAP: Final = HOUR
"""After so long a silence the last reading says nothing any more."""
_CREDIT: Final = 10.0
"""Lessons for which the belief counts that the air is as near as it says."""
_NEAR: Final = (0.3, 25.0)
_LEAST: Final = 250.0
_MOST: Final = 10_000.0
"""No reading is lower or higher, or the sensor is broken."""
_STUCK: Final = 3 * HOUR
_WELL_ABOVE: Final = 60.0
"""A reading so far above the air outside doesn't stay the same for so long."""
_OFTEN: Final = 4 * HOUR // 60
"""What is read sooner after the last reading is left out: it would say the same."""


class Sensor:
    """The air around one CO2 sensor."""

    __slots__ = (
        *("aired", "at", "changed", "cov", "days", "learned", "lesson", "moved", "odd", "passages", "read", "state"),
    )

    def __init__(self, holds: int) -> None:
        self.learned = Learned(holds)
        self.at = 0
        """When it was last read; 0: never."""
        self.read = 0.0
        self.changed = 0
        """Since when it reads the same."""
        self.state = [0.0, 0.0]
        """C and n."""
        self.cov = [0.0, 0.0, 0.0]
        """The variance of C, the covariance, the variance of n."""
        self.aired = 0
        """When a window was last seen open."""
        self.moved = 0
        """Who came less who left since the last reading, as counted."""
        self.passages = 0
        self.lesson = [0.0] * 6
        """Since the last lesson: its start, C then, person-hours, the variance of the number, ppm-hours in open and in
        closed time."""
        self.odd = [0.0, 0.0]
        """Squares of the differences from another witness, in standard deviations, and how many."""
        self.days: dict[int, float] = {}
        """The lowest C of the last days."""

    @property
    def outside(self) -> float:
        """The CO2 of the air outside, as this sensor reads it."""
        lowest = sorted(self.days.values())
        return lowest[len(lowest) // 4]

    def passed(self, entered: int, left: int) -> None:
        """People were counted at the doors."""
        self.moved += entered - left
        self.passages += entered + left

    def takes(self, at: int, ppm: float) -> bool:
        """Whether a reading says anything: it is one that air can have, and not one right after another."""
        return at >= self.at + _OFTEN and _LEAST <= ppm <= _MOST

    def said(
        self, at: int, ppm: float, *, closed: bool, holds: int, counted: bool, known: tuple[float, float] | None
    ) -> None:
        """Take a reading.

        Args:
            at: when it was read, after the last one.
            ppm: what was read.
            closed: whether the place is closed.
            holds: people whom the space holds.
            counted: whether all who pass are counted.
            known: the mean and the variance of the number of people by another witness; None: there is none.
        """
        before = self.read
        if ppm != before:
            self.read, self.changed = ppm, at
        hours = (at - self.at) / HOUR
        if not self.at or at - self.at > _GAP:
            self._begin(at, ppm, holds)
        else:
            self._filter(at, ppm, hours, closed=closed, holds=holds, counted=counted)
            self._listen(at, ppm, (0.5 * (before + ppm) - self.outside) * hours, hours, closed=closed, known=known)
        self.moved = self.passages = 0
        self.at = at
        self._lowest(at)

    def _begin(self, at: int, ppm: float, holds: int) -> None:
        self.state, self.cov = [ppm, 0.0], [NOISE, 0.0, (0.5 * holds) ** 2]
        self.lesson = [float(at), ppm, 0.0, 0.0, 0.0, 0.0]

    def _lowest(self, at: int) -> None:
        day = at // _DAY
        before = self.days.get(day)
        if before is None and len(self.days) >= _DAYS:
            del self.days[min(self.days)]
        self.days[day] = self.state[0] if before is None else min(self.state[0], before)

    def _filter(self, at: int, ppm: float, hours: float, *, closed: bool, holds: int, counted: bool) -> None:
        gain, change = self.learned.of(closed=closed)
        c, n = self.state
        outside = self.outside
        rest = exp(-change * hours)
        share = gain * (1.0 - rest) / change
        turned = self._turned(hours, closed=closed, holds=holds, counted=counted and at - self.aired > _AIRED)
        first, both, second = self.cov
        first = rest * rest * first + 2.0 * rest * share * both + share * share * (second + turned / 3.0)
        first += (VARIES * change * (c - outside) * hours) ** 2
        both = rest * both + share * (second + 0.5 * turned)
        second += turned
        c = outside + (c - outside) * rest + (n + 0.5 * self.moved) * share
        off, total = ppm - c, first + NOISE
        c, n = c + off * first / total, n + self.moved + off * both / total
        self.state = [c, n]
        self.cov = [first * NOISE / total, both * NOISE / total, second - both * both / total]
        if n < 0.0 and n * n > _BELOW * _BELOW * self._variance(closed=closed):
            self.aired = at
            self._begin(at, ppm, holds)

    def _turned(self, hours: float, *, closed: bool, holds: int, counted: bool) -> float:
        """The variance of who came and left unseen."""
        turned = _TURNS[closed] * holds * hours
        return _UNCOUNTED[0] * turned + _UNCOUNTED[1] * self.passages if counted else turned + self.passages

    def _variance(self, *, closed: bool) -> float:
        """Of n, with what isn't known of the air."""
        gain, change = self.learned.of(closed=closed)
        above, n = self.state[0] - self.outside, max(self.state[1], 0.0)
        unsure = self.learned.unsure(n, above, closed=closed) + (VARIES * change * above) ** 2
        lowest = self.days.values()
        mean = sum(lowest) / len(lowest)
        outside = (3 * _OUTSIDE**2 + sum((one - mean) ** 2 for one in lowest)) / (3 + len(lowest))
        return self.cov[2] + (unsure + change * change * outside) / (gain * gain) + (BREATHS * n) ** 2

    def _listen(
        self, at: int, ppm: float, above: float, hours: float, *, closed: bool, known: tuple[float, float] | None
    ) -> None:
        """Gather a lesson, and learn from it when it is long enough."""
        anew = [float(at), ppm, 0.0, 0.0, 0.0, 0.0]
        if known is None or self.aired == at:
            self.lesson = anew
            return
        mean, variance = known
        start, then, people, unsure, *sums = self.lesson
        people += mean * hours
        unsure = max(unsure, variance)
        sums[closed] += above
        if at - start < _LESSON:
            self.lesson = [start, then, people, unsure, *sums]
            return
        long = (at - start) / HOUR
        self.learned.lesson(ppm - then, (people, -sums[0], -sums[1]), unsure * long * long)
        if at - self.aired > _AIRED:
            off = self.state[1] - mean
            odd = min(25.0, off * off / (self._variance(closed=closed) + variance))
            self.odd = [self.odd[0] * 0.98 + odd, self.odd[1] * 0.98 + 1.0]
        self.lesson = anew

    @property
    def tells(self) -> bool:
        """Whether what it reads may say anything, of people or of itself."""
        return len(self.days) >= _KNOWN or self.stuck

    @property
    def stuck(self) -> bool:
        """Whether it repeats a reading that cannot stay the same."""
        return bool(self.at) and self.at - self.changed > _STUCK and self.read > self.outside + _WELL_ABOVE

    def people(self, now: int, *, closed: bool, holds: int, counted: bool) -> tuple[float, float] | None:
        """The mean and the variance of the number of people at ``now``; None: the air says nothing."""
        if len(self.days) < _KNOWN or now - self.at > _GAP or now - self.aired < _AIRED or self.stuck:
            return None
        near = (_CREDIT + self.odd[0]) / (_CREDIT + self.odd[1])
        turned = self._turned(max(0, now - self.at) / HOUR, closed=closed, holds=holds, counted=counted)
        variance = min(max(near, _NEAR[0]), _NEAR[1]) * (self._variance(closed=closed) + turned)
        return self.state[1] + self.moved, variance

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; see ``from_json``."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "learned"} | {
            "learned": self.learned.to_json()
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Sensor:
        """Read what ``to_json`` made."""
        made = cls(1)
        for name in cls.__slots__:
            one = value[name]
            setattr(made, name, list(one) if isinstance(one, list) else one)
        made.days = {int(day): lowest for day, lowest in value["days"].items()}
        made.learned = Learned.from_json(value["learned"])
        return made


def holds(capacity: int | None) -> int:
    """How many people a space holds; assumed where its capacity isn't known."""
    return capacity or _HOLDS


def likely(people: tuple[float, float], *, closed: bool, most: int, counted: bool, alone: bool) -> Counts:
    """How likely each number up to ``most`` is by the air.

    Args:
        people: what ``Sensor.people`` says.
        closed: whether the place is closed.
        most: the highest number.
        counted: whether all who pass are counted; who came or left just now is not in the air yet.
        alone: whether nothing else tells of the number.
    """
    mean, variance = people
    mean = max(mean, -0.5 * sqrt(variance))
    most = max(most, int(mean) + 10)
    told = normal(mean, variance, most)
    hidden = _HIDDEN[closed]
    moved = 0.0 if counted or closed else _JUST
    weights = [
        (1 - hidden - moved) * told.chance(n) + (moved + (hidden if n >= mean else 0.0)) / most for n in range(most + 1)
    ]
    if alone and closed:
        weights = [weights[0], *(one * _VISITED for one in weights[1:])]
    return scaled(0, weights) or told
