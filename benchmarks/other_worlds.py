"""Worlds that the simulator doesn't make: other people, other habits, other faults, drawn anew for each seed.

The estimator was built beside the simulator, so it may know that one's ways by heart. Here each place draws its own
size, days, shifts, misses and rhythms. Nothing is tuned on them: take seeds that nobody has looked at.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from access.schedules import Holidays, Period, Schedule
from benchmarks.worlds import DAY, MINUTE, SECOND, Event, World, topology_of
from occupancy.topology import Device, Space

ZONE: Final = "Europe/Paris"
_TZ: Final = ZoneInfo(ZONE)
_FIRST: Final = date(2026, 4, 13)
"""A Monday; no change of the clocks for months."""
_LEARNT_DAYS: Final = 10
_HOUR: Final = 60 * MINUTE
_SIZES: Final = (10, 18, 30, 50, 80, 120)
_RHYTHMS: Final = (1, 5, 15, 30)
"""Minutes between two reports of a counter."""
_CROWD: Final = 2 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How people and devices of one place are."""

    seats: int
    hours_known: bool
    misses: tuple[float, float] = (0.03, 0.03)
    """Shares of entries and exits that a counter doesn't count."""
    crowd: float = 0.1
    """Share of those right behind another that it misses beside."""
    doors: int = 1
    rhythm: int = 5
    standing: float = 0.04
    """Share of visits without a desk."""
    unbadged: float = 0.05
    """Share of entries without a badge."""
    forgotten: float = 0.08
    """Share of exits without a badge."""
    counted_a_week: int = 0
    """Times a week that a manager counts heads."""
    liveliness: float = 0.6
    """Share of the seats that a usual day's visitors would fill."""
    opens: int = 8
    closes: int = 19
    saturdays: bool = False
    late: float = 0.02
    """Share of the visits that begin in the evening."""
    nights: float = 0.0
    """Chance that one or two people work through a night."""
    lunch: float = 0.5
    pauses: float = 1.5
    """Times a day that a person goes out for some minutes."""


def drawn(dice: random.Random, **given: Any) -> Ways:
    """Draw the ways of a place, but those that are given."""
    opens = dice.choice((7, 8, 9, 10))
    ways: dict[str, Any] = {
        "seats": dice.choice(_SIZES),
        "hours_known": dice.random() < 0.6,
        "misses": (dice.uniform(0.0, 0.08), dice.uniform(0.0, 0.08)),
        "crowd": dice.uniform(0.0, 0.25),
        "doors": dice.choice((1, 1, 2, 3)),
        "rhythm": dice.choice(_RHYTHMS),
        "standing": dice.uniform(0.0, 0.1),
        "unbadged": dice.uniform(0.0, 0.12),
        "forgotten": dice.uniform(0.0, 0.2),
        "counted_a_week": dice.choice((0, 0, 3, 10)),
        "liveliness": dice.uniform(0.25, 1.0),
        "opens": opens,
        "closes": opens + dice.choice((9, 10, 11, 12)),
        "saturdays": dice.random() < 0.4,
        "late": dice.choice((0.0, 0.02, 0.1)),
        "nights": dice.choice((0.0, 0.0, 0.1, 0.4)),
        "lunch": dice.uniform(0.1, 0.8),
        "pauses": dice.uniform(0.2, 3.0),
    }
    return Ways(**(ways | given))


GROUPS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = MappingProxyType(
    {
        "other_counters": ("counters", {}),
        "one_sided_in": ("counters", {"misses": (0.10, 0.04), "hours_known": True, "nights": 0.0}),
        "one_sided_out": ("counters", {"misses": (0.04, 0.10), "hours_known": True, "nights": 0.0}),
        "other_no_hours": ("counters", {"hours_known": False}),
        "many_standing": ("desks", {"seats": 120, "standing": 0.1, "counted_a_week": 10}),
        "other_desks": ("desks", {}),
        "other_badges": ("badges", {}),
        "many_unbadged": ("badges_desks", {"unbadged": 0.25, "hours_known": True}),
    }
)
"""By the group's name: what is fitted, and which ways are given."""


def other_worlds(group: str, seeds: range, days: int) -> Iterator[World]:
    """Make the places of ``group``.

    Raises:
        KeyError: there is no such group.
    """
    fitted, given = GROUPS[group]
    for seed in seeds:
        dice = random.Random(f"{group}/{seed}/other")
        yield _Place(f"{group}/{seed}", fitted, drawn(dice, **given), dice, days).world()


@dataclass(slots=True, kw_only=True)
class _Visit:
    """From when to when a person is in; the breaks are spent outside."""

    person: int
    desk: int | None
    spells: list[tuple[int, int]]


class _Place:
    """One place over some weeks."""

    def __init__(self, name: str, fitted: str, ways: Ways, dice: random.Random, days: int) -> None:
        self._name, self._fitted, self._ways, self._dice, self._days = name, fitted, ways, dice, days
        self._people = max(4, round(1.6 * ways.seats))
        hours = (Period(start_min=ways.opens * 60, end_min=ways.closes * 60),)
        saturday = hours if ways.saturdays else ()
        self._hours = Schedule(days=(hours,) * 5 + (saturday, ()), holidays=Holidays(periods=()), closures=())
        self._space = Space(id=1, place=1, parent=None, capacity=ways.seats, seats=ways.seats)
        self._events: list[tuple[int, int, Event, Device | None]] = []
        self._passed: list[tuple[int, int, int]] = []
        """Instant, +1 or -1, person."""
        self._taken: dict[int, int] = {}

    def world(self) -> World:
        """Live, sense and return it all."""
        last = _instant(_FIRST + timedelta(days=self._days), 0.0)
        free_from: dict[int, int] = {}
        busy: dict[int, int] = {}
        visits: list[_Visit] = []
        for number in range(self._days):
            visits += self._day(_FIRST + timedelta(days=number), busy, free_from)
        for visit in visits:
            for start, end in visit.spells:
                self._passed += [(start, 1, visit.person), (end, -1, visit.person)]
        self._passed.sort()
        steps: list[tuple[int, float]] = []
        inside = 0
        for at, way, _ in self._passed:
            inside += way
            steps.append((at, inside))
        devices: list[Device] = []
        if self._fitted == "counters":
            devices += self._counters()
        if "desks" in self._fitted:
            devices += self._desks(visits, last)
        if "badges" in self._fitted:
            devices += self._readers()
        self._head_counts(steps)
        self._events.sort(key=lambda one: one[:2])
        hours = self._hours if self._ways.hours_known else None
        first = _instant(_FIRST, 0.0)
        return World(
            name=self._name, place=1, zone=ZONE, topology=topology_of(1, ZONE, [self._space], devices, hours),
            spaces=[self._space], devices=devices,
            events=[(event, device, at) for at, _, event, device in self._events if at < last], truth={1: steps},
            scored=(1,), opened=self._is_open, first=first, last=last, learnt=first + _LEARNT_DAYS * DAY,
        )  # fmt: skip

    def _is_open(self, at: int) -> bool:
        return self._hours.covers(datetime.fromtimestamp(at / 1e6, UTC), _TZ)

    def _day(self, day: date, busy: dict[int, int], free_from: dict[int, int]) -> Iterator[_Visit]:
        ways, dice = self._ways, self._dice
        is_open = bool(self._hours.days[day.weekday()])
        mean = ways.liveliness * ways.seats * dice.uniform(0.6, 1.2) * (0.5 if day.weekday() == 5 else 1.0)
        number = max(0, round(dice.gauss(mean, mean**0.5))) if is_open else int(dice.random() < 0.15)
        starts: list[int] = []
        while len(starts) < number:
            hour = self._arrival(is_open)
            together = dice.choice((1, 1, 1, 1, 1, 2, 2, 3))
            starts += [_instant(day, hour) + round(n * dice.uniform(0.5, 2.5) * SECOND) for n in range(together)]
        nights = dice.choice((1, 2)) if dice.random() < ways.nights else 0
        night = [_instant(day, dice.uniform(19, 23)) for _ in range(nights)]
        for start in sorted([*starts[:number], *night]):
            free = [one for one in range(self._people) if busy.get(one, 0) < start]
            if not free:
                continue
            person = dice.choice(free)
            hours = dice.uniform(4, 9) if start in night else max(0.3, min(11, dice.gauss(6, 2.8)))
            end = start + round(hours * _HOUR)
            if start not in night and is_open:
                end = min(end, max(_instant(day, ways.closes + dice.gauss(0.1, 0.25)), start + 20 * MINUTE))
            busy[person] = end + _HOUR
            desk = None
            desks = [one for one in range(ways.seats) if free_from.get(one, 0) < start]
            if desks and dice.random() >= ways.standing:
                desk = dice.choice(desks)
                free_from[desk] = end + 10 * MINUTE
            yield _Visit(person=person, desk=desk, spells=self._spells(day, start, end))

    def _arrival(self, is_open: bool) -> float:
        ways, dice = self._ways, self._dice
        if not is_open:
            return dice.uniform(9, 17)
        kind = dice.random()
        if kind < ways.late:
            return dice.uniform(ways.closes - 2, ways.closes)
        if kind < 0.65:
            return max(ways.opens - 0.2, dice.gauss(ways.opens + 0.9, 0.6))
        return dice.uniform(ways.opens, ways.closes - 1)

    def _spells(self, day: date, start: int, end: int) -> list[tuple[int, int]]:
        """Cut a stay by its breaks outside."""
        ways, dice = self._ways, self._dice
        breaks: list[tuple[int, int]] = []
        if dice.random() < ways.lunch:
            noon = _instant(day, dice.uniform(11.8, 13.2))
            breaks.append((noon, noon + round(dice.uniform(25, 80) * MINUTE)))
        for _ in range(round(dice.expovariate(1.0) * ways.pauses)):
            out = start + round(dice.random() * (end - start))
            breaks.append((out, out + round(dice.uniform(3, 15) * MINUTE)))
        spells, at = [], start
        for out, back in sorted(breaks):
            if out > at + 5 * MINUTE and back < end - 10 * MINUTE:
                spells.append((at, out))
                at = back
        return [*spells, (at, end)]

    def _say(self, at: int, event: Event, device: Device | None) -> None:
        self._events.append((at, len(self._events), {**event, "at": at}, device))

    def _counters(self) -> list[Device]:
        ways, dice = self._ways, self._dice
        every = ways.rhythm * MINUTE
        devices = [_device(n, "counter", door_to=1, door=n, expect_every=3 * every) for n in range(1, ways.doors + 1)]
        tallies: dict[tuple[int, int], list[int]] = {}
        before = 0
        for at, way, _ in self._passed:
            missed = ways.misses[way < 0]
            crowd = ways.crowd if at - before < _CROWD else 0.0
            before = at
            if dice.random() < (1 - missed) * (1 - crowd):
                door = 1 if dice.random() < 0.7 else dice.randrange(1, ways.doors + 1)
                tallies.setdefault((door, -(-at // every)), [0, 0])[way < 0] += 1
        first, last = _instant(_FIRST, 0.0) // every, _instant(_FIRST + timedelta(days=self._days), 0.0) // every
        for device in devices:
            for slot in range(first + 1, last + 1):
                entered, left = tallies.get((device.id, slot), (0, 0))
                self._say(slot * every, {"kind": "count", "entered": entered, "left": left}, device)
        return devices

    def _desks(self, visits: list[_Visit], last: int) -> list[Device]:
        dice = self._dice
        devices = [_device(100 + n, "desk_sensor", space=1, at_desk=True) for n in range(self._ways.seats)]
        says: dict[int, list[tuple[int, bool | None]]] = {
            device.id: [(at, None) for at in range(_instant(_FIRST, 0.1 * dice.random()), last, _HOUR)]
            for device in devices
        }
        for visit in visits:
            if visit.desk is None:
                continue
            words = says[100 + visit.desk]
            for start, end in visit.spells:
                at = start + dice.randrange(20 * SECOND, 150 * SECOND)
                while at < end:
                    words.append((at, True))
                    rises = min(end, at + round(dice.expovariate(1 / 100) * MINUTE) + 5 * MINUTE)
                    if rises == visit.spells[-1][1] or dice.random() >= 0.1:  # else a bag keeps the seat
                        words.append((rises + dice.randrange(0, 120 * SECOND), False))
                    if rises == end:
                        break
                    at = rises + round(dice.uniform(2, 12) * MINUTE)
        for device in devices:
            state = False
            for at, word in sorted(says[device.id], key=lambda one: one[0]):
                state = state if word is None else word
                self._say(at, {"kind": "desk", "occupied": state}, device)
        return devices

    def _readers(self) -> list[Device]:
        dice, ways = self._dice, self._ways
        inner = _device(90, "reader", door_to=1, door=9, side="in")
        outer = _device(91, "reader", door_to=1, door=9, side="out")
        for at, way, person in self._passed:
            if dice.random() < (ways.unbadged if way > 0 else ways.forgotten):
                continue
            event = {"kind": "access", "granted": True, "member": f"m{person}", "decision": "granted"}
            self._say(at, event, inner if way > 0 else outer)
        return [inner, outer]

    def _head_counts(self, steps: list[tuple[int, float]]) -> None:
        dice, ways = self._dice, self._ways
        for week in range(-(-self._days // 7)):
            for _ in range(ways.counted_a_week):
                day = _FIRST + timedelta(days=7 * week + dice.randrange(5))
                at = _instant(day, dice.uniform(ways.opens + 1, ways.closes - 1))
                present = sum(way for then, way, _ in self._passed if then <= at)
                self._say(at, {"kind": "head_count", "space": 1, "present": present}, None)


def _instant(day: date, hour: float) -> int:
    return round((datetime.combine(day, time(0), _TZ).timestamp() + hour * 3600) * 1e6)


def _device(number: int, kind: str, **more: Any) -> Device:
    given: dict[str, Any] = {"space": None, "at_desk": False, "side": "in", "door_from": None, "door_to": None}
    return Device(id=number, kind=kind, **(given | more))
