"""The network's hardware as the fold needs it: which device senses which space, which door leads where. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from access.schedules import Schedule
from occupancy.lasting import lasts

_UTC: Final = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device, as far as the fold of its events needs it."""

    id: int
    kind: str
    space: int | None
    at_desk: bool
    side: str
    door_from: int | None
    door_to: int | None
    door: int | None = None
    door_code: str | None = None
    expect_every: int | None = None
    """Microseconds between two reports at most, where that is declared."""
    retired: bool = False
    """Out of service: its late events are stored and count no more."""

    @property
    def counts_into(self) -> int | None:
        """The space that a counter or a reader counts people into."""
        return self.space if self.kind == "counter" and self.space is not None else self.door_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """One gateway in service, with its devices by code."""

    id: int
    code: str
    place: int
    place_code: str
    shard: int
    devices: dict[str, Device] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Space:
    """One space with the sources that speak of it."""

    id: int
    place: int
    parent: int | None
    capacity: int | None
    children: list[int] = field(default_factory=list)
    desks: set[int] = field(default_factory=set)
    """Devices that watch a seat."""
    rooms: set[int] = field(default_factory=set)
    """Devices that watch the whole space."""
    counters: set[int] = field(default_factory=set)
    air: set[int] = field(default_factory=set)
    """Devices that may read its CO2: of no weight by themselves."""
    radios: set[int] = field(default_factory=set)
    """Of Wi-Fi access points: of no weight by themselves either."""
    badged: bool = False
    """A door with a reader leads into it."""
    badges_out: bool = False
    """A reader stands on the way out of it too."""
    seats: int | None = None
    """Seats to work at, with and without a sensor; None: those with one."""
    lasts: dict[int, int] = field(default_factory=dict)
    """For how long a report of each of these devices holds, microseconds (``occupancy.lasting``)."""
    retired: bool = False
    """Out of service: it is no part of the space that it lay in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The whole network at one moment: gateways by code, spaces by id, the spaces of each place."""

    gateways: Mapping[str, Gateway]
    spaces: Mapping[int, Space]
    places: Mapping[int, tuple[int, ...]]
    zones: Mapping[int, ZoneInfo] = field(default_factory=dict)
    hours: Mapping[int, Schedule] = field(default_factory=dict)
    """Each place's opening hours, with closures and holidays; a place that has none here: not known."""
    base: int = 0
    """Number (OID) of the table ``stream`` when this was read; 0: not known. Another one: the tables were made anew."""

    def zone(self, place: int) -> ZoneInfo:
        """The time zone of ``place``."""
        return self.zones.get(place, _UTC)

    def within(self, space: int, other: int) -> bool:
        """Whether ``space`` lies in ``other``, at any depth: who goes into a room has not left the house."""
        parent = self.spaces[space].parent
        while parent is not None:
            if parent == other:
                return True
            parent = self.spaces[parent].parent
        return False

    def rising(self, spaces: Iterable[int]) -> list[int]:
        """``spaces`` and all that they lie in, the deepest first."""
        depth: dict[int, int] = {}
        for start in spaces:
            path = [start]
            while (parent := self.spaces[path[-1]].parent) is not None:
                path.append(parent)
            for rank, space in enumerate(reversed(path)):
                depth[space] = rank
        return sorted(depth, key=lambda space: (-depth[space], space))

    def senses(self, space: int) -> bool:
        """Whether anything of the hardware speaks of ``space`` or of what lies in it."""
        row = self.spaces[space]
        return bool(row.desks or row.rooms or row.counters or row.badged) or any(map(self.senses, row.children))

    @classmethod
    def build(
        cls,
        gateways: list[Gateway],
        spaces: list[Space],
        devices: list[tuple[int, str, Device]],
        zones: Mapping[int, str] | None = None,
        *,
        hours: Mapping[int, Schedule] | None = None,
        base: int = 0,
    ) -> Topology:
        """Join rows into a topology; ``devices`` are (gateway id, code, device).

        ``zones`` are the places' time zones, ``hours`` their opening hours.

        Of several devices with one code of one gateway the last is the one that speaks.
        """
        by_id = {space.id: space for space in spaces}
        by_gateway = {gateway.id: gateway for gateway in gateways}
        places: dict[int, list[int]] = {}
        for space in spaces:
            places.setdefault(space.place, []).append(space.id)
            if space.parent is not None and not space.retired:
                by_id[space.parent].children.append(space.id)
        for gateway_id, code, device in devices:
            if gateway_id not in by_gateway:
                continue
            by_gateway[gateway_id].devices[code] = device
            if not device.retired:
                _note_source(by_id, device)
        return cls(
            gateways={gateway.code: gateway for gateway in gateways},
            spaces=by_id,
            places={place: tuple(sorted(ids)) for place, ids in places.items()},
            zones={place: _zone(name) for place, name in (zones or {}).items()},
            hours=dict(hours or {}),
            base=base,
        )


def changed_places(old: Topology, new: Topology) -> set[int]:
    """Return the places whose spaces, or what senses them, differ."""
    return {
        place
        for place, spaces in new.places.items()
        if place in old.places
        and (spaces != old.places[place] or any(old.spaces[one] != new.spaces[one] for one in spaces))
    }


def _zone(name: str) -> ZoneInfo:
    """A time zone; UTC where this machine's data don't know it: a count is no reason to store nothing."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return _UTC


def _note_source(spaces: dict[int, Space], device: Device) -> None:
    into: int | None = device.space
    if device.kind == "desk_sensor" and device.space is not None:
        spaces[device.space].desks.add(device.id)
    elif device.kind == "presence_sensor" and device.space is not None:
        spaces[device.space].rooms.add(device.id)
    elif device.kind == "climate" and device.space is not None:
        spaces[device.space].air.add(device.id)
    elif device.kind == "access_point" and device.space is not None:
        spaces[device.space].radios.add(device.id)
    elif device.kind == "counter" and device.counts_into is not None:
        into = device.counts_into
        spaces[into].counters.add(device.id)
    elif device.kind in ("reader", "keypad") and device.door_to is not None:
        spaces[device.door_to].badged = True
        if device.side == "out":
            spaces[device.door_to].badges_out = True
        return
    if into is not None:
        spaces[into].lasts[device.id] = lasts(device.expect_every)
