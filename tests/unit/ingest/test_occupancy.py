from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.occupancy import LATE, SECOND, PlaceFold, fold
from ingest.space import UNKNOWN, Estimate, SpaceFold
from occupancy.lasting import STAY
from tests.unit.ingest.conftest import DEVICES, LAB, MEETING, OPEN, ROOT, make_topology

T = 1_795_000_000 * SECOND


def desk(name: str, occupied: bool | None) -> dict[str, Any]:
    return {"kind": "desk", "device": name, "occupied": occupied}


def badge(side: str, member: str | None = "m-0001", decision: str = "granted") -> dict[str, Any]:
    event = {"kind": "access", "device": side, "decision": decision, "reason": "granted", "side": side}
    return event if member is None else {**event, "member": member}


def count(device: str, **numbers: Any) -> dict[str, Any]:
    return {"kind": "count", "device": device, **numbers}


def link(device: str, heard: int) -> dict[str, Any]:
    return {"kind": "device", "device": device, "what": "link", "value": heard}


def place(*events: dict[str, Any] | tuple[int, dict[str, Any]], without: tuple[str, ...] = ()) -> PlaceFold:
    """Fold ``events``, a second apart from T on, or at T plus the seconds given with them."""
    timed = [(n, e) if isinstance(e, dict) else e for n, e in enumerate(events)]
    return fold(5, make_topology(without=without), [told(e, T + s * SECOND) for s, e in timed])


def told(event: dict[str, Any], at: int) -> tuple[Any, Any, int]:
    """An event as the fold takes it: itself, its device, its corrected time."""
    return {**event, "at": at}, DEVICES.get(event["device"]), at


def numbers(of: PlaceFold, space: int) -> tuple[Any, ...]:
    e = of.spaces[space].estimate
    return e.present, e.low, e.high, e.quality


def test_nothing_heard_is_unknown_not_zero() -> None:
    assert place().spaces[ROOT].estimate == UNKNOWN


def test_occupied_desks_are_counted_and_silent_ones_widen_the_interval() -> None:
    heard = place(desk("desk-0", True), desk("desk-1", True), desk("desk-2", False))
    assert numbers(heard, OPEN) == (2, 2, 2, "live")
    assert numbers(place(desk("desk-0", True), desk("desk-1", False)), OPEN) == (1, 1, 2, "degraded")
    cannot_tell = place(desk("desk-0", True), desk("desk-1", False), desk("desk-2", None))
    assert numbers(cannot_tell, OPEN) == (1, 1, 2, "degraded")
    silent = place(desk("desk-0", True), desk("desk-1", False), desk("desk-2", False), link("desk-0", 0))
    assert numbers(silent, OPEN) == (0, 0, 1, "degraded")


def test_a_silent_sensor_that_speaks_again_is_believed_again() -> None:
    events = [
        desk("desk-0", True),
        desk("desk-1", False),
        desk("desk-2", False),
        link("desk-0", 0),
        desk("desk-0", True),
    ]
    assert numbers(place(*events), OPEN) == (1, 1, 1, "live")


def test_all_sensors_silent_is_unknown() -> None:
    events = [desk(f"desk-{n}", True) for n in range(3)] + [link(f"desk-{n}", 0) for n in range(3)]
    assert numbers(place(*events), OPEN) == (None, None, None, "unknown")


def test_a_room_with_presence_holds_one_to_all() -> None:
    assert numbers(place(desk("room", True)), MEETING) == (1, 1, 8, "live")
    assert numbers(place(desk("room", True), desk("room", False)), MEETING) == (0, 0, 0, "live")


def test_members_inside_by_badge() -> None:
    assert place(badge("in"), badge("in", "m-0002")).spaces[ROOT].estimate.present == 2
    assert place(badge("in"), badge("in", "m-0002"), badge("out")).spaces[ROOT].estimate.present == 1
    assert place(badge("in"), badge("in")).spaces[ROOT].estimate.present == 1, "one member is one person"
    assert place(badge("in", decision="denied")).spaces[ROOT].estimate == UNKNOWN


def test_who_forgot_to_badge_out_does_not_stay_for_ever() -> None:
    later = STAY // SECOND + 60
    assert place((0, badge("in")), (later, badge("in", "m-0002"))).spaces[ROOT].estimate.present == 1


def test_the_place_holds_at_least_those_at_its_desks() -> None:
    tailgated = place(badge("in"), desk("desk-0", True), desk("desk-1", True), desk("desk-2", False))
    assert tailgated.spaces[ROOT].estimate.present == 2


def test_what_a_silent_desk_may_hide_widens_the_place_too() -> None:
    without = ("room", "counter", "heads", "desk-2")
    heard = [desk("desk-0", False), desk("desk-1", True), link("desk-0", 0)]
    assert numbers(place(*heard, without=without), OPEN) == (1, 1, 2, "degraded")
    assert numbers(place(*heard, without=without), ROOT) == (1, 1, 2, "degraded")
    assert numbers(place(badge("in"), badge("in", "m-0002"), *heard, without=without), ROOT) == (2, 1, 2, "degraded")


def test_a_room_that_was_never_heard_of_is_not_taken_for_empty() -> None:
    without = ("counter", "heads", "desk-0", "desk-1", "desk-2")
    assert numbers(place(badge("in"), without=without), ROOT) == (1, 0, 8, "degraded")


def test_a_meeting_is_counted_at_the_door() -> None:
    without = ("counter", "heads", "desk-0", "desk-1", "desk-2")
    assert numbers(place(badge("in"), desk("room", True), without=without), ROOT) == (1, 1, 1, "live")
    assert numbers(place(desk("room", True), without=(*without, "in", "out")), ROOT) == (1, 1, 8, "live")


def test_counters() -> None:
    assert numbers(place(count("counter", entered=3, left=1)), LAB)[0] == 2
    assert numbers(place(count("counter", entered=1, left=4)), LAB)[0] == 0, "never negative"
    assert numbers(place(count("heads", present=4)), LAB)[0] == 4
    assert numbers(place(count("heads", present=None)), LAB) == (None, None, None, "unknown")


def test_an_event_much_older_than_the_last_word_is_history() -> None:
    late = LATE // SECOND
    assert numbers(place((0, desk("desk-0", True)), (-late - 1, desk("desk-0", False))), OPEN)[0] == 1
    assert numbers(place((0, desk("desk-0", True)), (-late + 1, desk("desk-0", False))), OPEN)[0] == 0


def test_a_day_that_arrives_at_once_leaves_its_curve() -> None:
    day = place((0, desk("desk-0", True)), (3600, desk("desk-1", True)), (7200, desk("desk-0", False)))
    curve = [(c.at // SECOND - T // SECOND, c.estimate.present) for c in day.changes if c.space == OPEN]
    assert curve == [(0, 1), (3600, 2), (7200, 1)]


def test_devices_that_say_nothing_of_people_change_nothing() -> None:
    assert place({"kind": "measure", "device": "air", "name": "co2", "value": 500.0}).spaces[OPEN].estimate == UNKNOWN


def test_a_place_without_the_sensors_of_a_space_is_not_degraded_by_it() -> None:
    events = [badge("in"), desk("desk-0", True), desk("desk-1", False), desk("desk-2", False)]
    without = ("room", "counter", "heads")
    assert numbers(place(*events, without=without), ROOT) == (1, 1, 1, "live")


EVENTS = st.one_of(
    st.builds(desk, st.sampled_from(["desk-0", "desk-1", "desk-2", "room"]), st.sampled_from([True, False, None])),
    st.builds(
        badge,
        st.sampled_from(["in", "out"]),
        st.sampled_from(["m-0001", "m-0002", "m-0003"]),
        st.sampled_from(["granted", "denied"]),
    ),
    st.builds(lambda a, b: count("counter", entered=a, left=b), st.integers(0, 5), st.integers(0, 5)),
    st.builds(lambda a: count("heads", present=a), st.one_of(st.none(), st.integers(0, 9))),
    st.builds(link, st.sampled_from(list(DEVICES)), st.integers(0, 1)),
)
TIMED = st.lists(st.tuples(EVENTS, st.integers(-400 * SECOND, 20 * 3600 * SECOND)), max_size=60)


@settings(max_examples=200, deadline=None)
@given(TIMED)
def test_estimates_are_ordered_and_never_negative(events: list[tuple[dict[str, Any], int]]) -> None:
    made = fold(5, make_topology(), [told(e, T + s) for e, s in events])
    for space in made.spaces.values():
        e = space.estimate
        if e.present is None:
            assert e == UNKNOWN
        else:
            assert e.low is not None
            assert e.high is not None
            assert 0 <= e.low <= e.present <= e.high


@settings(max_examples=200, deadline=None)
@given(TIMED, st.lists(st.integers(0, 60), max_size=6))
def test_where_the_transactions_end_changes_nothing(events: list[tuple[dict[str, Any], int]], cuts: list[int]) -> None:
    """Settling, storing and reading back between any two events leads to the same as one fold of all."""
    timed = [told(e, T + s) for e, s in events]
    topology = make_topology()
    whole = fold(5, topology, timed)
    pieces = PlaceFold(5, topology)
    for n, (event, device, at) in enumerate(timed):
        if n in cuts:
            pieces.settle()
            stored = {
                space: SpaceFold.from_json(json.loads(one.to_json()), one.estimate, one.revision)
                for space, one in pieces.spaces.items()
            }
            pieces = PlaceFold(5, topology, stored)
        pieces.apply(event, device, at)
    pieces.settle()
    for space, one in whole.spaces.items():
        assert pieces.spaces[space].to_json() == one.to_json()
        assert pieces.spaces[space].estimate == one.estimate


def test_estimate_is_a_value() -> None:
    assert Estimate(present=1, low=1, high=1, quality="live") == Estimate(present=1, low=1, high=1, quality="live")
