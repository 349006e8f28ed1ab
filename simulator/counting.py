"""What a people counter over a door makes of those who pass: it misses some, and more of them in a crowd."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, Literal, Protocol

from simulator.clock import Scheduler
from simulator.rates import Rates

Side = Literal["in", "out"]
MONTH_S: Final = 30 * 86_400.0
CROWD_S: Final = 2.0
"""Two who pass within this time are a crowd to a counter."""


class Counter(Protocol):
    """A virtual counter of any maker."""

    name: str

    def report(self, entered: int, left: int) -> None:
        """Send what was counted since the last report."""
        ...

    def join(self) -> None:
        """Say that it is there."""
        ...


class Tally:
    """One counter at its door: counts those who pass, and reports them at its rhythm."""

    def __init__(
        self,
        counter: Counter,
        scheduler: Scheduler,
        *,
        every_s: float,
        rates: Rates,
        dice: random.Random,
        is_stuck: Callable[[str], bool],
        is_swapped: Callable[[str], bool],
    ) -> None:
        """Report with ``counter`` every ``every_s`` virtual seconds."""
        self.counter = counter
        self._scheduler = scheduler
        self._every_s = every_s
        self._rates = rates
        self._dice = dice
        self._is_stuck = is_stuck
        self._is_swapped = is_swapped
        self._counted = {"in": 0, "out": 0}
        self._last_s = float("-inf")

    def start(self, after_real_s: float) -> None:
        """Join, and report from then on."""
        self._scheduler.after_real(after_real_s, self._first)

    def passes(self, side: Side) -> None:
        """A person goes through the door."""
        rates, now = self._rates, self._scheduler.clock.now()
        in_crowd, self._last_s = now - self._last_s < CROWD_S, now
        missed = rates.counter_missed_in if side == "in" else rates.counter_missed_out
        crowd = rates.counter_missed_crowd if in_crowd else 0.0
        if self._dice.random() < (1 - missed) * (1 - crowd):
            self._count(side)
        if self._dice.random() < rates.counter_turned:
            self._count("in")
            if self._dice.random() < 0.8:
                self._count("out")

    def _count(self, side: Side) -> None:
        if self._is_stuck(self.counter.name):
            return
        if self._is_swapped(self.counter.name):
            side = "out" if side == "in" else "in"
        self._counted[side] += 1

    def _first(self) -> None:
        self.counter.join()
        self._report()

    def _report(self) -> None:
        if self._dice.random() < self._rates.counter_absurd_a_month * self._every_s / MONTH_S:
            self._counted[self._dice.choice(("in", "out"))] += round(10 ** self._dice.uniform(2.4, 4.8))
        counted, self._counted = self._counted, {"in": 0, "out": 0}
        self.counter.report(counted["in"], counted["out"])
        self._scheduler.after(self._every_s, self._report)
