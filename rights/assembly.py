"""Makes the contents of an access list from rows: a place's settings and members' entries. Pure; the API uses it too.

Rows are those of ``rights.queries``, column by column. What can't be read opens nothing, and is told in ``broken``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from access import AccessList, Entry, Member, Right, Schedule
from access.cards import listed
from access.entries_json import Sharing, entry_from_json, settings_from_json
from access.rules import Allowance, Booking, Terms
from rights.ground import PlaceRows, PlaceSettings, Rows, places
from rights.hours import Timetables

__all__ = ["MemberRows", "PlaceRows", "PlaceSettings", "entries", "places", "stored_list"]

_BOOKED: Final = Terms(booked=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRows:
    """Rows of ``rights.queries.MEMBERS``."""

    members: Rows
    cards: Rows
    passes: Rows
    pass_places: Rows
    schedules: Rows
    bookings: Rows


class Tokens(Protocol):
    """What cards and PINs are called in the lists (``rights.place_tokens``)."""

    def token(self, place: int, code: str, lookup: bytes) -> str | None:
        """Return the token at a place of the card with this lookup; None: it isn't in the list."""

    def pin(self, code: str, hard: str) -> str:
        """Return what the list of the place with this code holds of a member's PIN."""


def entries(
    rows: MemberRows, at: Mapping[int, PlaceSettings], tokens: Tokens
) -> tuple[dict[int, dict[str, Entry]], tuple[str, ...]]:
    """Return the members' entries at each of the places ``at``, by place and token; and what of them is broken.

    A member is in a place's list where a pass names the place, even if it opens nothing there, or where a booking of
    theirs opens without one; a place that isn't in service has no entries. A place that isn't open never is by its
    hours: hosts' rights hold outside of them, and no others. Where a place lets in beyond an allowance, the pass has a
    second right there, with the larger one: an entry that only this right affords is an overuse. Rights stand in the
    order of their passes, bookings and what they open without a pass in that of their starts.
    """
    timetables = Timetables(rows.schedules)
    passes, cards, bookings = defaultdict(list), defaultdict(list), defaultdict(list)
    where: defaultdict[str, dict[int, tuple[Any, ...]]] = defaultdict(dict)
    for row in rows.passes:
        passes[row[1]].append((row, _terms(row)))
    for pass_ref, place, *limits in rows.pass_places:
        where[pass_ref][place] = tuple(limits)
    for row in rows.cards:
        cards[row[1]].append(row)
    opened: defaultdict[str, set[int]] = defaultdict(set)
    for row in rows.bookings:
        bookings[row[0], row[1]].append(row)
        if row[5]:
            opened[row[0]].add(row[1])
    found: dict[int, dict[str, Entry]] = {place: {} for place in at}
    for ref, status, pin in rows.members:
        if ref not in cards:
            continue
        its, known = _Rights(passes[ref], where, timetables), dict[int, Member]()
        listed_cards = [(row[0], listed(row[2]), row[3], row[4]) for row in cards[ref]]
        for place in _places_of(passes[ref], where, at, opened[ref]):
            settings = at[place]
            code, rights = settings.code, its.at(settings)
            alike = pin is None and (ref, place) not in bookings  # as at any place with the same rights
            member = known.get(id(rights)) if alike else None
            if member is None:
                member = Member(
                    ref=ref,
                    status=status,
                    pin=None if pin is None else tokens.pin(code, pin),
                    rights=rights if alike else rights + tuple(_rights_of(bookings.get((ref, place), ()), settings)),
                    bookings=() if alike else tuple(_bookings(bookings.get((ref, place), ()), settings)),
                )
                if alike:
                    known[id(rights)] = member
            entries_there = found[place]
            for lookup, card, valid_from, valid_until in listed_cards:
                token = tokens.token(place, code, lookup)
                if token is not None:
                    entries_there[token] = Entry(
                        token=token, member=member, status=card, valid_from=valid_from, valid_until=valid_until
                    )
    return found, tuple(f"schedule {number}: {reason}" for number, reason in timetables.broken.items())


def stored_list(settings: tuple[Any, ...], rows: Iterable[tuple[str, Any, Any]]) -> AccessList:
    """Return a list as it was at a version, from the rows of ``STORED_SETTINGS`` and ``STORED_ENTRIES``.

    Raises:
        ListError: a row that this version of ours doesn't read.
    """
    code, version, made_at, body = settings
    sharing = Sharing()
    return replace(
        settings_from_json(place=code, version=version, made_at=made_at, body=body),
        entries={token: entry_from_json(token, card, holder, sharing) for token, card, holder in rows},
    )


def _places_of(
    passes: Sequence[tuple[tuple[Any, ...], Terms]],
    where: Mapping[str, Mapping[int, Any]],
    at: Mapping[int, PlaceSettings],
    opened: Iterable[int],
) -> list[int]:
    """Return the places among ``at`` that one of the passes names, and those ``opened`` by a booking."""
    if any(row[2] for row, _ in passes):
        return [place for place, settings in at.items() if settings.served]
    named = {place for row, _ in passes for place in where.get(row[0], ())}.union(opened)
    return [place for place in named if place in at and at[place].served]


class _Rights:
    """What each of a member's passes opens, made once for all places where it is the same."""

    def __init__(
        self,
        passes: Sequence[tuple[tuple[Any, ...], Terms]],
        where: Mapping[str, Mapping[int, tuple[Any, ...]]],
        timetables: Timetables,
    ) -> None:
        self._passes = [(row, terms, where.get(row[0], {})) for row, terms in passes]
        self._timetables = timetables
        self._made: dict[tuple[str, int, frozenset[str] | None, bool, int | None], Right] = {}
        self._together: dict[tuple[int, ...], tuple[Right, ...]] = {}

    def at(self, place: PlaceSettings) -> tuple[Right, ...]:
        """Return what they open at ``place``: the same object where that is the same."""
        rights: list[Right] = []
        for row, terms, limited in self._passes:
            limits, schedule = limited.get(place.id), row[3]
            if limits is None and not row[2]:
                continue
            hours = None if schedule is None else self._timetables.get(schedule, place.department)
            if schedule is not None and hours is None:
                continue
            doors = None if limits is None else _doors(limits, place)
            if doors is None or doors:
                rights.append(self._right(row, terms, hours, doors, place_is_open=place.open))
                if place.overuse and terms.allowance is not None:
                    more = replace(terms.allowance, limit=terms.allowance.limit + place.overuse)
                    beyond = replace(terms, allowance=more)
                    rights.append(self._right(row, beyond, hours, doors, place_is_open=place.open))
        key = tuple(map(id, rights))
        together = self._together.get(key)
        if together is None:
            together = self._together[key] = tuple(rights)
        return together

    def _right(
        self,
        row: tuple[Any, ...],
        terms: Terms,
        hours: Schedule | None,
        doors: frozenset[str] | None,
        *,
        place_is_open: bool,
    ) -> Right:
        limit = None if terms.allowance is None else terms.allowance.limit
        key = (row[0], id(hours), doors, place_is_open, limit)
        made = self._made.get(key)
        if made is None:
            if not place_is_open:
                terms = replace(terms, outside_hours=terms.supervises)
            made = self._made[key] = Right(
                doors=doors,
                schedule=hours,
                valid_from=row[4],
                valid_until=row[5],
                pass_ref=row[0],
                terms=terms,
                used=tuple(sorted(row[13])),
            )
        return made


def _doors(limits: tuple[Any, ...], place: PlaceSettings) -> frozenset[str] | None:
    """Return the doors that a pass is limited to at a place; None: all of them."""
    spaces, doors, groups = limits
    if spaces is None and doors is None and groups is None:
        return None
    named = frozenset(place.spaces[one] for one in spaces or () if one in place.spaces)
    found = place.doors_to(named) if named else frozenset()
    found |= {place.doors[one] for one in doors or () if one in place.doors}
    return found.union(*(place.groups.get(one, frozenset()) for one in groups or ()))


def _bookings(rows: Rows, place: PlaceSettings) -> Iterable[Booking]:
    for row in rows:
        yield _booking(row, place)


def _rights_of(rows: Rows, place: PlaceSettings) -> Iterable[Right]:
    """Return what bookings open that need no pass: their doors for their time, and no more."""
    for row in rows:
        if row[5]:
            one = _booking(row, place)
            if one.doors is None or one.doors:
                yield Right(doors=one.doors, schedule=None, valid_from=one.start, valid_until=one.end, terms=_BOOKED)


def _booking(row: tuple[Any, ...], place: PlaceSettings) -> Booking:
    _, _, space, starts_at, ends_at, _ = row
    doors = None if space is None else place.doors_to(frozenset({place.spaces.get(space, "")}))
    return Booking(doors=doors, start=starts_at - place.before, end=ends_at + place.after)


def _terms(row: tuple[Any, ...]) -> Terms:
    unit, limit, each_month, booked, outside_hours, supervises, visitor = row[6:13]
    return Terms(
        allowance=None if unit is None else Allowance(unit=unit, limit=limit, each_month=each_month),
        booked=booked,
        outside_hours=outside_hours,
        supervises=supervises,
        visitor=visitor,
    )
