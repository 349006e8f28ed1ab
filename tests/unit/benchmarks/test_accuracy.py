"""The methods beside the estimator, and the real data, as the accuracy benchmark uses them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from benchmarks.accuracy import Scored, asked, results
from benchmarks.baselines import Balanced, DeskCount, InMinusOut, exactly
from benchmarks.first_form import FirstForm
from benchmarks.real_data import balanced, door, empty_nights, lulls, room
from benchmarks.scores import Answer
from benchmarks.worlds import DAY, MINUTE, SECOND, Event, World, people, topology_of
from occupancy.topology import Device, Space

START = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp()) * SECOND
HOUR = 60 * MINUTE
COUNTER = Device(id=1, kind="counter", space=None, at_desk=False, side="in", door_from=None, door_to=1, door=1)
DESKS = tuple(
    Device(id=n, kind="desk_sensor", space=2, at_desk=True, side="in", door_from=None, door_to=None) for n in (2, 3)
)


def world(*events: tuple[Event, Device | None, int], days: int = 3) -> World:
    spaces = [Space(id=1, place=1, parent=None, capacity=8), Space(id=2, place=1, parent=1, capacity=4)]
    devices = [COUNTER, *DESKS]
    return World(
        name="w", place=1, zone="UTC", topology=topology_of(1, "UTC", spaces, devices), spaces=spaces, devices=devices,
        events=events, truth={1: [(START, 0), (START + 9 * HOUR, 2)]}, scored=(1,),
        opened=lambda at: 8 * HOUR <= (at - START) % DAY < 20 * HOUR, first=START, last=START + days * DAY,
        learnt=START,
    )  # fmt: skip


def counted(entered: int, left: int, at: int) -> tuple[Event, Device, int]:
    return {"kind": "count", "entered": entered, "left": left}, COUNTER, START + at


def at_desk(desk: int, occupied: bool, at: int) -> tuple[Event, Device, int]:
    return {"kind": "desk", "occupied": occupied}, DESKS[desk], START + at


def test_what_is_left_of_a_day_stays_in_the_bare_sum_and_not_in_the_balanced_one() -> None:
    events = [
        counted(4, 0, 9 * HOUR),
        counted(0, 3, 17 * HOUR),
        counted(3, 0, DAY + 9 * HOUR),
        counted(0, 2, DAY + 10 * HOUR),
    ]
    bare, weighed = InMinusOut(world()), Balanced(world())
    for event, device, at in events:
        bare.apply(event, device, at)
        weighed.apply(event, device, at)
    assert bare.answers(START + DAY + 11 * HOUR)[1] == exactly(2)
    assert weighed.answers(START + DAY + 11 * HOUR)[1] == exactly(0)  # 3 - 4/3 of two exits
    assert weighed.answers(START + 2 * DAY + 4 * HOUR)[1] == exactly(0)


def test_desks_count_for_seats_without_a_sensor() -> None:
    desks = DeskCount(world())
    for event, device, at in (at_desk(0, True, 0), at_desk(1, False, 0)):
        desks.apply(event, device, at)
    assert desks.answers(START) == {1: exactly(4), 2: exactly(2)}


def test_the_first_form_calls_a_place_degraded_for_one_silent_desk() -> None:
    form = FirstForm(world())
    for event, device, at in (counted(3, 1, HOUR * 9), at_desk(0, True, HOUR * 9), at_desk(1, False, HOUR * 9)):
        form.apply(event, device, at)
    assert form.answers(START + 9 * HOUR)[1] == Answer(present=2, low=1, high=2, quality="live")
    form.apply({"kind": "device", "what": "link", "value": 0}, DESKS[1], START + 10 * HOUR)
    assert form.answers(START + 10 * HOUR)[1] == Answer(present=2, low=1, high=2, quality="degraded")


def test_methods_hear_only_what_was_stored_before_they_are_asked() -> None:
    place = world(counted(2, 0, 9 * HOUR))
    said = [(now, answers[1].present) for now, answers in asked(place, InMinusOut(place))]
    assert said[0] == (START + 5 * MINUTE, 0)
    assert [present for now, present in said if now < START + 9 * HOUR] == [0] * 107
    assert {present for now, present in said if now >= START + 9 * HOUR} == {2}


def test_a_figure_stands_beside_that_of_the_best_baseline() -> None:
    place = world(counted(2, 0, 9 * HOUR))

    class Zero(InMinusOut):
        def answers(self, now: int) -> dict[int, Answer]:
            return {1: exactly(0)}

    scored = {name: Scored() for name in ("estimator", "bad", "good")}
    for name, method in zip(scored, (InMinusOut, Zero, InMinusOut), strict=True):
        scored[name].listen(place, method(place))
    mae = next(one for one in results("g", scored) if one.name == "g_mae_pct")
    assert (mae.value, mae.reference, mae.reference_value) == (0, "good", 0)
    coverage = next(
        one for one in results("g", {"estimator": scored["good"], "bad": scored["bad"]}) if one.name == "g_coverage"
    )
    assert coverage.value == 1
    assert coverage.reference == "bad"
    assert coverage.reference_value == pytest.approx(107 / 863)


def test_a_day_between_two_empty_nights_balances() -> None:
    noon = START + 12 * HOUR
    counts = [(START + 9 * HOUR, 4, 0), (noon, 1, 1), (START + 18 * HOUR, 0, 2)]
    nights = [START + 3 * HOUR, START + DAY + 3 * HOUR]
    steps, unknown = balanced(counts, nights)
    assert steps == [
        (nights[0], 0),
        (START + 9 * HOUR, 3),
        (noon, 2),
        (START + 18 * HOUR, 0),
    ]  # 2 left over of 8 passages
    assert unknown == [(0, nights[0]), (nights[1], 2**63)]


def test_nobody_can_be_less_than_nobody() -> None:
    """Two are counted in the morning and four leave: two of the four who came were missed, not one of the evening's."""
    hours = [(9, 2, 0), (12, 0, 4), (13, 5, 0), (18, 0, 3)]
    counts = [(START + hour * HOUR, entered, left) for hour, entered, left in hours]
    steps, _ = balanced(counts, [START + 3 * HOUR, START + DAY + 3 * HOUR])
    assert [people for _, people in steps] == [0, 3, 0, 4, 0]


def test_a_night_is_as_good_as_empty_in_its_longest_lull() -> None:
    """One goes home at half past two; nobody is known to be in all of the night in which they work without a break."""
    late = [(HOUR * 22, 1, 0), (HOUR * 26 + 30 * MINUTE, 0, 1), (HOUR * 33, 3, 0)]
    busy = [(DAY + 22 * HOUR + n * 60 * MINUTE, 1, 1) for n in range(11)]
    counts = [(START + at, entered, left) for at, entered, left in [*late, *busy, (3 * DAY, 1, 0)]]
    lull = (26.5 + 32) / 2
    assert lulls(counts, ZoneInfo("UTC")) == [START + round(lull * HOUR)]


def test_a_night_with_a_count_between_two_and_five_is_not_empty() -> None:
    passed = [(START + day * DAY + hour * HOUR, 1, 0) for day, hour in ((0, 12), (1, 4), (2, 6), (3, 12))]
    assert empty_nights(passed, ZoneInfo("UTC")) == [START + day * DAY + 210 * MINUTE for day in (2, 3)]


def test_the_door_is_closed_in_the_hours_of_empty_nights_only() -> None:
    real = door()
    closed = [now for now in real.asked() if not real.opened(now)]
    assert {datetime.fromtimestamp(now / SECOND, ZoneInfo(real.zone)).hour for now in closed} == {2, 3, 4, 5}
    assert {people(real.truth[1], now) for now in closed} == {0}
    assert len(closed) == 306, "44 such nights, the last not to its end"


def test_the_real_data_are_read_whole() -> None:
    inside, outside = room(), door()
    assert len(inside.truth[1]) == 10_129
    assert max(there for _, there in inside.truth[1]) == 3
    assert sum(event["entered"] - event["left"] for event, _, _ in outside.events) == 19_597 - 18_834
    assert max(there for _, there in outside.truth[1]) == 104
    for real in (inside, outside):
        instants = [at for _, _, at in real.events]
        assert instants == sorted(instants)
        assert len(list(real.asked())) > 4000
