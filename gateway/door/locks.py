"""The locks of one gateway: opened once, or held open."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from gateway.config import GatewayConfig
from gateway.contract.configuration import Device, Door
from gateway.drivers import Driver, DriverError
from gateway.drivers.registry import device_key

log = logging.getLogger(__name__)

Publish = Callable[[str, bytes, Callable[[], None] | None], None]
"""Topic, payload, and what to call when it goes to the socket; never retained."""
_AGAIN: Final = 0.5
"""The part of a lock's time after which it gets the next command to stay open: one lost message closes no door."""
_AT_LEAST_S: Final = 0.5
_REFUSED_S: Final = 60.0
"""A lock whose driver refuses is tried, and logged, once a minute."""


class Locks:
    """Sends commands to locks. ``now``: seconds of a monotonic clock."""

    def __init__(
        self,
        config: GatewayConfig,
        drivers: Mapping[str, Driver],
        publish: Publish,
        ordered: Callable[[str], None] = lambda _device: None,
    ) -> None:
        """``ordered`` is called with a lock's code before a command goes to it."""
        self._gateway = config.gateway
        self._publish = publish
        self._ordered = ordered
        self._locks: dict[str, tuple[Door, Device]] = {}
        self._drivers = drivers
        self._next: dict[str, float] = {}
        """By door that is held open: when its lock gets the next command."""
        self._former: dict[str, tuple[Door, Device, Driver]] = {}
        """By door that is held open and has no lock now: the one that it had, with its driver."""
        self.become(config, drivers)

    def become(self, config: GatewayConfig, drivers: Mapping[str, Driver]) -> None:
        """Follow a new configuration.

        A lock closes by itself when its time is over, so that one which is no more a door's needs no word. A door that
        is held open and has another lock now gets its command at once. One that has none now, or is gone, can still be
        held open by the lock that it had, unless that is another door's now.
        """
        by_code = {device.code: device for device in config.devices}
        before, drivers_before = self._locks, self._drivers
        self._drivers = drivers
        self._locks = {door.code: (door, by_code[door.lock]) for door in config.doors if door.lock in by_code}
        for door in [door for door in self._next if self._locks.get(door) != before.get(door)]:
            del self._next[door]
            if (had := before.get(door)) is not None:
                self._former[door] = (*had, drivers_before[had[1].driver])
        elsewhere = {(device_key(one.driver, one.address), one.door) for one in config.devices if one.door is not None}
        for door, (_, lock, _driver) in list(self._former.items()):
            key = device_key(lock.driver, lock.address)
            if door in self._locks or any(its == key and at != door for its, at in elsewhere):
                del self._former[door]

    def unlock(self, door: str, decided: Callable[[], None] | None = None) -> bool:
        """Open a door once; False where there is no such door or lock."""
        found = self._locks.get(door)
        return found is not None and self._send(*found, self._drivers[found[1].driver], decided, hold=False)

    def stand_open(self, door: str, now: float) -> None:
        """Hold ``door`` open; to be called again and again until it may close."""
        if now >= self._next.get(door, now):
            lock = self._lock_of(door)
            sent = lock is not None and self._send(*lock, None, hold=True)
            again_s = max(_AT_LEAST_S, lock[0].unlock_s * _AGAIN) if lock is not None and sent else _REFUSED_S
            self._next[door] = now + again_s

    def fall_shut(self, door: str) -> None:
        """Hold it open no longer: it closes when its lock's time is over."""
        self._next.pop(door, None)
        self._former.pop(door, None)

    def _lock_of(self, door: str) -> tuple[Door, Device, Driver] | None:
        """Return what holds a door open."""
        found = self._locks.get(door)
        return self._former.get(door) if found is None else (*found, self._drivers[found[1].driver])

    def _send(
        self, door: Door, lock: Device, driver: Driver, decided: Callable[[], None] | None, *, hold: bool
    ) -> bool:
        try:
            topic, payload = (driver.hold_open if hold else driver.unlock)(lock.code, door.unlock_s)
            if not isinstance(topic, str) or not isinstance(payload, bytes):
                raise TypeError("not a topic and its payload")
        except (Exception, SystemExit) as error:  # another package's driver; the decision is stored all the same
            reason = error.reason if isinstance(error, DriverError) else f"driver_bug: {type(error).__name__}"
            log.error("unlock_refused", extra={"gateway": self._gateway, "device": lock.code, "reason": reason})
            return False
        self._ordered(lock.code)
        self._publish(topic, payload, decided)
        return True
