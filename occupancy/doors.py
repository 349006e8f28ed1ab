"""What one counter at a door has shown of itself: which way it looks, how often it speaks, its totals. Pure.

People come before they leave: at any door that people use, the mean time of the entries of a day lies before that of
its exits. A counter for which it is the other way round, by more than chance allows, looks the wrong way. No other
counter is needed for it, and as many may leave elsewhere as will.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from typing import Any, Final

from occupancy.hours import HOUR
from occupancy.lasting import STAY

_MINUTE: Final = HOUR // 60
_CERTAIN: Final = 4.0
"""Standard errors from which on a difference is no chance."""
_EARLIER: Final = 2.0
"""Hours by which the exits of a counter that looks the wrong way come before its entries, at least: who goes out for
lunch and comes back is away for less."""
_KEPT: Final = 0.7
"""What is left of a day's evidence of the way it looks a day later."""
_LATE: Final = 2.5
"""So many times the longest gap between two reports, and a counter has fallen silent."""
_NIGHT: Final = 4 * HOUR
_CLOSURE: Final = 35 * 24 * HOUR
"""No summer closure is longer."""
_REMEMBERED: Final = 0.97
"""What is left of the longest gap a day later: that of the last weekend is known on the next."""
_REPORTS: Final = 20
"""Reports from which on the gaps between them are known."""
_LOST: Final = 2000
"""As many passages as lost reports can have held, at most."""
_WIDTHS: Final = (1 << 16, 1 << 32)
"""Where totals of 16 and 32 bits begin again."""


class Door:
    """One counter."""

    __slots__ = (
        "at",
        "busiest",
        "day",
        "elsewhere",
        "evidence",
        "last",
        "longest",
        "number",
        "passages",
        "reports",
        "swapped",
        "times",
        "totals",
        "until",
    )

    def __init__(self) -> None:
        self.at = 0
        """When it last reported; 0: never."""
        self.until = 0
        """Up to when what passed is counted, or was guessed."""
        self.last = 0
        """When somebody passed it last; 0: never."""
        self.number: int | None = None
        """The door that it stands at, where that is known."""
        self.elsewhere = 0.0
        """People who passed since then, by what else speaks of its door."""
        self.reports = 0
        self.longest = 0.0
        """The longest usual gap between two reports, forgotten slowly."""
        self.day = [0, 0]
        """Entries and exits since nobody was in, by the way it is believed to look."""
        self.times = [0.0] * 6
        """Of the passages since the night: when they began, how many came and left, the sums of the hours since then of
        each, and of the squares of both."""
        self.evidence = [0.0, 0.0, 0.0]
        """Of the days before, that people come before they leave: the weighted difference of the mean times, its
        variance, and the weight."""
        self.swapped = False
        self.passages = 0.0
        """In balanced days, forgotten slowly: its share of what passes."""
        self.busiest = 0.0
        """The most that passed in one direction in a day, forgotten slowly."""
        self.totals: list[int] | None = None
        """The totals of entries and exits that it last reported."""

    def moved(self, entered: int, left: int, came_ever: int | None, left_ever: int | None) -> tuple[int, int]:
        """What passed since its last report: by its totals where it sends them, which heal lost reports."""
        before = self.totals
        if came_ever is None or left_ever is None:
            self.totals = None
            return entered, left
        self.totals = [came_ever, left_ever]
        if before is None:
            return entered, left
        came, went = _grown(before[0], came_ever, entered), _grown(before[1], left_ever, left)
        return (entered, left) if came is None or went is None else (came, went)  # None: it began anew

    def heals(self, came_ever: int | None, left_ever: int | None) -> bool:
        """Whether these totals go on from those before: what was lost in between is in them."""
        before = self.totals
        if before is None or came_ever is None or left_ever is None:
            return False
        return _grown(before[0], came_ever, 0) is not None and _grown(before[1], left_ever, 0) is not None

    def most(self, capacity: int | None, at: int) -> float:
        """More people than that, in one report, are absurd: twice those of its busiest day."""
        days = 1.0 + max(0, at - self.at) / HOUR / 24 if self.at else 1.0
        usual = self.busiest or float(capacity or 500)
        return 20.0 + 2.0 * max(usual, *self.day) * days

    def spoke(self, at: int, *, silent: bool) -> None:
        """It reported; ``silent``: it had been believed dead, and the gap is none of its usual ones."""
        if at <= self.at:
            return
        gap = float(at - self.at) if self.at else 0.0
        self.longest = max(self.longest, min(gap, 1.5 * self.longest) if silent else gap)
        self.reports += 1
        self.at = self.until = at

    def lasts(self, declared: int) -> int:
        """For how long after a report it is believed to live: as declared, and by the rhythm that it has shown.

        Where it was silent for half a night and lived, it reports only what passes: whether it is dead depends on who
        should have come (``occupancy.quiet``).
        """
        if self.reports < _REPORTS:
            return declared
        shown = int(_LATE * self.longest) + 2 * _MINUTE
        if declared != STAY:
            return min(declared, shown)
        return shown if self.longest < _NIGHT else _CLOSURE

    def loses(self, declared: int) -> bool:
        """Whether passages were lost while it was silent: a rhythm of it is known."""
        return declared != STAY or self.reports >= _REPORTS

    def passed(self, at: int, entered: int, left: int) -> tuple[int, int]:
        """People passed; return who came and who left by the way it is believed to look."""
        self.last, self.elsewhere = at, 0.0
        if self.swapped:
            entered, left = left, entered
        times = self.times
        if not times[1] + times[2]:
            times[0] = float(at)
        hours = (at - times[0]) / HOUR
        times[1] += entered
        times[2] += left
        times[3] += hours * entered
        times[4] += hours * left
        times[5] += hours * hours * (entered + left)
        self.day[0] += entered
        self.day[1] += left
        return entered, left

    def turned(self) -> bool:
        """A night has passed: return whether the day shows that it looks the other way than was believed."""
        _, came, went, in_sum, out_sum, squares = self.times
        u = v = w = 0.0
        if came and went:
            count = came + went
            w = came * went / count
            u = w * (out_sum / went - in_sum / came)
            v = w * max(0.02, squares / count - ((in_sum + out_sum) / count) ** 2)
        self.times = [0.0] * 6
        before = self.evidence
        if not (_wrong(u, v, w) and before[0] > 0):  # else what was believed is of no use any more
            u, v, w = (old * _KEPT + new for old, new in zip(before, (u, v, w), strict=True))
        self.evidence = [u, v, w]
        if _wrong(u, v, w):
            self.turn()
            return True
        return False

    def turn(self) -> None:
        """From now on it is believed to look the other way."""
        self.swapped = not self.swapped
        self.day.reverse()
        self.times[1:5] = [self.times[2], self.times[1], self.times[4], self.times[3]]
        self.evidence[0] = -self.evidence[0]

    @property
    def settled(self) -> bool:
        """Whether the days before speak for the way that is believed: a single day that runs negative can't turn it."""
        u, v, _ = self.evidence
        return u > 0 and u * u > v

    def begin(self, kept: float, *, whole: bool) -> None:
        """Begin a new day; ``whole``: the one before was counted wholly."""
        self.longest *= _REMEMBERED
        if whole:
            self.passages = self.passages * kept + sum(self.day)
            self.busiest = max(self.busiest * 0.98, *self.day)
        self.day = [0, 0]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; see ``from_json``."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Door:
        """Read what ``to_json`` made."""
        made = cls()
        for name in cls.__slots__:
            one = value[name]
            setattr(made, name, list(one) if isinstance(one, list) else one)
        return made


def _wrong(u: float, v: float, w: float) -> bool:
    return u < -_EARLIER * w and u * u > _CERTAIN**2 * v and w > 1.0


def _grown(before: int, now: int, delta: int) -> int | None:
    """How much a total has grown, past its width too; None: it began anew, or these are other totals."""
    for width in (0, *_WIDTHS):
        grown = now + width - before
        if delta <= grown <= delta + _LOST and (not width or before < width):
            return grown
    return None
