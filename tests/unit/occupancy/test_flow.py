"""People in a space with a counter at its door, over days: closing, nights, faults."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from access.schedules import schedule_from_json
from occupancy.fold import PlaceFold
from occupancy.space import Estimate, SpaceFold
from occupancy.topology import Device, Gateway, Space, Topology

ZONE = ZoneInfo("Europe/Paris")
MINUTE = 60_000_000
COUNTER = Device(id=1, kind="counter", space=1, at_desk=False, side="in", door_from=None, door_to=1)
HOURS = schedule_from_json({one: [["08:00", "20:00"]] for one in ("mon", "tue", "wed", "thu", "fri")})
DAY = [("08:30", 4, 0), ("09:00", 6, 0), ("12:10", 0, 5), ("13:10", 5, 0), ("17:40", 0, 6), ("18:50", 0, 4)]


def at(day: int, clock: str) -> int:
    """A minute of June 2026; the 1st is a Monday."""
    hour, minute = map(int, clock.split(":"))
    return round(datetime(2026, 6, day, hour, minute, tzinfo=ZONE).timestamp()) * 1_000_000


def place() -> PlaceFold:
    space = Space(id=1, place=5, parent=None, capacity=20)
    gateway = Gateway(id=1, code="g1", place=5, place_code="gare", shard=7)
    topology = Topology.build([gateway], [space], [(1, "door", COUNTER)], {5: "Europe/Paris"}, hours={5: HOURS})
    return PlaceFold(5, topology)


def live(
    fold: PlaceFold, first: tuple[int, str], last: tuple[int, str], passages: list[tuple[str, int, int]] = DAY
) -> None:
    """Report every ten minutes, and what passes on each working day at its time, by the clock of the events."""
    start, end = at(*first), at(*last)
    seen = {at(day, clock): (i, o) for day in range(1, 31) for clock, i, o in passages if (day - 1) % 7 < 5}
    for now in sorted({*range(start, end, 10 * MINUTE), *(one for one in seen if start <= one < end)}):
        entered, left = seen.get(now, (0, 0))
        say(fold, now, entered, left)


def say(fold: PlaceFold, now: int, entered: int, left: int, **more: Any) -> None:
    fold.apply({"kind": "count", "entered": entered, "left": left, **more}, COUNTER, now)


def ask(fold: PlaceFold, day: int, clock: str) -> Estimate:
    return fold.estimates(at(day, clock))[1]


@pytest.fixture
def week() -> PlaceFold:
    """A place that has lived for a week, until Monday the 8th at 6."""
    fold = place()
    live(fold, (1, "06:00"), (8, "06:00"))
    return fold


def test_a_day_is_counted_and_the_night_is_empty(week: PlaceFold) -> None:
    live(week, (8, "06:00"), (8, "11:00"))
    noon = ask(week, 8, "11:00")
    assert (noon.low, noon.present, noon.quality) == (10, 10, "live") and noon.high in (11, 12)
    live(week, (8, "11:00"), (9, "02:00"))
    assert (ask(week, 9, "02:00").present, ask(week, 9, "02:00").quality) == (0, "live")


def test_people_whom_nobody_saw_leaving_are_gone_by_night(week: PlaceFold) -> None:
    passages = [("09:00", 12, 0), ("18:00", 0, 9)]
    live(week, (8, "06:00"), (8, "18:10"), passages)
    assert 0 < (ask(week, 8, "18:10").present or 0) <= 5
    live(week, (8, "18:10"), (8, "23:30"), passages)
    assert ask(week, 8, "23:30").present == 0


def test_people_beyond_closing_are_not_denied(week: PlaceFold) -> None:
    live(week, (8, "06:00"), (8, "21:00"), [*DAY, ("19:10", 15, 0)])
    evening = ask(week, 8, "21:00")
    assert evening.present is not None and evening.present >= 12
    live(week, (8, "21:00"), (8, "23:00"), [("21:30", 0, 15)])
    assert ask(week, 8, "23:00").present == 0


def test_a_lone_entry_at_night_is_possible_and_fades(week: PlaceFold) -> None:
    live(week, (8, "06:00"), (9, "02:00"))
    say(week, at(9, "02:00"), 1, 0)
    assert ask(week, 9, "02:02").high == 1
    for day in (9, 10, 11):  # nobody is ever seen leaving after it: a cat
        live(week, (day, "02:10"), (day + 1, "02:00"))
        say(week, at(day + 1, "02:00"), 1, 0)
    live(week, (12, "02:10"), (12, "05:00"))
    assert (ask(week, 12, "05:00").present, ask(week, 12, "05:00").high) == (0, 1)


def test_a_counter_that_falls_silent_widens_is_unknown_and_loses_people_when_it_is_back(week: PlaceFold) -> None:
    live(week, (8, "06:00"), (8, "10:00"))
    before = ask(week, 8, "10:00")
    later = ask(week, 8, "13:00")
    assert before.quality == "live" and later.quality == "degraded"
    assert later.high - later.low > before.high - before.low + 3  # type: ignore[operator]
    assert ask(week, 8, "18:30").quality == "unknown"
    live(week, (8, "13:00"), (8, "13:30"), [])
    back = ask(week, 8, "13:30")
    assert back.quality == "degraded" and back.high - back.low > 3  # type: ignore[operator]


def test_a_lost_report_is_healed_by_the_totals(week: PlaceFold) -> None:
    live(week, (8, "06:00"), (8, "09:00"), [])
    say(week, at(8, "09:00"), 2, 0, entered_total=102, left_total=100)
    say(week, at(8, "10:20"), 1, 0, entered_total=110, left_total=103)
    assert ask(week, 8, "10:21").present == 7, "two, and eight in and three out since"


def test_a_report_of_65500_people_is_left_out_and_named(week: PlaceFold) -> None:
    live(week, (8, "06:00"), (8, "10:00"))
    say(week, at(8, "10:00"), 65_500, 0)
    after = ask(week, 8, "10:01")
    assert after.present == 10 and "absurd" in after.faults


def test_a_counter_that_looks_the_wrong_way_is_found_in_the_first_morning() -> None:
    fold = place()
    turned = [(clock, left, entered) for clock, entered, left in DAY]
    live(fold, (1, "06:00"), (1, "11:00"), turned)
    morning = ask(fold, 1, "11:00")
    assert morning.present is not None and 9 <= morning.present <= 12 and "swapped" in morning.faults


def test_it_goes_on_alike_when_it_was_stored(week: PlaceFold) -> None:
    live(week, (8, "06:00"), (8, "12:15"))
    week.settle()
    fold = week.spaces[1]
    stored = SpaceFold.from_json(json.loads(fold.to_json()), at=fold.at, estimate=fold.estimate, revision=1)
    again = PlaceFold(5, week._topology, {1: stored})
    asked = ask(week, 8, "12:20")
    for one in (week, again):
        live(one, (8, "12:20"), (9, "10:00"))
    assert again.spaces[1].to_json() == week.spaces[1].to_json()
    assert asked.present == 5


def evening(fold: PlaceFold, day: int, *, missed: int) -> None:
    """Forty come and leave one by one, half of them after closing; the counter misses the last so many."""
    live(fold, (day, "06:00"), (day, "09:00"), [])
    for number in range(40):
        say(fold, at(day, "09:00") + number * MINUTE, 1, 0)
    for number in range(40 - missed):
        say(fold, at(day, "19:40") + number * MINUTE, 0, 1)
    live(fold, (day, "20:30"), (day, "23:50"), [])


def test_who_leaves_after_closing_leaves_nobody_behind() -> None:
    fold = place()
    for day in (1, 2, 3, 4, 5, 8, 9):
        evening(fold, day, missed=2)
        if day in (8, 9):
            late = ask(fold, day, "21:00")
            assert late.present == 0 and late.high is not None and late.high <= 2, f"on the {day}th: {late}"


def test_a_balanced_day_teaches_how_soon_people_leave_after_closing() -> None:
    fold = place()
    for day in (1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 15, 16):
        evening(fold, day, missed=8)
    live(fold, (17, "06:00"), (17, "09:00"), [])
    rate = fold.spaces[1].habits.rates[24]  # the first half hour after closing
    assert rate > 5.5, "twenty leave in it, each after ten minutes; in the evening eight more were believed to be in"
