"""The rules in a place's list: terms of passes, doors, spaces, bookings. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from access.errors import ListError
from access.schedules import Schedule

Unit = Literal["half_day", "day", "hour", "entry"]
"""What a pass counts. A half-day and a day are the local ones (the noon of half-days is 13:00), used by the first
entry in them. An hour begins at an entry; entries within it are free, and a longer stay uses more when its end is read
at the door. An entry is each time."""
VisitorStatus = Literal["expected", "present", "left", "cancelled"]
Passback = Literal["off", "soft", "hard", "timed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How much of ``unit`` a pass holds: in all, or in each local month."""

    unit: Unit
    limit: int
    each_month: bool = False

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise ListError("an allowance is a number from 0 on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a right demands and gives beside its door and hours. Thousands of rights share a handful of these."""

    allowance: Allowance | None = None
    """None: not counted."""
    booked: bool = False
    """Opens only while the member has a booking for the door."""
    outside_hours: bool = False
    """Opens also while the place is closed."""
    supervises: bool = False
    """Its holder is a host: lets a supervised place or door open for the others, and opens by an old list where the
    place's policy says so."""
    visitor: VisitorStatus | None = None
    """A visitor's pass and what has become of the visit; None: no visitor."""


PLAIN: Final = Terms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A member's booking: ``start`` (with what the centre grants before it) until just before ``end``, aware."""

    doors: frozenset[str] | None
    """Of the booked space; None: every door."""
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorRules:
    """What a door requires of every person. A door that isn't in the list requires nothing."""

    from_space: str | None = None
    """None: from outside."""
    to_space: str | None = None
    """None: passing the door isn't counted."""
    pin: bool = False
    """A card needs its member's PIN as well."""
    pin_while: Schedule | None = None
    """Only in these hours; None: always."""
    passback: Passback = "off"
    """``hard``: a member whose last card read was into ``to_space`` doesn't enter it again; ``timed``: not for
    ``passback_s`` seconds; ``soft``: is let in, and it is noted."""
    passback_s: int = 0
    supervised: Schedule | None = None
    """In these hours it opens only while a host is inside (or for one); None: never asked."""
    first_card: Schedule | None = None
    """In each of these periods the first host who enters leaves it open until the period ends; None: never."""
    locked: bool = False
    """In lockdown by order of the centre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceRules:
    """A space of the place: ``limit`` people by the law or the lease; it lies in ``parent`` (None: the root)."""

    parent: str | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRules:
    """A place's doors, spaces and policy. A place without any is ``NO_RULES``."""

    doors: Mapping[str, DoorRules] = field(default_factory=dict)
    spaces: Mapping[str, SpaceRules] = field(default_factory=dict)
    hosts_open_when_old: bool = False
    """Whether hosts still open by a list past its age limit; otherwise nobody does."""
    tries: int = 5
    """Wrong PINs of a member in a row, or wrong codes at a door within an hour, before a pause."""
    pause_s: int = 30
    """The first pause; each further wrong try doubles it, up to ``longest_pause_s``."""
    longest_pause_s: int = 900

    def within(self, space: str | None) -> tuple[str, ...]:
        """Return ``space`` and the spaces that it lies in, inmost first; what is drawn in a circle ends."""
        found: list[str] = []
        while space is not None and space not in found:
            found.append(space)
            rules = self.spaces.get(space)
            space = rules.parent if rules is not None else None
        return tuple(found)


NO_RULES: Final = PlaceRules()
DOOR: Final = DoorRules()
"""A door that isn't in the list."""
