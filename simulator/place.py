"""A virtual place: its spaces, desks and doors with their devices, as its gateways' file describes them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from gateway.config import GatewayConfig
from gateway.contract.configuration import Device, Door
from simulator.air import Air
from simulator.clock import Scheduler
from simulator.devices.esp_rfid import VirtualEspRfid
from simulator.devices.keypad import VirtualKeypad
from simulator.devices.milesight import VirtualDesk
from simulator.devices.zigbee import VirtualPresence
from simulator.door import Side, VirtualDoor
from simulator.sensing import Sensor, Watch
from simulator.truth import ROOT, Truth

OPEN_SPACE: Final = "open-space"
"""Where a desk stands whose device names no space."""
HEARTBEAT_S: Final = 300.0
"""Real seconds between signs of life of a device that nobody expects more often."""


class VirtualPlace:
    """One place; everything here runs in the scheduler's thread."""

    def __init__(
        self, code: str, gateways: Sequence[GatewayConfig], scheduler: Scheduler, air: Air, truth: Truth, *, seed: int
    ) -> None:
        """Build the place that ``gateways`` serve."""
        self.code = code
        self.truth = truth
        self.scheduler = scheduler
        self.dice = random.Random(f"{seed}/{code}")
        self.boards: list[VirtualEspRfid] = []
        self.desks: dict[str, str] = {}
        """Desk → the space that it stands in."""
        self.rooms: set[str] = set()
        """Spaces that a sensor watches as a whole."""
        self.labs: dict[str, VirtualDoor] = {}
        """Space → the inner door that leads into it."""
        self.doors: list[VirtualDoor] = []
        self.entry: VirtualDoor | None = None
        self.time_zone = next((one.time_zone for one in gateways), "Europe/Paris")
        self.inside: set[str] = set()
        """Who is inside in truth, by reference."""
        self.wedge_s = 0.0
        """Real seconds for which the next who comes in keeps the entry open."""
        self._keypads: list[tuple[VirtualKeypad, float]] = []
        self._free: set[str] = set()
        self._people: Counter[str] = Counter()
        self._watches: list[Watch] = []
        self._of_desk: dict[str, Watch] = {}
        self._of_room: dict[str, list[Watch]] = {}
        self._beats: list[tuple[VirtualEspRfid, float]] = []
        for gateway in gateways:
            self._build(gateway, air)
        self._free |= self.desks.keys()
        truth.add(code, {*self.rooms, *self.desks.values(), *self.labs} - {ROOT}, self.desks)

    def _build(self, gateway: GatewayConfig, air: Air) -> None:
        boards: dict[str, VirtualEspRfid] = {}
        keypads: dict[str, dict[Side, VirtualKeypad]] = {}
        for device in gateway.devices:
            name = f"{self.code}/{device.code}"
            if is_keypad(device):
                assert device.door is not None
                keypad = keypads.setdefault(device.door, {})[device.side] = VirtualKeypad(name, device, air)
                self._keypads.append((keypad, _heartbeat_s(device)))
            elif device.driver == "esp_rfid":
                board = boards[device.code] = VirtualEspRfid(name, device, air)
                self.boards.append(board)
                self._beats.append((board, _heartbeat_s(device)))
            elif device.driver == "chirpstack":
                self._watch(device, VirtualDesk(name, device, air, self.dice))
            else:
                self._watch(device, VirtualPresence(name, device, air, self.dice))
        for door in gateway.doors:
            made = VirtualDoor(
                door.code,
                self.scheduler,
                self.dice,
                lock=boards.get(door.lock) if door.lock is not None else None,
                readers=_readers(door, gateway, boards),
                keypads={**keypads.get(door.code, {})},
                unlock_s=door.unlock_s,
                held_after_s=door.held_after_s,
            )
            self.doors.append(made)
            if door.from_space is None and self.entry is None:
                self.entry = made
            elif door.to_space not in (None, ROOT):
                self.labs[door.to_space] = made

    def _watch(self, device: Device, sensor: Sensor) -> None:
        watch = Watch(sensor, self.scheduler, heartbeat_s=_heartbeat_s(device))
        self._watches.append(watch)
        if device.driver == "chirpstack" or device.desk is not None:
            desk = device.desk or device.code
            self.desks[desk] = device.space or OPEN_SPACE
            self._of_desk[desk] = watch
        else:
            room = device.space or device.code
            self.rooms.add(room)
            self._of_room.setdefault(room, []).append(watch)

    @property
    def meeting_rooms(self) -> tuple[str, ...]:
        """Return the rooms that one walks into freely."""
        return tuple(sorted(self.rooms - self.labs.keys() - set(self.desks.values()) - {ROOT}))

    @property
    def devices(self) -> int:
        """Return how many devices the place has."""
        return len(self.boards) + len(self._watches) + len(self._keypads)

    def start(self, within_real_s: float) -> None:
        """Let every device say once that it is there and what it sees, spread over some real seconds."""
        for watch in self._watches:
            watch.start(self.dice.uniform(0, within_real_s))
        for board, heartbeat_s in self._beats:
            self.scheduler.after_real(self.dice.uniform(0, within_real_s), board.boot)
            self._beat_on(board.heartbeat, self.dice.uniform(0.2, 1) * heartbeat_s, heartbeat_s)
        for keypad, heartbeat_s in self._keypads:
            self.scheduler.after_real(self.dice.uniform(0, within_real_s), keypad.join)
            self._beat_on(keypad.heartbeat, self.dice.uniform(0.2, 1) * heartbeat_s, heartbeat_s)

    def _beat_on(self, heartbeat: Callable[[], None], first_s: float, every_s: float) -> None:
        def beat() -> None:
            heartbeat()
            self.scheduler.after_real(every_s, beat)

        self.scheduler.after_real(first_s, beat)

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
                for watch in self._of_room.get(space, ()):
                    watch.change(there=self._people[space] > 0)

    def take_desk(self) -> str | None:
        """Sit down at a free desk; None where there is none left."""
        if not self._free:
            return None
        desk = self.dice.choice(sorted(self._free))
        self._free.remove(desk)
        self._sit(desk, occupied=True)
        return desk

    def resume_desk(self, desk: str) -> None:
        """Come back to a desk kept by a coat on its chair."""
        self._sit(desk, occupied=True)

    def rise(self, desk: str, *, for_good: bool) -> None:
        """Stand up; not for good: nobody else takes the desk meanwhile."""
        self._sit(desk, occupied=False)
        if for_good:
            self._free.add(desk)

    def _sit(self, desk: str, *, occupied: bool) -> None:
        self.truth.sit(self.code, desk, occupied=occupied)
        self._of_desk[desk].change(there=occupied)


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


def _heartbeat_s(device: Device) -> float:
    return HEARTBEAT_S if device.expect_every_s is None else max(5.0, device.expect_every_s / 3)


def by_place(gateways: Iterable[GatewayConfig]) -> dict[str, list[GatewayConfig]]:
    """Return gateways by their place's code, in the file's order."""
    found: dict[str, list[GatewayConfig]] = {}
    for gateway in gateways:
        found.setdefault(gateway.place, []).append(gateway)
    return found
