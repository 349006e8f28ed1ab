"""The stations of a space's Wi-Fi: what people carry, asleep or awake, and what is always there."""

from __future__ import annotations

import random
from typing import Final

from simulator.clock import Scheduler
from simulator.devices.collectd import VirtualRadio

EVERY_S: Final = 120.0
"""Virtual seconds between two reports. collectd's own rhythm is 30 s; a month has fewer messages with this."""
_CARRIES: Final = ((0, 0.1), (1, 0.35), (2, 0.45), (3, 0.1))
"""Stations that a person carries, and how likely that is."""
_ASLEEP: Final = 0.1
"""Chance that a station is not connected when it is counted: it sleeps, or is on another network."""
_PASSES: Final = 0.3
"""Stations of passers-by and neighbours beside those that are always there, on average."""


class AccessPoint:
    """The radios of one space, which people's devices spread over."""

    def __init__(self, scheduler: Scheduler, *, always_on: int, dice: random.Random) -> None:
        """Begin with nobody in."""
        self.radios: list[VirtualRadio] = []
        self._scheduler = scheduler
        self._always_on = always_on
        self._dice = dice
        self._carried: dict[str, int] = {}
        """By person who is here."""
        self._usual: dict[str, int] = {}
        """By person: what he or she carries on every day."""

    def start(self, after_real_s: float) -> None:
        """Report from then on."""
        self._scheduler.after_real(after_real_s, self._report)

    def come(self, who: str) -> None:
        """A person comes here."""
        if who not in self._usual:
            numbers, weights = [one for one, _ in _CARRIES], [chance for _, chance in _CARRIES]
            self._usual[who] = self._dice.choices(numbers, weights)[0]
        self._carried[who] = self._usual[who]

    def go(self, who: str) -> None:
        """A person leaves."""
        self._carried.pop(who, None)

    def _report(self) -> None:
        dice = self._dice
        awake = sum(dice.random() >= _ASLEEP for _ in range(sum(self._carried.values())))
        total = self._always_on + awake + (dice.random() < _PASSES)
        left = total
        for number, radio in enumerate(self.radios, 1):
            here = left if number == len(self.radios) else min(left, round(dice.gauss(total / len(self.radios), 1.0)))
            here = max(0, here)
            left -= here
            radio.report(here)
        self._scheduler.after(EVERY_S, self._report)
