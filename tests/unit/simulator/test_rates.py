"""The rates that are set are those that result, and each failing of a device does what it says."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import pytest

from simulator.errors import FaultError
from simulator.faults import Faults
from simulator.groups import fit
from simulator.month import Month, live
from simulator.rates import FLAWLESS, MILD, Rates, given_rates
from simulator.room_air import BREATH_L_S, OUTSIDE_PPM, RoomAir
from simulator.settings import SimulatorSettings
from tests.unit.simulator.doorkeeper import World
from tests.unit.simulator.plans import place

DAY_END_H = 23.9


def _with(**rates: float) -> Rates:
    return FLAWLESS.model_copy(update=rates)


def _passed(month: Month, side: str) -> Counter[str]:
    """How many went this way, by how."""
    passed = month.town.passed.items()
    return Counter({name.removeprefix(f"{side}."): many for name, many in passed if name.startswith(f"{side}.")})


def test_the_share_of_unbadged_entries_is_the_rate_that_was_set() -> None:
    for rates in (_with(held_for_two=0.03, tailgating=0.02), _with(held_for_two=0.1, tailgating=0.2)):
        entered = _passed(live("badge_in", seed=6, rates=rates), "in")
        everybody = entered["badge"] + entered["held"] + entered["slips"]
        assert everybody > 400
        assert entered["held"] / everybody == pytest.approx(rates.held_for_two, abs=0.03)
        assert (entered["held"] + entered["slips"]) / everybody == pytest.approx(rates.unbadged_in, abs=0.015)


def test_a_place_of_eight_seats_pairs_what_a_day_can_t_on_another() -> None:
    entered = Counter[str]()
    for seed in (0, 7, 14, 21):
        entered += _passed(live("badge_in", seed=seed, rates=_with(held_for_two=0.1)), "in")
    assert entered["held"] / (entered["badge"] + entered["held"]) == pytest.approx(0.1, abs=0.03)


def test_the_share_of_exits_without_a_badge_is_the_rate_that_was_set() -> None:
    month = live("badge_in_out", seed=2, rates=_with(forgotten_out=0.2))
    left = _passed(month, "out")
    assert left.total() > 150
    assert 1 - left["badge"] / left.total() == pytest.approx(0.2, abs=0.06)
    told = sum(event["kind"] == "access" and event["side"] == "out" for event, _ in month.events)
    assert told == left["badge"]


def test_flawless_counters_count_what_is_true() -> None:
    month = live("counter_only", seed=3, days=7, rates=_with(held_for_two=0.1, tailgating=0.1))
    steps, at_step, net = month.truth["place"], 0, 0
    assert max(people for _, people in steps) > 5
    by_instant: dict[int, int] = {}
    for event, at in month.events:
        if event["kind"] == "count":
            by_instant[at] = by_instant.get(at, 0) + event["entered"] - event["left"]
    last = {device.code: 0 for device in month.fitting.config.devices}
    assert len(last) == 2
    both = sorted(by_instant.items())
    quiet = 0
    for at, change in both:
        net += change
        while at_step + 1 < len(steps) and steps[at_step + 1][0] <= at:
            at_step += 1
        if at - steps[at_step][0] > 600_000_000:  # both doors have reported since
            quiet += 1
            assert net == steps[at_step][1]
    assert quiet > 500


def test_counters_miss_more_of_those_who_leave_and_more_in_a_crowd() -> None:
    rates = _with(counter_missed_in=0.05, counter_missed_out=0.2)
    month = live("counter_only", seed=6, days=14, rates=rates)
    entered, left = _counted(month)
    assert entered / _passed(month, "in").total() == pytest.approx(0.95, abs=0.03)
    assert left / _passed(month, "out").total() == pytest.approx(0.8, abs=0.05)
    crowd = live("counter_only", seed=6, days=7, rates=_with(counter_missed_crowd=1, held_for_two=0.4))
    passed = _passed(crowd, "in")
    assert _counted(crowd)[0] <= passed.total() - passed["held"]


def _counted(month: Month) -> tuple[int, int]:
    events = [event for event, _ in month.events if event["kind"] == "count"]
    return sum(one["entered"] for one in events), sum(one["left"] for one in events)


@pytest.mark.parametrize("fault", ["swapped", "frozen", "dead", "unheard"])
def test_a_broken_counter_does_what_its_fault_says(fault: str) -> None:
    fitting = fit("counter_only", 2)
    faults = Faults.model_validate({fault: ("*",)})
    world = World(fitting.config, faults=faults, rates=FLAWLESS, building=fitting.building)
    world.live(11.0)
    came = _reported(world)
    world.live(DAY_END_H)
    passed: Counter[str] = Counter()
    for name, many in world.town.passed.items():
        passed[name.partition(".")[0]] += many
    assert passed["in"] > 5
    messages = len(world.keeper.told(world.keeper.gateways[0].place, "count"))
    assert messages > 100 if fault in ("swapped", "frozen") else messages == 0
    if fault == "swapped":
        assert came[0] < came[1]  # in the morning people come
        assert _reported(world) == (passed["out"], passed["in"])
    else:
        assert _reported(world) == (0, 0)


def _reported(world: World) -> tuple[int, int]:
    told = world.keeper.told(world.keeper.gateways[0].place, "count")
    return sum(one["entered"] for one in told), sum(one["left"] for one in told)


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_desk_sensors_go_on_saying_the_same(frozen: bool) -> None:
    faults = Faults(frozen=("*",)) if frozen else Faults()
    world = World(place(1, desks=10, rooms=0), faults=faults, rates=FLAWLESS)
    world.live(11.0)
    assert world.present("p-1") > 2
    said = {one["occupied"] for one in world.keeper.told("p-1", "desk")}
    assert said == ({False} if frozen else {False, True})


def test_a_bag_keeps_a_pad_occupied_and_not_an_infrared_sensor() -> None:
    world = World(place(1, desks=10, rooms=0), speed=1, rates=_with(bags=1))
    here = world.town.places[0]
    world.live(7.6)
    assert (
        here.apparatus.of_desk["d0"].sensor.sees_movement_only,
        here.apparatus.of_desk["d1"].sensor.sees_movement_only,
    ) == (
        True,
        False,
    )
    for desk in ("d0", "d1"):
        here.resume_desk(desk)
    world.live(7.7)
    assert [here.apparatus.of_desk[desk].said for desk in ("d0", "d1")] == [True, True]
    for desk in ("d0", "d1"):
        here.rise(desk, for_good=False, may_leave_bag=True)
    world.live(7.9)
    assert [here.apparatus.of_desk[desk].said for desk in ("d0", "d1")] == [False, True]


def test_an_infrared_sensor_loses_who_sits_still() -> None:
    seen, there = 0, 0
    for still_s in (1.0, 600.0):
        world = World(place(1, desks=10, rooms=0), speed=1, rates=_with(pir_still_s=still_s))
        watch = world.town.places[0].apparatus.of_desk["d0"]
        world.live(7.6)
        watch.change(1)
        seen, there = 0, 0
        for minute in range(5, 600):
            world.live(7.6 + minute / 60)
            seen, there = seen + watch.said, there + 1
        assert (seen == there) == (still_s == 1.0)
    assert 0.3 < seen / there < 0.9


def test_co2_follows_the_mass_balance() -> None:
    air = RoomAir(volume_m3=100, changes_h=1.0)
    air.breathed_by(10, 0)
    steady = OUTSIDE_PPM + 10 * BREATH_L_S * 3600 / 100 * 1000
    assert air.at(3600) == pytest.approx(steady + (OUTSIDE_PPM - steady) / math.e)
    air.aired(5.0, 3600)
    air.breathed_by(0, 3600)
    assert air.at(3600 + 4 * 3600) == pytest.approx(OUTSIDE_PPM, abs=1)


def test_the_docs_name_each_rate_with_both_defaults() -> None:
    page = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in page.splitlines() if line.startswith("| `")]
    real, mild = Rates().model_dump(mode="json"), MILD.model_dump(mode="json")
    expected = [[f"`{name}`", json.dumps(real[name]), json.dumps(mild[name])] for name in real]
    written = [row for row in rows if row[0].strip("`") in real]
    assert [[name, json.loads(one), json.loads(other)] for name, one, other in written] == [
        [name, json.loads(one), json.loads(other)] for name, one, other in expected
    ]


def test_rates_are_checked_and_stand_beside_the_mild_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given_rates(MILD, '{"tailgating": 0.05}') == MILD.model_copy(update={"tailgating": 0.05})
    for wrong, where in (
        ('{"tailgating": 2}', "tailgating"),
        ('{"tail": 1}', "no rate 'tail'"),
        ("[]", "object"),
        ("{", "JSON"),
    ):
        with pytest.raises(FaultError, match=where):
            given_rates(MILD, wrong)
    with pytest.raises(FaultError, match="at most half"):
        given_rates(MILD, {"tailgating": 0.4, "held_for_two": 0.4})
    monkeypatch.setenv("MAILLAGE_RATES", '{"guests": 0.2}')
    assert SimulatorSettings().rates == MILD.model_copy(update={"guests": 0.2})
