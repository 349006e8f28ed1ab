"""A virtual place: its spaces, desks and doors with their devices, as its gateways' file describes them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.config import GatewayConfig
from simulator.air import Air
from simulator.apparatus import Apparatus
from simulator.building import PLAIN, Building
from simulator.clock import Scheduler
from simulator.door import VirtualDoor
from simulator.rates import MILD, Rates
from simulator.truth import ROOT, Truth

_BY_MAIN_DOOR: Final = 0.8
_OVERNIGHT_S: Final = (3600.0, 18 * 3600.0)
"""How long something stays on a seat whose owner has left."""


class VirtualPlace:
    """One place; everything here runs in the scheduler's thread."""

    def __init__(
        self,
        code: str,
        gateways: Sequence[GatewayConfig],
        scheduler: Scheduler,
        air: Air,
        truth: Truth,
        *,
        seed: int,
        rates: Rates = MILD,
        building: Building = PLAIN,
    ) -> None:
        """Build the place that ``gateways`` serve."""
        self.code = code
        self.rates = rates
        self.truth = truth
        self.scheduler = scheduler
        self.dice = random.Random(f"{seed}/{code}")
        self.apparatus = Apparatus(code, gateways, scheduler, air, rates=rates, building=building, dice=self.dice)
        self.boards, self.doors, self.labs = self.apparatus.boards, self.apparatus.doors, self.apparatus.labs
        self.desks = self.apparatus.desks | dict(building.seats)
        """Desk, with or without a sensor → the space that it stands in."""
        self.rooms = set(self.apparatus.of_room)
        """Spaces that a sensor watches as a whole."""
        self.time_zone = next((one.time_zone for one in gateways), "Europe/Paris")
        self.inside: set[str] = set()
        """Who is inside in truth, by reference."""
        self.wedge_s = 0.0
        """Real seconds for which the next who comes in keeps the entry open."""
        self._free = set(self.desks)
        self._people: Counter[str] = Counter()
        spaces = {*self.rooms, *self.apparatus.climates, *self.desks.values(), *self.labs}
        truth.add(code, spaces - {ROOT}, self.desks)

    @property
    def entry(self) -> VirtualDoor | None:
        """Return the main door; None where nothing is at it."""
        return self.apparatus.entries[0] if self.apparatus.entries else None

    def an_entry(self) -> VirtualDoor | None:
        """Return the door that a person takes, in or out: mostly the main one."""
        entries = self.apparatus.entries
        if len(entries) < 2 or self.dice.random() < _BY_MAIN_DOOR:
            return self.entry
        return self.dice.choice(entries[1:])

    @property
    def meeting_rooms(self) -> tuple[str, ...]:
        """Return the rooms that one walks into freely."""
        return tuple(sorted(self.rooms - self.labs.keys() - set(self.desks.values()) - {ROOT}))

    @property
    def devices(self) -> int:
        """Return how many devices the place has."""
        return len(self.apparatus)

    def start(self, within_real_s: float) -> None:
        """Let every device say once that it is there and what it sees, spread over some real seconds."""
        self.apparatus.start(within_real_s)

    def move(self, origin: str | None, goal: str | None, who: str) -> None:
        """Move one person, by reference; rooms with sensors notice."""
        if origin == goal:
            return
        self.truth.move(self.code, origin, goal, who)
        if goal is None:
            self.inside.discard(who)
        else:
            self.inside.add(who)
        for space, change in ((origin, -1), (goal, 1)):
            if space is not None:
                self._people[space] += change
                for watch in self.apparatus.of_room.get(space, ()):
                    watch.change(self._people[space])
                for air in self.apparatus.climates.get(space, ()) if space != ROOT else ():
                    air.change(self._people[space])
        for air in self.apparatus.climates.get(ROOT, ()):
            air.change(len(self.inside))
        if self.apparatus.wifi:
            self._connect(origin, goal, who)

    def _connect(self, origin: str | None, goal: str | None, who: str) -> None:
        """What a person carries joins the access point of the space, or that of the whole place."""
        wifi = self.apparatus.wifi
        before, after = (None if one is None else one if one in wifi else ROOT for one in (origin, goal))
        if before != after:
            for space, join in ((before, False), (after, True)):
                if space in wifi:
                    (wifi[space].come if join else wifi[space].go)(who)

    def take_desk(self, usual: str | None = None) -> str | None:
        """Sit down at a free desk, the ``usual`` one if it is; None where there is none left."""
        if not self._free:
            return None
        desk = usual if usual in self._free else self.dice.choice(sorted(self._free))
        self._free.remove(desk)
        self._sit(desk, occupied=True)
        return desk

    def resume_desk(self, desk: str) -> None:
        """Come back to a desk kept by a coat on its chair."""
        self._sit(desk, occupied=True)

    def rise(self, desk: str, *, for_good: bool, may_leave_bag: bool = False) -> None:
        """Stand up; not for good: nobody else takes the desk meanwhile. A bag may stay on the seat."""
        chance = self.rates.bags_overnight if for_good else self.rates.bags
        bag = may_leave_bag and self.dice.random() < chance
        self._sit(desk, occupied=False, bag=bag)
        if for_good:
            self._free.add(desk)
        if for_good and bag:
            self.scheduler.after(self.dice.uniform(*_OVERNIGHT_S), lambda: self._clear(desk))

    def _clear(self, desk: str) -> None:
        if desk in self._free and desk in self.apparatus.of_desk:
            self.apparatus.of_desk[desk].change(0)

    def _sit(self, desk: str, *, occupied: bool, bag: bool = False) -> None:
        self.truth.sit(self.code, desk, occupied=occupied)
        if desk in self.apparatus.of_desk:
            self.apparatus.of_desk[desk].change(int(occupied), bag=bag)


def by_place(gateways: Iterable[GatewayConfig]) -> dict[str, list[GatewayConfig]]:
    """Return gateways by their place's code, in the file's order."""
    found: dict[str, list[GatewayConfig]] = {}
    for gateway in gateways:
        found.setdefault(gateway.place, []).append(gateway)
    return found
