"""How many people are in a room by sensors that watch it as a whole: motion, radar, air. Pure.

A motion sensor loses who sits still: when it falls back to "nobody", somebody may still be there, and how often that is
so the room's own short gaps say (a two-state hidden Markov model; Dodier et al. 2006, "Building occupancy detection
through sensor belief networks"). That somebody is there says little of how many: one at least.

Carbon dioxide is weak evidence: it rises with the people and falls with the air that is changed, both unknown, so it
only says whether the room is surely occupied (Jiang et al. 2016, "Indoor occupancy estimation from CO2").
"""

from __future__ import annotations

from collections.abc import Container
from math import exp
from typing import Any, Final

from occupancy.counts import Counts, scaled
from occupancy.hours import HOUR

BACK: Final = (3.0, 10.0)
"""Times that the sensor saw somebody again soon, of so many: what is believed at first. Assumed."""
GAP: Final = HOUR // 6
_FADE: Final = 0.06
"""Hours in which the chance that somebody sits still falls to a third."""
_PARTY: Final = 0.35
"""Share of a room's capacity that a party in it fills, on average. Assumed."""


class Rooms:
    """The presence sensors of one space."""

    __slots__ = ("back", "left", "since")

    def __init__(self) -> None:
        self.since: dict[int, int] = {}
        """Devices that see somebody: since when."""
        self.left: dict[int, int] = {}
        """Devices that see nobody any more: since when."""
        self.back = [0.0, 0.0]

    def said(self, device: int, at: int, *, occupied: bool | None) -> None:
        """A sensor spoke."""
        if occupied:
            if device in self.since:
                return
            gap = self.left.pop(device, None)
            self.since[device] = at
            if gap is not None and at - gap <= GAP:
                self.back[0] += 1.0
        elif occupied is None:
            self.since.pop(device, None)
            self.left.pop(device, None)
        elif self.since.pop(device, None) is not None:
            self.left[device] = at
            self.back = [self.back[0] * 0.99, self.back[1] * 0.99 + 1.0]

    def somebody(self, now: int, skip: Container[int]) -> float:
        """The chance that somebody is in."""
        nobody = 1.0
        back = (BACK[0] + self.back[0]) / (BACK[1] + self.back[1])
        for device in self.since:
            if device not in skip:
                nobody *= 0.005
        for device, left in self.left.items():
            if device not in skip and now - left < 3 * GAP:
                nobody *= 1 - back * exp(-(now - left) / HOUR / _FADE)
        return 1 - nobody

    def counts(self, capacity: int | None, now: int, skip: Container[int]) -> Counts:
        """How many are in a room that holds ``capacity``."""
        some = self.somebody(now, skip)
        most = max(1, capacity or 4)
        mean = max(0.15, _PARTY * most - 0.6)
        weights, value = [1 - some], 1.0
        shares = []
        for n in range(1, most + 1):
            shares.append(value)
            value *= mean / n if most > 3 else 0.3
        total = sum(shares)
        weights += [some * one / total for one in shares]
        return scaled(0, weights) or Counts(0, (1.0,))

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; see ``from_json``."""
        return {"since": self.since, "left": self.left, "back": self.back}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Rooms:
        """Read what ``to_json`` made."""
        made = cls()
        made.since = {int(key): one for key, one in value["since"].items()}
        made.left = {int(key): one for key, one in value["left"].items()}
        made.back = list(value["back"])
        return made
