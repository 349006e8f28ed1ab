"""The people of sample places as rows of the temporary tables of ``people``: members, cards, passes, door rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb

from access import normalise
from access.formats import read_code
from access.tokens import hard_pin
from rights.place_tokens import NumberBox
from simulator.sample import names
from simulator.sample.community import Community, elsewhere
from simulator.sample.entitlements import SCHEDULES, Entitlement, needs_pin, pin_of

Row = tuple[Any, ...]
_VISIT: Final = timedelta(days=30)
_ENDED: Final = timedelta(days=2)
_NOT_YET: Final = timedelta(days=400)


def rows_of(
    communities: Sequence[Community], neighbours: Mapping[str, Sequence[str]], *, seed: int, secret: bytes, today: date
) -> dict[str, Iterable[Row]]:
    """Write communities as rows of the temporary tables of ``people``.

    Args:
        communities: of the places that are being stored.
        neighbours: by department the codes of its places that nomads may go to.
        seed: of the sample.
        secret: the network's card secret.
        today: what validities and closures are counted from.
    """
    box = NumberBox(secret)
    departments = sorted({one.department for one in communities})
    pins = _pins(communities, seed)
    return {
        "schedule": ((code, name, Jsonb(hours), list(linked)) for code, (name, hours, linked) in SCHEDULES.items()),
        "organisation": (row for department in departments for row in names.organisations(department)),
        "member": (row for one in communities for row in _members(one, pins)),
        "card": (row for one in communities for row in _cards(one, box)),
        "pass": (row for one in communities for row in _passes(one, today)),
        "pass_place": (row for one in communities for row in _pass_places(one, neighbours[one.department])),
        "house_rules": (_house_rules(one, today) for one in communities),
    }


def departments_of(places: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the codes of ``places`` (code, department) by department."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for code, department in places:
        found[department].append(code)
    return found


def number_on(uid: str) -> str:
    """Return the normalised number of the card with this UID."""
    return normalise(bytes.fromhex(uid))


def _pins(communities: Sequence[Community], seed: int) -> dict[str, str]:
    """Return the hashes of the PINs that members need: on every core, since each takes its time."""
    whose = [
        member.ref
        for one in communities
        for member, entitlement in zip(one.people, one.entitlements, strict=True)
        if needs_pin(entitlement)
    ]
    with ThreadPoolExecutor() as pool:
        return dict(zip(whose, pool.map(lambda ref: hard_pin(ref, pin_of(seed, ref)), whose), strict=True))


def _members(one: Community, pins: Mapping[str, str]) -> Iterator[Row]:
    for member, entitlement in zip(one.people, one.entitlements, strict=True):
        name, email = names.person(member.ref)
        status = "suspended" if entitlement.trouble == "suspended" else "active"
        organisation = names.organisation_of(member.ref, one.department)
        yield one.place, member.ref, name, email, organisation, pins.get(member.ref), status
    for visitor in one.visitors:
        name, email = names.person(visitor.ref)
        yield one.place, visitor.ref, name, email, None, None, "active"


def _cards(one: Community, box: NumberBox) -> Iterator[Row]:
    """The card lost earlier comes first: the new one replaces it."""
    for member, entitlement in zip(one.people, one.entitlements, strict=True):
        lost = None
        if entitlement.lost_card is not None:
            lost = f"{_card_ref(member.ref)}0"
            yield (
                lost,
                *_kept(box, number_on(entitlement.lost_card)),
                entitlement.lost_card[-4:],
                member.ref,
                "card",
                "MIFARE7",
                "lost",
                None,
            )
        kind = "MIFARE4" if len(member.card) == 8 else "MIFARE7"
        kept = _kept(box, number_on(member.card))
        yield _card_ref(member.ref), *kept, member.card[-4:], member.ref, "card", kind, "active", lost
    for visitor in one.visitors:
        ref = _card_ref(visitor.ref)
        if visitor.code is not None:
            kept = _kept(box, read_code(visitor.code).number)
            yield ref, *kept, visitor.code[-2:], visitor.ref, "code", "code", "active", None
        elif visitor.card is not None:
            kept = _kept(box, number_on(visitor.card))
            yield ref, *kept, visitor.card[-4:], visitor.ref, "card", "MIFARE7", "active", None


def _kept(box: NumberBox, number: str) -> tuple[bytes, bytes]:
    """Return what a card is found by, and its number as the rights process keeps it."""
    lookup = box.lookup(number)
    return lookup, box.boxed(lookup, number)


def _passes(one: Community, today: date) -> Iterator[Row]:
    midnight = datetime.combine(today, time(), UTC)
    for member, entitlement in zip(one.people, one.entitlements, strict=True):
        unit, allowance, each_month = entitlement.allowance or (None, None, False)
        begins = midnight + _NOT_YET if entitlement.trouble == "not_started" else None
        ends = midnight - _ENDED if entitlement.trouble == "ended" else None
        yield (
            *(
                one.place,
                _pass_ref(member.ref),
                member.ref,
                _label(entitlement),
                entitlement.everywhere,
                entitlement.schedule,
            ),
            *(
                begins,
                ends,
                unit,
                allowance,
                each_month,
                entitlement.outside_hours,
                entitlement.kind == "host",
                None,
                None,
            ),
        )
    for visitor in one.visitors:
        yield (
            *(one.place, _pass_ref(visitor.ref), visitor.ref, "Visite", False, None),
            *(midnight, midnight + _VISIT, None, None, False, True, False, "expected", visitor.host),
        )


def _pass_places(one: Community, department: Sequence[str]) -> Iterator[Row]:
    """List where the passes open, the workshop only for trained members. A pass for everywhere names no place."""
    for member, entitlement in zip(one.people, one.entitlements, strict=True):
        if entitlement.everywhere:
            continue
        ref = _pass_ref(member.ref)
        yield ref, one.place, entitlement.trained
        if entitlement.kind == "nomad":
            for place in elsewhere(member.ref, one.place, department):
                yield ref, place, False
    for visitor in one.visitors:
        yield _pass_ref(visitor.ref), one.place, False


def _house_rules(one: Community, today: date) -> Row:
    its = one.rules
    first, days = its.closed or (None, 1)
    closed = None if first is None else today + timedelta(days=first)
    return (
        *(one.place, None if its.hours is None else Jsonb(its.hours), its.passback, its.supervised, its.limited),
        *(closed, None if closed is None else closed + timedelta(days=days - 1)),
    )


def _label(entitlement: Entitlement) -> str:
    match entitlement.kind:
        case "host":
            return "Hôte"
        case "resident":
            return "Résident" if entitlement.schedule == "permanent" else "Résident en journée"
        case "regular":
            return "20 demi-journées par mois"
        case "nomad":
            return "Nomade, tout le réseau : 10 jours" if entitlement.everywhere else "Nomade : 10 jours par mois"


def _pass_ref(member: str) -> str:
    return f"p{member[1:]}"


def _card_ref(member: str) -> str:
    return f"c{member[1:]}"
