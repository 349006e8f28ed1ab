"""A place that is fitted out otherwise: what is retired counts no more, and from when on."""

from __future__ import annotations

from typing import Any

from occupancy.fold import PlaceFold
from occupancy.staleness import SECOND
from occupancy.topology import changed_places
from tests.unit.topology import DEVICES, OPEN, make_topology

T = 1_795_000_000 * SECOND


def sensed(name: str) -> dict[str, Any]:
    return {"kind": "desk", "device": name, "occupied": True}


def test_a_retired_sensor_counts_no_more_from_the_look_on() -> None:
    without_it = make_topology(retired=("desk-2",))
    before = PlaceFold(5, make_topology())
    before.apply(sensed("desk-0") | {"occupied": False}, DEVICES["desk-0"], T)
    for name in ("desk-1", "desk-2"):
        before.apply(sensed(name), DEVICES[name], T)
    before.settle()
    assert before.spaces[OPEN].estimate.present == 2
    for fold in before.spaces.values():
        fold.look = T  # the database asks for it (migration 0043)
    after = PlaceFold(5, without_it, before.spaces)
    after.look(T + 60 * SECOND)
    changed = {change.space: (change.at, change.estimate.present) for change in after.changes}
    assert changed[OPEN] == (T + 60 * SECOND, 1)
    after.apply(sensed("desk-2"), without_it.gateways["gare-g1"].devices["desk-2"], T + 61 * SECOND)
    after.settle()
    assert after.spaces[OPEN].estimate.present == 1, "a late event of it changes nothing"


def test_a_look_at_a_place_that_is_as_it_was_changes_nothing() -> None:
    same = PlaceFold(5, make_topology())
    same.apply(sensed("desk-1"), DEVICES["desk-1"], T)
    same.settle()
    same.changes.clear()
    for fold in same.spaces.values():
        fold.look = T
    same.look(T + 60 * SECOND)
    assert same.changes == []


def test_the_places_that_were_fitted_out_otherwise_are_found() -> None:
    assert changed_places(make_topology(), make_topology()) == set()
    assert changed_places(make_topology(), make_topology(retired=("desk-1",))) == {5}
