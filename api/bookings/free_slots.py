"""When units of a resource are free for so long, while its place is open and its rules let one book."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Final

from access.openings import next_turn
from access.schedules import Schedule
from api.bookings.bookable import opening_of
from api.bookings.limits import rule_of
from api.bookings.targets import Target
from api.http.errors import RuleRefused
from api.http.session import Session
from booking.slots import Slot, Window, slots_of

_STEP: Final = timedelta(minutes=15)
_AHEAD: Final = timedelta(days=7)
_DENSE: Final = 200
_TAKEN: Final = """
SELECT u.id AS unit, t.starts_at, t.ends_at FROM resource_unit u
LEFT JOIN taken_times(%(resource)s, %(starts)s, %(ends)s) t ON t.unit = u.id
WHERE u.resource = %(resource)s AND u.retired_at IS NULL ORDER BY u.id, t.starts_at
"""


async def free_slots(
    s: Session, target: Target, span: Window, *, length: timedelta, units: int, most: int, now: datetime
) -> list[Slot]:
    """Return the first ``most`` slots of a resource within ``span`` at which so many units are free.

    Raises:
        RuleRefused: the place is not open at all.
    """
    assert target.resource is not None
    opened = await bookable_times(s, target, span, length=length, now=now)
    taken: dict[int, list[Window]] = {}
    for one in await s.rows(_TAKEN, {"resource": target.resource["id"], "starts": span[0], "ends": span[1]}):
        times = taken.setdefault(one["unit"], [])
        if one["starts_at"] is not None:
            times.append((one["starts_at"], one["ends_at"]))
    return slots_of(opened, list(taken.values()), length=length, step=_STEP, least=units, most=most)


async def bookable_times(s: Session, target: Target, span: Window, *, length: timedelta, now: datetime) -> list[Window]:
    """Return when the place is open and its rules let one book for ``length``, in order.

    Raises:
        RuleRefused: the place is not open at all.
    """
    rule = await rule_of(s, target.place_id, target.kind)
    first = max(span[0], now + (rule.notice or timedelta(0)))
    opened = _opened(await opening_of(s, target), _quarter(first), span[1], target)
    if rule.ahead is not None:  # the last booking begins then
        last = now + rule.ahead
        opened = [(begin, min(end, last + length)) for begin, end in opened if begin <= last]
    return opened if (rule.shortest or timedelta(0)) <= length <= (rule.longest or length) else []


def quarters(opened: Iterable[Window], length: timedelta) -> Iterator[Window]:
    """Give the windows of ``length`` within ``opened``, one each quarter of an hour."""
    for begin, end in opened:
        at = begin
        while at + length <= end:
            yield at, at + length
            at += _STEP


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
    return midnight + -(-(at - midnight) // _STEP) * _STEP
