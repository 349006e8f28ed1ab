"""What a whole day shows of how many were in at which hour, once it is balanced. Pure.

In the evening it is known that nobody is left, and so how many of those who left were missed. An estimate in the day
can't know it: where it believes in too many people, each seems to stay longer than he does, and the next evening it
believes in them for longer still. So what was learned in the day of when people leave is replaced by what the whole day
says: with a for each counted entry and b for each counted exit, so that the day ends with who is left,

    person-hours in a bin = r T + a I - b O,    exits in it = b X,

r who was in when the day began, T the hours of the bin, I and O the integrals of the counted entries and exits over
them, X the counted exits. A smoother in place of a filter: Rauch, Tung and Striebel (1965).
"""

from __future__ import annotations

from typing import Any, Final

from occupancy.habits import Habits

_LIKELY: Final = (0.6, 2.5)
"""People for each counted exit; with fewer or more the day says nothing."""
_SUMS: Final = 3
Sums = dict[int, list[float]]
"""By bin: hours, and the integrals of entries and exits."""


class Hindsight:
    """One day at the doors of a space."""

    __slots__ = ("exits", "learned", "since", "sums")

    def __init__(self) -> None:
        self.sums: Sums = {}
        """Until the last counted exit."""
        self.since: Sums = {}
        """Since then: who was in is known only when the next one leaves."""
        self.exits: dict[int, float] = {}
        """Counted exits by bin."""
        self.learned: dict[int, list[float]] = {}
        """Exits and person-hours by bin that ``occupancy.habits.Waiting`` taught in the day."""

    def wait(self, bin_: int, hours: float, day: list[int]) -> None:
        """``hours`` of a bin pass with so many entries and exits counted in the day."""
        row = self.since.setdefault(bin_, [0.0] * _SUMS)
        row[0] += hours
        row[1] += hours * day[0]
        row[2] += hours * day[1]

    def left(self, bin_: int, left: int, hours: dict[int, float]) -> None:
        """So many were counted leaving, who taught that there were these person-hours."""
        for one, row in self.since.items():
            total = self.sums.setdefault(one, [0.0] * _SUMS)
            for index, value in enumerate(row):
                total[index] += value
        self.since = {}
        self.exits[bin_] = self.exits.get(bin_, 0.0) + left
        for one, spent in {bin_: 0.0, **hours}.items():
            taught = self.learned.setdefault(one, [0.0, 0.0])
            taught[0] += left if one == bin_ else 0.0
            taught[1] += spent

    def teach(self, habits: Habits, a: float, day: list[int], rest: float, left_over: float) -> None:
        """The day is balanced: let ``habits`` learn what it shows, in place of what was taught in it.

        ``a``: people for each counted entry; ``day``: entries and exits counted; ``rest`` and ``left_over``: who was
        in when it began and when it ended.
        """
        b = (rest + a * day[0] - left_over) / day[1] if day[1] else 0.0
        if not _LIKELY[0] <= b <= _LIKELY[1]:
            return
        for bin_, (exits, hours) in self.learned.items():
            habits.learn(bin_, -exits, -hours)
        for bin_, (hours, came, went) in self.sums.items():
            habits.learn(bin_, 0.0, max(0.0, rest * hours + a * came - b * went))
        for bin_, exits in self.exits.items():
            habits.learn(bin_, b * exits, 0.0)

    def to_json(self) -> list[Any]:
        """Return JSON values; see ``from_json``."""
        return [self.sums, self.since, self.exits, self.learned]

    @classmethod
    def from_json(cls, value: list[Any]) -> Hindsight:
        """Read what ``to_json`` made."""
        made = cls()
        sums, since, exits, learned = value
        made.sums, made.since, made.learned = (
            {int(key): list(row) for key, row in part.items()} for part in (sums, since, learned)
        )
        made.exits = {int(key): one for key, one in exits.items()}
        return made
