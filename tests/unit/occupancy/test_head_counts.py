"""A manager's head count in the fold: it moves the number, unless the space's devices have said more since."""

from __future__ import annotations

import pytest

from occupancy.due import MINUTE
from occupancy.fold import PlaceFold
from tests.unit.topology import DEVICES, LAB, MEETING, make_topology

T = 1_790_000_000_000_000


def place() -> PlaceFold:
    """Five people were counted into the lab within half an hour."""
    one = PlaceFold(5, make_topology())
    for minute in range(0, 30, 6):
        at = T + minute * MINUTE
        one.apply({"kind": "count", "at": at, "device": "counter", "entered": 1, "left": 0}, DEVICES["counter"], at)
    one.settle()
    return one


def counted(one: PlaceFold, present: int, at: int, space: int = LAB) -> int | None:
    one.apply({"kind": "head_count", "space": space, "present": present, "at": at}, None, at)
    one.settle()
    return one.estimates(T + 30 * MINUTE)[space].present


def test_it_moves_the_number() -> None:
    assert place().estimates(T + 30 * MINUTE)[LAB].present == 5
    assert counted(place(), 3, T + 29 * MINUTE) == 3
    assert counted(place(), 4, T + 29 * MINUTE, MEETING) == 4  # where no device says anything


@pytest.mark.parametrize("before", [10 * MINUTE, 24 * 60 * MINUTE, 7 * 24 * 60 * MINUTE])
def test_one_that_is_older_than_the_devices_word_leaves_the_present_alone(before: int) -> None:
    one = place()
    assert counted(one, 0, T + 24 * MINUTE - before) == 5
    assert counted(one, 3, T + 29 * MINUTE) == 3
    assert counted(one, 0, T + 24 * MINUTE - before) == 3


def test_a_counters_first_word_takes_the_place_of_a_head_count_within_its_minute_too() -> None:
    asked, unasked = (PlaceFold(5, make_topology()) for _ in range(2))
    for one in (asked, unasked):
        one.apply({"kind": "head_count", "space": LAB, "present": 0, "at": T}, None, T)
        if one is asked:
            one.distributions(T)
        event = {"kind": "count", "at": T, "device": "counter", "entered": 0, "left": 0}
        one.apply(event, DEVICES["counter"], T)
    assert asked.distributions(T) == unasked.distributions(T)
