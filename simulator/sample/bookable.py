"""What can be booked at a sample place, and its members' bookings of the week to come, made from a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from typing import Final, Literal

from simulator.sample.community import Community
from simulator.sample.equipment import FAB_LAB, ROOT, Equipment

Kind = Literal["room", "machine", "equipment", "event"]

DAYS: Final = 7
"""So many days ahead are booked; on Saturdays and Sundays nothing is."""
_LAST_HOUR: Final = 18
_MACHINES: Final = (
    ("decoupe-laser", "Découpeuse laser", 1, 1200),
    ("imprimante-3d", "Imprimante 3D", 3, 300),
    ("fraiseuse", "Fraiseuse numérique", 1, 1500),
    ("brodeuse", "Brodeuse numérique", 1, 600),
)
_LENT: Final = (
    ("projecteur", "Vidéoprojecteur", 2, 0),
    ("velo-cargo", "Vélo cargo", 1, 400),
    ("visio", "Kit de visioconférence", 1, 0),
)
_EVENTS: Final = (
    ("petit-dejeuner", "Petit-déjeuner des coworkers", 9, 1),
    ("atelier-reparation", "Atelier de réparation", 17, 2),
    ("permanence-numerique", "Permanence numérique", 14, 2),
)
"""Code, name, the hour at which it begins, hours that it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookable:
    """A resource with its units; an event takes place on ``day``, from ``hour`` on."""

    code: str
    name: str
    kind: Kind
    space: str
    units: int
    hour_cents: int | None = None
    day: date | None = None
    hour: int = 0
    hours: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A member's booking of one unit, by the clock of the place."""

    member: str
    resource: str
    unit: int
    day: date
    hour: int
    hours: int


def bookable_of(code: str, equipment: Equipment, *, seed: int, today: date) -> tuple[Bookable, ...]:
    """Return what can be booked: each meeting room, a workshop's machines, something to lend, one event."""
    dice = _dice(seed, code, "bookable")
    found = [
        Bookable(code=space.code, name=space.name, kind="room", space=space.code, units=1, hour_cents=1500)
        for space in equipment.spaces
        if space.kind == "meeting_room"
    ]
    if any(space.code == FAB_LAB for space in equipment.spaces):
        machines = dice.sample(_MACHINES, dice.randint(2, len(_MACHINES)))
        found += [_thing(one, "machine", FAB_LAB) for one in machines]
    lent = dice.sample(_LENT, dice.randint(1, 2))
    found += [_thing(one, "equipment", ROOT) for one in lent]
    name, title, hour, hours = dice.choice(_EVENTS)
    day = dice.choice(list(_working_days(today)))
    found.append(
        Bookable(
            code=name,
            name=title,
            kind="event",
            space=ROOT,
            units=dice.choice((6, 8, 12)),
            day=day,
            hour=hour,
            hours=hours,
        )
    )
    return tuple(found)


def bookings_of(
    code: str, bookable: tuple[Bookable, ...], community: Community, *, seed: int, today: date
) -> tuple[Booked, ...]:
    """Return the bookings of the days to come: no two of a unit overlap, and suspended members make none."""
    dice = _dice(seed, code, "bookings")
    members = [
        one.ref for one, its in zip(community.people, community.entitlements, strict=True) if its.trouble is None
    ]
    if not members:
        return ()
    found: list[Booked] = []
    for one in bookable:
        if one.day is not None:
            signed = dice.sample(members, min(len(members), dice.randint(1, one.units)))
            found += [
                Booked(member=ref, resource=one.code, unit=unit, day=one.day, hour=one.hour, hours=one.hours)
                for unit, ref in enumerate(signed, 1)
            ]
            continue
        for day in _working_days(today):
            for unit in range(1, one.units + 1):
                found += _day_of(one, unit, day, members, dice)
    return tuple(found)


def _day_of(one: Bookable, unit: int, day: date, members: Sequence[str], dice: random.Random) -> Iterator[Booked]:
    """Give the bookings of one unit on one day, one after the other."""
    hour = dice.randint(9, 13)
    while hour < _LAST_HOUR and dice.random() < (0.6 if one.kind == "room" else 0.35):
        hours = min(dice.randint(1, 3), _LAST_HOUR - hour)
        yield Booked(member=dice.choice(members), resource=one.code, unit=unit, day=day, hour=hour, hours=hours)
        hour += hours + dice.randint(0, 2)


def _thing(one: tuple[str, str, int, int], kind: Kind, space: str) -> Bookable:
    code, name, units, cents = one
    return Bookable(code=code, name=name, kind=kind, space=space, units=units, hour_cents=cents or None)


def _working_days(today: date) -> Iterator[date]:
    days = (today + timedelta(days=number) for number in range(1, DAYS + 1))
    return (day for day in days if day.weekday() < 5)


def _dice(seed: int, code: str, what: str) -> random.Random:
    return random.Random(blake2b(f"{seed}/{code}/{what}".encode(), digest_size=8).digest())
