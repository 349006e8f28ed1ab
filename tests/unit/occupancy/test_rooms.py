"""Somebody or nobody, by motion sensors that lose who sits still and see what isn't there."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from occupancy.fold import PlaceFold
from occupancy.hours import HOUR
from occupancy.rooms import Rooms
from occupancy.space import SpaceFold
from occupancy.staleness import SECOND
from occupancy.topology import Gateway, Space, Topology
from tests.unit.occupancy.test_bad_input import DAY, MINUTE, MONDAY, NOON, OFFICE
from tests.unit.topology import device

PIR = device(20, "presence_sensor", space=2)
OTHER = device(21, "presence_sensor", space=2)
ROOM = Space(id=2, place=1, parent=1, capacity=4)
NIGHT = MONDAY + 2 * HOUR
ELEVEN = 12
"""A bin of open hours."""


def house(spaces: dict[int, SpaceFold] | None = None) -> PlaceFold:
    gateway = Gateway(id=1, code="g", place=1, place_code="p", shard=0)
    rows = [(1, str(one.id), one) for one in (PIR, OTHER)]
    root = Space(id=1, place=1, parent=None, capacity=20)
    topology = Topology.build([gateway], [root, ROOM], rows, {1: "Europe/Paris"}, hours={1: OFFICE})
    return PlaceFold(1, topology, spaces)


def say(made: PlaceFold, at: int, occupied: bool | None, pir: Any = PIR) -> None:
    made.apply({"kind": "desk", "device": str(pir.id), "occupied": occupied, "at": at}, pir, at)
    made.settle()


def moved(room: Rooms, at: int, *, seen_s: float = 60, bin_: int = ELEVEN) -> int:
    """One who is seen from ``at`` for so long; return until when."""
    room.said(20, at, bin_, occupied=True)
    end = at + int(seen_s * SECOND)
    room.said(20, end, bin_, occupied=False)
    return end


def somebody(made: PlaceFold, now: int) -> bool:
    present = made.estimates(now)[2].present
    assert present is not None
    return present > 0


def test_a_single_movement_at_night_is_nobody_until_a_second_one() -> None:
    made = house()
    say(made, NIGHT - HOUR, occupied=False)
    say(made, NIGHT, occupied=True)
    assert not somebody(made, NIGHT + MINUTE)
    made.look(NIGHT + HOUR)
    published = [(change.at - NIGHT, bool(change.estimate.present)) for change in made.changes if change.space == 2]
    assert somebody(made, NIGHT + 2 * MINUTE)
    assert [said for _, said in published][-1]
    assert 60 * SECOND < published[-1][0] <= 2 * MINUTE, "as soon as it has outlasted the hold time, without an event"
    ended = house()
    for at, occupied in ((NIGHT - HOUR, False), (NIGHT, True), (NIGHT + MINUTE, False)):
        say(ended, at, occupied=occupied)
        assert not somebody(ended, at + SECOND)


def test_who_sits_still_keeps_the_room_for_as_long_as_its_pauses_are() -> None:
    """One room's people move each six minutes, the other's each minute: after three minutes only the first is taken."""
    kept = {}
    for pause in (6, 1):
        room = Rooms()
        at = NOON
        for _ in range(40):
            at = moved(room, at, seen_s=90) + pause * MINUTE
        last = room.since
        assert room.pause == pytest.approx(pause * MINUTE, rel=0.3)
        kept[pause] = [room.says(room.chance(last + minutes * MINUTE, ())) for minutes in (5, 60)]
    assert kept == {6: [True, False], 1: [False, False]}


def test_false_movements_and_the_hours_at_which_people_come_are_learned() -> None:
    """A month of one false movement each evening and of a meeting each morning at ten."""
    room = Rooms()
    for day in range(28):
        at = MONDAY + day * DAY + 9 * HOUR
        for _ in range(12):
            at = moved(room, at, seen_s=240, bin_=10) + MINUTE
        moved(room, MONDAY + day * DAY + 18 * HOUR, bin_=19)
    assert room.hold == pytest.approx(60 * SECOND, rel=0.05)
    assert 0.7 < room.false / room.days < 1.1
    assert sum(room.coming) / room.days == pytest.approx(1, rel=0.3)
    start = MONDAY + 28 * DAY
    chances = {}
    for hour in (10, 19):
        again = Rooms.from_json(json.loads(json.dumps(room.to_json())))
        again.said(20, start + (hour - 1) * HOUR, hour, occupied=True)
        chances[hour] = again.chance(start + (hour - 1) * HOUR, ())
    assert chances[10] > 0.8
    assert chances[19] < 0.5


def test_the_word_changes_once_however_often_it_is_asked_and_whenever_it_is_stored() -> None:
    asked, seldom = house(), house()
    for made in (asked, seldom):
        say(made, NOON, occupied=False)
    words = []
    for minute in range(1, 90):
        now = NOON + minute * MINUTE
        occupied = minute % 10 < 8 and minute < 40
        said = [asked, seldom]
        for made in said:
            say(made, now, occupied=occupied)
        for second in range(0, 60, 20):
            asked.estimates(now + second * SECOND)
        stored = {
            space: SpaceFold.from_json(json.loads(fold.to_json()), at=fold.at, estimate=fold.estimate, revision=0)
            for space, fold in asked.spaces.items()
        }
        asked = house(stored)
        assert asked.estimates(now) == seldom.estimates(now)
        words.append(somebody(seldom, now))
    assert words == [False] * 2 + [True] * 41 + [False] * 46, "pauses of two minutes change nothing, the last one does"
    seldom.look(NOON + 3 * HOUR)
    published = [bool(change.estimate.present) for change in seldom.changes if change.space == 2]
    assert sum(before != after for before, after in pairwise(published)) == 2


def test_of_a_sensor_that_died_while_it_saw_somebody_nothing_is_believed() -> None:
    made = house()
    for pir in (PIR, OTHER):
        say(made, NOON - HOUR, occupied=False, pir=pir)
    say(made, NOON, occupied=True)
    assert somebody(made, NOON + 2 * MINUTE)
    made.apply({"kind": "device", "device": "20", "what": "link", "value": 0, "at": NOON + HOUR}, PIR, NOON + HOUR)
    say(made, NOON + HOUR, occupied=None, pir=OTHER)
    say(made, NOON + HOUR + MINUTE, occupied=False, pir=OTHER)
    one = made.estimates(NOON + 2 * HOUR)[2]
    assert (one.present, one.high) == (0, 0)
