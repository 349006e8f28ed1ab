"""The equipment of a sample place, made from a seed: spaces, desks, doors and devices.

Pure: the same seed, code and commune give the same equipment on every machine. Sizes follow French third places: 6 to
30 desks, more of them where more people live.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal

from simulator.sample.entitlements import house_rules

ROOT: Final = "place"
"""The code of every place's root space."""
OPEN_SPACE: Final = "open-space"
FAB_LAB: Final = "fab-lab"

SpaceKind = Literal["place", "open_space", "meeting_room", "fab_lab"]
DeviceKind = Literal["reader", "keypad", "desk_sensor", "presence_sensor"]
Driver = Literal["esp_rfid", "gm861", "zigbee2mqtt", "chirpstack"]

_LONGEST_CODE: Final = 64
MOST_DESKS: Final = 30
_DESKS_BY_POPULATION: Final = ((5_000, 6, 12), (20_000, 8, 16), (50_000, 10, 20), (100_000, 12, 24))
"""Communes up to so many people: fewest and most desks; above the last, 14 to 30."""
_MILESIGHT_OUI: Final = "24e124"
_QR_READERS: Final = 0.3
"""The share of places whose entry reads the QR codes of guests."""
_EXPECT_S: Final[dict[Driver, int]] = {"esp_rfid": 600, "gm861": 600, "zigbee2mqtt": 4_500, "chirpstack": 4_500}
"""Silent for longer: unwell. Readers beat every few minutes; a Milesight and a Zigbee sensor report once an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A part of the place; ``parent`` None only for the root."""

    code: str
    name: str
    kind: SpaceKind
    parent: str | None
    capacity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One seat in ``space``."""

    code: str
    name: str
    space: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A door with a reader on each side or on one; ``from_space`` None: outside."""

    code: str
    name: str
    from_space: str | None
    to_space: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device; its address is written as ``gateway.config.Device`` says."""

    code: str
    kind: DeviceKind
    driver: Driver
    model: str
    address: str
    space: str | None = None
    desk: str | None = None
    door: str | None = None
    side: Literal["in", "out"] = "in"

    @property
    def expect_every_s(self) -> int:
        """Seconds of silence after which it is unwell."""
        return _EXPECT_S[self.driver]


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """The equipment of one place. Spaces come after their parents."""

    gateway: str
    spaces: tuple[Space, ...]
    desks: tuple[Desk, ...]
    doors: tuple[Door, ...]
    devices: tuple[Device, ...]


def equip(code: str, *, seed: int, population: int | None = None, typology: str | None = None) -> Equipment:
    """Make the equipment of the place ``code``.

    An open space whose desks each have a Milesight seat sensor over ChirpStack; up to two meeting rooms with a Zigbee
    presence sensor; an entry door with an esp-rfid reader on each side, of which the outer one opens; in most fab labs
    and a few others a workshop behind a door of its own, with a keypad for the PIN; at some entries a keypad, at some a
    QR reader for guests. The root's capacity is the sum of the others: what its rooms hold together.

    Args:
        population: of the commune; None: unknown, taken as a small town.
        typology: ``coworking``, ``fab_lab`` or None.
    """
    dice = random.Random(_digest(seed, code, "equipment"))
    desks = _count_desks(dice, population, typology)
    rooms = dice.choices((0, 1, 2), weights=(2, 4, 3) if desks >= 12 else (4, 4, 1))[0]
    workshop = dice.random() < (0.85 if typology == "fab_lab" else 0.08)

    parts = [Space(code=OPEN_SPACE, name="Espace ouvert", kind="open_space", parent=ROOT, capacity=desks)]
    for number in range(1, rooms + 1):
        name = "Salle de réunion" if rooms == 1 else f"Salle de réunion {number}"
        parts.append(
            Space(
                code=f"meeting-{number}",
                name=name,
                kind="meeting_room",
                parent=ROOT,
                capacity=dice.choice((4, 6, 6, 8, 10)),
            )
        )
    if workshop:
        parts.append(
            Space(code=FAB_LAB, name="Atelier", kind="fab_lab", parent=ROOT, capacity=dice.choice((6, 8, 10, 12)))
        )
    holds = sum(part.capacity for part in parts)
    root = Space(code=ROOT, name="Lieu entier", kind="place", parent=None, capacity=holds)

    doors = [Door(code="door-entry", name="Porte d'entrée", from_space=None, to_space=ROOT)]
    if workshop:
        doors.append(Door(code="door-fab-lab", name="Porte de l'atelier", from_space=ROOT, to_space=FAB_LAB))
    seats = tuple(Desk(code=f"desk-{n:02d}", name=f"Poste {n}", space=OPEN_SPACE) for n in range(1, desks + 1))
    devices = [_reader(code, door.code, side) for door in doors for side in ("in", "out")]
    devices += [_keypad(code, door.code) for door in doors[0 if house_rules(seed, code).keypad else 1 :]]
    if random.Random(_digest(seed, code, "qr")).random() < _QR_READERS:
        devices.append(_qr_reader(code, "door-entry"))
    devices += [_presence(code, part.code, dice) for part in parts if part.kind == "meeting_room"]
    devices += [_seat_sensor(code, seed, seat, dice) for seat in seats]
    return Equipment(
        gateway=gateway_code(code),
        spaces=(root, *parts),
        desks=seats,
        doors=tuple(doors),
        devices=tuple(devices),
    )


def gateway_code(place: str) -> str:
    """Return the code of a place's gateway, ``PLACE-g1``."""
    return place[: _LONGEST_CODE - len("-g1")] + "-g1"


def _count_desks(dice: random.Random, population: int | None, typology: str | None) -> int:
    fewest, most = 14, MOST_DESKS
    for up_to, low, high in _DESKS_BY_POPULATION:
        if (population or 0) < up_to:
            fewest, most = low, high
            break
    if typology == "fab_lab":
        most = max(fewest, most // 2)  # a workshop first, seats second
    return round(dice.triangular(fewest, most, fewest + (most - fewest) / 3))


def _reader(code: str, door: str, side: Literal["in", "out"]) -> Device:
    """Make an esp-rfid reader; the one on the ``in`` side drives the lock."""
    name = f"{door.removeprefix('door-')}-{side}"
    return Device(
        code=f"reader-{name}",
        kind="reader",
        driver="esp_rfid",
        model="esp-rfid-v2",
        address=f"{code}/{door}-{side}#esp-rfid-{name}",
        door=door,
        side=side,
    )


def _keypad(code: str, door: str) -> Device:
    name = f"keypad-{door.removeprefix('door-')}-in"
    return Device(
        code=name, kind="keypad", driver="zigbee2mqtt", model="KEPZB-110", address=f"z2m-{code}/{name}", door=door
    )


def _qr_reader(code: str, door: str) -> Device:
    name = f"qr-{door.removeprefix('door-')}"
    return Device(code=name, kind="reader", driver="gm861", model="GM861", address=f"{code}/{door}-qr", door=door)


def _presence(code: str, space: str, dice: random.Random) -> Device:
    return Device(
        code=f"presence-{space}",
        kind="presence_sensor",
        driver="zigbee2mqtt",
        model=dice.choices(("ZY-M100", "RTCGQ11LM"), weights=(7, 3))[0],
        address=f"z2m-{code}/presence-{space}",
        space=space,
    )


def _seat_sensor(code: str, seed: int, seat: Desk, dice: random.Random) -> Device:
    application = uuid.UUID(bytes=_digest(seed, code, "chirpstack")[:16], version=4)
    return Device(
        code=f"sensor-{seat.code}",
        kind="desk_sensor",
        driver="chirpstack",
        model=dice.choices(("VS341", "VS340"), weights=(3, 1))[0],
        address=f"{application}/{_MILESIGHT_OUI}{_digest(seed, code, seat.code)[:5].hex()}",
        space=seat.space,
        desk=seat.code,
    )


def _digest(seed: int, code: str, what: str) -> bytes:
    return blake2b(f"{seed}/{code}/{what}".encode(), digest_size=16, person=b"maillage-equip").digest()
