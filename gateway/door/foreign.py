"""Openings of locks that the gateway did not order: seen as a command of another, or reported by the board itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Literal

from gateway.contract.configuration import Device
from gateway.contract.wire import DeviceEvent, Event
from gateway.devices.faults import FaultBudget
from gateway.drivers import Opened
from gateway.drivers.registry import installed
from gateway.mqtt.loop import Message

log = logging.getLogger(__name__)

How = Literal["command", "retained", "opened"]
"""``command``: a command that isn't ours was seen; ``retained``: the broker had kept one, which is cleared; ``opened``:
the board reports an opening that isn't ours. An older centre reads all three as a fault of the device."""

OBEYS_WITHIN_S: Final = 60.0
"""A board that reports within this time of an order of ours that it obeyed one, obeyed ours: the report may be late, or
come twice. A command of another within that time is seen on the command's topic all the same."""


class ForeignOpenings:
    """Those of one gateway. ``now``: seconds of a monotonic clock, ``at``: µs since 1970."""

    def __init__(self, gateway: str, now: float, say: Callable[[Event], None]) -> None:
        """Begin at ``now``: the process before this one may have sent an order just then."""
        self._gateway = gateway
        self._began = now
        self._ordered: dict[str, float] = {}
        self._budget = FaultBudget(now)
        self._say = say

    def ordered(self, device: str, now: float) -> None:
        """The gateway commands lock ``device``."""
        self._ordered[device] = now

    def opened(self, report: Opened, at: int, now: float) -> None:
        """A board reports that it opened; that its relay moved may follow as a report of its own."""
        if report.by == "list":
            self._alarm(report.device, "opened", "it opened by its own list of cards", at, now)
        elif report.by == "command" and now - self._ordered.get(report.device, self._began) > OBEYS_WITHIN_S:
            self._alarm(report.device, "opened", "it opened, and the gateway sent it no command", at, now)
        if report.by != "command":
            self._ordered[report.device] = now

    def commanded(self, device: Device, message: Message, at: int, now: float) -> None:
        """A command of another was seen for ``device``; it is named by its driver, without cards and names."""
        driver = installed().get(device.driver)
        word = (
            driver.names_command(message.payload) if driver is not None and driver.names_command is not None else None
        )
        what = f"a command {word}" if word else "a command"
        if message.retained:
            self._alarm(device.code, "retained", f"the broker kept {what}; it is cleared", at, now)
        else:
            self._alarm(device.code, "command", f"{what} that is not ours", at, now)

    def _alarm(self, device: str, how: How, text: str, at: int, now: float) -> None:
        unreported = self._budget.take(now)
        if unreported is None:
            return
        log.error(
            "lock_commanded_elsewhere", extra={"gateway": self._gateway, "device": device, "how": how, "reason": text}
        )
        event = DeviceEvent(kind="device", at=at, device=device, what="fault", text=text, commanded=how)
        if unreported:
            event["value"] = float(unreported)  # as many before this one got no event
        self._say(event)
