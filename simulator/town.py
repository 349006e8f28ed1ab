"""Everything virtual put together: places, devices, people, the air between them and the broker, and the truth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from gateway.config import GatewayConfig
from simulator.air import Air, Publish
from simulator.clock import Clock, Scheduler
from simulator.devices.esp_rfid import VirtualEspRfid
from simulator.faults import Faults
from simulator.life import Life
from simulator.place import VirtualPlace, by_place
from simulator.truth import Truth

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
        monotonic: Callable[[], float] = time.monotonic,
        micros: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """Build the places of ``gateways`` (the first ``places`` of them); ``publish`` takes what devices say.

        Raises:
            DriverError: a device's address makes no sense.
        """
        self.scheduler = Scheduler(Clock(start, speed, monotonic=monotonic))
        self.truth = Truth(micros)
        self.air = Air(publish, self.scheduler, faults=faults or Faults(), seed=seed)
        self.places = [
            VirtualPlace(code, some, self.scheduler, self.air, self.truth, seed=seed)
            for code, some in list(by_place(gateways).items())[:places]
        ]
        self.lives = [Life(place, seed=seed) for place in self.places]
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
        """Return how often a member stayed outside for good."""
        return sum(life.refused for life in self.lives)

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
