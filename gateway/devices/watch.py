"""Notices silent devices and steps of the clock. Pure: both clocks come in as arguments.

``now`` is seconds of a monotonic clock, ``at`` µs since 1970 by the wall clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from gateway.contract.configuration import Device
from gateway.contract.wire import DeviceEvent
from gateway.spool.clock_steps import STEP_S

BUILT: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""A correct clock shows no earlier time: this code is not older."""


class DeviceWatch:
    """The devices of one gateway: heard or silent."""

    def __init__(self, devices: Iterable[Device], now: float) -> None:
        self._expect = {device.code: device.expect_every_s for device in devices}
        self._heard = dict.fromkeys(self._expect, now)
        self._silent: dict[str, int] = {}

    def become(self, devices: Iterable[Device], now: float) -> None:
        """Follow a new configuration: a new device counts from ``now``, one that is gone is forgotten."""
        self._expect = {device.code: device.expect_every_s for device in devices}
        self._heard = {code: self._heard.get(code, now) for code in self._expect}
        self._silent = {code: at for code, at in self._silent.items() if code in self._expect}

    def heard(self, device: str, now: float, at: int) -> DeviceEvent | None:
        """Note a message of a device; return an event if it had been silent."""
        if device not in self._expect:
            return None
        self._heard[device] = now
        if self._silent.pop(device, None) is None:
            return None
        return DeviceEvent(kind="device", at=at, device=device, what="link", value=1.0)

    def gone(self, device: str, at: int) -> DeviceEvent | None:
        """Note that a device is offline; return an event if that is new."""
        if device not in self._expect or device in self._silent:
            return None
        self._silent[device] = at
        return DeviceEvent(kind="device", at=at, device=device, what="link", value=0.0)

    def paused(self, seconds: float) -> None:
        """Nothing could be received for ``seconds``: the process or the machine was stopped."""
        for device in self._heard:
            self._heard[device] += seconds

    def tick(self, now: float, at: int) -> tuple[DeviceEvent, ...]:
        """Return events of devices that should have reported by now and did not."""
        late = [
            device
            for device, expect_s in self._expect.items()
            if expect_s is not None and device not in self._silent and now - self._heard[device] > expect_s
        ]
        return tuple(event for device in late if (event := self.gone(device, at)) is not None)

    @property
    def expected(self) -> Mapping[str, int | None]:
        """Seconds between two messages of each device at most."""
        return self._expect

    @property
    def silent(self) -> Mapping[str, int]:
        """The silent devices, each with since when."""
        return self._silent


class ClockWatch:
    """The wall clock beside the monotonic one."""

    def __init__(self, now: float, at: int) -> None:
        self._last = (now, at)

    def tick(self, now: float, at: int) -> float | None:
        """Return by how many seconds the wall clock stepped since the last call (positive: forwards), or None."""
        before_now, before_at = self._last
        self._last = (now, at)
        step_s = (at - before_at) / 1e6 - (now - before_now)
        return step_s if abs(step_s) > STEP_S else None


def implausible(at: int) -> bool:
    """Return whether ``at`` lies before this program was built."""
    return at < BUILT.timestamp() * 1e6
