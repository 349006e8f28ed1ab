"""The layout of a place's bookings: rows of what can be booked, cells of a quarter of an hour or of a day.

Does no I/O: it arranges what the API answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from access.schedules import Schedule
from api.pages.manage.local_times import midnight
from api.present.network import Place

QUARTER: Final = timedelta(minutes=15)
_HOUR: Final = timedelta(hours=1)
MOST_UNITS: Final = 6
"""A resource with more units shows those that are booked, and one row for all others."""
_EARLIEST, _LATEST = 8, 20
"""The hours that are shown where no opening hours and no booking say more."""
_HOLDING: Final = frozenset(("offered", "booked", "checked_in", "ended"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The part of a day that is shown."""

    day: date
    starts: datetime
    ends: datetime
    hours: tuple[datetime, ...]
    """When each hour begins: a day on which clocks change has one more or one less."""
    open: tuple[bool, ...]
    """For each quarter, whether the place is open."""

    @property
    def quarters(self) -> int:
        """How many columns there are."""
        return (self.ends - self.starts) // QUARTER


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A booking with the quarters that it covers, or (None) a run of free ones."""

    first: int
    """The number of its first quarter."""
    span: int
    booking: Mapping[str, Any] | None = None


@dataclass(slots=True, kw_only=True)
class Row:
    """What one booking at a time takes: a unit, a room; or places that many may take."""

    name: str
    target: str
    """In addresses and forms: ``r:RESOURCE:UNIT``, ``s:SPACE``; empty: the place."""
    held: list[Mapping[str, Any]] = field(default_factory=list)
    pooled: bool = False
    """Any of several units or seats: a new booking gets one that is free."""


@dataclass(slots=True, kw_only=True)
class Group:
    """A resource or a space with its rows."""

    name: str
    kind: str
    rows: list[Row]


def shown_of(day: date, zone: ZoneInfo, schedule: Schedule | None, held: Sequence[Mapping[str, Any]]) -> Shown:
    """Return the hours of ``day`` to show: when it is open (None: not known), and all its bookings."""
    at, last = midnight(day, zone).astimezone(UTC), midnight(day + timedelta(days=1), zone).astimezone(UTC)
    hours: list[datetime] = []  # in UTC: on the clock of the wall an hour may come twice
    while at < last:
        hours.append(at)
        at += _HOUR
    usual = [hour for hour in hours if _EARLIEST <= hour.astimezone(zone).hour < _LATEST]
    wanted = [
        hour
        for hour in hours
        if any(_open(schedule, hour, zone)) or any(one["starts"] < hour + _HOUR and one["ends"] > hour for one in held)
    ]
    wanted = (sorted({*wanted, *usual}) if schedule is None else wanted) or usual
    between = tuple(hour for hour in hours if wanted[0] <= hour <= wanted[-1])
    opened = tuple(
        is_open for hour in between for is_open in (_open(schedule, hour, zone) if schedule is not None else [True] * 4)
    )
    return Shown(day=day, starts=between[0], ends=between[-1] + _HOUR, hours=between, open=opened)


def _open(schedule: Schedule | None, hour: datetime, zone: ZoneInfo) -> list[bool]:
    return [schedule is not None and schedule.covers(hour + number * QUARTER, zone) for number in range(4)]


def groups_of(
    place: Place, resources: Sequence[Mapping[str, Any]], bookings: Iterable[Mapping[str, Any]]
) -> list[Group]:
    """Return what can be booked, each with its bookings that hold something."""
    held = [one for one in bookings if one["status"] in _HOLDING]
    groups = [_resource(one, held) for one in resources]
    taken = {one["space"] for one in resources if one["kind"] == "room"}
    for space in sorted(place.spaces, key=lambda one: one.name):
        own = [one for one in held if one["resource"] is None and one["space"] == space.code]
        if space.code in taken:  # its bookings stand in the row of the resource
            continue
        if space.one_party:
            row = Row(name=space.name, target=f"s:{space.code}", held=own)
            groups.append(Group(name=space.name, kind="room", rows=[row]))
        elif own or (space.for_work and space.capacity and not _has_desks(space.code, resources)):
            row = Row(name=space.name, target=f"s:{space.code}", held=own, pooled=not space.one_party)
            groups.append(Group(name=space.name, kind="seat", rows=[row]))
    whole = [one for one in held if one["resource"] is None and one["space"] is None]
    if whole:
        groups.append(Group(name=place.name, kind="seat", rows=[Row(name="", target="", held=whole, pooled=True)]))
    return groups


def _has_desks(space: str, resources: Sequence[Mapping[str, Any]]) -> bool:
    return any(one["kind"] == "desk" and one["space"] == space for one in resources)


def _resource(resource: Mapping[str, Any], held: Sequence[Mapping[str, Any]]) -> Group:
    code, units = resource["code"], sorted(resource["units"], key=lambda unit: (len(unit), unit))
    own = [one for one in held if one["resource"] == code]
    blocks = [
        one
        for one in held
        if resource["kind"] == "room" and one["resource"] is None and one["space"] == resource["space"]
    ]
    group = Group(name=resource["name"], kind=resource["kind"], rows=[])
    if resource["kind"] == "event":
        group.rows.append(Row(name="", target=f"r:{code}:", held=own, pooled=True))
        return group
    booked = {one["unit"] for one in own}
    units += sorted(booked - set(units))  # booked before it went out of service
    few = len(units) <= MOST_UNITS
    for unit in units:
        if few or unit in booked:
            name = "" if len(units) == 1 else unit
            mine = [one for one in own if one["unit"] == unit] + blocks
            group.rows.append(Row(name=name, target=f"r:{code}:{unit}", held=mine))
    if not few and len(booked) < len(units):
        group.rows.append(Row(name=str(len(units) - len(booked)), target=f"r:{code}:", pooled=True))
    return group


def lanes_of(row: Row, shown: Shown) -> list[list[Cell]]:
    """Return a row's lines of cells: one, or as many as it takes for no two bookings to cover the same quarter."""
    lanes: list[list[tuple[int, int, Mapping[str, Any]]]] = []
    for one in sorted(row.held, key=lambda one: (one["starts"], one["ref"])):
        if one["ends"] <= shown.starts or one["starts"] >= shown.ends:
            continue
        begin = max(0, (one["starts"] - shown.starts) // QUARTER)
        end = min(shown.quarters, -((shown.starts - one["ends"]) // QUARTER))
        end = max(end, begin + 1)
        lane = next((lane for lane in lanes if lane[-1][1] <= begin), None)
        if lane is None:
            lanes.append([(begin, end, one)])
        else:
            lane.append((begin, end, one))
    if row.pooled:
        lanes.append([])  # where a new one can be drawn
    return [_cells(lane, shown) for lane in lanes or [[]]]


def _cells(lane: Sequence[tuple[int, int, Mapping[str, Any]]], shown: Shown) -> list[Cell]:
    cells: list[Cell] = []
    at = 0
    for begin, end, booking in lane:
        if begin > at:
            cells.append(Cell(first=at, span=begin - at))
        cells.append(Cell(first=begin, span=end - begin, booking=booking))
        at = end
    if at < shown.quarters:
        cells.append(Cell(first=at, span=shown.quarters - at))
    return cells
