"""The CO2 of a room by mass balance: people breathe it out, ventilation and windows carry it off.

``V dC/dt = n G + Q (C_out - C)`` with a constant number of people between two changes has an exact solution, so that
nothing has to be stepped. G is 0.0052 l/s for a seated adult (Persily and de Jonge, Indoor Air 27, 2017).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from simulator.clock import Scheduler
from simulator.devices.zigbee import VirtualClimate
from simulator.rates import Rates

OUTSIDE_PPM: Final = 425.0
BREATH_L_S: Final = 0.0052
"""CO2 that one seated adult breathes out."""
EVERY_S: Final = 300.0
_UNVENTILATED: Final = (0.4, 1.2)
_VENTILATED: Final = (2.5, 4.5)
"""Air changes an hour: of an old building with its windows shut, and of one with mechanical ventilation."""
_WINDOW: Final = 4.0
"""Air changes an hour that an open window adds."""
_NOISE_PPM: Final = 10.0


@dataclass(slots=True, kw_only=True)
class RoomAir:
    """The air of one room, as of ``at_s``."""

    volume_m3: float
    changes_h: float
    """Air changes an hour."""
    people: int = 0
    ppm: float = OUTSIDE_PPM
    at_s: float = 0.0

    def at(self, now_s: float) -> float:
        """Let time pass, and return the CO2, ppm."""
        rate = max(self.changes_h, 0.01) / 3600.0
        steady = OUTSIDE_PPM + self.people * BREATH_L_S * 1e3 / (self.volume_m3 * rate)
        self.ppm = steady + (self.ppm - steady) * math.exp(-rate * max(0.0, now_s - self.at_s))
        self.at_s = max(self.at_s, now_s)
        return self.ppm

    def breathed_by(self, people: int, now_s: float) -> None:
        """From now on so many are there."""
        self.at(now_s)
        self.people = people

    def aired(self, changes_h: float, now_s: float) -> None:
        """From now on the air changes so often an hour."""
        self.at(now_s)
        self.changes_h = changes_h


class ClimateWatch:
    """The air of a space and the sensor in it, which reports every five minutes."""

    def __init__(
        self,
        sensor: VirtualClimate,
        scheduler: Scheduler,
        *,
        volume_m3: float,
        rates: Rates,
        dice: random.Random,
        is_stuck: Callable[[str], bool],
    ) -> None:
        """Begin with fresh air."""
        self.sensor = sensor
        ventilated = dice.random() < rates.ventilated
        self._usual = dice.uniform(*(_VENTILATED if ventilated else _UNVENTILATED))
        self._offset_ppm = dice.gauss(0, rates.co2_error_ppm)
        self._air = RoomAir(volume_m3=volume_m3, changes_h=self._usual)
        self._scheduler = scheduler
        self._rates = rates
        self._dice = dice
        self._is_stuck = is_stuck
        self._said = OUTSIDE_PPM, 20.0
        self._window_until_s = 0.0

    def start(self, after_real_s: float) -> None:
        """Join, and report from then on."""
        self._scheduler.after_real(after_real_s, self._first)

    def change(self, people: int) -> None:
        """So many breathe here now."""
        self._air.breathed_by(people, self._scheduler.clock.now())

    def _first(self) -> None:
        self.sensor.join()
        self._report()

    def _report(self) -> None:
        now = self._scheduler.clock.now()
        ppm = self._air.at(now) + self._offset_ppm + self._dice.gauss(0, _NOISE_PPM)
        if not self._is_stuck(self.sensor.name):
            self._said = max(350.0, ppm), 20.0 + min(3.0, 0.1 * self._air.people) + self._dice.gauss(0, 0.1)
        self.sensor.report(*self._said)
        opens = self._air.people and self._dice.random() < self._rates.windows * EVERY_S / 3600
        if opens and now >= self._window_until_s:
            self._window_until_s = now + self._dice.uniform(600, 2400)
            self._air.aired(self._usual + _WINDOW, now)
        elif now >= self._window_until_s:
            self._air.aired(self._usual, now)
        self._scheduler.after(EVERY_S, self._report)
