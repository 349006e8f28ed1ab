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

from collections.abc import Collection, Container, Mapping
from math import exp
from typing import Any, Final

from occupancy.counts import Counts, added, exactly, mixed, moments, normal, scaled, taken, thinned
from occupancy.doors import Door
from occupancy.habits import Habits
from occupancy.hours import BINS, CLOSED, HOUR, Calendar

MISSED: Final = 0.04
"""Share of passages that a counter misses, where nothing else is known. Assumed: makers claim 0.02 to 0.05."""
SURE: Final = 60.0
"""Passages in each direction that the belief in equal shares counts for."""
NOTICED: Final = (0.25, 1.0)
"""How much silence counts, in open and in closed time: in open time people leave in groups, not on their own."""
_BALANCED: Final = 0.9
"""Chance of nobody from which on a night balances the day."""
_KEPT: Final = 0.93
"""What is left of a day's passages in the balance a day later: a fortnight's memory."""
_CROWD: Final = 12.0
"""People after closing of whom half leave with others. Assumed."""
_SPURIOUS: Final = 0.004
"""Chance that a counted passage was none."""
_CLUMPED: Final = (10.0, 10.0)
"""Squares of the error of a day's balance, and what they would be if each passage were missed on its own: what is
believed before any day was balanced. People pass in groups, of which a counter misses several."""
_COMING: Final = (1.5, 0.05)
"""People who come in an hour of open and of closed time, before anything is known. Assumed."""
_LONGEST: Final = 14 * 24 * HOUR
_GUESSED: Final = 36 * HOUR
"""What passed unseen longer ago doesn't matter for who is in now."""


class Flow:
    """The counters of one space."""

    __slots__ = (
        "absurd",
        "alone",
        "at",
        "balance",
        "began",
        "came",
        "clumps",
        "counts",
        "day",
        "doors",
        "lowest",
        "pending",
        "quiet",
        "whole",
    )

    def __init__(self) -> None:
        self.at = 0
        """Up to when ``counts`` holds; 0: no passage was ever counted."""
        self.counts = exactly(0)
        self.doors: dict[int, Door] = {}
        self.balance = [0.0, 0.0]
        """Entries and exits of balanced days, forgotten slowly."""
        self.clumps = [0.0, 0.0]
        """Of balanced days: squares of the error of the balance, and what they would be without groups."""
        self.absurd = 0
        """When a counter last reported more people than can have passed; 0: never."""
        self.alone = [0.0, 0.0]
        """Entries in closed time while nobody was in: those whom nobody was seen leaving after, and all."""
        self.began = False
        """The last passage was such an entry."""
        self.came = [[0.0] * BINS, [0.0] * BINS]
        """Entries by bin, and the hours of it."""
        self.day = [0, 0]
        """Entries and exits counted since nobody was in."""
        self.lowest = 0
        """The smallest plain sum of the day."""
        self.whole = True
        """All of the day was counted: no counter was silent."""
        self.pending: dict[int, float] = {}
        """Person-hours by bin since the last passage: they count once somebody is seen again."""
        self.quiet = 0.0
        """Hours of closed time since the last passage."""

    @property
    def swapped(self) -> bool:
        """Whether a counter looks the wrong way round."""
        return any(door.swapped for door in self.doors.values())

    @property
    def shares_missed(self) -> tuple[float, float]:
        """The shares of entries and of exits that are missed."""
        came, went = self.balance[0] + SURE, self.balance[1] + SURE
        missed = MISSED * min(1.0, self.varied)
        if went < came:  # exits are missed more
            return missed, min(0.6, 1 - (1 - missed) * went / came)
        return min(0.6, 1 - (1 - missed) * came / went), missed

    @property
    def varied(self) -> float:
        """How much more the number of missed people varies than if each were missed alone, with chance ``MISSED``."""
        return min(8.0, max(0.3, (_CLUMPED[0] + self.clumps[0]) / (_CLUMPED[1] + self.clumps[1])))

    def coming(self, bin_: int) -> float:
        """People who come in an hour of ``bin_``."""
        return (self.came[0][bin_] + 2.0 * _COMING[bin_ >= CLOSED]) / (self.came[1][bin_] + 2.0)

    def share(self, device: int) -> float:
        """The share of what passes that passes at one counter."""
        every = sum(door.passages + 10.0 for door in self.doors.values())
        return (self.doors[device].passages + 10.0) / every

    def passed(self, counts: Counts, entered: int, left: int, bin_: int) -> Counts:
        """``counts`` after these passages were counted, with those that were missed beside them."""
        miss_in, miss_out = self.shares_missed
        clumped = max(1.0, self.varied)
        if entered:
            before = counts
            counts = added(counts, _missed(entered, entered * miss_in / (1 - miss_in), clumped))
            if bin_ > CLOSED and before.chance(0) > 0.5:
                counts = mixed(counts, before, ((1.0 + self.alone[0]) / (4.0 + self.alone[1])) ** entered)
        if left:
            # the more are in, the more leave
            counts = _leaning(counts, NOTICED[bin_ >= CLOSED] * left)
            counts = _gone(counts, left, left * miss_out / (1 - miss_out), clumped)
        return counts

    def silent(
        self, counts: Counts, habits: Habits, calendar: Calendar, start: int, end: int, *, blind: float = 0.0
    ) -> Counts:
        """``counts`` after nobody was counted from ``start`` to ``end``; of the doors a share ``blind`` is not seen."""
        if counts.low == 0 and len(counts.chances) == 1:
            return counts
        weights = [0.0, 0.0]
        slipped = 0.0
        miss_out = self.shares_missed[1]
        for bin_, hours in calendar.pieces(start, min(end, start + _LONGEST)):
            rate = habits.rates[bin_] * hours
            closed = bin_ >= CLOSED
            weights[closed] += NOTICED[closed] * rate * (1 - miss_out)
            slipped += rate * miss_out
        counts = _unnoticed(counts, weights[0] * (1.0 - blind), min(weights[1], 50.0) * (1.0 - blind))
        slipped *= 1.0 - blind
        if slipped * counts.mean > 0.05:  # less moves nobody: the exits counted carry it (``passed``)
            counts = _slipped(counts, min(1.0, slipped))
        return counts

    def unseen(
        self, counts: Counts, habits: Habits, calendar: Calendar, start: int, end: int, *, share: float
    ) -> Counts:
        """``counts`` after people came and went from ``start`` to ``end`` through doors where nothing was counted.

        ``share``: of all that passes. They come and leave as is usual at that hour.
        """
        for bin_, hours in calendar.pieces(max(start, end - _GUESSED), end):
            counts = thinned(counts, exp(-share * habits.rates[bin_] * hours))
            mean = share * self.coming(bin_) * hours
            counts = added(counts, moments(mean, mean + mean * mean))
        return counts

    def blind(self, lasts: Mapping[int, int], silent: Container[int], at: int) -> list[int]:
        """The counters that lose passages at ``at``: known to be ``silent``, or their last report has expired."""
        return [
            one
            for one, door in self.doors.items()
            if one in lasts and (one in silent or at > door.at + door.lasts(lasts[one])) and door.loses(lasts[one])
        ]

    def reported(
        self, device: int, at: int, event: Mapping[str, Any], habits: Habits, *, capacity: int | None, silent: bool
    ) -> tuple[int, int]:
        """A counter reported; return how many came and left since its report before, none where that is absurd."""
        door = self.doors.get(device)
        if door is None:
            door = self.doors[device] = Door()
        if not self.at:
            self.at = at
        came, went = door.moved(
            event.get("entered") or 0, event.get("left") or 0, event.get("entered_total"), event.get("left_total")
        )
        absurd = min(came, went) < 0 or max(came, went) > door.most(capacity, at)
        if absurd:
            self.absurd = at
        door.spoke(at, silent=silent)
        if absurd or not (came or went):
            return 0, 0
        if self.quiet >= 3.0:
            self._night(habits)
        return door.passed(at, came, went)

    def guess(self, habits: Habits, calendar: Calendar, at: int, blind: Collection[int]) -> None:
        """Guess what passed at ``blind`` counters up to ``at``."""
        for device in blind:
            door = self.doors.get(device)
            if door is not None and 0 < door.until < at:
                share = self.share(device)
                self.counts = self.unseen(self.counts, habits, calendar, door.until, at, share=share)
                door.until = at
                self.whole = False

    def step(
        self, habits: Habits, calendar: Calendar, at: int, entered: int, left: int, *, blind: Collection[int] = ()
    ) -> None:
        """Take what was counted in the minute that ends at ``at``, while ``blind`` counters were silent."""
        if not self.at:
            self.at = at
        mean = self.counts.mean
        came, hours_of = self.came
        for bin_, hours in calendar.pieces(self.at, min(at, self.at + _LONGEST)):
            self.pending[bin_] = self.pending.get(bin_, 0.0) + mean * hours
            if not blind:
                hours_of[bin_] += hours
            if bin_ >= CLOSED:
                self.quiet += hours
        unseen = min(1.0, sum(self.share(one) for one in blind if one in self.doors)) if blind else 0.0
        self.counts = self.silent(self.counts, habits, calendar, self.at, at, blind=unseen)
        if blind:
            self.guess(habits, calendar, at, [one for one in blind if self.doors[one].totals is None])
            self.quiet = 0.0
        self.at = at
        if not entered and not left:
            return
        bin_ = calendar.piece(at - 1)[2]
        if left:
            for one, hours in self.pending.items():
                habits.learn(one, float(left) if one == bin_ else 0.0, hours)
            if bin_ not in self.pending:
                habits.learn(bin_, float(left), 0.0)
            self.pending.clear()
        self.quiet = 0.0
        if left:
            self.began = False
        elif bin_ > CLOSED and self.counts.chance(0) > 0.5:
            self.began = True
            self.alone = [self.alone[0] * 0.97, self.alone[1] * 0.97 + 1.0]
        if not blind:
            came[bin_] += entered
        self.counts = self.passed(self.counts, entered, left, bin_)
        self.day[0] += entered
        self.day[1] += left
        self.lowest = min(self.lowest, self.day[0] - self.day[1])
        if self.lowest <= min(-5.0, -0.5 * sum(self.day)) and self.whole:
            self._turn()

    def _turn(self) -> None:
        """The day runs negative: the counter looks the wrong way that has seen more leave than come."""
        suspects = [(d.day[0] - d.day[1], one) for one, d in self.doors.items() if not d.settled]
        net, device = min(suspects, default=(0, 0))
        if self.day[0] - self.day[1] - 2 * net < 0 or net >= 0:
            return
        self.doors[device].turn()
        self._again()

    def _again(self) -> None:
        """Count the day again, a counter having been turned."""
        self.day = [sum(door.day[way] for door in self.doors.values()) for way in (0, 1)]
        self.lowest = 0
        miss_in, miss_out = self.shares_missed
        came, went = self.day[0] / (1 - miss_in), self.day[1] / (1 - miss_out)
        self.counts = normal(max(0.0, came - went), 0.3 + self.varied * (came * miss_in + went * miss_out))

    def _night(self, habits: Habits) -> None:
        """A night has passed: learn from it, and if nobody is in, from the whole day."""
        turned = [door.turned() for door in self.doors.values()]  # each learns
        if any(turned):
            self._again()
        if self.counts.chance(0) > _BALANCED or any(turned):
            self._balance(habits)
        if self.began:
            self.alone[0] += 1.0
            self.began = False
        self.pending.clear()  # who was believed to be in all night may never have been
        self.quiet = 0.0

    def _balance(self, habits: Habits) -> None:
        """Nobody is in: learn from the passages since that was so before, and begin a new day."""
        if sum(self.day) >= 6:
            came, went = self.day
            if self.whole:
                miss_in, miss_out = self.shares_missed
                error = came / (1 - miss_in) - went / (1 - miss_out)
                usual = came * miss_in + went * miss_out
                self.clumps = [
                    self.clumps[0] * _KEPT + min(error * error, 25.0 * usual),
                    self.clumps[1] * _KEPT + usual,
                ]
                self.balance = [self.balance[0] * _KEPT + came, self.balance[1] * _KEPT + went]
                self.came = [[one * _KEPT for one in row] for row in self.came]
            habits.forget()
        for door in self.doors.values():
            door.begin(_KEPT, whole=self.whole and sum(self.day) >= 6)
        self.day = [0, 0]
        self.lowest = 0
        self.whole = True
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
            "doors": {device: door.to_json() for device, door in self.doors.items()},
            "absurd": self.absurd,
            "alone": self.alone,
            "began": self.began,
            "balance": self.balance,
            "clumps": self.clumps,
            "came": self.came,
            "day": self.day,
            "lowest": self.lowest,
            "whole": self.whole,
            "pending": self.pending,
            "quiet": self.quiet,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Flow:
        """Read what ``to_json`` made."""
        made = cls()
        made.at, made.absurd = value["at"], value["absurd"]
        made.counts = Counts(value["low"], tuple(value["chances"]))
        made.doors = {int(key): Door.from_json(one) for key, one in value["doors"].items()}
        made.balance, made.clumps, made.day = list(value["balance"]), list(value["clumps"]), list(value["day"])
        made.came = [list(row) for row in value["came"]]
        made.lowest, made.whole, made.quiet = value["lowest"], value["whole"], value["quiet"]
        made.alone, made.began = list(value["alone"]), value["began"]
        made.pending = {int(key): one for key, one in value["pending"].items()}
        return made


def _missed(counted: int, mean: float, clumped: float) -> Counts:
    """How many passed where ``counted`` were: those missed beside them, and now and then one who was none."""
    beside = moments(mean, mean * clumped + 1e-9) if mean > 1e-4 else exactly(0)
    out = Counts(counted + beside.low, beside.chances)
    return mixed(out, Counts(max(0, out.low - 1), out.chances), min(0.2, _SPURIOUS * counted))


def _leaning(counts: Counts, power: float) -> Counts:
    """Weigh each number by itself to this power: that somebody leaves is the likelier the more are in."""
    if len(counts.chances) == 1:
        return counts
    power = min(power, 4.0)
    weights = [p * (counts.low + i) ** power if counts.low + i else p * 1e-3 for i, p in enumerate(counts.chances)]
    return scaled(counts.low, weights) or counts


def _gone(counts: Counts, left: int, mean: float, clumped: float) -> Counts:
    """``counts`` after ``left`` were seen leaving: at least so many were in, unless entries were missed."""
    first = left - counts.low
    if first > 0:
        kept = counts.chances[first:]
        likely = sum(kept)
        # else somebody came in unseen, or nobody left: nearly nobody is in now
        counts = scaled(left, kept) or exactly(left) if likely > 0.02 else Counts(left, (0.7, 0.2, 0.1))
    return taken(counts, _missed(left, mean, clumped))


def _unnoticed(counts: Counts, opened: float, closed: float) -> Counts:
    """Weigh by what would have been noticed in open and in closed time, and wasn't.

    After closing the few who stay leave each alone, but a crowd leaves together: its silence says less.
    """
    if opened + closed <= 0.0 or len(counts.chances) == 1:
        return counts
    weights = [p * exp(-n * (opened + closed / (1.0 + n / _CROWD))) for n, p in enumerate(counts.chances, counts.low)]
    return scaled(counts.low, weights) or counts


def _slipped(counts: Counts, share: float) -> Counts:
    """``counts`` after each left unseen with this chance."""
    gone = counts.mean * share
    return taken(counts, moments(gone, gone))
