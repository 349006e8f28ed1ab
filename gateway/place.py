"""One gateway at work: messages of its devices become events, card reads become decisions.

Messages come in the runtime's thread, orders in the uplink's; one mutex, held for one message or one order (well under
a millisecond), keeps them apart. What is remembered is a value that is replaced whole, so that any thread may read it.
The unlock command goes out before anything is stored: it never waits for the disk.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from access import Decision
from gateway.clock import micros
from gateway.config import GatewayConfig
from gateway.contract.configuration import Device
from gateway.contract.device_reports import DeviceHealth, DeviceReport
from gateway.contract.instants import instant
from gateway.contract.wire import AuditEvent, DeviceEvent, Event
from gateway.devices.faults import FaultBudget, fault_event
from gateway.devices.freshness import Freshness
from gateway.devices.health_watch import HealthWatch
from gateway.devices.identities import Identities
from gateway.devices.repeats import Repeats, is_state
from gateway.devices.watch import DeviceWatch
from gateway.door.enrolment import OnCard
from gateway.door.entries import Entries
from gateway.door.foreign import ForeignOpenings
from gateway.door.hashing import Hashing, HashNow
from gateway.door.locks import Locks, Publish
from gateway.door.memory import Memory
from gateway.drivers import NOTHING, Decoded, Driver
from gateway.drivers.introductions import Introduced
from gateway.drivers.registry import installed, with_rhythm
from gateway.equipment import Equipment, equip
from gateway.lists.access_lists import ListHolder
from gateway.lists.signed_time import SignedTime
from gateway.spool.pending import spool_event
from gateway.spool.values import Keep, Unit, keep_nothing

log = logging.getLogger(__name__)

_OLD_LOCKDOWN: Final = "lockdown"
"""Where earlier versions kept that a lockdown was ordered."""


class Place:
    """The devices, doors and decisions of one gateway."""

    def __init__(
        self,
        config: GatewayConfig | Equipment,
        *,
        append: Callable[[Event], None],
        publish: Publish,
        now: float,
        keep: Keep = keep_nothing,
        hashing: Hashing | None = None,
        introduced: Callable[[str, Introduced], None] = lambda _driver, _one: None,
    ) -> None:
        """Build the gateway from its configuration.

        Args:
            config: or what it comes to.
            keep: stores what must survive a restart; ``restore`` brings it back.
            hashing: where typed digits are hashed; None: in the caller's thread.
            introduced: takes a device that isn't configured and speaks on a configured one's topic, with its driver.

        Raises:
            DriverError: a device's address, the card key or the time zone cannot be read.
        """
        self.equipment = config if isinstance(config, Equipment) else equip(config)
        config = self.config
        self.signed = SignedTime(keep=keep)
        self.clock_complaint: str | None = None
        """Why the clock can't be right, at the last look."""
        self.lists = ListHolder(config, self.signed)
        self.repeats = Repeats()
        self._identities = Identities(self._keep_with_events)
        self.devices = DeviceWatch(map(with_rhythm, config.devices), now)
        self.health = HealthWatch(config.devices, keep)
        self.faults = 0
        """Messages that no driver could read."""
        self._append_alone = append
        self._introduced = introduced
        self._keep = keep
        self._unit: Unit | None = None
        self._by_code: dict[str, Device] = {device.code: device for device in config.devices}
        self._freshness = Freshness()
        self._budget = FaultBudget(now)
        self._turn = threading.RLock()
        self._last = (now, 0)
        """Of the last message or tick."""
        self.memory = Memory(self.equipment.zone, keep)
        self.foreign = ForeignOpenings(config.gateway, now, self._append)
        self._locks = Locks(config, self.drivers, publish, lambda code: self.foreign.ordered(code, self._last[0]))
        self._entries = Entries(
            config,
            card_key=self.equipment.card_key,
            lists=self.lists,
            signed=self.signed,
            memory=self.memory,
            locks=self._locks,
            repeats=self.repeats,
            append=self._append,
            keep=keep,
            hash_=partial((hashing or HashNow()).put, self._turn),
        )
        self._report_unusable()

    @property
    def config(self) -> GatewayConfig:
        """The configuration in force."""
        return self.equipment.config

    @property
    def drivers(self) -> Mapping[str, Driver]:
        """The drivers of its devices, by name."""
        return self.equipment.drivers

    @property
    def zone(self) -> ZoneInfo:
        """The place's time zone."""
        return self.equipment.zone

    def become(self, equipment: Equipment) -> None:
        """Follow another configuration of the same gateway. From any thread.

        What is remembered of devices and doors that stay goes on; another device under an earlier one's code begins
        anew.
        """
        config = equipment.config
        with self._turn:
            before, self.equipment = self.equipment, equipment
            self._by_code = {device.code: device for device in config.devices}
            others = frozenset(equipment.others_than(before))
            for code in others:
                self._freshness.forget(code)
                self.health.forget(code)
                self.repeats.forget(code)
            self.devices.become(map(with_rhythm, config.devices), self._last[0])
            self.health.become(config.devices)
            self.lists.become(config)
            self.memory.move_to(equipment.zone)
            self._locks.become(config, equipment.drivers)
            self._entries.become(config, equipment.card_key, others)
        self._report_unusable(before)

    @property
    def lockdown(self) -> bool:
        """Whether a lockdown of the whole place has been ordered."""
        return self.memory.state.lockdown

    @property
    def evacuation(self) -> bool:
        """Whether an evacuation of the whole place has been ordered."""
        return self.memory.state.evacuation

    def restore(self, kept: Mapping[str, str]) -> None:
        """Restore what was kept before a restart; what cannot be read is forgotten and reported."""
        with self._turn:
            self.signed.restore(kept)
            bad = self.memory.restore(kept)
            self._entries.restore(kept)
            self._identities.restore(kept)
            self.health.restore(kept)
            if kept.get(_OLD_LOCKDOWN) == "yes":
                self.memory.become(replace(self.memory.state, lockdown=True))
                self._keep(_OLD_LOCKDOWN, "", until=0)
        if bad:
            self._append(spool_event(micros(), f"{bad} parts of the remembered state can't be read and are forgotten"))

    def hear(
        self,
        driver: str,
        topic: str,
        payload: bytes,
        *,
        at: int,
        now: float,
        decided: Callable[[], None],
        live: bool = True,
        unit: Unit | None = None,
    ) -> None:
        """Process a device's message that arrived at ``at``; ``decided`` is called when an unlock command goes out.

        Args:
            live: false: the message may have been on its way for long; no card or code in it is decided on.
            unit: collects what is to be written together; None: each event is appended by itself.
        """
        decoded = self._decoded(driver, topic, payload, at)
        for one in decoded.introduced:
            self._introduced(driver, one)
        if not live and (decoded.reads or decoded.typed or decoded.scans):
            log.warning("card_read_too_late", extra={"gateway": self.config.gateway, "topic": topic[:512]})
        if not live and (decoded.reads or decoded.typed or decoded.scans or decoded.opened):
            decoded = replace(decoded, reads=(), typed=(), scans=(), opened=())
        with self._turn:
            self._unit = unit
            try:
                self._take(decoded, at, now, decided)
            finally:
                self._unit = None

    def hear_retained(self, driver: str, topic: str, payload: bytes, at: int) -> None:
        """Process a retained message: its age is unknown, so that only an offline device is believed."""
        for code in self._decoded(driver, topic, payload, at).gone:
            with self._turn:
                self._gone(code, at)

    def fault(self, topic: str, payload: bytes, reason: str, *, at: int, now: float, driver: str | None = None) -> bool:
        """Record a message that ``driver`` couldn't read as an event with its first 8 KiB; False: too many recently.

        Card numbers and typed digits are removed; where cards and codes come, bytes are shown only if they are JSON.
        """
        self.faults += 1
        unreported = self._budget.take(now)
        if unreported is None:
            return False
        log.warning("driver_fault", extra={"gateway": self.config.gateway, "topic": topic[:512], "reason": reason})
        hidden = bool(self.equipment.hidden.of(topic))
        self._append(fault_event(topic, payload, reason, at=at, driver=driver, keypad=hidden, unreported=unreported))
        return True

    def tick(self, now: float, at: int) -> None:
        """Do what is due at this time."""
        with self._turn:
            self._last = (now, at)
            for silent in self.devices.tick(now, at):
                log.warning("device_silent", extra={"gateway": self.config.gateway, "device": silent["device"]})
                self._append(silent)
                self._lost(silent["device"], at)
            for event in self.health.tick(at):
                self._append(event)
            self._entries.tick(now, at)
            self._look_at_clock(at)
            self.memory.tick(instant(self.signed.believed(at)), self.lists.current)

    def paused(self, seconds: float) -> None:
        """Nothing was received for ``seconds``, because the process or the machine stood still."""
        with self._turn:
            self.devices.paused(seconds)

    def clock_stepped(self, step_s: float) -> None:
        """The wall clock jumped by ``step_s``."""
        with self._turn:
            self._entries.clock_stepped(round(step_s * 1e6))
            self._freshness.clock_stepped(round(step_s * 1e6))
            self.health.clock_stepped(round(step_s * 1e6))

    def condition(self) -> tuple[tuple[DeviceHealth, ...], tuple[DeviceReport, ...]]:
        """Return the devices that are silent or in trouble, and how the next ones for a report are. From any thread."""
        with self._turn:
            return self.health.unwell(self.devices.silent, self._last[1]), self.health.page(self.devices)

    def note(self, at: int, by: str, text: str) -> None:
        """Append an audit event. From any thread."""
        self._append_alone(AuditEvent(kind="audit", at=at, device="gateway", by=by[:64], text=text[:2000]))

    # Orders: from any thread.

    def unlock(self, door: str) -> bool:
        """Open a door once, by order; False: there is no such door or lock."""
        with self._turn:
            watch = self._entries.watches.get(door)
            if watch is not None:
                watch.unlocked(self._last[1])
            return self._locks.unlock(door)

    def admit(self, door: str, card: str, at: int) -> Decision | None:
        """Decide on a card at ``door`` as if it were read outside, by order; None: there is no reader outside."""
        with self._turn:
            return self._entries.ordered(door, card, at)

    def lock_down(self, locked: bool, door: str | None = None) -> bool:
        """Begin or end a lockdown of the place, or of one door; False: there is no such door."""
        return self._ordered("lockdown", "locked_doors", door, on=locked)

    def evacuate(self, on: bool, door: str | None = None) -> bool:
        """Begin or end an evacuation: every door (or the one) is held open. False: there is no such door."""
        return self._ordered("evacuation", "evacuated_doors", door, on=on)

    def release(self, door: str | None = None) -> bool:
        """End lockdown and evacuation, of all doors or of one. False: there is no such door."""
        with self._turn:
            if door is None:
                state = self.memory.state
                self.memory.become(replace(state, locked_doors=frozenset(), evacuated_doors=frozenset()))
            return any([self.lock_down(False, door), self.evacuate(False, door)])

    def enrol(self, device: str, until: int, on_card: OnCard) -> bool:
        """Give ``on_card`` the next card at reader ``device`` before ``until``, instead of deciding on it.

        It is called once, in the runtime's thread; with None if no card was presented in time or another order took
        the reader. False: there is no such reader.
        """
        reader = self._by_code.get(device)
        if reader is None or reader.door is None:
            return False
        driver = installed().get(reader.driver)
        if driver is None or (reader.kind or driver.default_kind) not in ("reader", "keypad"):
            return False
        if driver.capabilities.isdisjoint({"reads_cards", "reads_codes"}):
            return False
        with self._turn:
            self._entries.enrolments.begin(device, until, on_card)
        return True

    def _look_at_clock(self, at: int) -> None:
        self.signed.tick()
        before, self.clock_complaint = self.clock_complaint, self.signed.complaint(at)
        if self.clock_complaint is not None and before is None:
            log.error("clock_wrong", extra={"gateway": self.config.gateway, "reason": self.clock_complaint})
        elif self.clock_complaint is None and before is not None:
            log.warning("clock_right", extra={"gateway": self.config.gateway})

    def _decoded(self, driver: str, topic: str, payload: bytes, at: int) -> Decoded:
        """Decode a message. An empty one says nothing: it clears what a broker has retained."""
        found = self.drivers.get(driver)  # None: a new configuration has just removed it
        return found.decode(topic, payload, at) if payload and found is not None else NOTHING

    def _ordered(self, whole: str, doors: str, door: str | None, *, on: bool) -> bool:
        with self._turn:
            state = self.memory.state
            if door is None:
                self.memory.become(replace(state, **{whole: on}))  # type: ignore[arg-type]
            elif door in self._entries.watches or (not on and door in getattr(state, doors)):
                of: frozenset[str] = getattr(state, doors)
                changed = of | {door} if on else of - {door}
                self.memory.become(replace(state, **{doors: changed}))  # type: ignore[arg-type]
            else:
                return False
            self._entries.held_open.look(*self._last)
            return True

    def _take(self, decoded: Decoded, at: int, now: float, decided: Callable[[], None]) -> None:
        self._last = (now, at)
        identity = decoded.identity
        if identity is not None and not self._identities.is_news(identity):
            self.repeats.dropped += 1
            return
        late = identity is not None and self._identities.is_late(identity, at)
        decoded = self._freshness.sift(decoded, at)
        for read in decoded.reads:
            self._entries.card(read, at, now, decided)
        for typed in decoded.typed:
            self._entries.typed(typed, at, now, decided)
        for scan in decoded.scans:
            self._entries.scanned(scan, at, now, decided)
        for report in decoded.opened:
            self._entries.opened(report, at)
            self.foreign.opened(report, at, now)
        for code in decoded.heard:
            self._append(self.devices.heard(code, now, at))
            self.health.heard(code, at, decoded.link)
        for code in decoded.gone:
            self._gone(code, at)
        for event in map(self.equipment.righted, decoded.events):
            if late and is_state(event):
                self.repeats.dropped += 1
                continue
            believed = self.health.noted(event)
            if self._entries.door(believed) and self.repeats.is_news(believed, identified=identity is not None):
                self._append(believed)
                self._entries.contact(believed)

    def _report_unusable(self, before: Equipment | None = None) -> None:
        """Report the devices whose driver can't be loaded, unless they were reported ``before``."""
        known = {} if before is None else before.unusable()
        for device, reason in self.equipment.unusable().items():
            if device not in known:
                text = f"driver {device.driver}: {reason}"[:500]
                self._append_alone(DeviceEvent(kind="device", at=micros(), device=device.code, what="fault", text=text))

    def _append(self, event: Event | None) -> None:
        if event is not None and self._unit is not None:
            self._unit.events.append((self.config.gateway, event))
        elif event is not None:
            self._append_alone(event)

    def _keep_with_events(self, name: str, value: str) -> None:
        if self._unit is None:
            self._keep(name, value)
        else:
            self._unit.kept.append((self.config.gateway, name, value))

    def _gone(self, device: str, at: int) -> None:
        self._append(self.devices.gone(device, at))
        self._lost(device, at)

    def _lost(self, device: str, at: int) -> None:
        self._freshness.gone(device, at)
        self._entries.silent(device)
        self.health.gone(device)
