"""One gateway at work: what its devices say becomes events, what its readers read becomes decisions.

Everything here runs in the runtime's thread, but for ``lock_down``, ``unlock`` and the list holder, which the uplink's
thread uses. The lock is told before anything is stored: it doesn't wait for the disk.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from access import CardError, Decision, State, card_token, decide, normalise, token_key
from gateway.access_lists import ListHolder
from gateway.clock import instant
from gateway.config import Device, Door, GatewayConfig
from gateway.doors import DoorWatch
from gateway.drivers import CardRead, Driver, DriverError
from gateway.drivers.registry import drivers_for
from gateway.repeats import Repeats
from gateway.watch import DeviceWatch
from gateway.wire import AccessEvent, Event, GatewayEvent

log = logging.getLogger(__name__)

_SHOWN_BYTES: Final = 8192
_BURST: Final = 100.0
"""Driver faults told at once; then ten a second. A device gone mad must not fill the disk."""
_A_SECOND: Final = 10.0
_MOST: Final = 2**31 - 1

Publish = Callable[[str, bytes, Callable[[], None] | None], None]
"""Topic, payload, and what to call when it goes to the socket; never retained."""


class Place:
    """The devices, doors and decisions of one gateway."""

    def __init__(
        self,
        config: GatewayConfig,
        *,
        append: Callable[[Event], None],
        publish: Publish,
        now: float,
    ) -> None:
        """Build the gateway from its configuration.

        Raises:
            DriverError: a device's address or the card key cannot be read.
        """
        self.config = config
        self.drivers: dict[str, Driver] = drivers_for(config.devices)
        self.lists = ListHolder(config)
        self.repeats = Repeats()
        self.devices = DeviceWatch(config.devices, now)
        self.faults = 0
        """Messages that no driver could read."""
        self.lockdown = False
        """Ordered by a command, until released."""
        self._append = append
        self._publish = publish
        self._by_code: dict[str, Device] = {device.code: device for device in config.devices}
        self._doors: dict[str, Door] = {door.code: door for door in config.doors}
        leaving = {device.door for device in config.devices if device.side == "out" and device.door is not None}
        self._watches = {
            door.code: DoorWatch(
                unlock_s=door.unlock_s, held_after_s=door.held_after_s, sees_egress=door.code in leaving
            )
            for door in config.doors
        }
        self._budget = _FaultBudget(now)
        try:
            key = config.card_key.get_secret_value()
            self._card_key = token_key(key) if key else None
        except CardError as error:
            raise DriverError(str(error)) from error

    def hear(
        self, driver: str, topic: str, payload: bytes, *, at: int, now: float, decided: Callable[[], None]
    ) -> None:
        """Take in a device's message that arrived at ``at``; ``decided`` is called as an unlock goes out."""
        said = self.drivers[driver].decode(topic, payload, at)
        for read in said.reads:
            self._read(read, at, decided)
        for code in said.heard:
            self._tell(self.devices.heard(code, now, at))
        for code in said.gone:
            self._tell(self.devices.gone(code, at))
        for event in said.events:
            if self.repeats.is_news(event):
                self._append(event)
                self._contact(event)

    def hear_retained(self, driver: str, topic: str, payload: bytes, at: int) -> None:
        """Take in what the broker kept: nobody knows from when, so only that a device is gone is believed."""
        for code in self.drivers[driver].decode(topic, payload, at).gone:
            self._tell(self.devices.gone(code, at))

    def fault(self, topic: str, payload: bytes, reason: str, *, at: int, now: float) -> bool:
        """Keep what a driver could not read, as an event with its bytes (the first 8 KiB); False: too many of late."""
        self.faults += 1
        untold = self._budget.take(now)
        if untold is None:
            return False
        log.warning("driver_fault", extra={"gateway": self.config.gateway, "topic": topic[:512], "reason": reason})
        event = GatewayEvent(
            kind="gateway",
            what="driver_fault",
            at=at,
            device="gateway",
            text=reason[:500],
            topic=topic[:512],
            payload=base64.b64encode(payload[:_SHOWN_BYTES]).decode(),
        )
        if untold:
            event["value"] = float(untold)  # as many before this one were not told
        self._append(event)
        return True

    def tick(self, now: float, at: int) -> None:
        """Look at the time."""
        for event in self.devices.tick(now, at):
            log.warning("device_silent", extra={"gateway": self.config.gateway, "device": event["device"]})
            self._append(event)
        for watch in self._watches.values():
            for told in watch.tick(at):
                self._append(told)

    def clock_stepped(self, step_s: float) -> None:
        """The wall clock jumped by ``step_s``."""
        for watch in self._watches.values():
            watch.clock_stepped(round(step_s * 1e6))

    def unlock(self, door_code: str, decided: Callable[[], None] | None = None) -> bool:
        """Tell a door's lock to open; False where there is no such door or lock."""
        door = self._doors.get(door_code)
        lock = self._by_code.get(door.lock) if door is not None and door.lock is not None else None
        if door is None or lock is None:
            return False
        try:
            topic, payload = self.drivers[lock.driver].unlock(lock.code, door.unlock_s)
        except DriverError as error:
            log.error(
                "unlock_refused",
                extra={"gateway": self.config.gateway, "device": lock.code, "reason": error.reason},
            )
            return False
        self._publish(topic, payload, decided)
        return True

    def lock_down(self, locked: bool) -> None:
        """Begin or end a lockdown."""
        self.lockdown = locked

    def _read(self, read: CardRead, at: int, decided: Callable[[], None]) -> None:
        token = self._token(read)
        if token is not None and not self.repeats.is_new_read(read.device, token, at):
            return
        held = self.lists.current
        decision = decide(held, token, read.door, read.side, instant(at), state=State(lockdown=self.lockdown))
        if decision.granted:
            self.unlock(read.door, decided)
        self._append(self._access(read, token, decision, at))
        if decision.granted and (watch := self._watches.get(read.door)) is not None:
            for event in watch.granted(read.device, at):
                self._append(event)

    def _token(self, read: CardRead) -> str | None:
        if self._card_key is None:
            return None
        try:
            return card_token(self._card_key, normalise(read.uid))
        except CardError:
            return None

    def _access(self, read: CardRead, token: str | None, decision: Decision, at: int) -> AccessEvent:
        event = AccessEvent(
            kind="access",
            at=at,
            device=read.device,
            decision="granted" if decision.granted else "denied",
            reason=decision.reason,
            side=read.side,
        )
        if token is not None:
            event["card"] = token
        if decision.member is not None:
            event["member"] = decision.member
        if read.device_at is not None:
            event["device_at"] = read.device_at[:64]
        held = self.lists.current
        if held is not None:
            age_s = (instant(at) - held.made_at) // timedelta(seconds=1)
            event["list_version"] = held.version
            event["list_age_s"] = min(max(age_s, 0), _MOST)
        return event

    def _contact(self, event: Event) -> None:
        if event["kind"] != "door" or event["state"] not in ("open", "closed"):
            return
        device = self._by_code.get(event["device"])
        watch = self._watches.get(device.door) if device is not None and device.door is not None else None
        if watch is not None:
            for told in watch.contact(event["device"], event["at"], is_open=event["state"] == "open"):
                self._append(told)

    def _tell(self, event: Event | None) -> None:
        if event is not None:
            self._append(event)


class _FaultBudget:
    """A token bucket."""

    def __init__(self, now: float) -> None:
        self._left = _BURST
        self._seen = now
        self._untold = 0

    def take(self, now: float) -> int | None:
        """Return how many went untold before this one; None: this one too."""
        self._left = min(_BURST, self._left + (now - self._seen) * _A_SECOND)
        self._seen = now
        if self._left < 1:
            self._untold += 1
            return None
        self._left -= 1
        untold, self._untold = self._untold, 0
        return untold
