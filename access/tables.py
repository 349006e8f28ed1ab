"""The tables of a list's JSON: members, rights, bookings, entries. Read strictly, by columns.

A large list has a hundred thousand rows, and a gateway reads it while people stand at its doors. What is checked of
all the values of a column at once costs a fifth of a check of each; and a few thousand rows at a time, so that no other
thread waits long.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, repeat
from typing import Any, Final, TypeVar, get_args

from access import fields
from access.errors import ListError
from access.model import CardStatus, Entry, Member, MemberStatus, Right
from access.rules import Booking, Terms
from access.rules_json import terms_from_json
from access.schedules import Schedule, schedule_from_json

_ROWS: Final = 4096
_CARD_STATUSES: Final[Mapping[str, CardStatus]] = {status: status for status in get_args(CardStatus)}
_MEMBER_STATUSES: Final[Mapping[str, MemberStatus]] = {status: status for status in get_args(MemberStatus)}
_TOKEN: Final = re.compile("[0-9a-f]{64}")
_PIN: Final = re.compile("[0-9a-f]{32}")
_TEXT: Final = frozenset({str})
_NUMBER: Final = frozenset({int})
_NOTHING: Final = frozenset({type(None)})
T = TypeVar("T")
Column = tuple[Any, ...]


def read_members(body: Mapping[str, Any]) -> dict[str, Member]:
    """Read the members with their rights, PINs and bookings, by reference.

    Raises:
        ListError: a table or a value of another shape, or a reference to something that is missing.
    """
    statuses = fields.mapping(body.get("members"), "members")
    shared = fields.Shared()
    rights: dict[str, tuple[Right, ...]] = {}
    schedules = _table(body, "schedules", schedule_from_json)
    for owner, right in chain(_plain(body, schedules, shared), _passes(body, schedules, shared)):
        before = rights.get(owner)
        rights[owner] = (right,) if before is None else (*before, right)
    bookings: dict[str, tuple[Booking, ...]] = {}
    for owner, booking in _bookings(body, shared):
        bookings[owner] = (*bookings.get(owner, ()), booking)
    pins = fields.mapping(body.get("pins", {}), "pins")
    for pin in pins.values():
        if not isinstance(pin, str) or _PIN.fullmatch(pin) is None:
            raise ListError("a PIN isn't a hash of 32 hexadecimal digits")
    if not (rights.keys() | bookings.keys() | pins.keys()) <= statuses.keys():
        raise ListError("something of a member who isn't in the list")
    refs = tuple(statuses)
    known = _Known(_member_status, _TEXT, "the status of a member isn't a text")
    members: dict[str, Member] = {}
    for start in range(0, len(refs), _ROWS):
        some = refs[start : start + _ROWS]
        made = _make(
            Member,
            len(some),
            some,
            known.all(tuple(map(statuses.__getitem__, some))),
            (rights.get(ref, ()) for ref in some),
            map(pins.get, some),
            (bookings.get(ref, ()) for ref in some),
        )
        members.update(zip(some, made, strict=True))
    return members


def read_entries(body: Mapping[str, Any], members: Mapping[str, Member]) -> dict[str, Entry]:
    """Read the entries, by token.

    Raises:
        ListError: a value of another shape, a token twice, a member who isn't there.
    """
    entries: dict[str, Entry] = {}
    instants = _Known(fields.instant, _NUMBER | _NOTHING, "a time isn't a whole number of microseconds")
    statuses = _Known(_card_status, _TEXT, "the status of a card isn't a text")
    count = 0
    for tokens, refs, status, valid_from, valid_until in _columns(body, "entries", 5):
        _only(tokens, _TEXT, "an entry's token isn't 64 hexadecimal digits")
        _only(refs, _TEXT, "a member isn't a text")
        if not members.keys() >= set(refs):
            raise ListError("an entry of a member who isn't in the list")
        if not all(map(_TOKEN.fullmatch, tokens)):
            raise ListError("an entry's token isn't 64 hexadecimal digits")
        made = _make(
            Entry,
            len(tokens),
            tokens,
            map(members.__getitem__, refs),
            statuses.all(status),
            instants.all(valid_from),
            instants.all(valid_until),
        )
        entries.update(zip(tokens, made, strict=True))
        count += len(tokens)
        if len(entries) != count:
            raise ListError("a card token comes twice")
    return entries


class _Known:
    """What a column's values stand for: few different ones, so that each is read once."""

    def __init__(self, read: Callable[[Any], Any], types: frozenset[type], what: str) -> None:
        self._read = read
        self._types = types
        self._what = what
        self._values: dict[Any, Any] = {}

    def all(self, column: Column) -> Iterator[Any]:
        """Return what each value of ``column`` stands for."""
        _only(column, self._types, self._what)
        for value in set(column) - self._values.keys():
            self._values[value] = self._read(value)
        return map(self._values.__getitem__, column)


def _numbered(table: list[Any], what: str, *, or_none: bool = False) -> _Known:
    """Places in a table (or nothing) as what stands there."""

    def read(value: Any) -> Any:
        return None if value is None else fields.at_number(table, value, what)

    return _Known(read, _NUMBER | _NOTHING if or_none else _NUMBER, f"{what} isn't a number")


def _columns(body: Mapping[str, Any], name: str, width: int) -> Iterator[tuple[Column, ...]]:
    """Give a table's columns, some thousand rows at a time; what a later version adds to a row is cut off."""
    table = body.get(name)
    if not isinstance(table, list):
        raise ListError(f"{name} isn't a list of rows of {width}")
    for start in range(0, len(table), _ROWS):
        rows = table[start : start + _ROWS]
        if not all(row.__class__ is list for row in rows) or min(map(len, rows)) < width:
            raise ListError(f"{name} isn't a list of rows of {width}")
        yield tuple(zip(*rows, strict=False))[:width]


def _make(kind: type[T], count: int, *columns: Iterable[Any]) -> list[T]:
    """Make ``count`` values of a frozen dataclass out of columns, one for each field, in their order.

    Its constructor sets field by field through ``object.__setattr__``, which took half of a large list's time. It
    checks nothing in any of these classes, so that nothing is passed by.
    """
    made: list[T] = list(map(object.__new__, repeat(kind, count)))
    for name, column in zip(kind.__slots__, columns, strict=True):  # type: ignore[attr-defined]
        deque(map(getattr(kind, name).__set__, made, column), maxlen=0)
    return made


def _only(column: Column, types: frozenset[type], what: str) -> None:
    if not types.issuperset(map(type, column)):
        raise ListError(what)


def _table(body: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> list[T]:
    return [read(value) for value in fields.sequence(body.get(name, []), name)]


def _plain(body: Mapping[str, Any], schedules: list[Schedule], shared: fields.Shared) -> Iterator[tuple[str, Right]]:
    """Read rights without terms, each with its doors and the number of its schedule, or the schedule itself."""
    for refs, doors, schedule, valid_from, valid_until in _columns(body, "rights", 5):
        _only(refs, _TEXT, "a member isn't a text")
        for ref, which, when, begin, end in zip(refs, doors, schedule, valid_from, valid_until, strict=True):
            yield (
                ref,
                Right(
                    doors=shared.doors(which),
                    schedule=_hours(when, schedules),
                    valid_from=shared.instant(begin),
                    valid_until=shared.instant(end),
                ),
            )


def _passes(body: Mapping[str, Any], schedules: list[Schedule], shared: fields.Shared) -> Iterator[tuple[str, Right]]:
    """Read rights with terms: doors, schedule and terms are places in tables."""
    if "passes" not in body:
        return
    terms: list[Terms] = _table(body, "terms", terms_from_json)
    doors = _numbered(_table(body, "door_sets", shared.doors), "a right's doors", or_none=True)
    hours = _numbered(schedules, "a right's schedule", or_none=True)
    demands = _numbered(terms, "a right's terms")
    instants = _Known(fields.instant, _NUMBER | _NOTHING, "a time isn't a whole number of microseconds")
    for refs, group, schedule, valid_from, valid_until, passes, number, used in _columns(body, "passes", 8):
        _only(refs, _TEXT, "a member isn't a text")
        _only(passes, _TEXT | _NOTHING, "a pass isn't a text")
        _only(used, frozenset({list}) | _NOTHING, "the used slots of a pass aren't a list")
        _only(tuple(chain.from_iterable(filter(None, used))), _NUMBER, "the used slots of a pass aren't whole numbers")
        if "" in passes:
            raise ListError("a pass isn't a text")
        once: dict[str | None, str | None] = {}  # one text for all the rights of a pass
        made = _make(
            Right,
            len(refs),
            doors.all(group),
            hours.all(_spelt(schedule, schedules)),
            instants.all(valid_from),
            instants.all(valid_until),
            map(once.setdefault, passes, passes),
            demands.all(number),
            (tuple(slots) if slots else () for slots in used),
        )
        yield from zip(refs, made, strict=True)


def _bookings(body: Mapping[str, Any], shared: fields.Shared) -> Iterator[tuple[str, Booking]]:
    if "bookings" not in body:
        return
    for refs, doors, starts, ends in _columns(body, "bookings", 4):
        _only(refs, _TEXT, "a member isn't a text")
        for ref, which, start, end in zip(refs, doors, starts, ends, strict=True):
            yield (
                ref,
                Booking(
                    doors=shared.doors(which),
                    start=fields.instant_given(start, "the start of a booking"),
                    end=fields.instant_given(end, "the end of a booking"),
                ),
            )


def _hours(value: Any, schedules: list[Schedule]) -> Schedule | None:
    """Read a right's schedule: its place in the table, or the schedule itself."""
    if value is None or isinstance(value, dict):
        return None if value is None else schedule_from_json(value)
    return fields.at_number(schedules, value, "a right's schedule")


def _spelt(column: Column, schedules: list[Schedule]) -> Column:
    """Put schedules that stand in the column themselves into the table."""
    if dict not in set(map(type, column)):
        return column
    numbered: list[Any] = []
    for value in column:
        if isinstance(value, dict):
            schedules.append(schedule_from_json(value))
        numbered.append(len(schedules) - 1 if isinstance(value, dict) else value)
    return tuple(numbered)


def _member_status(value: str) -> MemberStatus:
    return fields.one_of(value, _MEMBER_STATUSES, "status of a member")


def _card_status(value: str) -> CardStatus:
    return fields.one_of(value, _CARD_STATUSES, "status of a card")
