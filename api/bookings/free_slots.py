"""When units of a resource are free for so long, while its place is open and its rules let one book."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

from access.openings import next_turn
from access.schedules import Schedule
from api.bookings.bookable import opening_of
from api.bookings.limits import rule_of
from api.bookings.targets import Target
from api.http.errors import RuleRefused
from api.http.session import Session
from booking.limits import Rule
from booking.slots import Slot, Window, slots_of

STEP: Final = timedelta(minutes=15)
_AHEAD: Final = timedelta(days=7)
_DENSE: Final = 200
_TAKEN: Final = """
SELECT u.id AS unit, t.starts_at, t.ends_at FROM resource_unit u
LEFT JOIN taken_times(%(resource)s, %(starts)s, %(ends)s) t ON t.unit = u.id
WHERE u.resource = %(resource)s AND u.retired_at IS NULL ORDER BY u.id, t.starts_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookable:
    """When a place can be booked for so long, and by what."""

    times: list[Window]
    """When it is open and its rules let one book, in order."""
    rule: Rule
    opening: Schedule | None
    """None: its hours aren't known."""


async def free_slots(
    s: Session, target: Target, span: Window, *, length: timedelta, units: int, most: int, now: datetime
) -> list[Slot]:
    """Return the first ``most`` slots of a resource within ``span`` at which so many units are free.

    Raises:
        RuleRefused: the place is not open at all.
    """
    bookable = await bookable_times(s, target, span, length=length, now=now)
    taken = await taken_times(s, target, span)
    return slots_of(bookable.times, taken, length=length, step=STEP, least=units, most=most)


async def taken_times(s: Session, target: Target, span: Window) -> list[list[Window]]:
    """Return of each unit of a resource when it is taken within ``span``, in order."""
    assert target.resource is not None
    taken: dict[int, list[Window]] = {}
    for one in await s.rows(_TAKEN, {"resource": target.resource["id"], "starts": span[0], "ends": span[1]}):
        times = taken.setdefault(one["unit"], [])
        if one["starts_at"] is not None:
            times.append((one["starts_at"], one["ends_at"]))
    return list(taken.values())


async def bookable_times(s: Session, target: Target, span: Window, *, length: timedelta, now: datetime) -> Bookable:
    """Return when the place is open and its rules let one book for ``length``.

    Raises:
        RuleRefused: the place is not open at all.
    """
    rule, opening = await rule_of(s, target.place_id, target.kind), await opening_of(s, target)
    first = max(span[0], now + (rule.notice or timedelta(0)))
    opened = _opened(opening, _quarter(first), span[1], target)
    if rule.ahead is not None:  # the last booking begins then
        last = now + rule.ahead
        opened = [(begin, min(end, last + length)) for begin, end in opened if begin <= last]
    if not (rule.shortest or timedelta(0)) <= length <= (rule.longest or length):
        opened = []
    return Bookable(times=opened, rule=rule, opening=opening)


def quarters(opened: Iterable[Window], length: timedelta) -> Iterator[Window]:
    """Give the windows of ``length`` within ``opened``, one each quarter of an hour."""
    for begin, end in opened:
        at = begin
        while at + length <= end:
            yield at, at + length
            at += STEP


async def next_free(
    s: Session, target: Target, *, starts: datetime, length: timedelta, most: int, now: datetime
) -> list[datetime]:
    """Return when a unit of the resource is free for ``length`` within the next seven days, at most ``most`` times."""
    span = (starts, starts + _AHEAD)
    try:
        found = await free_slots(s, target, span, length=length, units=1, most=_DENSE, now=now)
    except RuleRefused:
        return []
    apart: list[datetime] = []
    for one in found:  # not one that overlaps the one before
        if not apart or one.starts >= apart[-1] + length:
            apart.append(one.starts)
    return apart[:most]


def _opened(schedule: Schedule | None, starts: datetime, ends: datetime, target: Target) -> list[Window]:
    """Return when the place is open within a time; where its hours aren't known, all of it."""
    if schedule is None:
        return [(starts, ends)]
    found: list[Window] = []
    at = starts
    while at < ends:
        turn = next_turn(schedule, at, target.zone)
        last = ends if turn is None else min(turn, ends)
        if schedule.covers(at, target.zone):
            found.append((at, last))
        at = last
    return found


def _quarter(at: datetime) -> datetime:
    """Return the next quarter of an hour."""
    midnight = datetime.combine(at.date(), time(), UTC)
    return midnight + -(-(at - midnight) // STEP) * STEP
