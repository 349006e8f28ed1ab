"""How many are in by what counters at the doors saw. Pure.

A birth and death process: counted entries add, counted exits take away, each with the people that the counter missed
beside them (``occupancy.passing``). A counter misses a share of the passages in each direction, another one each day
(``occupancy.misses``, ``occupancy.paths``). Silence is evidence: each person who was in would have been seen leaving,
at the rate of the hour (``occupancy.habits``), so a long one in closed time leaves nobody.

After Hutchins, Ihler and Smyth (2008), "Probabilistic analysis of a large-scale urban traffic sensor data set" and
(2007) "Modeling count data from multiple sensors: a building occupancy model".
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from functools import partial
from math import exp
from typing import Any, Final

from occupancy.counts import Counts, exactly, mixed, normal
from occupancy.doors import Door
from occupancy.habits import Habits, Waiting
from occupancy.hindsight import Hindsight
from occupancy.hours import BINS, CLOSED, HOUR, Calendar
from occupancy.misses import KEPT, Misses
from occupancy.passing import agreeing, arrived, departed, slipped, unnoticed, unseen
from occupancy.paths import Paths

NOTICED: Final = (0.25, 1.0)
"""How much silence counts, in open and in closed time: in open time people leave in groups, not on their own."""
_BALANCED: Final = 0.9
"""Chance of nobody from which on a night balances the day."""
_FEW: Final = 0.01
"""People still in, for each passage of the day, who don't keep it from being balanced: their number is known well
enough."""
_ALONE: Final = (0.4, 5.0)
"""The share of those leaving uncounted by day who leave in a silence; of so few people each leaves alone. Assumed."""
_LULL: Final = 1.5
"""Hours of closed time without a passage that make a night, at least."""
_COMING: Final = (1.5, 0.05)
"""People who come in an hour of open and of closed time, before anything is known. Assumed."""
_LONGEST: Final = 14 * 24 * HOUR
_A_DAY: Final = 24 * HOUR
_GUESSED: Final = 36 * HOUR
"""What passed unseen longer ago doesn't matter for who is in now."""
_EMPTY: Final = Counts(0, (0.995, 0.005))
_PARTS: Final[dict[str, Any]] = {"misses": Misses, "paths": Paths, "pending": Waiting, "hindsight": Hindsight}
_PLAIN: Final = ("absurd", "alone", "at", "began", "calm", "came", "closed", "day", "lowest", "quiet", "rest", "slept",
                 "whole")  # fmt: skip


class Flow:
    """The counters of one space."""

    __slots__ = (*_PARTS, *_PLAIN, "doors")

    def __init__(self) -> None:
        self.at = 0
        """Up to when ``paths`` hold; 0: no passage was ever counted."""
        self.misses = Misses()
        self.paths = Paths.begin(exactly(0), several=self.misses.matters)
        self.doors: dict[int, Door] = {}
        self.closed = False
        """The last step ended in closed time."""
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
        self.pending = Waiting()
        self.hindsight = Hindsight()
        self.quiet = 0.0
        """Hours of closed time since the last passage."""
        self.calm = 0.0
        """The most of them since the place opened last."""
        self.slept = False
        """A night has been learned from since then."""
        self.rest = 0.0
        """People who were in when the day began."""

    @property
    def swapped(self) -> bool:
        """Whether a counter looks the wrong way round."""
        return any(door.swapped for door in self.doors.values())

    def coming(self, bin_: int) -> float:
        """People who come in an hour of ``bin_``."""
        return (self.came[0][bin_] + 2.0 * _COMING[bin_ >= CLOSED]) / (self.came[1][bin_] + 2.0)

    def share(self, device: int) -> float:
        """The share of what passes that passes at one counter."""
        every = sum(door.passages + 10.0 for door in self.doors.values())
        return (self.doors[device].passages + 10.0) / every

    def passed_elsewhere(self, number: int | None, people: float, *, but: Door | None = None) -> None:
        """Something else, or the counter ``but``, shows that people passed the door ``number`` (None: not known)."""
        for device, door in self.doors.items():
            if door is but:
                continue
            if number is not None and door.number == number:
                door.elsewhere += people
            elif but is None and (number is None or door.number is None):
                door.elsewhere += people * self.share(device)

    def passed(self, paths: Paths, entered: int, left: int, bin_: int) -> Paths:
        """``paths`` after these passages were counted, with those that were missed beside them."""
        shares = self.misses.shares
        clumped = max(1.0, self.misses.varied)
        if entered:
            before = paths
            paths = paths.moved(lambda counts, z: arrived(counts, entered, shares(z)[0], clumped))
            if bin_ > CLOSED and before.chance(0) > 0.5:
                none = ((1.0 + self.alone[0]) / (4.0 + self.alone[1])) ** entered
                paths = Paths(
                    tuple(mixed(one, old, none) for one, old in zip(paths.counts, before.counts, strict=True)),
                    paths.weights,
                )
        if left:
            closed = bin_ >= CLOSED
            power = NOTICED[closed]  # the more are in, the more leave
            paths = paths.weighed(lambda counts, z: departed(counts, left, shares(z)[1], clumped, power, closed=closed))
        return paths

    def silent(
        self, paths: Paths, habits: Habits, calendar: Calendar, start: int, end: int, *, blind: float = 0.0
    ) -> Paths:
        """``paths`` after nobody was counted from ``start`` to ``end``; of the doors a share ``blind`` is not seen."""
        if all([one.low == 0 and one.width == 1 for one in paths.counts]):  # noqa: C419
            return paths
        rates = [0.0, 0.0]
        for bin_, hours in calendar.pieces(start, min(end, start + _LONGEST)):
            rates[bin_ >= CLOSED] += habits.rates[bin_] * hours
        opened, closed = (one * weight * (1.0 - blind) for one, weight in zip(rates, NOTICED, strict=True))

        most = (rates[0] + rates[1]) * (1.0 - blind)

        def move(counts: Counts, z: float) -> tuple[Counts, float]:
            miss_out = self.misses.shares(z)[1]
            counts, likely = unnoticed(counts, opened * (1 - miss_out), min(closed * (1 - miss_out), 50.0))
            if most * miss_out * counts.high > 0.05:  # less: see ``departed``
                alone = max(_ALONE[0], min(1.0, _ALONE[1] / max(counts.mean, 1.0)))
                unseen = (alone * rates[0] + rates[1]) * (1.0 - blind) * miss_out
                if unseen * counts.high > 0.05 and unseen * counts.mean > 0.05:
                    counts = slipped(counts, min(1.0, unseen))
            return counts, likely

        return paths.weighed(move)

    def unseen(
        self, counts: Counts, habits: Habits, calendar: Calendar, start: int, end: int, *, share: float
    ) -> Counts:
        """``counts`` after people came and went from ``start`` to ``end`` through doors where nothing was counted.

        ``share``: of all that passes. They come and leave as is usual at that hour.
        """
        pieces = [
            (exp(-share * habits.rates[bin_] * hours), share * self.coming(bin_) * hours)
            for bin_, hours in calendar.pieces(max(start, end - _GUESSED), end)
        ]
        return unseen(counts, pieces)

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
                guessed = partial(
                    self.unseen, habits=habits, calendar=calendar, start=door.until, end=at, share=self.share(device)
                )
                self.paths = self.paths.each(guessed).plain
                door.until = at
                self.whole = False

    def step(
        self,
        habits: Habits,
        calendar: Calendar,
        at: int,
        entered: int,
        left: int,
        *,
        blind: Collection[int] = (),
        foreseen: Paths | None = None,
    ) -> None:
        """Take what was counted in the minute that ends at ``at``, while ``blind`` counters were silent.

        ``foreseen``: the paths after that, where they were asked for before.
        """
        if not self.at:
            self.at = at
        dawn = self._wait(calendar, at, blind)
        unseen = min(1.0, sum(self.share(one) for one in blind if one in self.doors)) if blind else 0.0
        if dawn or blind or self.closed:
            foreseen = None  # these change what the passages say
        if foreseen is None:
            self.paths = self.silent(self.paths, habits, calendar, self.at, at, blind=unseen)
        if dawn:
            self._dawn(habits)
        if blind:
            self.guess(habits, calendar, at, [one for one in blind if self.doors[one].totals is None])
            self.quiet = 0.0
        self.at = at
        if not entered and not left:
            self.paths = self.paths.plain
            return
        bin_ = calendar.piece(at - 1)[2]
        if left:
            self.hindsight.left(bin_, left, self.pending.left(habits, bin_, left))
        self.pending.since.clear()
        self.quiet = 0.0
        if left:
            self.began = False
        elif bin_ > CLOSED and self.paths.chance(0) > 0.5:
            self.began = True
            self.alone = [self.alone[0] * 0.97, self.alone[1] * 0.97 + 1.0]
        if not blind:
            self.came[0][bin_] += entered
        self.paths = (foreseen or self.passed(self.paths, entered, left, bin_)).plain
        self.day[0] += entered
        self.day[1] += left
        self.lowest = min(self.lowest, self.day[0] - self.day[1])
        if self.lowest <= min(-5.0, -0.5 * sum(self.day)) and self.whole:
            self._turn()

    def _wait(self, calendar: Calendar, at: int, blind: Collection[int]) -> bool:
        """Time passes up to ``at`` without a passage; return whether the place opens in it."""
        mean = self.paths.mean
        dawn = False
        hours_of = self.came[1]
        usual = at if blind else min(at, max((door.last for door in self.doors.values()), default=at) + _A_DAY)
        if usual < at and not blind:  # a longer silence is a closure, and says nothing of how many come at other times
            for bin_, hours in calendar.pieces(self.at, usual):
                hours_of[bin_] += hours
        for bin_, hours in calendar.pieces(self.at, min(at, self.at + _LONGEST)):
            self.pending.wait(bin_, mean, hours)
            self.hindsight.wait(bin_, hours, self.day)
            if usual == at and not blind:
                hours_of[bin_] += hours
            dawn = dawn or (self.closed and bin_ < CLOSED)
            self.closed = bin_ >= CLOSED
            if self.closed:
                self.quiet += hours
                self.calm = max(self.calm, self.quiet)
        return dawn

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
        self.hindsight = Hindsight()
        self.lowest = 0
        self._begin(exactly(0))

        def counted(_: Counts, z: float) -> Counts:
            miss_in, miss_out = self.misses.shares(z)
            came, went = self.day[0] / (1 - miss_in), self.day[1] / (1 - miss_out)
            clumped = max(1.0, self.misses.varied)
            return normal(max(0.0, came - went), 0.3 + clumped * (came * miss_in + went * miss_out))

        self.paths = self.paths.moved(counted)

    def _begin(self, counts: Counts) -> None:
        self.paths = Paths.begin(counts.plain, several=self.misses.matters)

    def _dawn(self, habits: Habits) -> None:
        """The place opens: a new day takes a course of its own."""
        if self.calm >= _LULL and not self.slept:
            self._night(habits)
        self._begin(self.paths.together)
        self.calm, self.slept = 0.0, False

    def _night(self, habits: Habits) -> None:
        """A night has passed: learn from it, and if nearly nobody is in, from the whole day."""
        turned = [door.turned() for door in self.doors.values()]  # each learns
        if any(turned):
            self._again()
        if self.paths.chance(0) > _BALANCED or any(turned):
            self._balance(habits, _EMPTY)
        elif self.paths.mean <= 1.0 + _FEW * sum(self.day):
            self._balance(habits, self.paths.together)
        if self.began:
            self.alone[0] += 1.0
            self.began = False
        self.pending.clear()  # who was believed to be in all night may never have been
        self.quiet = 0.0
        self.slept = True

    def _balance(self, habits: Habits, rest: Counts) -> None:
        """``rest`` are in: learn from the passages since nearly nobody was in before, and begin a new day."""
        left_over = rest.mean
        if sum(self.day) >= 6:
            if self.whole:
                self.misses.learn(self.day[0] + self.rest, self.day[1] + left_over)
                a = 1.0 / (1.0 - self.misses.shares()[0])
                self.hindsight.teach(habits, a, self.day, self.rest, left_over)
                self.came = [[one * KEPT for one in row] for row in self.came]
            habits.forget()
        for door in self.doors.values():
            door.begin(KEPT, whole=self.whole and sum(self.day) >= 6)
        self.hindsight = Hindsight()
        self.day = [0, 0]
        self.lowest = 0
        self.rest = left_over
        self.whole = True
        self._begin(rest)

    def told(self, present: int) -> None:
        """So many were counted by hand."""
        if self.at:
            said = normal(float(present), 0.1 + (0.03 * present) ** 2)
            self.paths = self.paths.weighed(lambda counts, _: (said, agreeing(counts, said))).plain
            self.quiet = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; see ``from_json``."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        parts = {name: getattr(self, name).to_json() for name in _PARTS}
        return plain | parts | {"doors": {device: door.to_json() for device, door in self.doors.items()}}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Flow:
        """Read what ``to_json`` made."""
        made = cls()
        for name in _PLAIN:
            setattr(made, name, value[name])
        for name, kind in _PARTS.items():
            setattr(made, name, kind.from_json(value[name]))
        made.doors = {int(key): Door.from_json(one) for key, one in value["doors"].items()}
        return made
