"""How many are in by what counters at the doors saw. Pure.

A birth and death process: counted entries add, counted exits take away, each with the people that the counter missed
beside them. A counter misses a share of the passages in each direction. Only the ratio of the two can be known from the
counters themselves, from how in and out balance between two moments when nobody was inside. Silence is evidence: each
person who was in would have been seen leaving, at the rate of the hour (``occupancy.habits``), so a long one in closed
time leaves nobody.

After Hutchins, Ihler and Smyth (2008), "Probabilistic analysis of a large-scale urban traffic sensor data set" and
(2007) "Modeling count data from multiple sensors: a building occupancy model"; the balance of a fortnight after
Sangogboye and Kjærgaard (2016), "PLCount".
"""

from __future__ import annotations

from typing import Any, Final

from occupancy.counts import Counts, added, exactly, mixed, moments, normal, scaled, spread, taken, tilted
from occupancy.habits import Habits
from occupancy.hours import CLOSED, HOUR, Calendar

MISSED: Final = 0.03
"""Share of passages that a counter misses, where nothing else is known. Assumed: makers claim 0.02 to 0.05."""
SURE: Final = 60.0
"""Passages in each direction that the belief in equal shares counts for."""
NOTICED: Final = (0.25, 1.0)
"""How much silence counts, in open and in closed time: in open time people leave in groups, not on their own."""
_BALANCED: Final = 0.9
"""Chance of nobody from which on a night balances the day."""
_KEPT: Final = 0.93
"""What is left of a day's passages in the balance a day later: a fortnight's memory."""
_SPURIOUS: Final = 0.004
"""Chance that a counted passage was none."""


class Flow:
    """The counters of one space."""

    __slots__ = ("at", "balance", "counts", "day", "negative", "pending", "quiet", "swapped")

    def __init__(self) -> None:
        self.at = 0
        """Up to when ``counts`` holds; 0: no passage was ever counted."""
        self.counts = exactly(0)
        self.balance = [0.0, 0.0]
        """Entries and exits of balanced days, forgotten slowly."""
        self.day = [0, 0]
        """Those counted since nobody was in."""
        self.pending: dict[int, float] = {}
        """Person-hours by bin since the last passage: they count once somebody is seen again."""
        self.quiet = 0.0
        """Hours of closed time since the last passage."""
        self.negative = [0.0, 0.0]
        """Person-hours above and below nobody of plain sums, in balanced days: which way the counter looks."""
        self.swapped = False

    @property
    def shares_missed(self) -> tuple[float, float]:
        """The shares of entries and of exits that are missed."""
        came, went = self.balance[0] + SURE, self.balance[1] + SURE
        if went < came:  # exits are missed more
            return MISSED, min(0.6, 1 - (1 - MISSED) * went / came)
        return min(0.6, 1 - (1 - MISSED) * came / went), MISSED

    def passed(self, counts: Counts, entered: int, left: int) -> Counts:
        """``counts`` after these passages were counted, with those that were missed beside them."""
        if self.swapped:
            entered, left = left, entered
        miss_in, miss_out = self.shares_missed
        ghost = _SPURIOUS * (entered + left)
        if entered:
            mean = entered * miss_in / (1 - miss_in)
            counts = added(counts, _missed(entered, mean, ghost))
        if left:
            mean = left * miss_out / (1 - miss_out)
            counts = _gone(counts, left, mean, ghost)
        return counts

    def silent(self, counts: Counts, habits: Habits, calendar: Calendar, start: int, end: int) -> Counts:
        """``counts`` after nobody was counted from ``start`` to ``end``."""
        weight = 0.0
        slipped = 0.0
        miss_out = self.shares_missed[1]
        for bin_, hours in calendar.pieces(start, min(end, start + 14 * 24 * HOUR)):
            rate = habits.rates[bin_] * hours
            weight += NOTICED[bin_ >= CLOSED] * rate * (1 - miss_out)
            slipped += rate * miss_out
        if counts.low == 0 and len(counts.chances) == 1:
            return counts
        counts = tilted(counts, min(weight, 50.0))
        if slipped * counts.mean > 0.05:  # less moves nobody: the exits counted carry it (``passed``)
            counts = _slipped(counts, min(1.0, slipped))
        return counts

    def step(self, habits: Habits, calendar: Calendar, at: int, entered: int, left: int) -> None:
        """Take what was counted in the minute that ends at ``at``."""
        if not self.at:
            self.at = at
        mean = self.counts.mean
        for bin_, hours in calendar.pieces(self.at, min(at, self.at + 14 * 24 * HOUR)):
            self.pending[bin_] = self.pending.get(bin_, 0.0) + mean * hours
            if bin_ >= CLOSED:
                self.quiet += hours
        self._lean(at)
        self.counts = self.silent(self.counts, habits, calendar, self.at, at)
        self.at = at
        if not entered and not left:
            return
        if self.quiet >= 3.0 and self.counts.chance(0) > _BALANCED:
            self._balance(habits)
        elif left:
            bin_ = calendar.piece(at)[2]
            gone = self.day_left(entered, left)
            for one, hours in self.pending.items():
                habits.learn(one, gone if one == bin_ else 0.0, hours)
            if bin_ not in self.pending:
                habits.learn(bin_, gone, 0.0)
            self.pending.clear()
        self.quiet = 0.0
        self.counts = self.passed(self.counts, entered, left)
        self.day[0] += entered
        self.day[1] += left

    def day_left(self, entered: int, left: int) -> float:
        """How many left, by the way the counter looks."""
        return float(entered if self.swapped else left)

    def _lean(self, at: int) -> None:
        """Note on which side of nobody the plain sum of the day stands, and for how long."""
        net = self.day[0] - self.day[1]
        hours = min(24.0, (at - self.at) / HOUR)
        if net:
            self.negative[net < 0] += abs(net) * hours

    def _balance(self, habits: Habits) -> None:
        """Nobody is in: learn from the passages since that was so before, and begin a new day."""
        came, went = self.day
        if came + went >= 6:
            above, below = self.negative
            if max(above, below) > 4.0:
                self.swapped = below > 2.0 * above if not self.swapped else not above > 2.0 * below
            if self.swapped:
                came, went = went, came
            keep = _KEPT
            self.balance = [self.balance[0] * keep + came, self.balance[1] * keep + went]
            self.negative = [self.negative[0] * 0.5, self.negative[1] * 0.5]
            habits.forget()
        self.day = [0, 0]
        self.pending.clear()
        self.counts = Counts(0, (0.995, 0.005))

    def told(self, present: int) -> None:
        """So many were counted by hand."""
        if self.at:
            self.counts = normal(float(present), 0.1 + (0.03 * present) ** 2)
            self.quiet = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; see ``from_json``."""
        return {
            "at": self.at,
            "low": self.counts.low,
            "chances": list(self.counts.chances),
            "balance": self.balance,
            "day": self.day,
            "pending": self.pending,
            "quiet": self.quiet,
            "negative": self.negative,
            "swapped": self.swapped,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Flow:
        """Read what ``to_json`` made."""
        made = cls()
        made.at = value["at"]
        made.counts = Counts(value["low"], tuple(value["chances"]))
        made.balance, made.day = list(value["balance"]), list(value["day"])
        made.pending = {int(key): one for key, one in value["pending"].items()}
        made.quiet, made.negative, made.swapped = value["quiet"], list(value["negative"]), value["swapped"]
        return made


def _missed(counted: int, mean: float, ghost: float) -> Counts:
    """How many passed where ``counted`` were: those missed beside them, and now and then one who was none."""
    beside = moments(mean, mean * (1.0 + mean / counted) + 1e-9) if mean > 1e-4 else exactly(0)
    out = Counts(counted + beside.low, beside.chances)
    if counted and ghost > 0:
        out = mixed(out, Counts(max(0, out.low - 1), out.chances), min(0.2, ghost))
    return out


def _gone(counts: Counts, left: int, mean: float, ghost: float) -> Counts:
    """``counts`` after ``left`` were seen leaving: at least so many were in, unless entries were missed."""
    first = left - counts.low
    if first > 0:
        kept = counts.chances[first:]
        likely = sum(kept)
        # else somebody came in unseen, or nobody left: nearly nobody is in now
        counts = scaled(left, kept) or exactly(left) if likely > 0.02 else Counts(left, (0.7, 0.2, 0.1))
    return taken(counts, _missed(left, mean, ghost))


def _slipped(counts: Counts, share: float) -> Counts:
    """``counts`` after each left unseen with this chance."""
    gone = counts.mean * share
    return taken(counts, moments(gone, gone))


def widened(counts: Counts, hours: float, moving: float) -> Counts:
    """``counts`` where the counters have been silent for some hours, and ``moving`` people pass in an hour."""
    return spread(counts, moving * hours + (0.5 * moving * hours) ** 2)
