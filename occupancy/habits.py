"""When people leave: a rate for each bin of a place's hours, with what the place has shown so far. Pure.

The rate of a bin is the posterior mean of a Gamma distribution: exits over person-hours, those of a prior included
(``PRIOR``, persons who leave per person and hour; assumed from office days). Cappé (2011), "Online EM for hidden
Markov models": sums are kept, and forgotten slowly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from occupancy.hours import BINS, Calendar
from occupancy.rows import numbers_of, text_of

_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode
PRIOR: Final = (
    *(0.5, 0.5, 0.5, 0.5, 0.5, 0.4, 0.15, 0.1, 0.08, 0.08, 0.1, 0.2, 0.5, 0.15, 0.12, 0.18, 0.35, 0.7, 0.9, 0.8),
    *(0.9, 1.0, 1.0, 0.8),
    *(3.0, 2.5, 1.5, 1.0, 0.6),
)
LEAST: Final = (*(0.0,) * (BINS - 1), 0.3)
"""Not below it, however few are seen leaving: nobody lives there. Long after closing those who are believed to be in
and never leave were most often never there."""
WEIGHT: Final = 8.0
"""Person-hours that the prior counts for in each bin."""
FORGET: Final = 0.98
"""What is left of the sums a day later."""


class Habits:
    """What was learned of one space's people."""

    __slots__ = ("_text", "exits", "hours", "rates")

    def __init__(self) -> None:
        self.exits = [0.0] * BINS
        self.hours = [0.0] * BINS
        self.rates = list(PRIOR)
        """Persons who leave, per person and hour, by bin. Made of the rest."""
        self._text: str | None = None
        """What ``text`` wrote; None: something was learned since."""

    def learn(self, bin_: int, exits: float, hours: float) -> None:
        """``exits`` persons left in ``hours`` person-hours of a bin."""
        self._text = None
        self.exits[bin_] += exits
        self.hours[bin_] += hours
        self.rates[bin_] = max(LEAST[bin_], (PRIOR[bin_] * WEIGHT + self.exits[bin_]) / (WEIGHT + self.hours[bin_]))

    def left(self, bin_: int, exits: int, hours: Mapping[int, float]) -> None:
        """``exits`` persons left in an hour of ``bin_``, after ``hours`` person-hours by bin in which nobody did."""
        for one, spent in hours.items():
            self.learn(one, float(exits) if one == bin_ else 0.0, spent)
        if bin_ not in hours:
            self.learn(bin_, float(exits), 0.0)

    def stayed(self, calendar: Calendar, start: int, end: int) -> None:
        """A person stayed from ``start`` to ``end`` and then left."""
        last = None
        for bin_, hours in calendar.pieces(start, end):
            self.learn(bin_, 0.0, hours)
            last = bin_
        if last is not None:
            self.learn(last, 1.0, 0.0)

    def forget(self) -> None:
        """A day is over."""
        for bin_ in range(BINS):
            self.exits[bin_] *= FORGET
            self.hours[bin_] *= FORGET
            self.learn(bin_, 0.0, 0.0)

    def to_json(self) -> list[str]:
        """The sums; see ``from_json``."""
        return [text_of(self.exits), text_of(self.hours)]

    def text(self) -> str:
        """The same as JSON text; most events teach nothing."""
        if self._text is None:
            self._text = _ENCODE(self.to_json())
        return self._text

    @classmethod
    def from_json(cls, value: list[Any]) -> Habits:
        """Read what ``to_json`` made."""
        made = cls()
        made.exits, made.hours = numbers_of(value[0]), numbers_of(value[1])
        if len(made.exits) != BINS or len(made.hours) != BINS:
            raise ValueError("habits of other hours")
        for bin_ in range(BINS):
            made.learn(bin_, 0.0, 0.0)
        return made


class Waiting:
    """Person-hours since somebody was last seen leaving, which count once somebody is seen leaving again."""

    __slots__ = ("hours", "mean", "since")

    def __init__(self) -> None:
        self.hours: dict[int, float] = {}
        """Person-hours by bin."""
        self.since: dict[int, float] = {}
        """Hours by bin since the last passage: who leaves next was in all that time."""
        self.mean = 0.0
        """So many were believed to be in, lately."""

    def wait(self, bin_: int, mean: float, hours: float) -> None:
        """``mean`` are in for so long."""
        self.hours[bin_] = self.hours.get(bin_, 0.0) + mean * hours
        self.since[bin_] = self.since.get(bin_, 0.0) + hours
        self.mean = mean

    def left(self, habits: Habits, bin_: int, left: int) -> dict[int, float]:
        """So many were seen leaving: they had been in, even if fewer were believed to be; return what was learned."""
        for one, hours in self.since.items():
            self.hours[one] = self.hours.get(one, 0.0) + max(0.0, left - self.mean) * hours
        habits.left(bin_, left, self.hours)
        spent, self.hours = self.hours, {}
        self.since.clear()
        return spent

    def clear(self) -> None:
        """Begin anew."""
        self.hours.clear()
        self.since.clear()

    def to_json(self) -> list[Any]:
        """Return JSON values; see ``from_json``."""
        return [self.hours, self.since, self.mean]

    @classmethod
    def from_json(cls, value: list[Any]) -> Waiting:
        """Read what ``to_json`` made."""
        made = cls()
        made.hours, made.since = ({int(key): one for key, one in part.items()} for part in value[:2])
        made.mean = value[2]
        return made
