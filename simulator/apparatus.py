"""The virtual devices of one place, as its gateways' file describes them, each at its door, its seat or in its room."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from gateway.config import GatewayConfig
from gateway.contract.configuration import Device, Door
from simulator.air import Air
from simulator.building import Building
from simulator.clock import Call, Scheduler
from simulator.counting import Tally
from simulator.devices.collectd import VirtualRadio
from simulator.devices.contact import VirtualContact
from simulator.devices.esp_rfid import VirtualEspRfid
from simulator.devices.gm861 import VirtualQrReader
from simulator.devices.keypad import VirtualKeypad
from simulator.devices.milesight import VirtualCounter, VirtualDesk
from simulator.devices.zigbee import VirtualClimate, VirtualPresence
from simulator.door import Contact, Side, VirtualDoor
from simulator.rates import Rates
from simulator.room_air import ClimateWatch
from simulator.sensing import Sensor, Watch
from simulator.truth import ROOT
from simulator.wifi import AccessPoint

OPEN_SPACE: Final = "open-space"
"""Where a desk stands whose device names no space."""
HEARTBEAT_S: Final = 300.0
"""Real seconds between signs of life of a device that nobody expects more often."""
COUNTED_EVERY_S: Final = 300.0
"""Virtual seconds between two reports of a counter."""


class Apparatus:
    """All devices of one place; everything here runs in the scheduler's thread."""

    def __init__(
        self,
        code: str,
        gateways: Sequence[GatewayConfig],
        scheduler: Scheduler,
        air: Air,
        *,
        rates: Rates,
        building: Building,
        dice: random.Random,
    ) -> None:
        """Make the devices of place ``code`` that ``gateways`` serve."""
        self.boards: list[VirtualEspRfid] = []
        self.qr_readers: dict[str, VirtualQrReader] = {}
        """By door, those on its way in."""
        self.desks: dict[str, str] = {}
        """Desk with a sensor → the space that it stands in."""
        self.of_desk: dict[str, Watch] = {}
        self.of_room: dict[str, list[Watch]] = {}
        """By the space that they watch as a whole."""
        self.climates: dict[str, list[ClimateWatch]] = {}
        """By space."""
        self.wifi: dict[str, AccessPoint] = {}
        """By space."""
        self.labs: dict[str, VirtualDoor] = {}
        """Space → the inner door that leads into it."""
        self.doors: list[VirtualDoor] = []
        self.entries: list[VirtualDoor] = []
        """Those that lead in from outside, the main one first."""
        self._code = code
        self._scheduler = scheduler
        self._air = air
        self._rates = rates
        self._building = building
        self._dice = dice
        self._signs: list[tuple[Call, Call, float]] = []
        """Of devices without a state to repeat: first message, sign of life, and its rhythm in real seconds."""
        self._watches: list[Watch] = []
        self._tallies: list[Tally] = []
        for gateway in gateways:
            self._build(gateway)

    def __len__(self) -> int:
        """Return how many there are."""
        return (
            len(self._watches)
            + len(self._signs)
            + len(self._tallies)
            + sum(map(len, self.climates.values()))
            + sum(len(one.radios) for one in self.wifi.values())
        )

    def start(self, within_real_s: float) -> None:
        """Let every device say once that it is there and what it sees, spread over some real seconds."""
        starts = [one.start for one in self._watches] + [one.start for one in self._tallies]
        starts += [one.start for some in self.climates.values() for one in some]
        starts += [one.start for one in self.wifi.values()]
        for start in starts:
            start(self._dice.uniform(0, within_real_s))
        for first, heartbeat, every_s in self._signs:
            self._scheduler.after_real(self._dice.uniform(0, within_real_s), first)
            self._beat_on(heartbeat, self._dice.uniform(0.2, 1) * every_s, every_s)

    def _beat_on(self, heartbeat: Call, first_s: float, every_s: float) -> None:
        def beat() -> None:
            heartbeat()
            self._scheduler.after_real(every_s, beat)

        self._scheduler.after_real(first_s, beat)

    def _build(self, gateway: GatewayConfig) -> None:
        boards: dict[str, VirtualEspRfid] = {}
        keypads: dict[str, dict[Side, VirtualKeypad]] = {}
        contacts: dict[str, list[Contact]] = {}
        tallies: dict[str | None, list[Tally]] = {}
        for device in gateway.devices:
            name = f"{self._code}/{device.code}"
            if is_keypad(device):
                assert device.door is not None
                keypad = keypads.setdefault(device.door, {})[device.side] = VirtualKeypad(name, device, self._air)
                self._signs.append((keypad.join, keypad.heartbeat, self._heartbeat_s(device)))
            elif device.driver == "esp_rfid":
                board = boards[device.code] = VirtualEspRfid(name, device, self._air)
                self.boards.append(board)
                self._signs.append((board.boot, board.heartbeat, self._heartbeat_s(device)))
            elif device.driver == VirtualQrReader.driver:
                scanner = VirtualQrReader(name, device, self._air)
                if device.side == "in":
                    self.qr_readers[device.door or ""] = scanner
                self._signs.append((scanner.boot, scanner.heartbeat, self._heartbeat_s(device)))
            elif device.kind == "counter":
                tallies.setdefault(device.door, []).append(
                    self._tally(VirtualCounter(name, device, self._air, self._dice))
                )
            elif device.driver == "collectd":
                self._radio(device, VirtualRadio(name, device, self._air))
            elif device.kind == "climate":
                self._climate(device, VirtualClimate(name, device, self._air, self._dice))
            elif device.kind == "contact":
                contact = VirtualContact(name, device, self._air)
                contacts.setdefault(device.door or "", []).append(contact)
                self._signs.append((contact.join, contact.heartbeat, self._heartbeat_s(device)))
            elif device.driver == "chirpstack":
                self._watch(device, VirtualDesk(name, device, self._air, self._dice))
            else:
                self._watch(device, VirtualPresence(name, device, self._air, self._dice))
        for door in gateway.doors:
            lock = boards.get(door.lock) if door.lock is not None else None
            wired: list[Contact] = [lock] if lock is not None and self._building.contacts else []
            made = VirtualDoor(
                door.code,
                self._scheduler,
                self._dice,
                lock=lock,
                readers=_readers(door, gateway, boards),
                keypads={**keypads.get(door.code, {})},
                contacts=wired + contacts.get(door.code, []),
                unlock_s=door.unlock_s,
                held_after_s=door.held_after_s,
            )
            made.passes += [one.passes for one in tallies.get(door.code, [])]
            self.doors.append(made)
            if door.from_space is None:
                made.passes += [one.passes for one in tallies.pop(None, [])]  # a counter of no door: the main one's
                self.entries.append(made)
            elif door.to_space not in (None, ROOT):
                self.labs[door.to_space] = made

    def _tally(self, counter: VirtualCounter) -> Tally:
        tally = Tally(
            counter,
            self._scheduler,
            every_s=COUNTED_EVERY_S,
            rates=self._rates,
            dice=self._dice,
            is_stuck=self._air.is_stuck,
            is_swapped=self._air.is_swapped,
        )
        self._tallies.append(tally)
        return tally

    def _climate(self, device: Device, sensor: VirtualClimate) -> None:
        space = device.space or ROOT
        seats = sum(space in (ROOT, one) for one in (self._building.seats or self.desks).values())
        watch = ClimateWatch(
            sensor,
            self._scheduler,
            volume_m3=self._building.m3_a_seat * max(4, seats),
            rates=self._rates,
            dice=self._dice,
            is_stuck=self._air.is_stuck,
        )
        self.climates.setdefault(space, []).append(watch)

    def _radio(self, device: Device, radio: VirtualRadio) -> None:
        space = device.space or ROOT
        if space not in self.wifi:
            self.wifi[space] = AccessPoint(self._scheduler, always_on=self._building.always_on, dice=self._dice)
        self.wifi[space].radios.append(radio)

    def _watch(self, device: Device, sensor: Sensor) -> None:
        at_seat = device.desk is not None or (device.driver == "chirpstack" and device.kind != "presence_sensor")
        watch = Watch(
            sensor,
            self._scheduler,
            heartbeat_s=self._heartbeat_s(device),
            at_seat=at_seat,
            rates=self._rates,
            dice=self._dice,
            is_stuck=self._air.is_stuck,
        )
        self._watches.append(watch)
        if at_seat:
            desk = device.desk or device.code
            self.desks[desk] = device.space or OPEN_SPACE
            self.of_desk[desk] = watch
        else:
            self.of_room.setdefault(device.space or device.code, []).append(watch)

    def _heartbeat_s(self, device: Device) -> float:
        if device.driver in self._building.heartbeat_s:
            return self._building.heartbeat_s[device.driver]
        return HEARTBEAT_S if device.expect_every_s is None else max(5.0, device.expect_every_s / 3)


def _readers(door: Door, gateway: GatewayConfig, boards: dict[str, VirtualEspRfid]) -> dict[Side, VirtualEspRfid]:
    """Return the boards that read cards at a door, by side. The lock's own board reads only where no other does."""
    found: dict[Side, VirtualEspRfid] = {}
    of_door = [device for device in gateway.devices if device.door == door.code and device.code in boards]
    for device in sorted(of_door, key=lambda one: one.code == door.lock):
        found.setdefault(device.side, boards[device.code])
    return found


def is_keypad(device: Device) -> bool:
    """Return whether a device has keys and no sensor."""
    return device.kind == "keypad" or (
        device.driver == "zigbee2mqtt" and device.door is not None and device.kind is None
    )
