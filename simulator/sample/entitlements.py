"""What members of the sample may do, and the rules of its places; pure, from the seed.

``maillage sample`` stores it. The simulated people act by it: they know their PIN, whether they are trained for the
workshop, and when their pass opens.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final, Literal

from access.schedules import Schedule, schedule_from_json, zone_named
from simulator.sample.people import Member

Kind = Literal["host", "resident", "regular", "nomad"]
ScheduleCode = Literal["journee", "soir-et-week-end", "permanent", "journee-et-soir"]
Trouble = Literal["suspended", "not_started", "ended", "used_up"]
Hours = Mapping[str, Any]

WORKDAYS: Final = ("mon", "tue", "wed", "thu", "fri")
EVERY_DAY: Final = (*WORKDAYS, "sat", "sun")
_WEEKEND: Final = [["08:00", "22:00"]]
SCHEDULES: Final[Mapping[ScheduleCode, tuple[str, Hours, tuple[ScheduleCode, ...]]]] = MappingProxyType(
    {
        "journee": (
            "Journée",
            {day: [["08:00", "19:00"]] for day in WORKDAYS} | {"holidays": {"department": None, "hours": []}},
            (),
        ),
        "soir-et-week-end": (
            "Soir et week-end",
            {day: [["17:00", "23:00"]] for day in WORKDAYS}
            | {"sat": _WEEKEND, "sun": _WEEKEND, "holidays": {"department": None, "hours": _WEEKEND}},
            (),
        ),
        "permanent": ("Permanent", {day: [["00:00", "24:00"]] for day in EVERY_DAY}, ()),
        "journee-et-soir": ("Journée, soir et week-end", {}, ("journee", "soir-et-week-end")),
    }
)
"""The network's schedules by code: name, hours as ``access.schedules`` writes them, and those linked to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseRules:
    """The rules of a place."""

    hours: Hours | None
    """Its weekly opening hours; None: not known."""
    passback: Literal["off", "soft"]
    supervised: bool
    """In the evening the entry opens only while a host is inside."""
    keypad: bool
    """At the entry, where visitors type a code."""
    limited: bool
    """No more people than its capacity, by the lease."""
    closed: tuple[int, int] | None
    """Closed for so many days (second number), so many days after the sample was created (first number)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """What a member is entitled to."""

    kind: Kind
    schedule: ScheduleCode | None
    """None: at any hour."""
    outside_hours: bool
    trained: bool
    """May use the workshop, with a PIN."""
    everywhere: bool
    trouble: Trouble | None
    lost_card: str | None
    """A card that was lost and replaced; a stranger may find it."""

    @property
    def allowance(self) -> tuple[str, int, bool] | None:
        """What its pass counts: unit, how many, whether anew each month. None: nothing."""
        if self.trouble == "used_up":
            return "day", 0, False
        match self.kind:
            case "regular":
                return "half_day", 20, True
            case "nomad":
                return "day", 10, not self.everywhere
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A visitor of a host, with a day card or a code to type."""

    ref: str
    card: str | None
    """UID, upper-case hexadecimal."""
    code: str | None
    """Digits to type at the entry's keypad instead."""
    host: str
    """The host's reference."""


@lru_cache(maxsize=4096)
def house_rules(seed: int, place: str) -> HouseRules:
    """Return the rules of the place."""
    dice = _dice(seed, place, "house")
    style = dice.random()
    hours: Hours | None = None
    if style < 0.45:  # members come in at any hour, as where nobody is employed
        hours = {day: [["00:00", "24:00"]] for day in EVERY_DAY}
    elif style < 0.65:
        hours = {day: [["06:00", "23:00"]] for day in EVERY_DAY}
    elif style < 0.8:
        hours = {
            day: [["08:00", "12:30"], ["13:30", "19:00"]] if day == "fri" else [["08:00", "19:00"]] for day in WORKDAYS
        }
        hours = {**hours, "sat": [["09:00", "13:00"]]}
    return HouseRules(
        hours=hours,
        passback="soft" if dice.random() < 0.2 else "off",
        supervised=dice.random() < 0.04,
        keypad=dice.random() < 0.15,
        limited=dice.random() < 0.25,
        closed=(dice.randint(20, 90), dice.choice((1, 3, 7))) if dice.random() < 0.1 else None,
    )


def entitlements(seed: int, place: str, people: Sequence[Member], *, workshop: bool) -> tuple[Entitlement, ...]:
    """Return the entitlements of ``people``, the members of ``place``, in their order.

    The first resident is a host, and the second too where there are many. More people change nothing of the others.
    """
    residents = [number for number, one in enumerate(people) if one.habit == "resident"][:2] or [0]
    if len(people) < 18:
        residents = residents[:1]
    return tuple(
        _entitlement(seed, place, one, host=number in residents, workshop=workshop) for number, one in enumerate(people)
    )


def _entitlement(seed: int, place: str, member: Member, *, host: bool, workshop: bool) -> Entitlement:
    dice = _dice(seed, place, member.ref)
    free, hurt, trained, lost, far = (dice.random() for _ in range(5))
    schedule: ScheduleCode | None = None
    if member.habit == "resident":
        schedule = "permanent" if free < 0.7 else "journee"
    elif member.habit == "regular":
        schedule = None if free < 0.6 else "journee" if free < 0.85 else "soir-et-week-end"
    elif free < 0.2:
        schedule = "journee-et-soir"
    if host:
        return Entitlement(
            kind="host",
            schedule="permanent",
            outside_hours=True,
            trained=workshop,
            everywhere=False,
            trouble=None,
            lost_card=None,
        )
    troubles: tuple[Trouble, ...] = ("suspended", "not_started", "ended", "used_up")
    return Entitlement(
        kind=member.habit,
        schedule=schedule,
        outside_hours=schedule == "permanent",
        trained=workshop and trained < 0.4,
        everywhere=member.habit == "nomad" and far < 1 / 60,
        trouble=troubles[int(hurt / 0.01)] if hurt < 0.04 else None,
        lost_card=_digest(seed, place, f"{member.ref}/lost")[:7].hex().upper() if lost < 0.04 else None,
    )


def visitors(seed: int, place: str, host: str, desks: int) -> tuple[Visitor, ...]:
    """Return the visitors of a host: one, and one more for each fifteen desks."""
    typed = house_rules(seed, place).keypad
    return tuple(
        Visitor(
            ref=f"m-{(digest := _digest(seed, place, f'visitor {number}'))[:6].hex()}",
            card=None if typed and number == 0 else f"04{digest[6:12].hex().upper()}",
            code=f"{int.from_bytes(digest[6:12]) % 10**8:08d}" if typed and number == 0 else None,
            host=host,
        )
        for number in range(1 + desks // 15)
    )


def pin_of(seed: int, member: str) -> str:
    """Return a member's PIN: six digits."""
    return f"{int.from_bytes(_digest(seed, member, 'pin')[:8]) % 10**6:06d}"


def needs_pin(entitlement: Entitlement) -> bool:
    """Return whether the member has a PIN: only those trained for the workshop."""
    return entitlement.trained


def opens(entitlement: Entitlement, place: HouseRules, at: datetime, zone: str) -> bool:
    """Return whether the pass opens its place at ``at`` (aware), as far as its holder knows."""
    there = zone_named(zone)
    if not entitlement.outside_hours and place.hours is not None and not _hours(place.hours).covers(at, there):
        return False
    return entitlement.schedule is None or network_schedule(entitlement.schedule).covers(at, there)


@lru_cache
def network_schedule(code: ScheduleCode) -> Schedule:
    """Return one of the network's schedules with those linked to it."""
    _, hours, linked = SCHEDULES[code]
    return schedule_from_json({**hours, "linked": [SCHEDULES[other][1] for other in linked]})


def _hours(hours: Hours) -> Schedule:
    return schedule_from_json(hours)


def _dice(seed: int, place: str, what: str) -> random.Random:
    return random.Random(_digest(seed, place, what))


def _digest(seed: int, place: str, what: str) -> bytes:
    return blake2b(f"{seed}/{place}/{what}".encode(), digest_size=16, person=b"maillage-access").digest()
