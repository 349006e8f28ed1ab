"""The stored members, cards and passes that a file may mean, as values: an import is planned against these. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from api.present.network import unaccented


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceLimits:
    """One place of a pass, by ids; all three None: all of it."""

    place: int
    spaces: tuple[int, ...] | None = None
    doors: tuple[int, ...] | None = None
    groups: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """A member."""

    ref: str
    name: str | None = None
    email: str | None = None
    organisation: int | None = None
    home: int | None = None
    home_commune: str | None = None
    work_commune: str | None = None
    status: str = "active"
    revision: int = 0
    """The revision that was read, to detect concurrent changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRow:
    """A card or a keypad code; ``ref`` is empty until the database assigns it."""

    ref: str = ""
    lookup: bytes = field(repr=False)
    sealed: bytes | None = field(default=None, repr=False)
    """Of a new card: its number, for the rights process."""
    member: str
    kind: str = "card"
    format: str | None = None
    last4: str | None = None
    status: str = "active"
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRow:
    """A pass with its places."""

    ref: str
    member: str
    label: str | None = None
    everywhere: bool = False
    schedule: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    unit: str | None = None
    allowance: int | None = None
    each_month: bool = False
    booked: bool = False
    outside_hours: bool = False
    supervises: bool = False
    places: tuple[PlaceLimits, ...] = ()
    """Sorted by place."""
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceParts:
    """A place and the parts of it that a pass may name, by code."""

    id: int
    code: str
    time_zone: str
    spaces: Mapping[str, int]
    doors: Mapping[str, int]
    groups: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All stored data that an import needs."""

    members: Mapping[str, MemberRow] = field(default_factory=dict)
    cards: Mapping[bytes, CardRow] = field(default_factory=dict)
    passes: Mapping[str, PassRow] = field(default_factory=dict)
    organisations: Mapping[str, int] = field(default_factory=dict)
    """By code, and by ``organisation_key`` of the name."""
    places: Mapping[str, PlaceParts] = field(default_factory=dict)
    communes: frozenset[str] = frozenset()
    """Those of the file that exist."""
    organisation_of: Mapping[int, str] = field(default_factory=dict)
    """Names by id."""
    schedules: Mapping[tuple[int | None, str], int] = field(default_factory=dict)
    """By place (None: the network's) and code."""
    schedule_names: Mapping[tuple[int | None, str], int] = field(default_factory=dict)
    """By place and ``organisation_key`` of the name, if it is unique there."""
    reach: frozenset[int] | None = None
    """The only places that the caller may change; None: all."""
    gives_passes: bool = True
    """Whether the caller may give passes and change them."""
    place_of: Mapping[int, PlaceParts] = field(init=False)
    """By id."""
    schedule_of: Mapping[int, str] = field(init=False)
    """Names by id: ``code``, or ``place/code`` of a place's own."""

    def __post_init__(self) -> None:
        place_of = {one.id: one for one in self.places.values()}
        names = {
            number: code if place is None or place not in place_of else f"{place_of[place].code}/{code}"
            for (place, code), number in self.schedules.items()
        }
        object.__setattr__(self, "place_of", place_of)
        object.__setattr__(self, "schedule_of", names)


def organisation_key(name: str) -> str:
    """Return an organisation's name without case, accents and extra blanks."""
    return " ".join(unaccented(name).split())
