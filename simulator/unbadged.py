"""Who comes in behind whom, so that the share of unbadged entries is the rate that was set.

A follower needs an opening. So the entries of a day are paired: the follower comes when the next person with a badge
comes, as colleagues do who arrive by the same bus. What a day can't pair, with one person only, is owed to the next.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from simulator.days import Visit
from simulator.rates import Rates

_NEAREST: Final = 3
"""A follower joins one of so many entries that are nearest in time."""
FARTHEST_S: Final = 5400.0
"""Nobody comes this much earlier or later to come with another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """The arrival of a visit, or (``errand``) the return from lunch."""

    visit: int
    errand: int | None
    at_s: float


class Unbadged:
    """The pairs of one place, day after day."""

    def __init__(self, rates: Rates, dice: random.Random) -> None:
        self._rates = rates
        self._dice = dice
        self._owed = dice.random()

    def arrange(self, visits: Sequence[Visit]) -> tuple[Visit, ...]:
        """Return ``visits`` with those who follow moved to those whom they follow, and exits that are forgotten."""
        if not visits:
            return ()
        found = [self._forgetful(one, visits) for one in visits]
        entries = [
            *(_Entry(visit=number, errand=None, at_s=one.arrive_s) for number, one in enumerate(found)),
            *(
                _Entry(visit=number, errand=at, at_s=errand.end_s)
                for number, one in enumerate(found)
                for at, errand in enumerate(one.errands)
                if errand.kind == "lunch"
            ),
        ]
        self._owed += self._rates.unbadged_in * len(entries)
        self._dice.shuffle(entries)
        badging = list(entries)
        for entry in entries:
            if self._owed < 1:
                break
            leader = self._leader(entry, badging, found)
            if leader is not None:
                self._owed -= 1
                badging = [one for one in badging if one not in (entry, leader)]  # a leader badges, and isn't moved
                found[entry.visit] = self._moved(found[entry.visit], entry, leader.at_s)
        return tuple(found)

    def _forgetful(self, visit: Visit, visits: Sequence[Visit]) -> Visit:
        """Return ``visit`` with the exits that are forgotten; some people forget more often than others."""
        mean = sum(one.member.forgets_out for one in visits) / len(visits)
        chance = self._rates.forgotten_out * (visit.member.forgets_out / mean if mean else 1.0)
        errands = tuple(
            replace(one, forgets_out=self._dice.random() < chance) if one.kind == "lunch" else one
            for one in visit.errands
        )
        return replace(visit, errands=errands, forgets_out=self._dice.random() < chance)

    def _leader(self, entry: _Entry, badging: Sequence[_Entry], visits: Sequence[Visit]) -> _Entry | None:
        if entry not in badging:
            return None
        first, last = _window(visits[entry.visit], entry.errand)
        near = sorted(
            (
                one
                for one in badging
                if one.visit != entry.visit and first <= one.at_s <= last and abs(one.at_s - entry.at_s) <= FARTHEST_S
            ),
            key=lambda one: abs(one.at_s - entry.at_s),
        )
        return self._dice.choice(near[:_NEAREST]) if near else None

    def _moved(self, visit: Visit, entry: _Entry, at_s: float) -> Visit:
        together = self._dice.random() * self._rates.unbadged_in < self._rates.held_for_two
        how: Final = "held" if together else "slips"
        at_s += self._dice.uniform(0.2, 1.5)
        if entry.errand is None:
            return replace(visit, arrive_s=at_s, follows=how)
        errands = list(visit.errands)
        errands[entry.errand] = replace(errands[entry.errand], end_s=at_s, follows=how)
        return replace(visit, errands=tuple(errands))


def _window(visit: Visit, errand: int | None) -> tuple[float, float]:
    """Return from when to when an entry can be moved without meeting what comes before and after."""
    after = visit.errands[(0 if errand is None else errand + 1) :]
    last = (after[0].start_s if after else visit.leave_s) - 600
    return (6 * 3600.0 if errand is None else visit.errands[errand].start_s + 600), last
