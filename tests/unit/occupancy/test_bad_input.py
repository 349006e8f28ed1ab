"""What devices and people say that cannot be, or that should make a number less sure."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest

from access.schedules import Period, Schedule
from occupancy.fold import PlaceFold
from occupancy.hours import HOUR
from occupancy.space import UNKNOWN, Estimate
from occupancy.staleness import SECOND
from occupancy.topology import Device, Gateway, Space, Topology
from tests.unit.topology import device

MONDAY = 1_790_550_000 * SECOND
"""28 September 2026, 01:00 in Paris."""
DAY = 24 * HOUR
MINUTE = HOUR // 60
OFFICE = Schedule(days=((Period(start_min=480, end_min=1200),),) * 5 + ((), ()))
COUNTER = {"counter": device(1, "counter", space=1)}
DESKS = {f"desk-{n}": device(10 + n, "desk_sensor", space=1) for n in range(14)}
READERS = {"in": device(2, "reader", door=(None, 1)), "out": device(3, "reader", door=(None, 1), side="out")}
Said = tuple[int, dict[str, Any]]


def place(
    devices: dict[str, Device], said: list[Said], *, capacity: int | None = 20, more: tuple[Space, ...] = ()
) -> Any:
    spaces = [Space(id=1, place=1, parent=None, capacity=capacity), *more]
    gateway = Gateway(id=1, code="g", place=1, place_code="p", shard=0)
    rows = [(1, code, one) for code, one in devices.items()]
    made = PlaceFold(1, Topology.build([gateway], spaces, rows, {1: "Europe/Paris"}, hours={1: OFFICE}))
    for at, event in said:
        made.apply({**event, "at": at}, devices.get(event.get("device", "")), at)
    made.settle()
    return made


def count(entered: int | None = None, left: int | None = None, **more: Any) -> dict[str, Any]:
    return {"kind": "count", "device": "counter", "entered": entered, "left": left, **more}


def badge(side: str, member: str) -> dict[str, Any]:
    return {"kind": "access", "device": side, "decision": "granted", "member": member, "awaits": False}


def desk(name: str, *, occupied: bool) -> dict[str, Any]:
    return {"kind": "desk", "device": name, "occupied": occupied}


def office_days(days: int, *, skip: range = range(0)) -> list[Said]:
    """Eight people come after nine and leave after five on working days; nothing else is reported."""
    out: list[Said] = []
    for day in range(days):
        if day % 7 < 5 and day not in skip:
            start = MONDAY + day * DAY
            out += [(start + 8 * HOUR + n * 9 * MINUTE, count(1, 0)) for n in range(8)]
            out += [(start + 16 * HOUR + n * 9 * MINUTE, count(0, 1)) for n in range(8)]
    return out


MORNING: list[Said] = [(MONDAY + 8 * HOUR + n * MINUTE, count(1, 0)) for n in range(5)]
NOON = MONDAY + 11 * HOUR


@pytest.mark.parametrize("report", [count(65_500, 0), count(0, 65_500), count(-300, 0), count(0, -5), count(9, -9)])
def test_an_absurd_report_changes_no_number_and_is_said(report: dict[str, Any]) -> None:
    before = place(COUNTER, MORNING).estimates(NOON)[1]
    after = place(COUNTER, [*MORNING, (NOON - MINUTE, report)]).estimates(NOON)[1]
    assert (after.present, after.low, after.high) == (before.present, before.low, before.high)
    assert "absurd" in after.faults


@pytest.mark.parametrize("total", [65_534, 4_294_967_294, 100])
def test_totals_that_wrap_or_begin_anew_count_what_passed(total: int) -> None:
    """From 65,534 two more come: 0. A counter that was switched off begins at 1 with the one who came."""
    new = 1 if total == 100 else 0
    said = [
        (NOON - 3 * MINUTE, count(0, 0, entered_total=total, left_total=50)),
        (NOON - 2 * MINUTE, count(2 - new, 0, entered_total=new, left_total=50 - 50 * new)),
    ]
    assert place(COUNTER, said).estimates(NOON)[1].present == 2 - new


@pytest.mark.parametrize("heads", [65_500, -3])
def test_a_sensor_of_heads_that_says_what_cannot_be_is_not_believed(heads: int) -> None:
    one = place(COUNTER, [(NOON, {"kind": "count", "device": "counter", "present": heads})]).estimates(NOON)[1]
    assert one == UNKNOWN
    assert one.faults == ("absurd",)


@pytest.mark.parametrize(("skip", "first"), [(range(0), 14), (range(7, 14), 21)], ids=["weekend", "closed week"])
def test_a_counter_that_died_is_not_live_on_working_days(skip: range, first: int) -> None:
    """It reports only passages; the longest gap was a weekend, or a closed week. It dies in the night to Tuesday."""
    made = place(COUNTER, office_days(first + 1, skip=skip))
    tuesday = MONDAY + (first + 1) * DAY
    assert made.estimates(tuesday - HOUR)[1].quality == "live"
    for hours in (11, 14, 34, 38, 58, 62):
        assert made.estimates(tuesday + hours * HOUR)[1].quality != "live", hours
    assert made.estimates(tuesday + 48 * HOUR)[1].faults == ("silent",)


def test_a_counter_that_lives_stays_live_over_a_weekend() -> None:
    made = place(COUNTER, office_days(19))
    saturday = MONDAY + 19 * DAY
    for hours in (0, 12, 24):
        assert made.estimates(saturday + hours * HOUR)[1] == Estimate(present=0, low=0, high=0, quality="live")


@pytest.mark.parametrize("capacity", [0, None])
def test_a_capacity_of_nothing_or_unknown(capacity: int | None) -> None:
    one = place(COUNTER, MORNING, capacity=capacity).estimates(NOON)[1]
    assert one.present == 5
    room = {"room": device(5, "presence_sensor", space=1)}
    seen = place(room, [(NOON, {"kind": "desk", "device": "room", "occupied": True})], capacity=capacity)
    assert seen.estimates(NOON)[1].low == 1


def test_a_space_without_any_sensor_is_unknown_and_not_zero() -> None:
    more = (Space(id=2, place=1, parent=1, capacity=6),)
    made = place(COUNTER, MORNING, more=more).estimates(NOON)
    assert made[2] == UNKNOWN
    assert made[1].present == 5


def test_two_sources_that_disagree_for_hours_widen_and_it_is_said() -> None:
    start = MONDAY + 9 * HOUR
    said = [(start + n, desk(f"desk-{n}", occupied=n < 12)) for n in range(14)]
    said += [(start + 20 + n, badge("in", f"m-{n}")) for n in range(2)]
    made = place(DESKS | READERS, said)
    for hours in (0, 1, 2):
        one = made.estimates(start + MINUTE + hours * HOUR)[1]
        assert one.low is not None
        assert one.high is not None
        assert one.low <= 3
        assert one.high >= 11
        assert one.quality == "degraded"
        assert one.faults == ("disagreeing",)


def test_sources_that_agree_do_not_disagree() -> None:
    start = MONDAY + 9 * HOUR
    said = [(start + n, desk(f"desk-{n}", occupied=n < 5)) for n in range(14)]
    said += [(start + 20 + n, badge("in", f"m-{n}")) for n in range(5)]
    one = place(DESKS | READERS, said).estimates(start + HOUR)[1]
    assert one == Estimate(present=5, low=5, high=5, quality="live") or (one.low, one.high) <= (5, 7)
    assert one.faults == ()


def test_people_on_a_closed_day_count_and_it_is_said() -> None:
    sunday = MONDAY + 6 * DAY + 9 * HOUR
    said = [(sunday + n * 6 * MINUTE, count(1, 0)) for n in range(4)]
    one = place(COUNTER, said).estimates(sunday + HOUR)[1]
    assert one.present == 4
    assert "closed" in one.faults
    assert "closed" not in place(COUNTER, MORNING).estimates(NOON)[1].faults


@pytest.mark.parametrize("devices", [COUNTER, DESKS, READERS], ids=["counter", "desks", "badges"])
def test_a_head_count_of_500_is_survived(devices: dict[str, Device]) -> None:
    said = [(NOON - 2 * MINUTE, {"kind": "head_count", "space": 1, "present": 500}), (NOON, count(0, 1))]
    made = place(devices, [*MORNING, *said])
    for hours in (0, 1, 30):
        one = made.estimates(NOON + hours * HOUR)[1]
        assert one.quality == "unknown" or 0 <= (one.low or 0) <= (one.present or 0) <= (one.high or 0)
    assert made.estimates(NOON + 72 * HOUR)[1].present in (0, None)


def test_a_years_gap_costs_nothing_and_leaves_the_place_unknown() -> None:
    said = [*MORNING, (NOON, desk("desk-1", occupied=True)), (NOON, badge("in", "m-1"))]
    for devices in (COUNTER, DESKS, READERS, COUNTER | DESKS | READERS):
        made = place(devices, said)
        later = NOON + 365 * DAY
        start = process_time()
        assert made.estimates(later)[1] == UNKNOWN
        made.look(later)
        assert process_time() - start < 0.25  # measured: 5 to 40 ms
        assert made.spaces[1].estimate == UNKNOWN


def test_a_device_that_moved_is_forgotten_where_it_was() -> None:
    """A presence sensor, a desk and a counter go from room 2 to room 3; room 2 keeps another presence sensor."""
    rooms = {"stays": device(20, "presence_sensor", space=2)}
    moving = {"room": "presence_sensor", "desk": "desk_sensor", "counter": "counter"}
    before, after = (
        rooms | {name: device(30 + n, kind, space=space) for n, (name, kind) in enumerate(moving.items())}
        for space in (2, 3)
    )
    spaces = (Space(id=2, place=1, parent=1, capacity=8), Space(id=3, place=1, parent=1, capacity=8))
    said = [
        (NOON, {"kind": "desk", "device": "stays", "occupied": False}),
        (NOON, {"kind": "desk", "device": "room", "occupied": True}),
        (NOON, {"kind": "desk", "device": "desk", "occupied": True}),
        (NOON, count(3, 0)),
        (NOON, {"kind": "device", "device": "desk", "what": "link", "value": 0}),
    ]
    old = place(before, said, more=spaces)
    assert old.estimates(NOON)[2].low > 0
    fresh = (Space(id=2, place=1, parent=1, capacity=8), Space(id=3, place=1, parent=1, capacity=8))
    moved = PlaceFold(1, place(after, [], more=fresh)._topology, old.spaces).estimates(NOON + MINUTE)
    assert (moved[2].present, moved[2].faults) == (0, ())
    assert moved[3] == UNKNOWN


def test_time_that_goes_backwards() -> None:
    """A gateway's clock steps back a month, and forward again: nobody is in twice, and nothing is negative."""
    said = [*MORNING, (NOON, desk("desk-1", occupied=True)), (NOON + MINUTE, desk("desk-1", occupied=False))]
    back = [(at - 30 * DAY, one) for at, one in said]
    made = place(COUNTER | DESKS, [*said, *back, (NOON + 2 * MINUTE, count(0, 1))])
    assert made.estimates(NOON + HOUR)[1].high <= 10
    for hours in (-800, -2, 0, 2):
        one = made.estimates(NOON + hours * HOUR)[1]
        assert one == UNKNOWN or 0 <= one.low <= one.present <= one.high <= 20


def test_2000_people() -> None:
    said = [(MONDAY + 8 * HOUR + n * MINUTE, count(20, 0)) for n in range(100)]
    start = process_time()
    one = place(COUNTER, said, capacity=2500).estimates(said[-1][0] + MINUTE)[1]
    assert process_time() - start < 5
    assert 1950 < one.low <= one.present <= one.high < 2250, "of 100 passages of 20 people about 80 people were missed"


DOOR = {
    "counter": device(1, "counter", space=1, door=(None, 1)),
    "in": device(2, "reader", door=(None, 1)),
    "contact": device(4, "contact", door=(None, 1)),
}


def half_a_day(shows: list[Said], *, counted: bool) -> list[Said]:
    """From eight on the counter reports each ten minutes, nobody if not ``counted``; ``shows`` is what others say."""
    beats = [(MONDAY + 7 * HOUR + n * 10 * MINUTE, count(int(counted), 0)) for n in range(25)]
    return sorted([*beats, *shows], key=lambda said: said[0])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("badges", [badge("in", f"m{n}") for n in range(12)]),
        ("openings", [{"kind": "door", "device": "contact", "state": "open", "n": n} for n in range(24)]),
        ("desks", [desk(f"desk-{n}", occupied=True) for n in range(14)] + [desk("desk-0", occupied=True)] * 10),
    ],
)
def test_a_counter_that_counts_nobody_while_people_pass_is_frozen(kind: str, said: list[dict[str, Any]]) -> None:
    shows = [(MONDAY + 7 * HOUR + 3 * MINUTE + n * 8 * MINUTE, one) for n, one in enumerate(said)]
    devices = DOOR | DESKS if kind == "desks" else DOOR
    found = place(devices, half_a_day(shows, counted=False)).estimates(NOON)[1]
    assert "frozen" in found.faults and found.quality != "live"
    lives = place(devices, half_a_day(shows, counted=True)).estimates(NOON)[1]
    assert "frozen" not in lives.faults


def test_a_night_in_which_nobody_passes_is_no_frozen_counter() -> None:
    quiet = [(MONDAY + n * 10 * MINUTE, count(0, 0)) for n in range(70)]
    found = place(DOOR, [*office_days(5), *((at + 5 * DAY, said) for at, said in quiet)]).estimates(MONDAY + 6 * DAY)[1]
    assert "frozen" not in found.faults and (found.present, found.quality) == (0, "live")


def test_a_counter_of_passages_only_stays_live_to_the_end_of_a_weekend() -> None:
    made = place(COUNTER, office_days(26))
    saturday = MONDAY + 26 * DAY
    for hours in range(0, 28, 4):
        assert made.estimates(saturday + hours * HOUR)[1] == Estimate(present=0, low=0, high=0, quality="live"), hours
