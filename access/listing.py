"""An access list as JSON: what the centre signs and the edge reads. Times are whole microseconds since 1970, UTC."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

from access.errors import ListError
from access.model import AccessList, CardStatus, Entry, Member, MemberStatus, Right
from access.schedules import Schedule, schedule_from_json, schedule_to_json, zone_named

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_CARD_STATUSES: Final[Mapping[str, CardStatus]] = {status: status for status in get_args(CardStatus)}
_MEMBER_STATUSES: Final[Mapping[str, MemberStatus]] = {status: status for status in get_args(MemberStatus)}
_TOKEN: Final = re.compile("[0-9a-f]{64}")


def to_json(access_list: AccessList) -> str:
    """Write ``access_list``; equal lists give equal texts (entries and members are sorted)."""
    members: dict[str, Member] = {}
    for entry in access_list.entries.values():
        members[entry.member.ref] = entry.member
    rights = [(ref, right) for ref in sorted(members) for right in members[ref].rights]
    # Thousands of rights follow a handful of schedules: written once, named by their place in this table.
    numbers: dict[Schedule, int] = {}
    for _, right in rights:
        if right.schedule is not None:
            numbers.setdefault(right.schedule, len(numbers))
    body = {
        "place": access_list.place,
        "version": access_list.version,
        "made_at": _to_micros(access_list.made_at),
        "time_zone": access_list.time_zone,
        "max_age_s": access_list.max_age_s,
        "opening_hours": None if access_list.opening_hours is None else schedule_to_json(access_list.opening_hours),
        "lockdown": access_list.lockdown,
        "members": {ref: members[ref].status for ref in sorted(members)},
        "entries": [
            [token, entry.member.ref, entry.status, _to_micros(entry.valid_from), _to_micros(entry.valid_until)]
            for token, entry in sorted(access_list.entries.items())
        ],
        "rights": [
            [
                ref,
                None if right.doors is None else sorted(right.doors),
                None if right.schedule is None else numbers[right.schedule],
                _to_micros(right.valid_from),
                _to_micros(right.valid_until),
            ]
            for ref, right in rights
        ],
        "schedules": [schedule_to_json(schedule) for schedule in numbers],
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> AccessList:
    """Read what ``to_json`` writes; unknown fields are ignored, nothing else is forgiven.

    Raises:
        ListError: not JSON, a field missing or of another type, a token or member twice or unknown, a time zone or
            schedule that is none. Nothing of such a list may be used.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ListError("the list isn't JSON") from error
    if not isinstance(body, dict):
        raise ListError("the list isn't an object")
    time_zone = _text(body.get("time_zone"), "time_zone")
    zone_named(time_zone)
    members = _members(body)
    hours = body.get("opening_hours")
    max_age_s = body.get("max_age_s")
    lockdown = body.get("lockdown")
    if not isinstance(lockdown, bool):
        raise ListError("lockdown isn't true or false")
    made_at = _time(body.get("made_at"))
    if made_at is None:
        raise ListError("made_at is missing")
    return AccessList(
        place=_text(body.get("place"), "place"),
        version=_count(body.get("version"), "version"),
        made_at=made_at,
        time_zone=time_zone,
        max_age_s=None if max_age_s is None else _count(max_age_s, "max_age_s"),
        opening_hours=None if hours is None else schedule_from_json(hours),
        lockdown=lockdown,
        entries=_entries(body, members),
    )


def _members(body: Mapping[str, Any]) -> dict[str, Member]:
    statuses = body.get("members")
    if not isinstance(statuses, dict):
        raise ListError("members isn't an object")
    rights: dict[str, list[Right]] = {ref: [] for ref in statuses}
    table = body.get("schedules", [])
    if not isinstance(table, list):
        raise ListError("schedules isn't a list")
    schedules = [schedule_from_json(value) for value in table]
    for ref, doors, schedule, valid_from, valid_until in _rows(body, "rights", 5):
        if not isinstance(ref, str) or ref not in rights:
            raise ListError("a right of a member who isn't in the list")
        rights[ref].append(
            Right(
                doors=_doors(doors),
                schedule=_schedule(schedules, schedule),
                valid_from=_time(valid_from),
                valid_until=_time(valid_until),
            )
        )
    members = {}
    for ref, status in statuses.items():
        if not isinstance(status, str) or status not in _MEMBER_STATUSES:
            raise ListError(f"unknown status of a member: {status!r}")
        members[ref] = Member(ref=ref, status=_MEMBER_STATUSES[status], rights=tuple(rights[ref]))
    return members


def _entries(body: Mapping[str, Any], members: Mapping[str, Member]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for token, ref, status, valid_from, valid_until in _rows(body, "entries", 5):
        if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
            raise ListError("an entry's token isn't 64 hexadecimal digits")
        if token in entries:
            raise ListError("a card token comes twice")
        if not isinstance(ref, str) or ref not in members:
            raise ListError("an entry of a member who isn't in the list")
        if not isinstance(status, str) or status not in _CARD_STATUSES:
            raise ListError(f"unknown status of a card: {status!r}")
        entries[token] = Entry(
            token=token,
            member=members[ref],
            status=_CARD_STATUSES[status],
            valid_from=_time(valid_from),
            valid_until=_time(valid_until),
        )
    return entries


def _schedule(table: list[Schedule], value: Any) -> Schedule | None:
    """Read a right's schedule: its place in the table, or the schedule itself."""
    if value is None or isinstance(value, dict):
        return None if value is None else schedule_from_json(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < len(table):
        raise ListError("a right's schedule isn't in the table")
    return table[value]


def _rows(body: Mapping[str, Any], name: str, width: int) -> list[list[Any]]:
    rows = body.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) >= width for row in rows):
        raise ListError(f"{name} isn't a list of rows of {width}")
    return [row[:width] for row in rows]


def _doors(value: Any) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(door, str) for door in value):
        raise ListError("a right's doors aren't a list of codes")
    return frozenset(value)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise ListError(f"{what} isn't a text")
    return value


def _count(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ListError(f"{what} isn't a whole number from 0 on")
    return value


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise ListError("a time isn't a whole number of microseconds")
    try:
        return _EPOCH + timedelta(microseconds=value)
    except OverflowError as error:
        raise ListError("a time lies beyond the calendar") from error


def _to_micros(value: datetime | None) -> int | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ListError("a time without a zone")
    return (value - _EPOCH) // _MICROSECOND
