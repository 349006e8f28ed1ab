"""How many people are in a room by sensors that watch it as a whole: motion, radar. Pure.

A motion sensor loses who sits still: when it falls back to "nobody", somebody may still be there, and how often that is
so the room's own short gaps say (a two-state hidden Markov model; Dodier et al. 2006, "Building occupancy detection
through sensor belief networks"). That somebody is there says little of how many: one at least.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container
from typing import Any, Final

from occupancy.counts import Counts, scaled
from occupancy.hours import HOUR

_STEPS: Final = tuple(HOUR * minutes // 60 for minutes in (1, 2, 4, 7, 11, 16, 24))
"""Gaps between "nobody" and "somebody": those up to the last one may hide a person who sat still."""
_SHORT: Final = HOUR // 20
"""Somebody who was seen for less long may have passed through."""
_PRIOR: Final = ((1.0, 0.8, 0.6, 0.4, 0.3, 0.2, 0.2, 6.0), (3.0, 2.0, 1.5, 1.0, 0.6, 0.4, 0.3, 4.0))
"""How often gaps of each length were seen, the last: longer ones, after short and after long presence. Assumed."""
_FORGET: Final = 0.99
_PARTY: Final = 0.35
"""Share of a room's capacity that a party in it fills, on average. Assumed."""


class Rooms:
    """The presence sensors of one space."""

    __slots__ = ("gaps", "left", "since")

    def __init__(self) -> None:
        self.since: dict[int, int] = {}
        """Devices that see somebody: since when."""
        self.left: dict[int, tuple[int, int]] = {}
        """Devices that see nobody any more: since when, and whether somebody was there for long before."""
        self.gaps = [[0.0] * len(_PRIOR[0]), [0.0] * len(_PRIOR[1])]
        """Gaps by length, after short and after long presence; the last are those in which nobody was there."""

    def said(self, device: int, at: int, *, occupied: bool | None) -> None:
        """A sensor spoke."""
        if occupied:
            if device in self.since:
                return
            gap = self.left.pop(device, None)
            self.since[device] = at
            if gap is not None:
                seen = self.gaps[gap[1]]
                for index, one in enumerate(seen):
                    seen[index] = one * _FORGET
                seen[bisect_left(_STEPS, at - gap[0])] += 1.0
        elif occupied is None:
            self.since.pop(device, None)
            self.left.pop(device, None)
        else:
            since = self.since.pop(device, None)
            if since is not None:
                self.left[device] = (at, int(at - since >= _SHORT))

    def somebody(self, now: int, skip: Container[int]) -> float:
        """The chance that somebody is in."""
        nobody = 1.0
        for device in self.since:
            if device not in skip:
                nobody *= 0.005
        for device, (left, long) in self.left.items():
            if device not in skip:
                nobody *= 1 - self._still(max(0, now - left), long)
        return 1 - nobody

    def fades(self, now: int) -> bool:
        """Whether time alone changes what the sensors say: one that saw somebody a while ago sees nobody now."""
        return any(now - at < _STEPS[-1] for at, _ in self.left.values())

    def _still(self, gap: int, long: int) -> float:
        """The chance that somebody sits still who was noticed ``gap`` ago: of gaps that long, those that ended soon."""
        index = bisect_left(_STEPS, gap)
        if index >= len(_STEPS):
            return 0.0
        seen, prior = self.gaps[long], _PRIOR[long]
        start = _STEPS[index - 1] if index else 0
        rest = (_STEPS[index] - gap) / (_STEPS[index] - start)
        soon = rest * (seen[index] + prior[index]) + sum(seen[index + 1 : -1]) + sum(prior[index + 1 : -1])
        return soon / (soon + seen[-1] + prior[-1])

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
        return {"since": self.since, "left": self.left, "gaps": self.gaps}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Rooms:
        """Read what ``to_json`` made."""
        made = cls()
        made.since = {int(key): one for key, one in value["since"].items()}
        made.left = {int(key): (one[0], one[1]) for key, one in value["left"].items()}
        made.gaps = [list(one) for one in value["gaps"]]
        if [len(one) for one in made.gaps] != [len(one) for one in _PRIOR]:
            raise ValueError("gaps of other lengths")
        return made
