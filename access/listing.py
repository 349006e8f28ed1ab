"""An access list as JSON: what the centre signs and the edge reads. Times are whole microseconds since 1970, UTC.

What an older gateway doesn't know must never open more there: rights with terms stand in a table of their own
(``passes``), which it doesn't read, and a list with PINs, bookings or rules says ``"format": 2``. A newer format than
this is refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

from access import fields
from access.errors import ListError
from access.model import AccessList, Member, Right
from access.reading import let_go, read_json
from access.rules import NO_RULES, PLAIN, Terms
from access.rules_json import rules_from_json, rules_to_json, terms_to_json
from access.schedules import Schedule, schedule_from_json, schedule_to_json, zone_named
from access.tables import read_entries, read_members

FORMAT: Final = 2
T = TypeVar("T")


def to_json(access_list: AccessList) -> str:
    """Write ``access_list``; equal lists give equal texts (entries and members are sorted)."""
    return json.dumps(to_body(access_list), ensure_ascii=False, separators=(",", ":"))


def to_body(access_list: AccessList) -> dict[str, Any]:
    """Return what ``to_json`` writes, as JSON values."""
    members: dict[str, Member] = {}
    for entry in access_list.entries.values():
        members[entry.member.ref] = entry.member
    inorder = [members[ref] for ref in sorted(members)]
    # Thousands of rights follow a handful of schedules and terms: written once, named by their place in a table.
    schedules, terms, groups = _Table[Schedule](), _Table[Terms](), _Table[frozenset[str]]()
    rights: list[list[Any]] = []
    passes: list[list[Any]] = []
    for member in inorder:
        plain = all(_is_plain(right) for right in member.rights)
        for right in member.rights:
            row = _right_row(member.ref, right, schedules)
            if plain:
                rights.append(row)
            else:
                row[1] = groups.number(right.doors)
                passes.append([*row, right.pass_ref, terms.number(right.terms), right.used or None])
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
        "schedules": [schedule_to_json(schedule) for schedule in schedules.rows],
    }
    more = _more(access_list, inorder)
    if passes:
        more |= {
            "format": FORMAT,
            "passes": passes,
            "terms": [terms_to_json(one) for one in terms.rows],
            "door_sets": [sorted(one) for one in groups.rows],
        }
    return body | more


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
    return from_body(body)


def from_body(body: dict[str, Any]) -> AccessList:
    """Read what ``to_body`` returns, as ``from_json`` does; its tables are emptied.

    Raises:
        ListError: see ``from_json``.
    """
    if fields.count(body.get("format", 1), "format") > FORMAT:
        raise ListError("the list has a newer format")
    time_zone = fields.text(body.get("time_zone"), "time_zone")
    zone_named(time_zone)
    members = read_members(body)
    hours = body.get("opening_hours")
    max_age_s = body.get("max_age_s")
    made = AccessList(
        place=fields.text(body.get("place"), "place"),
        version=fields.count(body.get("version"), "version"),
        made_at=fields.instant_given(body.get("made_at"), "made_at"),
        time_zone=time_zone,
        max_age_s=None if max_age_s is None else fields.count(max_age_s, "max_age_s"),
        opening_hours=None if hours is None else schedule_from_json(hours),
        lockdown=fields.truth(body.get("lockdown"), "lockdown"),
        rules=rules_from_json(body["rules"]) if "rules" in body else NO_RULES,
        entries=read_entries(body, members),
    )
    let_go(body)
    return made


def _is_plain(right: Right) -> bool:
    return right.pass_ref is None and right.terms == PLAIN and not right.used


class _Table(Generic[T]):
    """Values and their places. Most come as the same object again: to look for it by its id spares its hash."""

    def __init__(self) -> None:
        self.rows: dict[T, int] = {}
        self._ids: dict[int, int] = {}

    def number(self, value: T | None) -> int | None:
        """Return the place of ``value``, which must live as long as the table; nothing has none."""
        if value is None:
            return None
        known = self._ids.get(id(value))
        if known is None:
            known = self._ids[id(value)] = self.rows.setdefault(value, len(self.rows))
        return known


def _right_row(ref: str, right: Right, schedules: _Table[Schedule]) -> list[Any]:
    return [
        ref,
        None if right.doors is None else sorted(right.doors),
        schedules.number(right.schedule),
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
