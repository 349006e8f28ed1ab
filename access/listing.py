"""An access list as JSON: what the centre signs and the edge reads. Times are whole microseconds since 1970, UTC.

What an older gateway doesn't know must never open more there: rights with terms stand in a table of their own
(``passes``), which it doesn't read, and a list with PINs, bookings or rules says ``"format": 2``. A newer format than
this is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args

from access import fields
from access.errors import ListError
from access.model import AccessList, CardStatus, Entry, Member, MemberStatus, Right
from access.reading import read_json
from access.rules import NO_RULES, PLAIN, Booking, Terms
from access.rules_json import rules_from_json, rules_to_json, terms_from_json, terms_to_json
from access.schedules import Schedule, schedule_from_json, schedule_to_json, zone_named

FORMAT: Final = 2
_CARD_STATUSES: Final[Mapping[str, CardStatus]] = {status: status for status in get_args(CardStatus)}
_MEMBER_STATUSES: Final[Mapping[str, MemberStatus]] = {status: status for status in get_args(MemberStatus)}
_TOKEN: Final = re.compile("[0-9a-f]{64}")
_PIN: Final = re.compile("[0-9a-f]{32}")


def to_json(access_list: AccessList) -> str:
    """Write ``access_list``; equal lists give equal texts (entries and members are sorted)."""
    members: dict[str, Member] = {}
    for entry in access_list.entries.values():
        members[entry.member.ref] = entry.member
    inorder = [members[ref] for ref in sorted(members)]
    # Thousands of rights follow a handful of schedules and terms: written once, named by their place in a table.
    schedules: dict[Schedule, int] = {}
    terms: dict[Terms, int] = {}
    groups: dict[frozenset[str], int] = {}
    rights: list[list[Any]] = []
    passes: list[list[Any]] = []
    for member in inorder:
        plain = all(_is_plain(right) for right in member.rights)
        for right in member.rights:
            row = _right_row(member.ref, right, schedules)
            if plain:
                rights.append(row)
            else:
                row[1] = None if right.doors is None else groups.setdefault(right.doors, len(groups))
                number = terms.setdefault(right.terms, len(terms))
                passes.append([*row, right.pass_ref, number, right.used or None])
    body = {
        "place": access_list.place,
        "version": access_list.version,
        "made_at": fields.micros(access_list.made_at),
        "time_zone": access_list.time_zone,
        "max_age_s": access_list.max_age_s,
        "opening_hours": None if access_list.opening_hours is None else schedule_to_json(access_list.opening_hours),
        "lockdown": access_list.lockdown,
        "members": {member.ref: member.status for member in inorder},
        "entries": [
            [token, entry.member.ref, entry.status, fields.micros(entry.valid_from), fields.micros(entry.valid_until)]
            for token, entry in sorted(access_list.entries.items())
        ],
        "rights": rights,
        "schedules": [schedule_to_json(schedule) for schedule in schedules],
    }
    more = _more(access_list, inorder)
    if passes:
        more |= {
            "format": FORMAT,
            "passes": passes,
            "terms": [terms_to_json(one) for one in terms],
            "door_sets": [sorted(one) for one in groups],
        }
    return json.dumps(body | more, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> AccessList:
    """Read what ``to_json`` writes; unknown fields are ignored, nothing else is forgiven.

    Raises:
        ListError: not JSON, a field missing or of another type, a token or member twice or unknown, a time zone or
            schedule that is none, a newer format. Nothing of such a list may be used.
    """
    try:
        body = read_json(text)
    except (ValueError, RecursionError) as error:
        raise ListError("the list isn't JSON") from error
    if not isinstance(body, dict):
        raise ListError("the list isn't an object")
    if fields.count(body.get("format", 1), "format") > FORMAT:
        raise ListError("the list has a newer format")
    time_zone = fields.text(body.get("time_zone"), "time_zone")
    zone_named(time_zone)
    members = _members(body)
    hours = body.get("opening_hours")
    max_age_s = body.get("max_age_s")
    return AccessList(
        place=fields.text(body.get("place"), "place"),
        version=fields.count(body.get("version"), "version"),
        made_at=fields.instant_given(body.get("made_at"), "made_at"),
        time_zone=time_zone,
        max_age_s=None if max_age_s is None else fields.count(max_age_s, "max_age_s"),
        opening_hours=None if hours is None else schedule_from_json(hours),
        lockdown=fields.truth(body.get("lockdown"), "lockdown"),
        rules=rules_from_json(body["rules"]) if "rules" in body else NO_RULES,
        entries=_entries(body, members),
    )


def _is_plain(right: Right) -> bool:
    return right.pass_ref is None and right.terms == PLAIN and not right.used


def _right_row(ref: str, right: Right, schedules: dict[Schedule, int]) -> list[Any]:
    return [
        ref,
        None if right.doors is None else sorted(right.doors),
        None if right.schedule is None else schedules.setdefault(right.schedule, len(schedules)),
        fields.micros(right.valid_from),
        fields.micros(right.valid_until),
    ]


def _more(access_list: AccessList, members: Sequence[Member]) -> dict[str, Any]:
    """Write what only some lists have; a list without any of it is written as it ever was."""
    more: dict[str, Any] = {}
    pins = {member.ref: member.pin for member in members if member.pin is not None}
    if pins:
        more["pins"] = pins
    bookings = [
        [member.ref, None if one.doors is None else sorted(one.doors), fields.micros(one.start), fields.micros(one.end)]
        for member in members
        for one in member.bookings
    ]
    if bookings:
        more["bookings"] = bookings
    if access_list.rules != NO_RULES:
        more["rules"] = rules_to_json(access_list.rules)
    return {"format": FORMAT, **more} if more else {}


def _members(body: Mapping[str, Any]) -> dict[str, Member]:
    statuses = fields.mapping(body.get("members"), "members")
    rights: dict[str, tuple[Right, ...]] = {}
    shared = fields.Shared()
    bookings: dict[str, list[Booking]] = {}
    table = body.get("schedules", [])
    if not isinstance(table, list):
        raise ListError("schedules isn't a list")
    schedules = [schedule_from_json(value) for value in table]
    for owner, doors, schedule, valid_from, valid_until in fields.rows(body, "rights", 5):
        ref = _known(owner, statuses, "a right")
        right = Right(
            doors=shared.doors(doors),
            schedule=_schedule(schedules, schedule),
            valid_from=shared.instant(valid_from),
            valid_until=shared.instant(valid_until),
        )
        rights[ref] = (*rights.get(ref, ()), right)
    for owner, right in _passes(body, schedules, shared) if "passes" in body else ():
        ref = _known(owner, statuses, "a right")
        rights[ref] = (*rights.get(ref, ()), right)
    for ref, doors, start, end in fields.rows(body, "bookings", 4) if "bookings" in body else ():
        bookings.setdefault(_known(ref, statuses, "a booking"), []).append(
            Booking(
                doors=shared.doors(doors),
                start=fields.instant_given(start, "the start of a booking"),
                end=fields.instant_given(end, "the end of a booking"),
            )
        )
    pins = fields.mapping(body.get("pins", {}), "pins")
    for ref, pin in pins.items():
        _known(ref, statuses, "a PIN")
        if not isinstance(pin, str) or _PIN.fullmatch(pin) is None:
            raise ListError("a PIN isn't a hash of 32 hexadecimal digits")
    return {
        ref: Member(
            ref=ref,
            status=fields.one_of(status, _MEMBER_STATUSES, "status of a member"),
            rights=rights.get(ref, ()),
            pin=pins.get(ref),
            bookings=tuple(bookings.get(ref, ())),
        )
        for ref, status in statuses.items()
    }


def _passes(body: Mapping[str, Any], schedules: list[Schedule], shared: fields.Shared) -> Iterator[tuple[Any, Right]]:
    table = body.get("terms")
    if not isinstance(table, list):
        raise ListError("terms isn't a list")
    terms = [terms_from_json(value) for value in table]
    sets = body.get("door_sets", [])
    if not isinstance(sets, list):
        raise ListError("door_sets isn't a list")
    groups = [shared.doors(value) for value in sets]
    last = None
    for ref, group, schedule, valid_from, valid_until, pass_ref, number, used in fields.rows(body, "passes", 8):
        if pass_ref != last:
            last = fields.text_or_none(pass_ref, "a pass")
        yield (
            ref,
            Right(
                doors=None if group is None else fields.at_number(groups, group, "a right's doors"),
                schedule=_schedule(schedules, schedule),
                valid_from=shared.instant(valid_from),
                valid_until=shared.instant(valid_until),
                pass_ref=last,
                terms=fields.at_number(terms, number, "a right's terms"),
                used=fields.slots(used),
            ),
        )


def _entries(body: Mapping[str, Any], members: Mapping[str, Member]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    shared = fields.Shared()
    for token, ref, status, valid_from, valid_until in fields.rows(body, "entries", 5):
        if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
            raise ListError("an entry's token isn't 64 hexadecimal digits")
        if token in entries:
            raise ListError("a card token comes twice")
        entries[token] = Entry(
            token=token,
            member=members[_known(ref, members, "an entry")],
            status=fields.one_of(status, _CARD_STATUSES, "status of a card"),
            valid_from=shared.instant(valid_from),
            valid_until=shared.instant(valid_until),
        )
    return entries


def _known(ref: Any, members: Mapping[str, Any], what: str) -> str:
    if not isinstance(ref, str) or ref not in members:
        raise ListError(f"{what} of a member who isn't in the list")
    return ref


def _schedule(table: list[Schedule], value: Any) -> Schedule | None:
    """Read a right's schedule: its place in the table, or the schedule itself."""
    if value is None or isinstance(value, dict):
        return None if value is None else schedule_from_json(value)
    return fields.at_number(table, value, "a right's schedule")
