"""The network in memory: places with their spaces, desks and doors, and their prepared JSON. Pure."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final
from zoneinfo import ZoneInfo

from access.errors import ListError
from access.schedules import zone_named
from api.http.compact_json import compact
from api.present.departments import DEPARTMENTS
from api.present.geography import Point
from api.present.nearby import Nearby
from occupancy.public import Rule

ABOUT: Final = ("phone", "email", "siret", "rna", "logo", "accessibility", "equipment", "fibre", "prices")
"""What a place says of itself beside where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """A part of a place; the root space (``parent`` None) stands for the place itself."""

    id: int
    place: int
    code: str
    name: str
    kind: str
    parent: int | None
    capacity: int | None
    generated: bool
    for_work: bool = False
    """Its seats are seats to work at."""
    one_party: bool = False
    """Used by one party at a time: a meeting room, a phone box."""
    desks: int = 0
    read_only: bool = False
    """Nothing but readers says who is in: no word is no one's, not a sensor that fell silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Leads from one space (None: outside) into another."""

    place: int
    code: str
    name: str
    from_space: int | None
    to_space: int
    generated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One tiers-lieu with its public data."""

    id: int
    code: str
    name: str
    point: Point
    time_zone: str
    address: str | None
    postcode: str | None
    commune: str | None
    commune_code: str | None
    department: str | None
    region: str | None
    website: str | None
    typology: str | None
    opening_hours: Mapping[str, Any] | None
    hours_generated: bool
    source: str
    generated: bool
    status: str = "open"
    """``building``, ``preparation``, ``open`` or ``closed``: of the house itself, whatever its hours."""
    phone: str | None = None
    email: str | None = None
    siret: str | None = None
    rna: str | None = None
    logo: str | None = None
    accessibility: Sequence[str] | None = None
    equipment: Sequence[str] | None = None
    fibre: bool | None = None
    prices: Sequence[Mapping[str, Any]] | None = None
    spaces: tuple[Space, ...] = ()
    doors: tuple[Door, ...] = ()
    gateways: frozenset[int] = frozenset()
    closures: tuple[tuple[date, date], ...] = ()
    """Local days, both included, on which it is closed all day."""
    locked: bool = False
    """In lockdown."""
    public: Rule = field(default_factory=Rule)
    """What answers without a key say of its numbers."""
    apart: frozenset[int] = field(default=frozenset(), init=False, repr=False)
    """Ids of the spaces whose seats count: not the root, which contains all, nor spaces within a space for work."""
    work: tuple[Space, ...] = field(default=(), init=False, repr=False)
    """Those of ``apart`` that have seats to work at."""
    work_capacity: int = field(default=0, init=False, repr=False)
    work_bookings: frozenset[int | None] = field(default=frozenset(), init=False, repr=False)
    """Whose bookings hold such a seat: of these spaces, of the root, of the place (None)."""
    root: Space | None = field(default=None, init=False, repr=False)
    """The space that stands for the whole place."""
    entry: tuple[str, ...] = ()
    """How members get in: ``badge``, ``code``, or ``staff``, who open by the hours; empty: not known."""
    has: frozenset[str] = field(default=frozenset(), init=False, repr=False)
    """``equipment`` without accents and case."""
    accessible: frozenset[str] = field(default=frozenset(), init=False, repr=False)
    """``accessibility`` likewise."""
    hours_key: bytes = field(default=b"", init=False, repr=False)
    """``opening_hours`` as bytes: the same for places with the same hours."""
    search: str = field(default="", repr=False)
    summary: bytes = field(default=b"", repr=False)
    """The place's JSON in lists."""
    detail: bytes = field(default=b"", repr=False)
    """The place's JSON on its own, with spaces and doors."""

    def __post_init__(self) -> None:
        work = {space.id for space in self.spaces if space.for_work}
        apart = (one for one in self.spaces if (one.parent is not None or one.for_work) and one.parent not in work)
        object.__setattr__(self, "apart", frozenset(space.id for space in apart))
        root = next((space for space in self.spaces if space.parent is None), None)
        seats = tuple(one for one in self.spaces if one.id in self.apart and one.for_work and one.capacity)
        object.__setattr__(self, "work", seats)
        object.__setattr__(self, "work_capacity", sum(one.capacity or 0 for one in seats))
        held = {None, *(one.id for one in seats), *(() if root is None else (root.id,))}
        object.__setattr__(self, "work_bookings", frozenset(held))
        object.__setattr__(self, "root", root)
        object.__setattr__(self, "has", frozenset(map(unaccented, self.equipment or ())))
        object.__setattr__(self, "accessible", frozenset(map(unaccented, self.accessibility or ())))
        object.__setattr__(self, "hours_key", compact(self.opening_hours))

    @property
    def department_name(self) -> str | None:
        """The name of the department; None: its code is unknown."""
        return DEPARTMENTS.get(self.department or "")

    @property
    def words(self) -> str:
        """The text that ``api.present.search`` searches: each word begins after a space."""
        parts = (self.name, self.postcode, self.commune, self.department, self.department_name, self.region)
        return " " + unaccented(" ".join(part for part in parts if part))

    @property
    def zone(self) -> ZoneInfo | None:
        """Its time zone; None: there is none of that name."""
        try:
            return zone_named(self.time_zone)
        except ListError:
            return None

    @property
    def etag(self) -> bytes:
        """The ETag of ``detail``."""
        return b'W/"%s"' % blake2b(self.detail, digest_size=8).hexdigest().encode()


def unaccented(text: str) -> str:
    """Return ``text`` without accents and case, so that ``cremieu`` finds ``Crémieu``."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe").replace("æ", "ae"))
    return "".join(char for char in plain if not unicodedata.combining(char)).replace("-", " ").replace("’", "'")


def summary(place: Place) -> dict[str, Any]:
    """Format a place for a list."""
    return {
        "id": place.code,
        "name": place.name,
        "coordinates": {"latitude": place.point.latitude, "longitude": place.point.longitude},
        "address": place.address,
        "postcode": place.postcode,
        "commune": place.commune,
        "commune_code": place.commune_code,
        "department": place.department,
        "department_name": place.department_name,
        "region": place.region,
        "time_zone": place.time_zone,
        "opening_hours": place.opening_hours,
        "hours_generated": place.hours_generated,
        "closures": [[first.isoformat(), last.isoformat()] for first, last in place.closures],
        "website": place.website,
        "typology": place.typology,
        "capacity": place.root.capacity if place.root else None,
        "kinds": sorted({space.kind for space in place.spaces if space.parent is not None}),
        "status": place.status,
        "source": place.source,
        "generated": place.generated,
    }


def detail(place: Place) -> dict[str, Any]:
    """Format a place with its spaces and doors."""
    codes = {space.id: space.code for space in place.spaces}
    spaces = [
        {
            "id": space.code,
            "name": space.name,
            "kind": space.kind,
            "parent": codes.get(space.parent) if space.parent else None,
            "capacity": space.capacity,
            "for_work": space.for_work,
            "one_party": space.one_party,
            "desks": space.desks,
            "generated": space.generated,
        }
        for space in place.spaces
    ]
    doors = [
        {
            "id": door.code,
            "name": door.name,
            "from": codes.get(door.from_space) if door.from_space else None,
            "to": codes.get(door.to_space),
            "generated": door.generated,
        }
        for door in place.doors
    ]
    about = {name: getattr(place, name) for name in ABOUT}
    desks = sum(space.desks for space in place.spaces)
    return {**summary(place), **about, "desks": desks, "spaces": spaces, "doors": doors}


class Network:
    """All places with indexes; immutable, replaced as a whole when the network changes."""

    def __init__(self, places: Iterable[Place] = ()) -> None:
        self.places: tuple[Place, ...] = tuple(sorted(places, key=lambda place: place.code))
        self.public: tuple[Place, ...] = tuple(place for place in self.places if place.status == "open")
        """Those that aren't in preparation or closed for good: what lists and offers hold."""
        self.by_code: dict[str, Place] = {place.code: place for place in self.places}
        self.by_id: dict[int, Place] = {place.id: place for place in self.places}
        self.spaces: dict[int, Space] = {space.id: space for place in self.places for space in place.spaces}
        self.gateways: dict[int, Place] = {gateway: place for place in self.places for gateway in place.gateways}
        self.by_department: dict[str | None, list[Place]] = defaultdict(list)
        """Those that aren't closed for good, by code."""
        for place in self.places:
            if place.status != "closed":
                self.by_department[place.department].append(place)
        digest = blake2b(digest_size=8)
        for place in self.places:
            digest.update(place.detail)
        self.fingerprint: str = digest.hexdigest()
        """A digest of all places' data: the ETag of their lists."""

    @cached_property
    def nearby(self) -> Nearby[Place]:
        """The places that aren't closed for good, by where they are."""
        return Nearby([place for place in self.places if place.status != "closed"])
