"""Generated people in the database: organisations, members with cards and passes, visitors; and what doors ask for.

What each of them may do is ``simulator.standing``'s; here it becomes rows, by COPY and a few joins.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from typing import Any, Final

from psycopg.types.json import Jsonb

from access import card_token, normalise
from access.formats import read_code
from access.tokens import pin_hash
from maillage.network import names
from maillage.network.generation import FAB_LAB, Equipment
from simulator.people import Member, members
from simulator.standing import SCHEDULES, House, Standing, Visitor, house, needs_pin, pin_of, standings, visitors

Row = tuple[Any, ...]
ELSEWHERE: Final = 4
"""Other places of its department that a nomad's pass opens, at most."""
_VISIT: Final = timedelta(days=30)
_ENDED: Final = timedelta(days=2)
_NOT_YET: Final = timedelta(days=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """The people of one place and what it asks for."""

    place: str
    department: str
    workshop: bool
    people: tuple[Member, ...]
    standings: tuple[Standing, ...]
    visitors: tuple[Visitor, ...]
    house: House

    @property
    def cards(self) -> int:
        """How many credentials there are: one each, and those lost earlier."""
        return len(self.people) + len(self.visitors) + sum(one.lost_card is not None for one in self.standings)


def settle(code: str, equipment: Equipment, *, department: str, seed: int) -> Household:
    """Let people live in the place ``code``: the simulator moves the very same ones."""
    people = members(seed, code, len(equipment.desks))
    workshop = any(space.code == FAB_LAB for space in equipment.spaces)
    standing = standings(seed, code, people, workshop=workshop)
    host = next(one.ref for one, its in zip(people, standing, strict=True) if its.kind == "host")
    return Household(
        place=code,
        department=department,
        workshop=workshop,
        people=people,
        standings=standing,
        visitors=visitors(seed, code, host, len(equipment.desks)),
        house=house(seed, code),
    )


def rows_of(
    households: Sequence[Household], neighbours: Mapping[str, Sequence[str]], *, seed: int, key: bytes, today: date
) -> dict[str, Iterable[Row]]:
    """Write households as rows of the temporary tables of ``equipment``.

    Args:
        households: of the places that are being generated.
        neighbours: by department the codes of its places that nomads may go to.
        seed: of all that is generated.
        key: the network's key for card tokens and PINs.
        today: what validities and closures are counted from.
    """
    departments = sorted({one.department for one in households})
    return {
        "schedule": ((code, name, Jsonb(hours), list(linked)) for code, (name, hours, linked) in SCHEDULES.items()),
        "organisation": (row for department in departments for row in names.organisations(department)),
        "member": (row for one in households for row in _members(one, seed=seed, key=key)),
        "card": (row for one in households for row in _cards(one, key)),
        "pass": (row for one in households for row in _passes(one, today)),
        "pass_place": (row for one in households for row in _pass_places(one, neighbours[one.department])),
        "house": (_house(one, today) for one in households),
    }


def departments_of(places: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the codes of ``places`` (code, department) by department."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for code, department in places:
        found[department].append(code)
    return found


def card_of(member: Member, key: bytes) -> bytes:
    """Return the token of a member's card."""
    return _token(member.card, key)


def _token(uid: str, key: bytes) -> bytes:
    return bytes.fromhex(card_token(key, normalise(bytes.fromhex(uid))))


def _members(one: Household, *, seed: int, key: bytes) -> Iterator[Row]:
    for member, standing in zip(one.people, one.standings, strict=True):
        name, email = names.person(member.ref)
        pin = pin_hash(key, member.ref, pin_of(seed, member.ref)) if needs_pin(standing) else None
        status = "suspended" if standing.trouble == "suspended" else "active"
        organisation = names.organisation_of(member.ref, one.department)
        yield one.place, member.ref, name, email, organisation, pin, status
    for visitor in one.visitors:
        name, email = names.person(visitor.ref)
        yield one.place, visitor.ref, name, email, None, None, "active"


def _cards(one: Household, key: bytes) -> Iterator[Row]:
    """The card lost earlier comes first: the new one replaces it."""
    for member, standing in zip(one.people, one.standings, strict=True):
        lost = None
        if standing.lost_card is not None:
            lost = f"{_card_ref(member.ref)}0"
            yield (
                lost,
                _token(standing.lost_card, key),
                standing.lost_card[-4:],
                member.ref,
                "card",
                "MIFARE7",
                "lost",
                None,
            )
        kind = "MIFARE4" if len(member.card) == 8 else "MIFARE7"
        yield _card_ref(member.ref), card_of(member, key), member.card[-4:], member.ref, "card", kind, "active", lost
    for visitor in one.visitors:
        ref = _card_ref(visitor.ref)
        if visitor.code is not None:
            token = bytes.fromhex(card_token(key, read_code(visitor.code).number))
            yield ref, token, visitor.code[-2:], visitor.ref, "code", "code", "active", None
        elif visitor.card is not None:
            yield ref, _token(visitor.card, key), visitor.card[-4:], visitor.ref, "card", "MIFARE7", "active", None


def _passes(one: Household, today: date) -> Iterator[Row]:
    midnight = datetime.combine(today, time(), UTC)
    for member, standing in zip(one.people, one.standings, strict=True):
        unit, allowance, each_month = standing.allowance or (None, None, False)
        begins = midnight + _NOT_YET if standing.trouble == "not_started" else None
        ends = midnight - _ENDED if standing.trouble == "ended" else None
        yield (
            *(one.place, _pass_ref(member.ref), member.ref, _label(standing), standing.everywhere, standing.schedule),
            *(begins, ends, unit, allowance, each_month, standing.outside_hours, standing.kind == "host", None, None),
        )
    for visitor in one.visitors:
        yield (
            *(one.place, _pass_ref(visitor.ref), visitor.ref, "Visite", False, None),
            *(midnight, midnight + _VISIT, None, None, False, True, False, "expected", visitor.host),
        )


def _pass_places(one: Household, department: Sequence[str]) -> Iterator[Row]:
    """Where the passes open; the workshop only for who is trained there. A pass for everywhere names no place."""
    for member, standing in zip(one.people, one.standings, strict=True):
        if standing.everywhere:
            continue
        ref = _pass_ref(member.ref)
        yield ref, one.place, standing.trained
        if standing.kind == "nomad":
            for place in _elsewhere(member.ref, one.place, department):
                yield ref, place, False
    for visitor in one.visitors:
        yield _pass_ref(visitor.ref), one.place, False


def _elsewhere(ref: str, home: str, department: Sequence[str]) -> list[str]:
    others = (place for place in department if place != home)
    return sorted(others, key=lambda place: blake2b(f"{ref}/{place}".encode(), digest_size=8).digest())[:ELSEWHERE]


def _house(one: Household, today: date) -> Row:
    its = one.house
    first, days = its.closed or (None, 1)
    closed = None if first is None else today + timedelta(days=first)
    return (
        *(one.place, None if its.hours is None else Jsonb(its.hours), its.passback, its.supervised, its.limited),
        *(closed, None if closed is None else closed + timedelta(days=days - 1)),
    )


def _label(standing: Standing) -> str:
    match standing.kind:
        case "host":
            return "Hôte"
        case "resident":
            return "Résident" if standing.schedule == "permanent" else "Résident en journée"
        case "regular":
            return "20 demi-journées par mois"
        case "nomad":
            return "Nomade, tout le réseau : 10 jours" if standing.everywhere else "Nomade : 10 jours par mois"


def _pass_ref(member: str) -> str:
    return f"p{member[1:]}"


def _card_ref(member: str) -> str:
    return f"c{member[1:]}"
