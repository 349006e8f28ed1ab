"""An entry and the settings of a list as JSON, as in the database's rows and as the digests cover them.

Equal values give equal JSON: rights and bookings stand in the order of their texts, since theirs opens nothing. Times:
whole microseconds since 1970, UTC.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, get_args

from access import fields
from access.errors import ListError
from access.model import AccessList, CardStatus, Entry, Member, MemberStatus, Right
from access.rules import NO_RULES, PLAIN, Booking, Terms
from access.rules_json import rules_from_json, rules_to_json, terms_from_json, terms_to_json
from access.schedules import Schedule, schedule_from_json, schedule_to_json, zone_named

_CARD_STATUSES: Final[Mapping[str, CardStatus]] = {status: status for status in get_args(CardStatus)}
_MEMBER_STATUSES: Final[Mapping[str, MemberStatus]] = {status: status for status in get_args(MemberStatus)}
_TOKEN: Final = re.compile("[0-9a-f]{64}")
_PIN: Final = re.compile("[0-9a-f]{32}")
_PLAIN: Final = re.compile("[0-9A-Za-z-]+")
_HOLDER: Final = frozenset({"ref", "status", "rights", "pin", "bookings"})
_SETTINGS: Final = frozenset({"time_zone", "max_age_s", "opening_hours", "lockdown", "rules"})
_RIGHT: Final = frozenset({"doors", "schedule", "from", "until", "pass", "terms", "used"})
canonical: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
"""Write JSON such that equal values give equal texts."""


class Sharing:
    """What thousands of entries have in common, made once while they are read: pass one to each ``entry_from_json``."""

    def __init__(self) -> None:
        self._schedules: dict[str, Schedule] = {}
        self._terms: dict[str, Terms] = {}
        self._members: dict[str, Member] = {}
        self.values = fields.Shared()

    def schedule(self, value: Any) -> Schedule | None:
        """Read a schedule, or nothing."""
        if value is None:
            return None
        key = canonical(value)
        known = self._schedules.get(key)
        return known or self._schedules.setdefault(key, schedule_from_json(value))

    def terms(self, value: Any) -> Terms:
        """Read the terms of a pass; nothing: plain ones."""
        if value is None:
            return PLAIN
        key = canonical(value)
        known = self._terms.get(key)
        return known or self._terms.setdefault(key, terms_from_json(value))

    def member(self, member: Member) -> Member:
        """Return the one that is known already, where it is the same."""
        known = self._members.setdefault(member.ref, member)
        return known if known == member else member


class Texts:
    """The JSON of what thousands of entries have in common, made once while they are written."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, str]] = {}  # with the value, so that its id stays its own

    def of(self, value: Any, write: Callable[[Any], Any]) -> str:
        """Return the JSON of what ``write`` makes of ``value``; nothing: null."""
        if value is None:
            return "null"
        known = self._known.get(id(value))
        if known is None:
            known = self._known[id(value)] = value, canonical(write(value))
        return known[1]

    def holder(self, member: Member) -> str:
        """Return the JSON text of ``holder_to_json``."""
        known = self._known.get(id(member))
        if known is None:
            known = self._known[id(member)] = member, _holder_text(member, self)
        return known[1]


def card_to_json(entry: Entry) -> list[Any]:
    """Write the card of an entry: its status, from when, until when."""
    return [entry.status, fields.micros(entry.valid_from), fields.micros(entry.valid_until)]


def holder_to_json(member: Member) -> dict[str, Any]:
    """Write the holder of an entry's card."""
    body: dict[str, Any] = json.loads(_holder_text(member, Texts()))
    return body


def card_text(entry: Entry) -> str:
    """Return the JSON text of ``card_to_json``."""
    if entry.valid_from is None and entry.valid_until is None:
        return f'["{entry.status}",null,null]'
    return canonical(card_to_json(entry))


def entry_text(entry: Entry, texts: Texts) -> str:
    """Return the canonical JSON of token, card and holder."""
    return f'["{entry.token}",{card_text(entry)},{texts.holder(entry.member)}]'


def entry_from_json(token: str, card: Any, holder: Any, sharing: Sharing | None = None) -> Entry:
    """Read an entry from its token (64 hexadecimal digits) and what ``card_to_json`` and ``holder_to_json`` write.

    Raises:
        ListError: another shape, an unknown word, or something that this version doesn't know.
    """
    shared = sharing if sharing is not None else Sharing()
    if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
        raise ListError("an entry's token isn't 64 hexadecimal digits")
    if not isinstance(card, list) or len(card) != 3:
        raise ListError("a card is its status and two times")
    status, valid_from, valid_until = card
    return Entry(
        token=token,
        member=shared.member(_member(holder, shared)),
        status=fields.one_of(status, _CARD_STATUSES, "status of a card"),
        valid_from=shared.values.instant(valid_from),
        valid_until=shared.values.instant(valid_until),
    )


def settings_to_json(access_list: AccessList) -> dict[str, Any]:
    """Write a list's settings: all but its entries, place, version and age."""
    body: dict[str, Any] = {
        "time_zone": access_list.time_zone,
        "max_age_s": access_list.max_age_s,
        "opening_hours": None if access_list.opening_hours is None else schedule_to_json(access_list.opening_hours),
        "lockdown": access_list.lockdown,
    }
    if access_list.rules != NO_RULES:
        body["rules"] = rules_to_json(access_list.rules)
    return body


def settings_from_json(*, place: str, version: int, made_at: datetime, body: Any) -> AccessList:
    """Read what ``settings_to_json`` writes into a list without entries.

    Raises:
        ListError: another shape, an unknown word, or something that this version doesn't know.
    """
    body = fields.mapping(body, "settings")
    fields.nothing_else(body, _SETTINGS, "settings")
    time_zone = fields.text(body.get("time_zone"), "time_zone")
    zone_named(time_zone)
    hours, max_age_s = body.get("opening_hours"), body.get("max_age_s")
    return AccessList(
        place=place,
        version=version,
        made_at=made_at,
        time_zone=time_zone,
        max_age_s=None if max_age_s is None else fields.count(max_age_s, "max_age_s"),
        opening_hours=None if hours is None else schedule_from_json(hours),
        lockdown=fields.truth(body.get("lockdown"), "lockdown"),
        rules=rules_from_json(body["rules"]) if "rules" in body else NO_RULES,
        entries={},
    )


def _holder_text(member: Member, texts: Texts) -> str:
    pairs = []
    if member.bookings:
        pairs.append(f'"bookings":{_inorder(_booking_text(one, texts) for one in member.bookings)}')
    if member.pin is not None:
        pairs.append(f'"pin":"{member.pin}"')
    pairs.append(f'"ref":{_string(member.ref)}')
    if member.rights:
        pairs.append(f'"rights":{_inorder(_right_text(right, texts) for right in member.rights)}')
    pairs.append(f'"status":"{member.status}"')
    return f"{{{','.join(pairs)}}}"


def _right_text(right: Right, texts: Texts) -> str:
    pairs = [f'"doors":{texts.of(right.doors, sorted)}']
    if right.valid_from is not None:
        pairs.append(f'"from":{fields.micros(right.valid_from)}')
    if right.pass_ref is not None:
        pairs.append(f'"pass":{_string(right.pass_ref)}')
    pairs.append(f'"schedule":{texts.of(right.schedule, schedule_to_json)}')
    if right.terms is not PLAIN and right.terms != PLAIN:
        pairs.append(f'"terms":{texts.of(right.terms, terms_to_json)}')
    if right.valid_until is not None:
        pairs.append(f'"until":{fields.micros(right.valid_until)}')
    if right.used:
        pairs.append(f'"used":[{",".join(map(str, sorted(right.used)))}]')
    return f"{{{','.join(pairs)}}}"


def _booking_text(booking: Booking, texts: Texts) -> str:
    return f"[{texts.of(booking.doors, sorted)},{fields.micros(booking.start)},{fields.micros(booking.end)}]"


def _inorder(texts: Iterable[str]) -> str:
    """Sort by the texts, without duplicates."""
    return f"[{','.join(sorted(set(texts)))}]"


def _string(text: str) -> str:
    """Write a string; a reference needs no escapes."""
    return f'"{text}"' if _PLAIN.fullmatch(text) else canonical(text)


def _member(value: Any, shared: Sharing) -> Member:
    body = fields.mapping(value, "a holder")
    fields.nothing_else(body, _HOLDER, "a holder")
    pin = body.get("pin")
    if pin is not None and (not isinstance(pin, str) or _PIN.fullmatch(pin) is None):
        raise ListError("a PIN isn't a hash of 32 hexadecimal digits")
    return Member(
        ref=fields.text(body.get("ref"), "a member"),
        status=fields.one_of(body.get("status"), _MEMBER_STATUSES, "status of a member"),
        rights=tuple(_right(right, shared) for right in fields.sequence(body.get("rights", []), "rights")),
        pin=pin,
        bookings=tuple(_booking(one, shared) for one in fields.sequence(body.get("bookings", []), "bookings")),
    )


def _right(value: Any, shared: Sharing) -> Right:
    body = fields.mapping(value, "a right")
    fields.nothing_else(body, _RIGHT, "a right")
    if "doors" not in body or "schedule" not in body:
        raise ListError("a right doesn't say which doors and which hours")
    return Right(
        doors=shared.values.doors(body.get("doors")),
        schedule=shared.schedule(body.get("schedule")),
        valid_from=shared.values.instant(body.get("from")),
        valid_until=shared.values.instant(body.get("until")),
        pass_ref=fields.text_or_none(body.get("pass"), "a pass"),
        terms=shared.terms(body.get("terms")),
        used=fields.slots(body.get("used")),
    )


def _booking(value: Any, shared: Sharing) -> Booking:
    if not isinstance(value, list) or len(value) != 3:
        raise ListError("a booking is its doors, its start and its end")
    doors, start, end = value
    return Booking(
        doors=shared.values.doors(doors),
        start=fields.instant_given(start, "the start of a booking"),
        end=fields.instant_given(end, "the end of a booking"),
    )
