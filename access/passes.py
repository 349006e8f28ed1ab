"""Passes: what they entitle to at a place, and how their use is counted.

Use is a set of *slots*: numbers that follow from the pass's unit and the instant alone. The gateway and the centre, or
two gateways, add theirs by union: an event that arrives twice, or by two ways, uses nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from access.model import Right
from access.rules import PLAIN, Allowance, DoorRules, PlaceRules, Terms, Unit
from access.schedules import Schedule

NOON_HOUR: Final = 13
"""Where a day's two halves meet, local time."""
_HOUR_S: Final = 3600
_LONGEST_STAY: Final = timedelta(hours=24)
"""A stay whose end is read later than this was left without a reading; it uses no more than a day's hours."""
_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one member is entitled to in the network, as the centre knows it."""

    ref: str
    places: frozenset[str] | None
    """None: every place of the network."""
    spaces: Mapping[str, frozenset[str]] | None = None
    """By place: the spaces it is limited to there; a place left out, or None: all of the place."""
    schedule: Schedule | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    terms: Terms = PLAIN
    used: frozenset[int] = frozenset()
    """Its slots that are used, anywhere."""

    def right_at(self, place: str, rules: PlaceRules) -> Right | None:
        """Return what it opens at ``place``; None: nothing.

        The doors are those that lead into its spaces, into what lies in these, or towards them: whoever may use the
        fab lab may come through the entry.
        """
        if self.places is not None and place not in self.places:
            return None
        wanted = None if self.spaces is None else self.spaces.get(place)
        doors = None if wanted is None else frozenset(_doors_to(wanted, rules))
        if doors is not None and not doors:
            return None
        return Right(
            doors=doors,
            schedule=self.schedule,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            pass_ref=self.ref,
            terms=self.terms,
            used=tuple(sorted(self.used)),
        )


def slot_of(unit: Unit, at: datetime, zone: ZoneInfo) -> int:
    """Return the slot that an entry at ``at`` (aware) begins: a number that orders like time within its unit."""
    if unit == "hour":
        return _second(at)
    if unit == "entry":
        return (at - _EPOCH) // _MICROSECOND
    local = at.astimezone(zone)
    day = local.toordinal()
    return day if unit == "day" else 2 * day + (local.hour >= NOON_HOUR)


def needed(allowance: Allowance, used: frozenset[int], at: datetime, zone: ZoneInfo) -> int | None:
    """Return the slot that an entry at ``at`` would use; None: it falls into one that is used already."""
    slot = slot_of(allowance.unit, at, zone)
    if allowance.unit == "hour":
        return None if any(begun <= slot < begun + _HOUR_S for begun in used) else slot
    return None if slot in used else slot


def left(allowance: Allowance, used: frozenset[int], at: datetime, zone: ZoneInfo) -> int:
    """Return how many slots are left at ``at``, never below 0."""
    count = len(used)
    if allowance.each_month:
        month = _month(at.astimezone(zone).date())
        count = sum(_month(_day_of(allowance.unit, slot, zone)) == month for slot in used)
    return max(0, allowance.limit - count)


def admits(allowance: Allowance, used: frozenset[int], at: datetime, zone: ZoneInfo) -> bool:
    """Return whether an entry at ``at`` is covered: by a slot in use, or by one that is left."""
    return needed(allowance, used, at, zone) is None or left(allowance, used, at, zone) > 0


def stay(used: frozenset[int], begin: datetime, end: datetime) -> frozenset[int]:
    """Return ``used`` with the hours that a stay from ``begin`` to ``end`` uses, at most 24 of them."""
    slots = set(used)
    second = _second(begin)
    last = _second(min(end, begin + _LONGEST_STAY))
    while second < last:
        running = [begun for begun in slots if begun <= second < begun + _HOUR_S]
        if not running:
            slots.add(second)
            running = [second]
        second = max(running) + _HOUR_S
    return frozenset(slots)


def _second(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(seconds=1)


def _doors_to(wanted: frozenset[str], rules: PlaceRules) -> Iterable[str]:
    ways = {space for one in wanted for space in rules.within(one)}
    for code, door in rules.doors.items():
        if door.to_space is not None and (door.to_space in ways or _lies_in(door, wanted, rules)):
            yield code


def _lies_in(door: DoorRules, wanted: frozenset[str], rules: PlaceRules) -> bool:
    return not wanted.isdisjoint(rules.within(door.to_space))


def _day_of(unit: Unit, slot: int, zone: ZoneInfo) -> date:
    if unit == "day":
        return date.fromordinal(slot)
    if unit == "half_day":
        return date.fromordinal(slot // 2)
    since = timedelta(seconds=slot) if unit == "hour" else timedelta(microseconds=slot)
    return (_EPOCH + since).astimezone(zone).date()


def _month(day: date) -> tuple[int, int]:
    return day.year, day.month
