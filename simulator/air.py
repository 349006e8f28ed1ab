"""The way from virtual devices to the field broker, with the faults in force on it, and what was sent counted."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from simulator.clock import Scheduler
from simulator.faults import Faults

Publish = Callable[[str, bytes, bool], bool]
"""Topic, payload, retained; False where there is no connection and the message is lost, as a device's would be."""

COUNTERS: Final = (
    *(
        "said",
        "said.esp_rfid",
        "said.zigbee2mqtt",
        "said.chirpstack",
        "said.collectd",
        "said.gm861",
        "sent",
        "unconnected",
    ),
    *("duplicated", "reordered", "garbled", "lost", "silenced", "commands", "unlocked"),
)


class Air:
    """Sends the devices' messages. Runs in the scheduler's thread; ``faults`` may be replaced from any thread."""

    def __init__(
        self,
        publish: Publish,
        scheduler: Scheduler,
        *,
        faults: Faults,
        seed: int,
        lost_uplinks: float = 0.0,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        """``lost_uplinks``: share of LoRaWAN messages that no antenna hears; ``wall_s``: seconds since the epoch."""
        self.faults = faults
        self.counters: Counter[str] = Counter(dict.fromkeys(COUNTERS, 0))
        """``said`` by devices (and ``said.DRIVER``); ``sent`` to the broker or ``unconnected``; by faults
        ``duplicated``, ``reordered``, ``garbled``, ``lost``, ``silenced``; ``commands`` received, and ``unlocked``."""
        self._publish = publish
        self._scheduler = scheduler
        self._dice = random.Random(seed)
        self._lost_uplinks = lost_uplinks
        self._wall_s = wall_s

    def say(self, device: str, driver: str, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send a message of ``device`` (``PLACE/DEVICE``)."""
        faults, dice = self.faults, self._dice
        if faults.is_silent(device):
            self.counters["silenced"] += 1
            return
        self.counters["said"] += 1
        self.counters[f"said.{driver}"] += 1
        if faults.is_garbled(device):
            self.counters["garbled"] += 1
            payload = payload[: len(payload) // 2]
        loss_rate = max(faults.loss_rate, self._lost_uplinks if driver == "chirpstack" else 0.0)
        if loss_rate and dice.random() < loss_rate:
            self.counters["lost"] += 1
            return
        if faults.duplicate_rate and dice.random() < faults.duplicate_rate:
            self.counters["duplicated"] += 1
            self._scheduler.after_real(dice.uniform(0, 1), lambda: self._send(topic, payload, retain=retain))
        if faults.reorder_rate and dice.random() < faults.reorder_rate:
            self.counters["reordered"] += 1
            self._scheduler.after_real(dice.uniform(0, 2), lambda: self._send(topic, payload, retain=retain))
            return
        self._send(topic, payload, retain=retain)

    def is_stuck(self, device: str) -> bool:
        """Return whether ``device`` takes nothing in: it repeats its last value, or is dead."""
        return self.faults.is_frozen(device) or self.faults.is_dead(device)

    def is_swapped(self, device: str) -> bool:
        """Return whether the counter ``device`` counts the wrong way round."""
        return self.faults.is_swapped(device)

    def wall_s(self, device: str) -> float:
        """Return the time by ``device``'s own clock, seconds since the epoch."""
        return self._wall_s() + self.faults.clock_offset_s(device)

    def _send(self, topic: str, payload: bytes, *, retain: bool) -> None:
        self.counters["sent" if self._publish(topic, payload, retain) else "unconnected"] += 1
