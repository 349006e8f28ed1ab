"""A virtual place: its spaces, desks and doors with their devices, as its gateways' file describes them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.config import GatewayConfig
from gateway.contract.configuration import Device, Door
from simulator.air import Air
from simulator.building import PLAIN, Building
from simulator.clock import Call, Scheduler
from simulator.counting import Tally
from simulator.devices.contact import VirtualContact
from simulator.devices.esp_rfid import VirtualEspRfid
from simulator.devices.keypad import VirtualKeypad
from simulator.devices.milesight import VirtualCounter, VirtualDesk
from simulator.devices.zigbee import VirtualClimate, VirtualPresence
from simulator.door import Contact, Side, VirtualDoor
from simulator.rates import MILD, Rates
from simulator.room_air import ClimateWatch
from simulator.sensing import Sensor, Watch
from simulator.truth import ROOT, Truth

OPEN_SPACE: Final = "open-space"
"""Where a desk stands whose device names no space."""
HEARTBEAT_S: Final = 300.0
"""Real seconds between signs of life of a device that nobody expects more often."""
COUNTED_EVERY_S: Final = 300.0
"""Virtual seconds between two reports of a counter."""
_BY_MAIN_DOOR: Final = 0.8
_OVERNIGHT_S: Final = (3600.0, 18 * 3600.0)
"""How long something stays on a seat whose owner has left."""


class VirtualPlace:
    """One place; everything here runs in the scheduler's thread."""

    def __init__(
        self,
        code: str,
        gateways: Sequence[GatewayConfig],
        scheduler: Scheduler,
        air: Air,
        truth: Truth,
        *,
        seed: int,
        rates: Rates = MILD,
        building: Building = PLAIN,
    ) -> None:
        """Build the place that ``gateways`` serve."""
        self.code = code
        self.rates = rates
        self.building = building
        self._air = air
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
        self.entries: list[VirtualDoor] = []
        """Those that lead in from outside, the main one first."""
        self.time_zone = next((one.time_zone for one in gateways), "Europe/Paris")
        self.inside: set[str] = set()
        """Who is inside in truth, by reference."""
        self.wedge_s = 0.0
        """Real seconds for which the next who comes in keeps the entry open."""
        self._signs: list[tuple[Call, Call, float]] = []
        """Of devices without a state to repeat: first message, sign of life, and its rhythm in real seconds."""
        self._free: set[str] = set()
        self._people: Counter[str] = Counter()
        self._watches: list[Watch] = []
        self._of_desk: dict[str, Watch] = {}
        self._of_room: dict[str, list[Watch]] = {}
        self._tallies: list[Tally] = []
        self._climates: dict[str, list[ClimateWatch]] = {}
        for gateway in gateways:
            self._build(gateway, air)
        self.desks |= building.seats
        self._free |= self.desks.keys()
        truth.add(code, {*self.rooms, *self._climates, *self.desks.values(), *self.labs} - {ROOT}, self.desks)

    @property
    def entry(self) -> VirtualDoor | None:
        """Return the main door; None where nothing is at it."""
        return self.entries[0] if self.entries else None

    def an_entry(self) -> VirtualDoor | None:
        """Return the door that a person takes, in or out: mostly the main one."""
        if len(self.entries) < 2 or self.dice.random() < _BY_MAIN_DOOR:
            return self.entry
        return self.dice.choice(self.entries[1:])

    def _build(self, gateway: GatewayConfig, air: Air) -> None:
        boards: dict[str, VirtualEspRfid] = {}
        keypads: dict[str, dict[Side, VirtualKeypad]] = {}
        contacts: dict[str, list[Contact]] = {}
        tallies: dict[str | None, list[Tally]] = {}
        for device in gateway.devices:
            name = f"{self.code}/{device.code}"
            if is_keypad(device):
                assert device.door is not None
                keypad = keypads.setdefault(device.door, {})[device.side] = VirtualKeypad(name, device, air)
                self._signs.append((keypad.join, keypad.heartbeat, self._heartbeat_s(device)))
            elif device.driver == "esp_rfid":
                board = boards[device.code] = VirtualEspRfid(name, device, air)
                self.boards.append(board)
                self._signs.append((board.boot, board.heartbeat, self._heartbeat_s(device)))
            elif device.kind == "counter":
                tallies.setdefault(device.door, []).append(self._tally(VirtualCounter(name, device, air, self.dice)))
            elif device.kind == "climate":
                self._climate(device, VirtualClimate(name, device, air, self.dice))
            elif device.kind == "contact":
                contact = VirtualContact(name, device, air)
                contacts.setdefault(device.door or "", []).append(contact)
                self._signs.append((contact.join, contact.heartbeat, self._heartbeat_s(device)))
            elif device.driver == "chirpstack":
                self._watch(device, VirtualDesk(name, device, air, self.dice))
            else:
                self._watch(device, VirtualPresence(name, device, air, self.dice))
        for door in gateway.doors:
            lock = boards.get(door.lock) if door.lock is not None else None
            wired: list[Contact] = [lock] if lock is not None and self.building.contacts else []
            made = VirtualDoor(
                door.code,
                self.scheduler,
                self.dice,
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
                self.entries.append(made)
            elif door.to_space not in (None, ROOT):
                self.labs[door.to_space] = made

    def _tally(self, counter: VirtualCounter) -> Tally:
        tally = Tally(
            counter,
            self.scheduler,
            every_s=COUNTED_EVERY_S,
            rates=self.rates,
            dice=self.dice,
            is_stuck=self._air.is_stuck,
            is_swapped=self._air.is_swapped,
        )
        self._tallies.append(tally)
        return tally

    def _climate(self, device: Device, sensor: VirtualClimate) -> None:
        space = device.space or ROOT
        seats = sum(space in (ROOT, one) for one in (self.building.seats or self.desks).values())
        watch = ClimateWatch(
            sensor,
            self.scheduler,
            volume_m3=self.building.m3_a_seat * max(4, seats),
            rates=self.rates,
            dice=self.dice,
            is_stuck=self._air.is_stuck,
        )
        self._climates.setdefault(space, []).append(watch)

    def _watch(self, device: Device, sensor: Sensor) -> None:
        at_seat = device.desk is not None or (device.driver == "chirpstack" and device.kind != "presence_sensor")
        watch = Watch(
            sensor,
            self.scheduler,
            heartbeat_s=self._heartbeat_s(device),
            at_seat=at_seat,
            rates=self.rates,
            dice=self.dice,
            is_stuck=self._air.is_stuck,
        )
        self._watches.append(watch)
        if at_seat:
            desk = device.desk or device.code
            self.desks[desk] = device.space or OPEN_SPACE
            self._of_desk[desk] = watch
        else:
            room = device.space or device.code
            self.rooms.add(room)
            self._of_room.setdefault(room, []).append(watch)

    def _heartbeat_s(self, device: Device) -> float:
        if device.driver in self.building.heartbeat_s:
            return self.building.heartbeat_s[device.driver]
        return HEARTBEAT_S if device.expect_every_s is None else max(5.0, device.expect_every_s / 3)

    @property
    def meeting_rooms(self) -> tuple[str, ...]:
        """Return the rooms that one walks into freely."""
        return tuple(sorted(self.rooms - self.labs.keys() - set(self.desks.values()) - {ROOT}))

    @property
    def devices(self) -> int:
        """Return how many devices the place has."""
        return len(self._watches) + len(self._signs) + len(self._tallies) + sum(map(len, self._climates.values()))

    def start(self, within_real_s: float) -> None:
        """Let every device say once that it is there and what it sees, spread over some real seconds."""
        starts = [one.start for one in self._watches] + [one.start for one in self._tallies]
        starts += [one.start for some in self._climates.values() for one in some]
        for start in starts:
            start(self.dice.uniform(0, within_real_s))
        for first, heartbeat, every_s in self._signs:
            self.scheduler.after_real(self.dice.uniform(0, within_real_s), first)
            self._beat_on(heartbeat, self.dice.uniform(0.2, 1) * every_s, every_s)

    def _beat_on(self, heartbeat: Call, first_s: float, every_s: float) -> None:
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
                    watch.change(self._people[space])
                for air in self._climates.get(space, ()) if space != ROOT else ():
                    air.change(self._people[space])
        for air in self._climates.get(ROOT, ()):
            air.change(len(self.inside))

    def take_desk(self, usual: str | None = None) -> str | None:
        """Sit down at a free desk, the ``usual`` one if it is; None where there is none left."""
        if not self._free:
            return None
        desk = usual if usual in self._free else self.dice.choice(sorted(self._free))
        self._free.remove(desk)
        self._sit(desk, occupied=True)
        return desk

    def resume_desk(self, desk: str) -> None:
        """Come back to a desk kept by a coat on its chair."""
        self._sit(desk, occupied=True)

    def rise(self, desk: str, *, for_good: bool, may_leave_bag: bool = False) -> None:
        """Stand up; not for good: nobody else takes the desk meanwhile. A bag may stay on the seat."""
        chance = self.rates.bags_overnight if for_good else self.rates.bags
        bag = may_leave_bag and self.dice.random() < chance
        self._sit(desk, occupied=False, bag=bag)
        if for_good:
            self._free.add(desk)
        if for_good and bag:
            self.scheduler.after(self.dice.uniform(*_OVERNIGHT_S), lambda: self._clear(desk))

    def _clear(self, desk: str) -> None:
        if desk in self._free and desk in self._of_desk:
            self._of_desk[desk].change(0)

    def _sit(self, desk: str, *, occupied: bool, bag: bool = False) -> None:
        self.truth.sit(self.code, desk, occupied=occupied)
        if desk in self._of_desk:
            self._of_desk[desk].change(int(occupied), bag=bag)


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


def by_place(gateways: Iterable[GatewayConfig]) -> dict[str, list[GatewayConfig]]:
    """Return gateways by their place's code, in the file's order."""
    found: dict[str, list[GatewayConfig]] = {}
    for gateway in gateways:
        found.setdefault(gateway.place, []).append(gateway)
    return found
