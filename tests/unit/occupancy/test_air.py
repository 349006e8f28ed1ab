"""People by the CO2 that they breathe out: by hand-made air, which follows the mass balance exactly."""

from __future__ import annotations

import json
from dataclasses import replace
from math import exp
from typing import Any

import pytest

from access.schedules import Period, Schedule
from occupancy.air import Sensor
from occupancy.fold import PlaceFold
from occupancy.hours import HOUR
from occupancy.learned_air import Learned, inverse
from occupancy.space import UNKNOWN, SpaceFold
from occupancy.topology import Gateway, Space, Topology
from tests.unit.topology import device

MINUTE = HOUR // 60
SUNDAY = 1_790_460_000_000_000  # 27 September 2026, 00:00 in Paris
OFFICE = Schedule(days=((Period(start_min=480, end_min=1200),),) * 5 + ((), ()))
AIR = replace(device(1, "climate", space=1), expect_every=HOUR // 2)
DOOR = replace(device(2, "counter", space=1), expect_every=HOUR)
GAIN, CHANGE, OUTSIDE = 30.0, 0.8, 410.0
"""The air of the room: ppm an hour for each person, air changes an hour, ppm outside, by this sensor."""


class Room:
    """A place of 24 people with a CO2 sensor that is read every ten minutes, and maybe a counter."""

    def __init__(self, *devices: Any) -> None:
        gateway = Gateway(id=1, code="g", place=1, place_code="p", shard=0)
        spaces = [Space(id=1, place=1, parent=None, capacity=24)]
        rows = [(1, f"d{one.id}", one) for one in devices]
        self.topology = Topology.build([gateway], spaces, rows, {1: "Europe/Paris"}, hours={1: OFFICE})
        self.fold = PlaceFold(1, self.topology)
        self.now, self.ppm = SUNDAY, OUTSIDE
        self.counts = DOOR in devices

    def passes(self, entered: int, left: int = 0) -> None:
        event = {"kind": "count", "entered": entered, "left": left, "at": self.now}
        self.fold.apply(event, DOOR, self.now)

    def breathe(self, hours: float, people: int, change: float = CHANGE) -> None:
        for _ in range(round(hours * 6)):
            steady = OUTSIDE + people * GAIN / change
            self.ppm = steady + (self.ppm - steady) * exp(-change / 6)
            self.now += 10 * MINUTE
            if self.counts:
                self.passes(0)
            event = {"kind": "measure", "name": "co2", "value": round(self.ppm), "at": self.now}
            self.fold.apply(event, AIR, self.now)

    def days(self, number: int) -> None:
        """Sunday passes, then working days of 10 people, whose counter sees all."""
        self.breathe(24, 0)
        for _ in range(number):
            self.breathe(9, 0)
            if self.counts:
                self.passes(10)
            self.breathe(8, 10)
            if self.counts:
                self.passes(0, 10)
            self.breathe(7, 0)

    @property
    def sensor(self) -> Sensor:
        return self.fold.spaces[1].air[1]

    @property
    def says(self) -> tuple[float, float] | None:
        closed = not 8 <= (self.now - SUNDAY) / HOUR % 24 < 20
        return self.sensor.people(self.now, closed=closed, holds=24, counted=self.counts)


def test_what_one_person_adds_and_how_fast_the_air_is_changed_is_learned() -> None:
    room = Room(AIR, DOOR)
    room.days(4)
    gain, opened, closed = room.sensor.learned.values
    assert gain == pytest.approx(GAIN, rel=0.15)
    assert opened == pytest.approx(CHANGE, rel=0.15)
    assert closed == pytest.approx(CHANGE, rel=0.15)
    assert room.sensor.outside == pytest.approx(OUTSIDE, abs=3)
    room.breathe(9, 0)
    room.breathe(3, 6)  # nobody counted them
    assert room.says is not None
    assert room.says[0] == pytest.approx(6, abs=2)


def test_air_that_is_that_of_outside_takes_the_last_people_of_a_counter_away() -> None:
    with_air, without = Room(AIR, DOOR), Room(DOOR)
    for room in (with_air, without):
        room.days(2)
        room.breathe(9, 0)
        room.passes(10)
        room.breathe(8, 10)
        room.passes(0, 7)  # it missed three
        if room is with_air:
            room.breathe(6, 0)
        else:
            for _ in range(36):
                room.now += 10 * MINUTE
                room.passes(0)
    chances = [room.fold.distributions(room.now)[1].chance(0) for room in (with_air, without)]  # type: ignore[union-attr]
    assert chances[0] > 0.95
    assert chances[0] > chances[1]


def test_co2_alone_is_never_live_nor_known_on_the_first_day() -> None:
    room = Room(AIR)
    room.breathe(20, 0)
    assert room.fold.estimates(room.now)[1] == UNKNOWN
    room.breathe(4 + 9, 0)
    assert room.fold.estimates(room.now)[1].quality == "degraded"
    room.breathe(2, 12)
    some = room.fold.estimates(room.now)[1]
    assert some.quality == "degraded"
    assert some.low is not None
    assert some.low > 0
    assert [one.kind for one in room.fold.explain(1, room.now)] == ["air"]


def test_an_open_window_is_not_people_who_leave() -> None:
    room = Room(AIR)
    room.days(2)
    room.breathe(9, 0)
    room.breathe(4, 10)
    assert room.says is not None
    room.breathe(0.5, 10, change=6.0)
    assert room.says is None


def test_a_sensor_that_repeats_itself_or_reads_what_cannot_be_says_nothing() -> None:
    room = Room(AIR)
    room.days(1)
    room.breathe(9, 0)
    room.breathe(4, 10)
    for value in (0.0, 65_535.0, float("nan"), -400.0):
        before = room.sensor.to_json()
        room.fold.apply({"kind": "measure", "name": "co2", "value": value}, AIR, room.now + 5 * MINUTE)
        assert room.sensor.to_json() == before
    for n in range(25):
        at = room.now + (n + 1) * 10 * MINUTE
        room.fold.apply({"kind": "measure", "name": "co2", "value": 900.0, "at": at}, AIR, at)
    end = room.now + 25 * 10 * MINUTE
    assert room.fold.estimates(end)[1].faults == ("frozen",)
    assert room.fold.estimates(end)[1].present is None


def test_a_silent_sensor_and_one_that_was_moved_say_nothing() -> None:
    room = Room(AIR)
    room.days(1)
    assert room.fold.estimates(room.now)[1].present == 0
    assert room.fold.estimates(room.now + 3 * HOUR)[1].present is None
    moved = Room(replace(AIR, space=None))
    moved.fold = PlaceFold(1, moved.topology, room.fold.spaces)
    assert moved.fold.estimates(room.now)[1].present is None


def test_a_stored_state_goes_on_alike() -> None:
    room = Room(AIR, DOOR)
    room.days(2)
    room.breathe(10, 0)
    fold = room.fold.spaces[1]
    again = Room(AIR, DOOR)
    stored = json.loads(fold.to_json())
    read = SpaceFold.from_json(stored, at=fold.at, estimate=fold.estimate, revision=0)
    again.fold = PlaceFold(1, again.topology, {1: read})
    again.now, again.ppm = room.now, room.ppm
    for one in (room, again):
        one.passes(4)
        one.breathe(2, 4)
    assert again.fold.spaces[1].to_json() == room.fold.spaces[1].to_json()
    assert again.fold.estimates(room.now) == room.fold.estimates(room.now)


def test_the_gain_stays_within_what_a_room_can_have() -> None:
    learned = Learned(20)
    for _ in range(200):
        learned.lesson(0.0, (10.0, -50.0, 0.0), 0.0)  # as with a fan: the air is always the same
    assert learned.values[0] >= 0.5 * learned.usual
    assert 10.0 * learned.values[0] == pytest.approx(50.0 * learned.values[1], rel=0.1)


def test_the_inverse_by_hand() -> None:
    assert inverse([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 4.0]]) == [
        [pytest.approx(2 / 3), pytest.approx(-1 / 3), 0.0],
        [pytest.approx(-1 / 3), pytest.approx(2 / 3), 0.0],
        [0.0, 0.0, pytest.approx(0.25)],
    ]
    assert inverse([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]) is None
