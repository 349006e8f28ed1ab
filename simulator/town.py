"""All simulated parts together: places, devices, people, their connection to the broker, and the truth."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Final

from gateway.config import GatewayConfig
from simulator.air import Air, Publish
from simulator.building import PLAIN, Building
from simulator.clock import Clock, Scheduler
from simulator.devices.esp_rfid import VirtualEspRfid
from simulator.errors import QuestionError
from simulator.faults import Faults
from simulator.life import Life
from simulator.place import VirtualPlace, by_place
from simulator.rates import MILD, Rates
from simulator.reports import FrontDesk
from simulator.truth import Truth

NO_BUILDINGS: Final[Mapping[str, Building]] = MappingProxyType({})
ACTS: Final = (
    *("guest.came", "guest.let_in", "evening.held", "evening.let_in", "cleaner.came"),
    *("out_of_hours", "out_of_hours.came_anyway", "walked_in_by_chance"),
    *("visitor.came", "visitor.let_in", "visitor.refused", "visitor.without_host"),
    *("stranger_card.tried", "stranger_card.refused", "stranger_card.opened"),
    *("lost_card.tried", "lost_card.refused", "lost_card.opened"),
    *("lost_card.lost", "lost_card.lost_failed", "lost_card.found", "lost_card.found_failed"),
    *("reported_card.tried", "reported_card.refused", "reported_card.opened"),
    *("pin.typed", "pin.mistyped", "codes.attacks", "codes.typed", "codes.refused", "codes.opened"),
    *("door.wedged", "door.forced"),
    *("drill.held", "drill.left", "drill.came_back", "drill.not_let_in_again"),
)
SWITCHED_ON_A_SECOND: Final = 2000
"""Devices, at most: no network's all start at once, and a broker drops what a subscriber can't take."""


class Town:
    """Some places and who lives in them. Everything but ``truth`` and ``air.faults`` is the scheduler's thread's."""

    def __init__(
        self,
        gateways: Iterable[GatewayConfig],
        publish: Publish,
        *,
        start: datetime,
        speed: float,
        seed: int,
        places: int | None = None,
        faults: Faults | None = None,
        wall: Callable[[], datetime] | None = None,
        front_desk: tuple[str, str] | None = None,
        rates: Rates = MILD,
        buildings: Mapping[str, Building] = NO_BUILDINGS,
        closed: Callable[[date], bool] = lambda _day: False,
        monotonic: Callable[[], float] = time.monotonic,
        micros: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """Build the places of ``gateways`` (the first ``places`` of them); ``publish`` takes what devices say.

        ``wall`` is the clock by which gateways decide, where people should come when their passes open; ``front_desk``
        the API's address and a key, where they should report lost cards. ``rates``: how often people and devices fail;
        ``buildings``: by place, what the gateways' file doesn't tell; ``closed``: days on which hardly anybody comes.

        Raises:
            DriverError: a device's address makes no sense.
        """
        self.scheduler = Scheduler(Clock(start, speed, monotonic=monotonic))
        self.truth = Truth(micros)
        self.air = Air(
            publish,
            self.scheduler,
            faults=faults or Faults(),
            seed=seed,
            lost_uplinks=rates.lost_uplinks,
            wall_s=lambda: micros() / 1e6,
        )
        self.places = [
            VirtualPlace(
                code,
                some,
                self.scheduler,
                self.air,
                self.truth,
                seed=seed,
                rates=rates,
                building=buildings.get(code, PLAIN),
            )
            for code, some in list(by_place(gateways).items())[:places]
        ]
        self.acts: Counter[str] = Counter(dict.fromkeys(ACTS, 0))
        """What people did apart from their plans, and what doors answered: ``visitor.came``, ``visitor.refused`` …"""
        self.front_desk = FrontDesk(*front_desk, self.acts) if front_desk is not None else None
        self.lives = [
            Life(place, seed=seed, acts=self.acts, wall=wall, front_desk=self.front_desk, closed=closed)
            for place in self.places
        ]
        self._listening: dict[str, list[VirtualEspRfid]] = {}
        for place in self.places:
            for board in place.boards:
                self._listening.setdefault(board.command_topic, []).append(board)

    @property
    def command_topics(self) -> tuple[str, ...]:
        """Return where the devices listen."""
        return tuple(self._listening)

    @property
    def devices(self) -> int:
        """Return how many devices there are."""
        return sum(place.devices for place in self.places)

    @property
    def openings(self) -> int:
        """Return how often a door was opened."""
        return sum(door.openings for place in self.places for door in place.doors)

    @property
    def refused(self) -> int:
        """Return how often a member was refused and went home."""
        return sum(life.refused for life in self.lives)

    @property
    def passed(self) -> Counter[str]:
        """Return how many people went through all doors, by way and how, such as ``in.badge`` and ``out.handle``."""
        found: Counter[str] = Counter()
        for place in self.places:
            for door in place.doors:
                found.update({f"{side}.{how}": many for (side, how), many in door.passed.items()})
        return found

    @property
    def walked_through(self) -> int:
        """Return how often a person went through an open door without a card."""
        return sum(door.walked_through for place in self.places for door in place.doors)

    def drill(self, code: str) -> int:
        """Let everybody leave the place ``code`` without a card, and come back later; return how many are inside.

        For any thread.

        Raises:
            QuestionError: no such place.
        """
        life = next((one for one in self.lives if one.place.code == code), None)
        if life is None:
            raise QuestionError(f"there is no place {code!r} here")
        inside = len(life.place.inside)
        self.scheduler.post(life.drill)
        return inside

    def begin(self, announce_s: float) -> None:
        """Switch the devices on, over at least so many real seconds, and let the people live."""
        within_s = max(announce_s, self.devices / SWITCHED_ON_A_SECOND)
        for place, life in zip(self.places, self.lives, strict=True):
            place.start(within_s)
            life.start()

    def command(self, topic: str, payload: bytes) -> None:
        """Let the devices that listen on ``topic`` obey, each if it is meant."""
        self.air.counters["commands"] += 1
        moved = [board.command(payload) for board in self._listening.get(topic, ())]
        self.air.counters["unlocked"] += sum(moved)
