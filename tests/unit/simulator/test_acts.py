"""What happens beside the members' usual days, in fake time: who is inside in truth, and what doors did."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import QuestionError
from simulator.incidents import Incident, incidents_of
from simulator.sample.entitlements import (
    SCHEDULES,
    Entitlement,
    entitlements,
    house_rules,
    network_schedule,
    opens,
    pin_of,
    visitors,
)
from simulator.sample.people import members
from tests.unit.simulator.doorkeeper import World
from tests.unit.simulator.plans import place

DAY_END_H = 23.9
KEYPAD = 19
"""A place of the seed 1 that has a keypad at its entry, and two visitors where it has 15 desks."""


def _happens(monkeypatch: pytest.MonkeyPatch, *incidents: Incident) -> None:
    """Let exactly these happen on the first day, and nothing later."""

    def only(_seed: int, _place: str, day: date, **_: Any) -> tuple[Incident, ...]:
        return incidents if day == date(2026, 3, 3) else ()

    monkeypatch.setattr("simulator.life.incidents_of", only)


def _host(code: str, desks: int) -> str:
    people = members(1, code, desks)
    return next(
        one.ref
        for one, its in zip(people, entitlements(1, code, people, workshop=False), strict=True)
        if its.kind == "host"
    )


def test_a_day_with_everything_ends_empty() -> None:
    world = World(place(1, desks=12, rooms=2), place(KEYPAD, desks=15, lab=True, keypads=True), place(3, desks=20))
    for day in range(5):
        world.live(24 * day + DAY_END_H)
        assert [world.present(code) for code in ("p-1", f"p-{KEYPAD}", "p-3")] == [0, 0, 0]
        assert [one["inside"] for one in world.town.truth.tell()["places"].values()] == [{}, {}, {}]
    acts = world.town.acts
    assert acts["visitor.let_in"] > 0
    assert acts["pin.typed"] > 0
    assert acts["lost_card.opened"] == acts["stranger_card.opened"] == acts["codes.opened"] == 0
    assert world.keeper.unreadable == []


def test_visitors_come_by_card_or_code_while_their_host_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"p-{KEYPAD}"
    typed, carded = visitors(1, code, _host(code, 15), 15)
    assert typed.card is None
    assert carded.code is None
    _happens(
        monkeypatch,
        Incident(kind="visitor", at_s=11 * 3600, visitor=typed),
        Incident(kind="visitor", at_s=11.2 * 3600, visitor=carded),
    )
    world = World(place(KEYPAD, desks=15, keypads=True))
    world.live(11.4)
    inside = world.town.truth.tell()["places"][code]["inside"]
    assert {typed.ref, carded.ref, typed.host} <= inside.keys()
    assert world.keeper.typed == [(code, "entry", True)]
    world.live(DAY_END_H)
    acts = world.town.acts
    assert (acts["visitor.came"], acts["visitor.let_in"], acts["visitor.without_host"]) == (2, 2, 0)


def test_a_visitor_without_a_host_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = visitors(1, "p-1", "m-nobody", 8)
    _happens(monkeypatch, Incident(kind="visitor", at_s=11 * 3600, visitor=one))
    world = World(place(1))
    world.live(DAY_END_H)
    assert (world.town.acts["visitor.came"], world.town.acts["visitor.without_host"]) == (1, 1)


def test_a_drill_empties_the_place_without_a_badge_and_all_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    _happens(monkeypatch)
    world = World(place(1, desks=20, rooms=2), place(2, lab=True, keypads=True))
    world.live(11)
    before = set(world.town.truth.tell()["places"]["p-1"]["inside"])
    elsewhere = world.present("p-2")
    assert len(before) > 5
    badged_out = sum(read.side == "out" for code, read, _ in world.keeper.reads if code == "p-1")
    with pytest.raises(QuestionError):
        world.town.drill("nowhere")
    assert world.town.drill("p-1") == len(before)
    world.town.scheduler._posted.get()()
    world.live(11 + 4 / 60)
    assert world.present("p-1") == 0
    assert world.present("p-2") == pytest.approx(elsewhere, abs=2)
    assert sum(read.side == "out" for code, read, _ in world.keeper.reads if code == "p-1") - badged_out <= 1
    assert sum(world.town.truth.tell()["places"]["p-1"]["desks"].values()) == 0
    world.live(11.5)
    back = set(world.town.truth.tell()["places"]["p-1"]["inside"])
    assert len(before & back) > len(before) / 2
    acts = world.town.acts
    assert acts["drill.left"] >= len(before) - 1
    assert acts["drill.came_back"] == acts["drill.left"]
    world.live(DAY_END_H)
    assert world.present("p-1") == 0


def test_who_is_not_let_in_after_a_drill_goes_home(monkeypatch: pytest.MonkeyPatch) -> None:
    _happens(monkeypatch, Incident(kind="drill", at_s=11 * 3600))
    world = World(place(1, desks=12))
    world.live(10.99)
    world.keeper.open_to = lambda read: read.side == "out"
    world.live(DAY_END_H)
    assert world.present("p-1") == 0
    acts = world.town.acts
    assert acts["drill.not_let_in_again"] == acts["drill.left"] > 3
    # Their desks are free again.
    assert len(world.town.places[0]._free) == 12


def test_a_wedged_door_stays_open_until_it_is_held_and_lets_everybody_through(monkeypatch: pytest.MonkeyPatch) -> None:
    _happens(
        monkeypatch,
        Incident(kind="wedge", at_s=8.5 * 3600),
        *(Incident(kind="found_card", at_s=(8 + minutes / 60) * 3600, card="04AA") for minutes in range(31, 40)),
    )
    world = World(place(1, desks=20))
    world.live(DAY_END_H)
    reads = len([1 for _, read, granted in world.keeper.reads if granted and read.side == "in"])
    assert world.town.acts["door.wedged"] == 1
    assert world.town.walked_through > 0
    acts = world.town.acts
    assert acts["walked_in_by_chance"] > 0
    assert (acts["lost_card.opened"], acts["lost_card.refused"]) == (0, acts["lost_card.tried"])
    assert reads > 5
    *others, longest = sorted(world.keeper.open_for_s)
    assert longest == pytest.approx(36, abs=1)  # held after 30 real seconds; the others for 3 to 6 virtual ones
    assert others[-1] < 1


def test_a_forced_door_says_tamper_and_the_truth_knows_of_the_intruder(monkeypatch: pytest.MonkeyPatch) -> None:
    _happens(monkeypatch, Incident(kind="forced", at_s=22.5 * 3600))
    world = World(place(1))
    world.live(22.49)
    before = [one["state"] for one in world.keeper.told("p-1", "door")]
    world.live(22.51)
    assert world.town.truth.tell()["places"]["p-1"]["inside"] == {"(intruder)": "place"}
    after = [one["state"] for one in world.keeper.told("p-1", "door")][len(before) :]
    assert after[:2] == ["open", "tamper"]
    world.live(DAY_END_H)
    assert world.present("p-1") == 0


def test_codes_are_typed_until_the_stranger_is_tired(monkeypatch: pytest.MonkeyPatch) -> None:
    _happens(monkeypatch, Incident(kind="codes", at_s=21.9 * 3600))
    world = World(place(KEYPAD, keypads=True))
    world.live(DAY_END_H)
    acts = world.town.acts
    assert (acts["codes.attacks"], acts["codes.typed"], acts["codes.refused"], acts["codes.opened"]) == (1, 9, 1, 0)
    assert world.keeper.typed == [(f"p-{KEYPAD}", "entry", False)] * 9


def test_pins_are_typed_at_the_workshop_and_sometimes_mistyped() -> None:
    world = World(*(place(number, desks=30, lab=True, keypads=True) for number in (2, 3, 4, 6)))
    for day in range(11):
        world.live(24 * day + DAY_END_H)
    acts = world.town.acts
    typed = [granted for _, door, granted in world.keeper.typed if door == "lab"]
    assert acts["pin.typed"] > 20
    assert 0 < acts["pin.mistyped"] < acts["pin.typed"] / 4
    assert typed.count(False) == acts["pin.mistyped"]
    assert typed.count(True) == acts["pin.typed"]


def _same(at: datetime) -> datetime:
    return at


def test_people_come_when_their_passes_open() -> None:
    night = datetime(2026, 11, 21, 23, 40, tzinfo=UTC)  # a Saturday
    noon = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
    came = {}
    for wall in (night, noon):
        world = World(place(1, desks=30), place(2, desks=30), place(3, desks=30), wall=partial(_same, wall))
        world.live(DAY_END_H)
        came[wall] = world.town.acts["out_of_hours"], world.town.air.counters["said.esp_rfid"]
    assert came[night][0] > came[noon][0]
    assert came[noon][1] > came[night][1] > came[noon][1] / 3


@given(seed=st.integers(0, 99), code=st.text(min_size=1, max_size=8), desks=st.integers(0, 30))
def test_standings_keep_as_a_place_grows(seed: int, code: str, desks: int) -> None:
    few, many = members(seed, code, desks), members(seed, code, desks + 1)
    before = entitlements(seed, code, few, workshop=True)
    after = entitlements(seed, code, many, workshop=True)
    assert [one for one in after if one.kind == "host"][:1] or not after
    assert sum(one.kind == "host" for one in before) in (1, 2)
    changed = [old for old, new in zip(before, after, strict=False) if old != new]
    assert len(changed) <= 2  # a first or second resident among the new ones becomes a host
    assert all(len(pin_of(seed, one.ref)) == 6 for one in few)
    assert all(one.allowance is None or one.kind in ("regular", "nomad") or one.trouble == "used_up" for one in before)


def test_hours_of_passes_and_places() -> None:
    permanent = Entitlement(
        kind="resident",
        schedule="permanent",
        outside_hours=True,
        trained=False,
        everywhere=False,
        trouble=None,
        lost_card=None,
    )
    closed_at_night = next(
        its for number in range(50) if (its := house_rules(1, f"p-{number}")).hours and "sun" not in (its.hours or {})
    )
    sunday = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    assert opens(permanent, closed_at_night, sunday, "Europe/Paris")
    for code in SCHEDULES:
        assert network_schedule(code) is network_schedule(code)
    tuesday = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
    assert not network_schedule("journee").covers(tuesday, _paris())
    assert network_schedule("journee-et-soir").covers(tuesday, _paris())


def _paris() -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo("Europe/Paris")


def test_incidents_are_the_same_for_the_same_day() -> None:
    people = members(1, "p-1", 20)
    its = entitlements(1, "p-1", people, workshop=False)
    guests = visitors(1, "p-1", people[0].ref, 20)

    def of(day: date) -> tuple[Incident, ...]:
        return incidents_of(
            1, "p-1", day, people=people, entitlements=its, visitors=guests, house=house_rules(1, "p-1")
        )

    days = [date.fromordinal(date(2026, 1, 1).toordinal() + number) for number in range(300)]
    kinds = {one.kind for day in days for one in of(day)}
    assert kinds >= {"visitor", "lost_card", "wedge", "forced", "drill"}
    assert all(of(day) == of(day) for day in days[:20])
    assert sum(one.kind == "drill" for day in days for one in of(day)) < 15
