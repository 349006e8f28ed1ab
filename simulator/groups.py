"""Places by their equipment, for the in-process month: made from a seed; docs/simulator.md lists their devices."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from gateway.config import GatewayConfig
from simulator.building import Building
from simulator.truth import ROOT

SIZES: Final = (8, 12, 16, 24, 36, 48, 60)
"""Seats, from a village place to a house; the seed's remainder chooses."""
OPEN_SPACE: Final = "open-space"
_APPLICATION: Final = "17c82e96-be03-4f38-aef3-f83d48582d97"
_HEARTBEAT_S: Final = MappingProxyType({"chirpstack": 3600.0, "zigbee2mqtt": 3000.0, "esp_rfid": 300.0})
"""As the makers' devices do."""
_EXPECT_S: Final = MappingProxyType({"reader": 600, "counter": 900, "climate": 900})
"""Seconds of silence after which a device is unwell, by kind; the others' are a sensor's."""
_PIRS: Final = ("RTCGQ11LM", "SNZB-03", "WS202")
_TWO_DOORS_FROM: Final = 24
"""Seats from which a place with counters has two doors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A part of the place; ``parent`` None only for the root."""

    code: str
    parent: str | None
    seats: int
    """With or without sensors, of the spaces in it too."""
    capacity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """One place: what is in it and what the gateway knows of it."""

    config: GatewayConfig
    building: Building
    spaces: tuple[Space, ...]
    """The root first."""


class _Kit:
    """Collects the devices of one place."""

    def __init__(self, code: str, seats: int, dice: random.Random) -> None:
        self.code = code
        self.seats = seats
        self.dice = dice
        self.devices: list[dict[str, Any]] = []
        self.doors: list[dict[str, Any]] = []
        self.spaces: list[Space] = [Space(code=ROOT, parent=None, seats=seats, capacity=seats)]
        self.desks: dict[str, str] = {}
        self.contacts = True

    def door(self, code: str, *, lock: str | None = None) -> None:
        self.doors.append({"code": code, "lock": lock, "to_space": ROOT})

    def reader(self, door: str, side: str) -> str:
        code = f"reader-{door}-{side}"
        self._add(code, "reader", "esp_rfid", f"{self.code}/{door}-{side}#{code}", "esp-rfid-v2", door=door, side=side)
        return code

    def open_space(self, sensed: int) -> None:
        self.spaces.append(Space(code=OPEN_SPACE, parent=ROOT, seats=self.seats, capacity=self.seats))
        for number in range(1, self.seats + 1):
            desk = f"desk-{number:02d}"
            self.desks[desk] = OPEN_SPACE
            if number <= sensed:
                model = self.dice.choices(("VS341", "VS340"), weights=(3, 1))[0]
                self._radio(f"sensor-{desk}", "desk_sensor", model, space=OPEN_SPACE, desk=desk)

    def counter(self, door: str) -> None:
        self._radio(f"counter-{door}", "counter", "VS133", door=door, space=ROOT)

    def climate(self) -> None:
        self._add("climate", "climate", "zigbee2mqtt", f"z2m-{self.code}/climate", "SCD41", space=ROOT)

    def room(self, code: str, *, seats: int, holds: int) -> None:
        self.spaces.append(Space(code=code, parent=ROOT, seats=seats, capacity=holds))
        for number in range(1, seats + 1):
            self.desks[f"{code}-{number}"] = code
        device = f"presence-{code}"
        model = self.dice.choice(_PIRS)
        if model == "WS202":
            self._radio(device, "presence_sensor", model, space=code)
        else:
            self._add(device, "presence_sensor", "zigbee2mqtt", f"z2m-{self.code}/{device}", model, space=code)

    def seats_in_no_space(self) -> None:
        self.desks = {f"seat-{number:02d}": ROOT for number in range(1, self.seats + 1)}

    def _radio(self, code: str, kind: str, model: str, **more: Any) -> None:
        self._add(code, kind, "chirpstack", f"{_APPLICATION}/24e124{self.dice.getrandbits(40):010x}", model, **more)

    def _add(self, code: str, kind: str, driver: str, address: str, model: str, **more: Any) -> None:
        device: dict[str, Any] = {"code": code, "kind": kind, "driver": driver, "address": address, "model": model}
        device["expect_every_s"] = _EXPECT_S.get(kind, 4_500)
        self.devices.append(device | more)


def _badge_in(kit: _Kit) -> None:
    kit.door("entry", lock=kit.reader("entry", "in"))
    kit.contacts = False
    kit.seats_in_no_space()


def _badge_in_out(kit: _Kit) -> None:
    kit.door("entry", lock=kit.reader("entry", "in"))
    kit.reader("entry", "out")
    kit.open_space(sensed=kit.seats)


def _all_desks(kit: _Kit) -> None:
    kit.open_space(sensed=kit.seats)


def _half_desks(kit: _Kit) -> None:
    kit.open_space(sensed=kit.seats // 2)


def _counter_only(kit: _Kit) -> None:
    for door in ("entry", "yard")[: 1 + (kit.seats >= _TWO_DOORS_FROM)]:
        kit.door(door)
        kit.counter(door)
    kit.seats_in_no_space()


def _counter_co2(kit: _Kit) -> None:
    kit.door("entry")
    kit.counter("entry")
    kit.climate()
    kit.seats_in_no_space()


def _pir(kit: _Kit) -> None:
    left, number = kit.seats, 0
    while left > 0:
        number += 1
        seats = min(left, kit.dice.choice((2, 2, 3, 4, 6)))
        kit.room(f"office-{number}", seats=seats, holds=seats + 2)
        left -= seats
    for room in range(1, 2 + (kit.seats >= _TWO_DOORS_FROM)):
        kit.room(f"meeting-{room}", seats=0, holds=8)


GROUPS: Final[Mapping[str, Callable[[_Kit], None]]] = MappingProxyType(
    {
        "badge_in": _badge_in,
        "badge_in_out": _badge_in_out,
        "all_desks": _all_desks,
        "half_desks": _half_desks,
        "counter_only": _counter_only,
        "counter_co2": _counter_co2,
        "pir": _pir,
    }
)
"""By the group's name: what is put into its places."""


def fit(group: str, seed: int) -> Fitting:
    """Return the place of ``group`` that ``seed`` makes.

    Raises:
        KeyError: there is no such group.
    """
    code = f"{group}-{seed}"
    kit = _Kit(code, SIZES[seed % len(SIZES)], random.Random(f"{code}/fitting"))
    GROUPS[group](kit)
    config = GatewayConfig.model_validate(
        {
            "shard": 0,
            "place": code,
            "gateway": f"{code}-g1",
            "card_key": "5a" * 32,
            "doors": kit.doors,
            "devices": kit.devices,
        }
    )
    building = Building(seats=kit.desks, contacts=kit.contacts, heartbeat_s=_HEARTBEAT_S)
    return Fitting(config=config, building=building, spaces=tuple(kit.spaces))
