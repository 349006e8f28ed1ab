"""A place with all that is in it, as values. Pure.

A record's ``origin`` says where it stands in a file; it does not take part in comparisons.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from maillage.place.faults import NOWHERE, Origin

Hours = dict[str, Any]
"""As ``access.schedules`` writes them."""
Price = tuple[str, str, int]
"""Category, unit, euro cents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a place is and says of itself."""

    code: str
    name: str
    status: str = "open"
    address: str | None = None
    postcode: str | None = None
    commune: str | None = None
    commune_code: str | None = None
    department: str | None = None
    region: str | None = None
    latitude: float = 0.0
    longitude: float = 0.0
    time_zone: str = "Europe/Paris"
    opening_hours: Hours | None = None
    siret: str | None = None
    rna: str | None = None
    contact_name: str | None = None
    phone: str | None = None
    email: str | None = None
    website: str | None = None
    logo: str | None = None
    typology: str | None = None
    accessibility: tuple[str, ...] | None = None
    equipment: tuple[str, ...] | None = None
    fibre: bool | None = None
    prices: tuple[Price, ...] | None = None
    public_threshold: int = 3
    public_numbers: bool = False
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A part of a place. The one of kind ``place`` holds all others."""

    code: str
    name: str
    kind: str
    parent: str | None = None
    capacity: int | None = None
    person_limit: int | None = None
    for_work: bool | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A seat in a space."""

    code: str
    name: str
    space: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Leads from a space (None: outside) into another; with its rules."""

    code: str
    name: str
    from_space: str | None = None
    to_space: str
    unlock_s: float = 5.0
    held_after_s: float = 30.0
    pin: bool = False
    pin_while: str | None = None
    passback: str = "off"
    passback_s: int = 0
    supervised: str | None = None
    first_card: str | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The place's computer."""

    code: str
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A reader, keypad, sensor, counter, contact or lock of one gateway."""

    code: str
    gateway: str
    kind: str
    driver: str
    model: str | None = None
    address: str
    door: str | None = None
    side: str = "in"
    desk: str | None = None
    space: str | None = None
    inverted: bool = False
    uid_reversed: bool = False
    bits: int | None = None
    expect_every: int | None = None
    """Seconds."""
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


Part = Place | Space | Desk | Door | Gateway | Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """A whole place."""

    place: Place
    spaces: tuple[Space, ...] = ()
    desks: tuple[Desk, ...] = ()
    doors: tuple[Door, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    devices: tuple[Device, ...] = ()

    @property
    def root(self) -> Space | None:
        """The space that holds all others."""
        return next((one for one in self.spaces if one.kind == "place"), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A part as the database has it."""

    id: int
    revision: int
    retired: bool
    part: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A place in the database: what is in service, and every row, also of what is not."""

    id: int
    revision: int
    fitting: Fitting
    rows: Mapping[str, Mapping[str, Row]] = field(default_factory=dict)
    """By what it is (``space`` …) and its key (``model.key_of``)."""


def key_of(part: Part) -> str:
    """Return what tells a part from the others of its kind: its code; a device's with its gateway's."""
    return f"{part.gateway}/{part.code}" if isinstance(part, Device) else part.code


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key to sort ``text`` by: b2 before b10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts)


def ordered(fitting: Fitting) -> Fitting:
    """Return the place with its parts in their one order: a space before those within it, then by code."""
    return replace(
        fitting,
        spaces=tuple(_downwards(fitting.spaces)),
        desks=tuple(sorted(fitting.desks, key=lambda one: natural(one.code))),
        doors=tuple(sorted(fitting.doors, key=lambda one: natural(one.code))),
        gateways=tuple(sorted(fitting.gateways, key=lambda one: natural(one.code))),
        devices=tuple(sorted(fitting.devices, key=lambda one: (natural(one.gateway), natural(one.code)))),
    )


def _downwards(spaces: tuple[Space, ...]) -> list[Space]:
    by_parent: dict[str | None, list[Space]] = {}
    for space in sorted(spaces, key=lambda one: natural(one.code)):
        by_parent.setdefault(space.parent, []).append(space)
    found: list[Space] = []
    waiting = by_parent.pop(None, [])
    while waiting:
        found.append(space := waiting.pop(0))
        waiting[:0] = by_parent.pop(space.code, [])
    return [*found, *(space for left in by_parent.values() for space in left)]
