"""What a sensor reports of the true state: it notices late, holds on for a while, loses people and sees ghosts."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Final, Protocol

from simulator.clock import Scheduler
from simulator.rates import Rates

_GAP_S: Final = (60.0, 360.0)
"""How long a seat's sensor loses the person on it."""
_RARELY: Final = 5.0
"""Holds that last for so many usual gaps are outlasted in one of 150."""
_STILLNESS: Final = 0.3
"""Standard deviation of the logarithm of how still people sit."""
DAY_S: Final = 86_400.0


class Sensor(Protocol):
    """A virtual presence sensor of any maker."""

    @property
    def name(self) -> str:
        """``PLACE/DEVICE``."""
        ...

    @property
    def notices_s(self) -> float:
        """Delay until it reports presence, virtual seconds."""
        ...

    @property
    def hold_s(self) -> float:
        """Delay after the last person left, or the last movement that it saw, virtual seconds."""
        ...

    @property
    def sees_movement_only(self) -> bool:
        """A passive infrared sensor: a person who sits still is nobody to it."""
        ...

    def report(self, *, occupied: bool, whole: bool) -> None:
        """Send the state."""
        ...

    def heartbeat(self, *, occupied: bool) -> None:
        """Send a sign of life."""
        ...

    def join(self) -> None:
        """Say that it is there."""
        ...


class Watch:
    """One sensor and what it watches: a seat, or a room."""

    def __init__(
        self,
        sensor: Sensor,
        scheduler: Scheduler,
        *,
        heartbeat_s: float,
        at_seat: bool,
        rates: Rates,
        dice: random.Random,
        is_stuck: Callable[[str], bool],
    ) -> None:
        """Watch with ``sensor``; it gives a sign of life every ``heartbeat_s`` real seconds."""
        self.sensor = sensor
        self.people = 0
        """How many are really there."""
        self.said = False
        """What the sensor last said."""
        self._bag = False
        self._scheduler = scheduler
        self._heartbeat_s = heartbeat_s
        self._at_seat = at_seat
        self._rates = rates
        self._dice = dice
        self._is_stuck = is_stuck
        self._changes = 0
        self._stillness = 1.0
        """Of those who are there, beside the usual."""

    def start(self, after_real_s: float) -> None:
        """Join, report the first state, then repeat."""
        self._scheduler.after_real(after_real_s, self._first)
        if not self._at_seat and self._rates.pir_ghosts:
            self._next_ghost()

    def change(self, people: int, *, bag: bool = False) -> None:
        """So many are there now; ``bag``: a bag stays on the seat, which only a pad feels."""
        if people == self.people and bag == self._bag:
            return
        self.people, self._bag = people, bag
        if self.sensor.sees_movement_only:
            self._stillness = self._dice.lognormvariate(0, _STILLNESS)
            self._movement()
            return
        self._changes += 1
        if people or bag:
            self._later(self.sensor.notices_s, occupied=True)
            if people and self._at_seat and self._rates.desk_gaps:
                self._later_gap()
        else:
            self._later(self.sensor.hold_s, occupied=False)

    def _movement(self) -> None:
        """A passive infrared sensor sees a movement; the next ones come by chance, the sooner the more are there."""
        self._changes += 1
        hold_s = self.sensor.hold_s
        if not self.said:
            self._later(self.sensor.notices_s, occupied=True)
        if not self.people:
            self._later(hold_s, occupied=False)
            return
        mean_s = self._rates.pir_still_s * self._stillness / self.people
        silent_from, gap_s = self._stillness_after(hold_s, mean_s)
        self._later(silent_from + hold_s, occupied=False)
        number = self._changes
        self._scheduler.after(silent_from + gap_s, lambda: self._movement() if number == self._changes else None)

    def _stillness_after(self, hold_s: float, mean_s: float) -> tuple[float, float]:
        """Return when, from now, the first gap between movements that is longer than the hold begins; and that gap."""
        ratio, silent_from = hold_s / mean_s, 0.0
        if ratio > _RARELY:  # a sum of very many gaps: its wait is exponential
            mean_wait_s = mean_s * math.expm1(min(ratio, 50.0))
            return self._dice.expovariate(1 / mean_wait_s), hold_s + self._dice.expovariate(1 / mean_s)
        while (gap_s := self._dice.expovariate(1 / mean_s)) <= hold_s:
            silent_from += gap_s
        return silent_from, gap_s

    def _later_gap(self) -> None:
        """Lose the person on the seat for a while, some time from now."""
        number = self._changes
        after_s = self._dice.expovariate(self._rates.desk_gaps / 3600.0)

        def lose() -> None:
            if number == self._changes:
                self._say(occupied=False)
                self._later(self._dice.uniform(*_GAP_S), occupied=True)
                self._later_gap()

        self._scheduler.after(after_s, lose)

    def _next_ghost(self) -> None:
        def see() -> None:
            if not self.people:
                self._changes += 1
                self._say(occupied=True)
                self._later(self.sensor.hold_s, occupied=False)
            self._next_ghost()

        self._scheduler.after(self._dice.expovariate(self._rates.pir_ghosts / DAY_S), see)

    def _later(self, after_s: float, *, occupied: bool) -> None:
        number = self._changes
        self._scheduler.after(after_s, lambda: self._say(occupied=occupied) if number == self._changes else None)

    def _say(self, *, occupied: bool) -> None:
        if occupied != self.said and not self._is_stuck(self.sensor.name):
            self.said = occupied
            self.sensor.report(occupied=occupied, whole=False)

    def _first(self) -> None:
        if not self._is_stuck(self.sensor.name):
            self.said = self.people > 0
        self.sensor.join()
        self.sensor.report(occupied=self.said, whole=True)
        self._scheduler.after_real(self._heartbeat_s, self._beat)

    def _beat(self) -> None:
        self.sensor.heartbeat(occupied=self.said)
        self._scheduler.after_real(self._heartbeat_s, self._beat)
