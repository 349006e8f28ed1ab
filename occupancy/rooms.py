"""Whether somebody is in a room, by sensors that watch it as a whole: motion, radar. Pure.

The states are nobody, somebody who moves, and somebody who sits still (Dodier, Henze, Tiller and Guo 2006, "Building
occupancy detection through sensor belief networks"). A motion sensor says "somebody" from a movement until a hold time
after the last one. The sensors of a room are taken as one: it is seen while any of them says so. How long it is seen,
and how long not, tells the states apart (a hidden semi-Markov model; Yu 2010, "Hidden semi-Markov models"):

- A movement in an empty room is a person who comes, or nothing (the sun, a heater). Nothing lasts for the hold time.
- A room that is not seen any more was left, or somebody sits still in it, who moves again after minutes.

What is seen counts for each state by its chance (online EM; Cappé 2011, "Online EM algorithm for hidden Markov
models") and is forgotten slowly: a room has its own hold time, pauses, false movements and hours at which people come.

``word`` is what is published, somebody or nobody: it changes when the other has become likely (``LIKELY``), since each
false change costs something too. It is a function of the events and of the time since the last one.

That somebody is there says little of how many: one at least.
"""

from __future__ import annotations

from collections.abc import Collection, Container
from functools import lru_cache
from itertools import accumulate
from math import exp
from operator import mul
from typing import Any, Final

from occupancy.counts import Counts, scaled
from occupancy.hours import BINS, CLOSED, HOUR

LIKELY: Final = (0.35, 0.8)
"""Below the first chance of somebody the word is "nobody", above the second "somebody", between them as it was.

A room that is called free while somebody sits in it is the worse mistake, but one without a movement empties soon."""
_PARTY: Final = (0.33, 0.2)
"""Share of a room's capacity that a party in it fills, on average; and the share of parties of which nothing is known:
n people with a weight of 1/n. Assumed."""
_SURE: Final = 0.995
_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND
_DAY: Final = 24 * HOUR
_HOLD: Final = 60.0 * _SECOND
"""A sensor's hold time before any is known: then the shortest time for which the room was seen, of the last hundred."""
_LEAST_HOLD: Final = 5 * _SECOND
_LONGER: Final = 1.01
_JITTER: Final = (1.3, 10 * _SECOND)
"""A single movement is seen for the hold time by this factor, and so much more, at most."""
_TWICE: Final = 0.03
"""The chance that a false movement is followed by another within the hold time. Assumed."""
_SHAPE: Final = 5.0
"""Pauses are exponential, at a rate that differs between people and days by a Gamma distribution of this shape."""
_PAUSE: Final = (150.0 * _SECOND, 5.0)
"""The mean pause before any is known, and for how many it counts."""
_MOVING: Final = (3.5, 1.5)
"""Times that people who are in moved again within the hold time, and that they did not. Assumed; the next three too."""
_LEFT: Final = ((1.5, 4.5), (2.0, 3.0), (0.5, 6.0))
"""Times that a room that is not seen any more was left, and was not: after several movements, after one, and after the
only one: who looks in for a moment can't be told from a false movement."""
_FALSE: Final = (1.0, 1.0)
"""False movements, and in how many days."""
_COMING: Final = (0.1, 0.01, 3.0)
"""People who come, an hour, open and closed, and for how many days that counts."""
_BIN_HOURS: Final = (*(0.75,) * CLOSED, 0.5, 0.5, 1.0, 2.0, 8.0)
"""Hours a day in each bin, about."""
_MEMORY: Final = 21 * _DAY
_FORGET: Final = 0.99
_NOBODY: Final = 0.001
"""A chance of somebody that is smaller is none."""
_TOLD: Final = (0.95, 0.5, LIKELY[0], 0.2, 0.05, 0.01)
"""Chances of somebody at which the published numbers change by time alone."""


def _full(at: float) -> int:
    """The full minute after ``at``."""
    return (int(at) // _MINUTE + 1) * _MINUTE


@lru_cache(maxsize=256)
def _parties(most: int) -> tuple[tuple[float, ...], float, float]:
    """How likely each size of a party is in a room for ``most``, their sum, and the sum of 1/n of all sizes n."""
    mean = max(0.15, _PARTY[0] * most - 0.6)
    shares = tuple(accumulate([mean / n if most > 3 else 0.3 for n in range(1, most)], mul, initial=1.0))
    return shares, sum(shares), sum([1 / n for n in range(1, most + 1)])


@lru_cache(maxsize=1024)
def _people(most: int, some: float) -> Counts:
    """How many are in a room for ``most``; most rooms are surely empty."""
    shares, total, harmonic = _parties(most)
    any_size = _PARTY[1]
    usual, even = (1 - any_size) * some / total, any_size * some / harmonic
    weights = [1 - some, *[usual * one + even / n for n, one in enumerate(shares, 1)]]
    return scaled(0, weights) or Counts(0, (1.0,))


class Rooms:
    """The presence sensors of one space."""

    __slots__ = (
        "before",
        "bin",
        "came",
        "coming",
        "days",
        "false",
        "hold",
        "left",
        "moving",
        "off",
        "on",
        "pauses",
        "said_at",
        "since",
        "some",
        "there",
        "way",
        "word",
    )

    def __init__(self) -> None:
        self.on: dict[int, int] = {}
        """Devices that see somebody: since when."""
        self.off: dict[int, int] = {}
        """Devices that see nobody: since when."""
        self.since = 0
        """Since when the room is seen, or isn't; 0: no device ever said anything."""
        self.some = 0.0
        """The chance that somebody was in at that instant."""
        self.before = 0.0
        """The chance of it just before, by what was seen till then."""
        self.came = 0.0
        """The chance that somebody had come just then, if somebody is in."""
        self.there = 0.0
        """The chance that somebody was in while the room was last seen; 0: nothing is learned of it."""
        self.way = 0
        """How it was seen then: index of ``_LEFT``."""
        self.bin = 0
        """The bin of hours in which that began."""
        self.word = False
        """Whether the room was said to have somebody in it at the last event."""
        self.hold = _HOLD
        self.pauses = [0.0, 0.0]
        """The sum of pauses, and how many."""
        self.moving = [0.0, 0.0]
        self.left = [[0.0, 0.0] for _ in _LEFT]
        self.false = 0.0
        self.coming = [0.0] * BINS
        """People who came, by bin."""
        self.days = 0.0
        """In how many days; all three are forgotten."""
        self.said_at = 0
        """Up to when they are."""

    def said(self, device: int, at: int, bin_: int, *, occupied: bool | None, gone: Collection[int] = ()) -> None:
        """A sensor spoke; those that are ``gone`` (silent, or moved) see nothing any more."""
        at = max(at, self.since)
        self.word = self.says(self.chance(at, gone))
        seen = bool(self.on)
        lost = False
        for one in gone:
            lost = self.on.pop(one, None) is not None or lost
            self.off.pop(one, None)
        if occupied:
            self.off.pop(device, None)
            self.on.setdefault(device, at)
        else:
            self.on.pop(device, None)
            self.off.pop(device, None)
            if occupied is not None:
                self.off[device] = at
        if self.on and not seen:
            self._seen(at, bin_)
        elif seen and not self.on:
            if lost or occupied is None:
                self.some, self.there, self.since = self._still(self.before, at - self.since), 0.0, at
            else:
                self._unseen(at)
        elif not self.since:
            self.since = at
        self.word = self.says(self.chance(at, ()))

    def says(self, some: float) -> bool:
        """What is published where the chance of somebody is ``some``."""
        low, high = LIKELY
        return some >= high or (some > low and self.word)

    def chance(self, now: int, skip: Container[int]) -> float:
        """The chance that somebody is in at ``now``; devices in ``skip`` are not believed."""
        for_ = max(0, now - self.since)
        if not self.on:
            return self._still(self.some, for_)
        if any(one not in skip for one in self.on):
            return self._real(for_)
        return self._still(self.before, for_)

    def fades(self, now: int, skip: Container[int]) -> bool:
        """Whether time alone changes the chance of somebody."""
        if any(one not in skip for one in self.on):
            return now - self.since <= self._single()
        return self.chance(now, skip) > 0.0

    def due(self, now: int) -> int | None:
        """The next full minute after ``now`` at which time alone changes what is published; None: never."""
        some = self.some
        if self.on:
            at = _full(self.since + self._single())
            return at if at > now and some < _TOLD[0] else None
        for chance in _TOLD:
            if chance < some:
                stays: float = chance * (1 - some) / (some * (1 - chance))
                at = _full(self.since + (stays ** (-1 / _SHAPE) - 1) * (_SHAPE - 1) * self.pause)
                if at > now:
                    return at
        return None

    @property
    def pause(self) -> float:
        """The mean pause between movements that are not seen as one, microseconds."""
        return (_PAUSE[0] * _PAUSE[1] + self.pauses[0]) / (_PAUSE[1] + self.pauses[1])

    def _single(self) -> float:
        return self.hold * _JITTER[0] + _JITTER[1]

    def _still(self, some: float, gap: int) -> float:
        """The chance that somebody is in who was with the chance ``some`` before a pause of ``gap``."""
        stays: float = some * (1 + gap / ((_SHAPE - 1) * self.pause)) ** -_SHAPE
        chance = stays / (stays + 1 - some)
        return chance if chance > _NOBODY else 0.0

    def _real(self, length: int) -> float:
        """The chance that it is somebody who has been seen for ``length``."""
        if length <= self._single():
            return self.some
        again = self._moves() / _TWICE
        return min(_SURE, self.some * again / (self.some * again + 1 - self.some))

    def _moves(self) -> float:
        return (_MOVING[0] + self.moving[0]) / (sum(_MOVING) + sum(self.moving))

    def _seen(self, at: int, bin_: int) -> None:
        """A movement after a pause."""
        self._age(at)
        gap = at - self.since if self.since else 0
        still = self._still(self.some, gap) if self.since else 0.5
        hours = _BIN_HOURS[bin_]
        coming = (_COMING[bin_ >= CLOSED] * _COMING[2] * hours + self.coming[bin_]) / ((_COMING[2] + self.days) * hours)
        false = (_FALSE[0] + self.false) / (_FALSE[1] + self.days) / 24
        moves = still * _SHAPE / (gap + (_SHAPE - 1) * self.pause) * HOUR
        comes, nothing = (1 - still) * coming, (1 - still) * false
        total = moves + comes + nothing
        if self.there:
            self._learn(gap, moves / total)
        self.before = still
        self.some = min(_SURE, (moves + comes) / total)
        self.came, self.bin = comes / (moves + comes), bin_
        self.since = at

    def _unseen(self, at: int) -> None:
        """No movement for the hold time."""
        length = at - self.since
        self.there, self.way = self._real(length), 0
        if length <= self._single():
            once = self.some * (1 - self._moves()) / (1 - _TWICE)
            self.there, self.way = once / (once + 1 - self.some), 2 if self.came > 0.5 else 1
        if length >= _LEAST_HOLD:
            self.hold = min(float(length), self.hold * _LONGER)
        self.some = self.there * (1 - self._leaves())
        self.since = at

    def _leaves(self) -> float:
        left, stayed = self.left[self.way]
        return (_LEFT[self.way][0] + left) / (sum(_LEFT[self.way]) + left + stayed)

    def _learn(self, gap: int, paused: float) -> None:
        """The ``gap`` after the room was last seen was a pause with the chance ``paused``: what that says of both."""
        left = self.there * self._leaves()
        left *= (1 - paused) / (left + 1 - self.there)
        real = paused + left
        self.pauses = [self.pauses[0] * _FORGET + paused * gap, self.pauses[1] * _FORGET + paused]
        self.left[self.way] = [self.left[self.way][0] * _FORGET + left, self.left[self.way][1] * _FORGET + paused]
        single = self.way > 0
        self.moving = [self.moving[0] * _FORGET + real * (not single), self.moving[1] * _FORGET + real * single]
        self.false += 1 - real
        self.coming[self.bin] += real * self.came

    def _age(self, at: int) -> None:
        """Forget movements of long ago."""
        if self.said_at and at > self.said_at:
            keep = exp((self.said_at - at) / _MEMORY)
            self.days = self.days * keep + min(at - self.said_at, _DAY * 7) / _DAY
            self.false *= keep
            self.coming = [one * keep for one in self.coming]
        self.said_at = max(at, self.said_at)

    def counts(self, capacity: int | None, some: float) -> Counts:
        """How many are in a room that holds ``capacity``, with somebody in it with the chance ``some``."""
        return _people(max(1, capacity or 4), some)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; see ``from_json``."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Rooms:
        """Read what ``to_json`` made."""
        made = cls()
        for name in cls.__slots__:
            setattr(made, name, value[name])
        made.on = {int(key): one for key, one in value["on"].items()}
        made.off = {int(key): one for key, one in value["off"].items()}
        if len(made.coming) != BINS:
            raise ValueError("people who came in other hours")
        return made
