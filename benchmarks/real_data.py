"""Two real data sets as places (benchmarks/data/README.md): a room with its head count, and a door without one.

Of the door only what follows from its counts can be scored. In the middle of a night's longest lull as good as nobody
is in; from one such instant to the next, in and out must balance, and never can fewer than nobody be in. What is left
over is errors, which are spread over the passages as evenly as that allows. This reference knows the whole day, an
estimate only what came before; it is near the truth, not the truth: who stays for the night, or comes by another
entrance, is not in it.
"""

from __future__ import annotations

import csv
import gzip
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from benchmarks.worlds import DAY, MINUTE, SECOND, Event, World, topology_of
from occupancy.topology import Device, Space

_DATA: Final = Path(__file__).parent / "data"
_HALF_HOUR: Final = 30 * MINUTE
_DOOR_ZONE: Final = "America/Los_Angeles"
_DOOR_CAPACITY: Final = 120
"""Not known; about the most that the counts add up to."""
_ROOM_ZONE: Final = "Asia/Kolkata"
_ROOM_SEATS: Final = 4
_LONGEST_ROW: Final = 5 * MINUTE
_CO2_EVERY: Final = 5 * MINUTE
_MIDDLE: Final = time(3, 30)
"""Of the hours in which a night has to be quiet."""
_QUIET: Final = 90 * MINUTE
"""Before and after that, nobody passes in an empty night."""
_NIGHT: Final = (time(22), time(8))
"""Between these a lull is one of the night."""
_LULL: Final = 3 * _HALF_HOUR
"""No shorter one: who works at night goes out for less."""
_DARK: Final = (21, 7)
"""Hours between which nobody is expected in the room."""
Change = tuple[int, int, int]
"""An instant, people in, people out."""


def room() -> World:
    """The room: two PIR sensors that report each change and each minute, CO2 each five minutes."""
    space = Space(id=1, place=1, parent=None, capacity=_ROOM_SEATS)
    pirs = [_device(number, "presence_sensor", space=1, rhythm=MINUTE) for number in (1, 2)]
    climate = _device(3, "climate", space=1, rhythm=_CO2_EVERY)
    zone = ZoneInfo(_ROOM_ZONE)
    events: list[tuple[Event, Device | None, int]] = []
    truth: list[tuple[int, float]] = []
    gaps: list[tuple[int, int]] = []
    said: dict[int, tuple[bool, int]] = {}
    aired = last = 0
    for row in _rows("uci_864_room.csv.gz"):
        at = _micros(datetime.fromisoformat(f"{row['Date']}T{row['Time'].zfill(8)}"), zone)
        if last and at - last > _LONGEST_ROW:
            gaps.append((last, at))
        last = at
        truth.append((at, int(row["Room_Occupancy_Count"])))
        for device, column in zip(pirs, ("S6_PIR", "S7_PIR"), strict=True):
            seen = row[column] == "1"
            before, when = said.get(device.id, (None, 0))
            if seen != before or at - when >= MINUTE:
                said[device.id] = seen, at
                events.append(({"kind": "desk", "occupied": seen, "at": at}, device, at))
        if at - aired >= _CO2_EVERY:
            aired = at
            events.append(({"kind": "measure", "name": "co2", "value": float(row["S5_CO2"]), "at": at}, climate, at))
    return World(
        name="uci_room", place=1, zone=_ROOM_ZONE, topology=topology_of(1, _ROOM_ZONE, [space], [*pirs, climate]),
        spaces=[space], devices=[*pirs, climate], events=events, truth={1: truth}, scored=(1,), opened=_by_day(zone),
        first=truth[0][0], last=last, learnt=truth[0][0], every=MINUTE, unknown=gaps,
    )  # fmt: skip


def door() -> World:
    """The door: one counter that reports each half hour, fifteen weeks; two of them to learn from."""
    space = Space(id=1, place=1, parent=None, capacity=_DOOR_CAPACITY)
    counter = _device(1, "counter", space=None, rhythm=_HALF_HOUR, door_to=1, door=1)
    zone = ZoneInfo(_DOOR_ZONE)
    counts = [
        (_micros(datetime.fromisoformat(row["t"]), zone) + _HALF_HOUR, int(row["count_in"]), int(row["count_out"]))
        for row in _rows("uci_156_door.csv.gz")
    ]
    counts.sort()
    events: list[tuple[Event, Device | None, int]] = [
        ({"kind": "count", "entered": entered, "left": left, "at": at}, counter, at) for at, entered, left in counts
    ]
    nights = empty_nights(counts, zone)
    truth, unknown = balanced([one for one in counts if one[1] or one[2]], lulls(counts, zone))
    return World(
        name="uci_door", place=1, zone=_DOOR_ZONE, topology=topology_of(1, _DOOR_ZONE, [space], [counter]),
        spaces=[space], devices=[counter], events=events, truth={1: truth}, scored=(1,), opened=_but_in(nights),
        first=counts[0][0], last=counts[-1][0], learnt=counts[0][0] + 14 * DAY, every=_HALF_HOUR, unknown=unknown,
    )  # fmt: skip


def empty_nights(counts: Sequence[Change], zone: ZoneInfo) -> list[int]:
    """Return an instant of each night in which nobody passed from two to five, local time."""
    passed = [at for at, entered, left in counts if entered or left]
    found = []
    day = _local(counts[0][0], zone).date() + timedelta(days=1)
    while (middle := _micros(datetime.combine(day, _MIDDLE), zone)) < counts[-1][0]:
        index = bisect_left(passed, middle - _QUIET)
        if index == len(passed) or passed[index] > middle + _QUIET:
            found.append(middle)
        day += timedelta(days=1)
    return found


def lulls(counts: Sequence[Change], zone: ZoneInfo) -> list[int]:
    """Return the middle of each night's longest stretch without a passage; a night without a long one has none."""
    passed = [at for at, entered, left in counts if entered or left]
    found = []
    day = _local(counts[0][0], zone).date() + timedelta(days=1)
    while (end := _micros(datetime.combine(day, _NIGHT[1]), zone)) <= counts[-1][0]:
        start = _micros(datetime.combine(day - timedelta(days=1), _NIGHT[0]), zone)
        within = passed[bisect_right(passed, start) : bisect_right(passed, end)]
        quiet = [
            (after - before, before)
            for before, after in zip([start, *within], [*(at - _HALF_HOUR for at in within), end], strict=True)
        ]
        longest, since = max(quiet)
        if longest >= _LULL:
            found.append(since + longest // 2)
        day += timedelta(days=1)
    return found


def balanced(counts: Sequence[Change], nights: Sequence[int]) -> tuple[list[tuple[int, float]], list[tuple[int, int]]]:
    """Return how many were in between ``nights``, and when that isn't known: before the first and after the last.

    What is left over at the next night is taken back from the passages since the last, as evenly as can be without
    anybody less than nobody being in: by the greatest convex function of the passages that is nowhere above the sum.
    """
    steps: list[tuple[int, float]] = []
    for start, end in pairwise(nights):
        between = [one for one in counts if start < one[0] <= end]
        sums = [(0, 0)]
        for _, entered, left in between:
            sums.append((sums[-1][0] + entered + left, sums[-1][1] + entered - left))
        steps.append((start, 0))
        corners = _from_below(sums)
        for (at, _, _), (passed, net) in zip(between, sums[1:], strict=True):
            index = max(1, bisect_left(corners, passed, key=lambda corner: corner[0]))
            (p, before), (q, after) = corners[index - 1 : index + 1]
            steps.append((at, round(net - before - (after - before) * (passed - p) / (q - p))))
    return steps, [(0, nights[0]), (nights[-1], 2**63)]


def _from_below(points: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the corners of the convex hull of points on its lower side; they come from left to right."""
    corners: list[tuple[int, int]] = []
    for x, y in points:
        while len(corners) > 1:
            (p, low), (q, high) = corners[-2:]
            if (high - low) * (x - p) < (y - low) * (q - p):
                break
            corners.pop()
        corners.append((x, y))
    return corners


def _rows(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(_DATA / name, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _device(number: int, kind: str, *, space: int | None, rhythm: int, **door: int) -> Device:
    return Device(
        id=number, kind=kind, space=space, at_desk=False, side="in", door_from=None, door_to=door.get("door_to"),
        door=door.get("door"), expect_every=2 * rhythm,
    )  # fmt: skip


def _micros(local: datetime, zone: ZoneInfo) -> int:
    return round(local.replace(tzinfo=zone).timestamp()) * SECOND


def _local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at // SECOND, zone)


def _by_day(zone: ZoneInfo) -> Callable[[int], bool]:
    """The room's opening hours are not known: methods hear of none, and "closed" means the night."""
    return lambda at: _DARK[1] <= _local(at, zone).hour < _DARK[0]


def _but_in(nights: Sequence[int]) -> Callable[[int], bool]:
    """The door's neither: "closed" are those hours of empty nights in which nobody passed."""

    def opened(at: int) -> bool:
        index = bisect_left(nights, at - _QUIET)
        return index == len(nights) or nights[index] > at + _QUIET

    return opened
