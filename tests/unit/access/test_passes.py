"""Passes: what they open, how their use is counted, what a visit and a booking change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from access import Member, Right, State
from access.aftermath import prune
from access.passes import Pass
from access.rules import Allowance, Booking, DoorRules, PlaceRules, SpaceRules, Terms
from tests.unit.access.place_parts import ANNA, ENTRY, HOUR, LAB, MINUTE, NOON, PLACE, WORK, place


def counted(unit: Any, limit: int, **more: Any) -> Right:
    return Right(
        doors=None, schedule=None, pass_ref="p-1", terms=Terms(allowance=Allowance(unit=unit, limit=limit, **more))
    )


def test_a_half_day_is_used_once_and_ends_at_thirteen() -> None:
    door = place(counted("half_day", 2))
    assert door.reason(ANNA, NOON) == "granted"
    assert door.reason(ANNA, NOON + 59 * MINUTE) == "granted"
    assert len(door.state.used["p-1"]) == 1
    assert door.reason(ANNA, NOON + HOUR) == "granted"
    assert door.reason(ANNA, NOON + 10 * HOUR) == "granted"
    assert len(door.state.used["p-1"]) == 2
    assert door.reason(ANNA, NOON + 14 * HOUR) == "pass_used_up"
    assert door.reason(ANNA, NOON + 14 * HOUR, side="out") == "granted"


def test_a_day_pass_is_for_a_local_day() -> None:
    door = place(counted("day", 1))
    assert door.reason(ANNA, datetime(2026, 3, 2, 23, 1, tzinfo=UTC)) == "granted"  # 00:01 on the 3rd in Paris
    assert door.reason(ANNA, datetime(2026, 3, 3, 22, 59, tzinfo=UTC)) == "granted"
    assert door.reason(ANNA, datetime(2026, 3, 3, 23, 0, tzinfo=UTC)) == "pass_used_up"


def test_hours_run_from_the_entry_and_a_longer_stay_uses_more() -> None:
    door = place(counted("hour", 4))
    door.read(ANNA, NOON)
    assert door.reason(ANNA, NOON + 59 * MINUTE) == "granted"
    assert len(door.state.used["p-1"]) == 1
    door.read(ANNA, NOON + 59 * MINUTE, side="out")
    assert len(door.state.used["p-1"]) == 1
    door.read(ANNA, NOON + 2 * HOUR)
    door.read(ANNA, NOON + 4 * HOUR + MINUTE, side="out")  # 2 h 01: three hours begun
    assert len(door.state.used["p-1"]) == 4
    assert door.reason(ANNA, NOON + 4 * HOUR + 2 * MINUTE) == "granted"  # the third still runs
    assert door.reason(ANNA, NOON + 6 * HOUR) == "pass_used_up"


def test_an_end_that_nobody_read_costs_one_hour() -> None:
    door = place(counted("hour", 10))
    door.read(ANNA, NOON)
    door.read(ANNA, NOON + 24 * HOUR)
    door.read(ANNA, NOON + 25 * HOUR, side="out")
    assert len(door.state.used["p-1"]) == 2


def test_entries_each_month() -> None:
    door = place(counted("entry", 2, each_month=True))
    assert [door.reason(ANNA, NOON + n * HOUR) for n in range(3)] == ["granted", "granted", "pass_used_up"]
    assert door.reason(ANNA, datetime(2026, 3, 31, 21, 59, tzinfo=UTC)) == "pass_used_up"
    assert door.reason(ANNA, datetime(2026, 3, 31, 22, 0, tzinfo=UTC)) == "granted"  # 1 April in Paris


def test_what_was_not_taken_uses_nothing_and_moves_nobody() -> None:
    door = place(counted("entry", 1))
    door.read(ANNA, taken=False)
    assert replace(door.state, unseen={}) == State()
    assert door.reason(ANNA, NOON + MINUTE) == "granted"
    assert door.reason(ANNA, NOON + 2 * MINUTE) == "pass_used_up"


def test_use_elsewhere_counts_and_what_is_told_twice_counts_once() -> None:
    door = place(counted("half_day", 2))
    door.read(ANNA, NOON)
    here = door.state.used["p-1"]
    right = replace(counted("half_day", 2), used=tuple(sorted(here)))
    told = place(right)
    told.state = door.state
    assert told.reason(ANNA, NOON + 2 * HOUR) == "granted"  # the afternoon: the second of two
    full = place(replace(right, used=tuple(sorted(here | {1}))))
    full.state = door.state
    assert full.reason(ANNA, NOON + 2 * HOUR) == "pass_used_up"
    assert prune(door.state, told.held).used == {}
    assert prune(door.state, place().held).used == {}
    assert prune(door.state, place(counted("half_day", 2)).held).used == {"p-1": here}


def test_a_pass_that_costs_nothing_now_is_used_before_one_that_does() -> None:
    free = Right(doors=None, schedule=WORK, pass_ref="p-2")
    for rights in ((counted("entry", 1), free), (free, counted("entry", 1))):
        door = place(Member(ref="m-anna", status="active", rights=rights))
        assert door.read(ANNA).pass_ref == "p-2"
        assert door.state.used == {}
        assert door.read(ANNA, NOON + 8 * HOUR).pass_ref == "p-1"


@pytest.mark.parametrize(
    ("visitor", "expected"),
    [("expected", "granted"), ("present", "granted"), ("left", "pass_used_up"), ("cancelled", "pass_ended")],
)
def test_visitors(visitor: Any, expected: str) -> None:
    right = Right(doors=None, schedule=None, valid_until=NOON + HOUR, terms=Terms(visitor=visitor))
    assert place(right).reason(ANNA) == expected
    assert place(right).reason(ANNA, NOON + HOUR) == "pass_ended"


def test_a_booking_opens_its_door_while_it_lasts() -> None:
    right = Right(doors=None, schedule=None, terms=Terms(booked=True))
    booking = Booking(doors=frozenset({"lab"}), start=NOON, end=NOON + HOUR)
    door = place(Member(ref="m-anna", status="active", rights=(right,), bookings=(booking,)))
    assert door.reason(ANNA, NOON - MINUTE, "lab") == "booking_required"
    assert door.reason(ANNA, NOON, "lab") == "granted"
    assert door.reason(ANNA, NOON, "entry") == "booking_required"
    assert door.reason(ANNA, NOON + HOUR, "lab") == "booking_required"


def test_a_pass_opens_the_doors_on_the_way_to_its_spaces() -> None:
    rules = PlaceRules(
        doors={
            "entry": ENTRY,
            "lab": LAB,
            "booth": DoorRules(from_space="lab", to_space="booth"),
            "office": DoorRules(from_space="place", to_space="office"),
            "cupboard": DoorRules(),
        },
        spaces={**PLACE, "booth": SpaceRules(parent="lab"), "office": SpaceRules(parent="place")},
    )
    bound = Pass(ref="p-9", places=frozenset({"gare"}), spaces={"gare": frozenset({"lab"})}, schedule=WORK)
    right = bound.right_at("gare", rules)
    assert right is not None
    assert (right.doors, right.pass_ref, right.schedule) == (frozenset({"entry", "lab", "booth"}), "p-9", WORK)
    assert bound.right_at("port", rules) is None
    assert replace(bound, spaces={"gare": frozenset()}).right_at("gare", rules) is None
    network_wide = Pass(ref="p-8", places=None).right_at("port", rules)
    assert network_wide is not None
    assert network_wide.doors is None


def test_a_pass_with_something_left_goes_before_one_that_is_used_up() -> None:
    spent = counted("half_day", 0)
    beyond = replace(spent, terms=Terms(allowance=Allowance(unit="half_day", limit=5)))
    other = replace(counted("half_day", 3), pass_ref="p-2")
    decision = place(Member(ref="m-anna", status="active", rights=(spent, beyond, other))).read(ANNA, NOON)
    assert (decision.pass_ref, decision.noted) == ("p-2", None)
    decision = place(Member(ref="m-anna", status="active", rights=(spent, beyond))).read(ANNA, NOON)
    assert (decision.pass_ref, decision.noted) == ("p-1", "overuse")
