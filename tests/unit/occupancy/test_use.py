"""At which hours a place is used, learned from the signs of people; what that does to its numbers."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from occupancy.fold import PlaceFold
from occupancy.hours import CLOSED, NIGHT, Calendar
from occupancy.rows import numbers_of
from occupancy.seats import Seats
from occupancy.space import SpaceFold
from occupancy.topology import Device, Gateway, Space, Topology
from occupancy.use import Use

ZONE: Final = ZoneInfo("Europe/Paris")
MONDAY: Final = datetime(2026, 3, 2, tzinfo=ZONE)
CALENDAR: Final = Calendar(ZONE, None)
COUNTER: Final = Device(id=1, kind="counter", space=1, at_desk=False, side="in", door_from=None, door_to=1)


def at(day: int, hour: float) -> int:
    """An instant of local time, ``day`` days after a Monday; the clocks change in the night of day 26."""
    return round((MONDAY + timedelta(days=day, hours=hour)).timestamp()) * 1_000_000


def hours(*days: int, first: int, last: int) -> set[int]:
    return {day * 24 + hour for day in days for hour in range(first, last)}


def week(use: Use, days: range, *, first: float = 8.5, last: float = 18.5) -> None:
    """Two people come in the morning; one goes out at noon and comes back, both leave in the evening."""
    for day in days:
        if day % 7 < 5:
            use.sign(ZONE, at(day, first), came=2, left=0)
            use.sign(ZONE, at(day, 12.5), came=0, left=1)
            use.sign(ZONE, at(day, 13.5), came=1, left=0)
            use.sign(ZONE, at(day, last), came=0, left=2)


def test_a_place_that_has_shown_nothing_is_open_but_at_night() -> None:
    assert Use().closed() == NIGHT
    assert Use().off(CALENDAR, at(6, 15)) == 0


@pytest.mark.parametrize(("first", "last"), [(8.5, 18.5), (13.5, 23.5)])
def test_after_two_weeks_the_hours_of_use_are_known(first: float, last: float) -> None:
    use = Use()
    for day in range(15):
        if day % 7 < 5:
            use.sign(ZONE, at(day, first), came=3, left=0)
            use.sign(ZONE, at(day, first + 4), came=0, left=1)
            use.sign(ZONE, at(day, last), came=0, left=2)
    closed = use.closed()
    assert not closed & hours(*range(5), first=int(first), last=int(last) + 1)  # nobody moved in between: they were in
    assert closed >= hours(*range(5), first=0, last=int(first)) - hours(0, first=0, last=1)
    assert closed >= hours(5, 6, first=0, last=24)


def test_hours_before_somebody_leaves_are_used_and_those_of_a_night_are_not() -> None:
    use = Use()
    use.sign(ZONE, at(0, 9), came=1, left=0)
    use.sign(ZONE, at(0, 16), came=0, left=1)
    assert [use.used[hour] for hour in (10, 15, 16)] == [1, 1, 1]
    use.sign(ZONE, at(1, 7), came=0, left=1)  # who came in unseen: not in since yesterday
    assert [use.used[hour] for hour in (17, 23, 24 + 6)] == [0, 0, 0]
    assert use.used[24 + 7] == 1


def test_a_lone_night_worker_opens_no_house_of_hundreds_but_the_house_of_one() -> None:
    for crowd, alone in ((200, True), (0, False)):
        use = Use()
        for day in range(21):
            if crowd:
                for hour in range(9, 18):
                    use.sign(ZONE, at(day, hour), came=crowd, left=crowd)
            use.sign(ZONE, at(day, 22), came=1, left=0)
            use.sign(ZONE, at(day, 27), came=0, left=1)
        assert (24 + 23 in use.closed()) is alone


def test_a_closure_of_weeks_says_nothing_of_the_hours() -> None:
    use = Use()
    week(use, range(14))
    before = use.closed()
    use.sign(ZONE, at(49, 8.5), came=1, left=0)
    assert use.closed() == before


def test_a_day_on_which_nobody_comes_is_off_the_later_the_likelier() -> None:
    use = Use()
    week(use, range(21))
    assert use.off(CALENDAR, at(20, 15)) > 0.9  # a Sunday
    monday = [use.off(CALENDAR, at(21, hour)) for hour in (7, 9, 11, 13)]
    assert monday == sorted(monday)
    assert monday[0] < 0.2
    assert monday[-1] > 0.5
    use.sign(ZONE, at(21, 13.2), came=1, left=0)
    assert use.off(CALENDAR, at(21, 13.4)) == 0
    assert use.off(CALENDAR, at(22, 7)) < 0.2
    assert use.off(CALENDAR, at(24, 7)) >= 0.5  # nobody came on two working days: a closed week


def test_what_is_stored_goes_on_alike() -> None:
    use = Use()
    week(use, range(10))
    again = Use.from_json(json.loads(json.dumps(use.to_json())))
    for one in (use, again):
        week(one, range(10, 40))
    assert again.to_json() == use.to_json()
    assert again.closed() == use.closed()
    assert again.unused == use.unused != NIGHT


def test_the_stored_text_is_that_of_the_values_after_each_sign() -> None:
    use = Use()
    for day in range(16):
        for hour in range(0, 24, 1 + day % 3):  # the first and the last hour of the week too, and signs within one
            for minute in (5, 40):
                use.sign(ZONE, at(day, hour + minute / 60), came=hour % 3, left=1 + minute % 2)
                assert json.loads(use.text()) == use.to_json()
    assert {0, 167} <= {hour for hour, people in enumerate(use.people) if people}
    assert len(use.text()) < 168 * 3 * 7 + 300  # it is written with each event of the place


def test_a_calendar_of_learned_hours_over_the_change_of_clocks() -> None:
    calendar = Calendar(ZONE, None)
    assert not calendar.closed(at(27, 8))
    assert calendar.learned(frozenset(hours(*range(7), first=0, last=9) | hours(*range(7), first=21, last=24)))
    assert [calendar.piece(at(27, hour))[2] for hour in (9, 20, 21, 22, 23, 24, 26, 32)] == [
        9, 20, CLOSED + 1, CLOSED + 1, CLOSED + 2, CLOSED + 2, CLOSED + 3, CLOSED + 3,
    ]  # fmt: skip
    assert sum(hour for _, hour in calendar.pieces(at(26, 0), at(28, 0))) == 47


def place() -> PlaceFold:
    space = Space(id=1, place=5, parent=None, capacity=20)
    gateway = Gateway(id=1, code="g1", place=5, place_code="gare", shard=7)
    return PlaceFold(5, Topology.build([gateway], [space], [(1, "door", COUNTER)], {5: "Europe/Paris"}))


def lived(fold: PlaceFold, first: int, last: int, *, unseen: int = 0) -> PlaceFold:
    """Of each working day ten come at nine and leave in the afternoon, all but ``unseen``, by steps of ten minutes."""
    passages = {54: (10, 0), 105: (0, 5), 108: (0, 5 - unseen)}
    for step in range(first * 6, last * 6):
        day, minute = divmod(step, 144)
        came, left = passages.get(minute, (0, 0)) if day % 7 < 5 else (0, 0)
        fold.apply({"kind": "count", "entered": came, "left": left}, COUNTER, at(day, minute / 6))
    return fold


def test_without_known_hours_an_evening_is_empty_once_the_place_has_shown_its_own() -> None:
    first, later = lived(place(), 0, 16, unseen=2), lived(place(), 0, 14 * 24)
    assert first.estimates(at(0, 16))[1].present == 10
    lived(first, 16, 22, unseen=2)
    lived(later, 14 * 24, 14 * 24 + 22, unseen=2)
    assert first.estimates(at(0, 22))[1].present != 0
    assert later.estimates(at(14, 22))[1].present == 0


def test_the_learned_hours_are_stored_with_the_root() -> None:
    fold = lived(place(), 0, 9 * 24)
    root = fold.spaces[1]
    text = root.to_json()
    again = SpaceFold.from_json(json.loads(text), at=root.at, estimate=root.estimate, revision=0)
    assert again.to_json() == text
    other = PlaceFold(5, fold._topology, {1: again})
    assert other.estimates(at(9, 3)) == fold.estimates(at(9, 3))


def test_what_version_6_stored_is_read_and_goes_on_alike() -> None:
    fold = lived(place(), 0, 9 * 24 + 11)
    root = fold.spaces[1]
    text = root.to_json()
    stored = json.loads(text)
    for row in (*stored["use"][6:], *stored["habits"], *(path[2] for path in stored["flow"]["paths"])):
        assert len(numbers_of(row)) > 1
    six = stored | {"v": 6, "habits": [numbers_of(row) for row in stored["habits"]]}
    six["use"] = [*stored["use"][:6], *map(numbers_of, stored["use"][6:])]
    six["flow"] = {**stored["flow"], "paths": [[w, low, numbers_of(row)] for w, low, row in stored["flow"]["paths"]]}
    again = SpaceFold.from_json(six, at=root.at, estimate=root.estimate, revision=0)
    assert again.to_json() == text


def test_seats_without_a_sensor_are_empty_on_a_day_off() -> None:
    seats = Seats()
    for _ in range(60):
        seats.said(1, at(0, 10), 0.0, occupied=True)
        seats.note_usual(11, [1, 2, 3, 4, 5, 6])
    seats.said(1, at(0, 12), 0.0, occupied=False)
    asked = {"now": at(6, 11), "risk": 90.0, "bin_": 11, "silent": {}, "nested": False}
    usual, _ = seats.counts(range(1, 7), 12, **asked)  # type: ignore[arg-type]
    off, _ = seats.counts(range(1, 7), 12, off=0.95, **asked)  # type: ignore[arg-type]
    assert usual.chance(0) < 0.6
    assert off.chance(0) > 0.95


def test_a_working_day_on_which_nobody_came_leaves_unwatched_seats_empty() -> None:
    space = Space(id=1, place=5, parent=None, capacity=16, seats=16)
    desks = [Device(id=one, kind="desk_sensor", space=1, at_desk=True, side="in", door_from=None, door_to=None)
             for one in range(1, 4)]  # fmt: skip
    gateway = Gateway(id=1, code="g1", place=5, place_code="gare", shard=7)
    coded = [(1, f"d{one.id}", one) for one in desks]
    fold = PlaceFold(5, Topology.build([gateway], [space], coded, {5: "Europe/Paris"}))
    for day in range(22):
        for hour in range(24):
            for one in desks:
                taken = day % 7 < 5 and day < 21 and 9 <= hour < 18 and one.id < 3
                fold.apply({"kind": "desk", "occupied": taken}, one, at(day, hour))
            if (day, hour) in ((14, 12), (21, 14)):
                counts = fold.distributions(at(day, hour))[1]
                assert counts is not None
                assert counts.chance(0) > 0.9 if day == 21 else counts.mean > 5
