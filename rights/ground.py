"""The settings of a place's list, from rows, and the numbers by which passes refer to spaces and schedules. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from access import AccessList, ListError, Schedule
from access.passes import Pass
from access.rules import DoorRules, PlaceRules, SpaceRules
from access.schedules import ALWAYS, closed_on, schedule_from_json, with_department
from rights.hours import NEVER, Timetables

_UNMADE: Final = datetime(1970, 1, 1, tzinfo=UTC)
Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRows:
    """Rows of ``rights.queries.PLACES``."""

    places: Rows
    closures: Rows
    spaces: Rows
    doors: Rows
    groups: Rows
    schedules: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSettings:
    """One place: its list's settings, and the numbers by which passes refer to its parts."""

    id: int
    department: str | None
    served: bool
    """Whether a gateway is in service."""
    open: bool
    """Neither in preparation nor closed for good: its doors open to members, and not to hosts alone."""
    overuse: int
    """How many units beyond a pass's allowance it lets in."""
    before: timedelta
    """So long before its booking begins a member is let in."""
    after: timedelta
    """So long after its end a booking still opens."""
    list: AccessList
    """Without entries, of version 0."""
    doors: Mapping[int, str]
    spaces: Mapping[int, str]
    groups: Mapping[int, frozenset[str]]
    broken: tuple[str, ...] = ()
    """What could not be read, one sentence each."""
    ways: dict[frozenset[str], frozenset[str]] = field(default_factory=dict, compare=False)
    """Found before: the doors that lead to some spaces."""

    @property
    def code(self) -> str:
        """The place's code."""
        return self.list.place

    def doors_to(self, spaces: frozenset[str]) -> frozenset[str]:
        """Return the doors that lead to ``spaces``, into what lies in them, or towards them."""
        if spaces not in self.ways:
            wanted = Pass(ref="", places=None, spaces={self.code: spaces})
            right = wanted.right_at(self.code, self.list.rules)
            self.ways[spaces] = frozenset() if right is None or right.doors is None else right.doors
        return self.ways[spaces]


def places(rows: PlaceRows) -> dict[int, PlaceSettings]:
    """Return the places of ``rows`` by id."""
    timetables = Timetables(rows.schedules)
    spaces, doors, groups = _by_place(rows.spaces), _by_place(rows.doors), _by_place(rows.groups)
    return {
        row[0]: _place(
            row,
            closures=[(first, last) for place, first, last in rows.closures if place in (None, row[0])],
            spaces=spaces.get(row[0], []),
            doors=doors.get(row[0], []),
            groups=groups.get(row[0], []),
            timetables=timetables,
        )
        for row in rows.places
    }


def _by_place(rows: Rows) -> dict[int, list[tuple[Any, ...]]]:
    """Sort rows by their second column."""
    found: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        found[row[1]].append(row)
    return found


def _place(
    row: tuple[Any, ...],
    *,
    closures: Sequence[tuple[Any, Any]],
    spaces: Rows,
    doors: Rows,
    groups: Rows,
    timetables: Timetables,
) -> PlaceSettings:
    number, code, time_zone, department, hours, max_age_s, hosts, tries, pause_s, longest_pause_s, *more = row
    locked, served, is_open, overuse, before_s, after_s = more
    broken: list[str] = []
    usual: Schedule | None = None
    if hours is not None:
        try:
            usual = schedule_from_json(with_department(hours, department))
        except ListError as error:
            usual = NEVER
            broken.append(f"opening hours: {error}")
    rules = PlaceRules(
        doors={one[2]: _door(one, department, timetables, broken) for one in doors},
        spaces={space: SpaceRules(parent=parent, limit=limit) for _, _, space, parent, limit in spaces},
        hosts_open_when_old=hosts,
        tries=tries,
        pause_s=pause_s,
        longest_pause_s=longest_pause_s,
    )
    names = {one[0]: one[2] for one in doors}
    return PlaceSettings(
        id=number,
        department=department,
        served=served,
        open=is_open,
        overuse=overuse,
        before=timedelta(seconds=before_s),
        after=timedelta(seconds=after_s),
        list=AccessList(
            place=code,
            version=0,
            made_at=_UNMADE,
            time_zone=time_zone,
            entries={},
            max_age_s=max_age_s,
            opening_hours=closed_on(usual, closures) if is_open else NEVER,
            lockdown=locked,
            rules=rules,
        ),
        doors=names,
        spaces={one[0]: one[2] for one in spaces},
        groups={group: frozenset(names[one] for one in ids if one in names) for group, _, ids in groups},
        broken=tuple(broken),
    )


def _door(row: tuple[Any, ...], department: str | None, timetables: Timetables, broken: list[str]) -> DoorRules:
    """Return a door's rules; a schedule that can't be read asks for more, never for less."""
    _, _, code, from_space, to_space, pin, pin_while, passback, passback_s, supervised, first_card, locked = row

    def hours(number: int | None, unreadable: Schedule | None) -> Schedule | None:
        if number is None:
            return None
        found = timetables.get(number, department)
        if found is None:
            broken.append(f"door {code}: schedule {number}: {timetables.broken.get(number, 'unreadable')}")
            return unreadable
        return found

    return DoorRules(
        from_space=from_space,
        to_space=to_space,
        pin=pin,
        pin_while=hours(pin_while, None),  # None: always
        passback=passback,
        passback_s=passback_s,
        supervised=hours(supervised, ALWAYS),
        first_card=hours(first_card, None),  # None: never
        locked=locked,
    )
