"""A month of the simulator as the fold needs it."""

from __future__ import annotations

from benchmarks.months import months
from benchmarks.worlds import people


def test_a_virtual_place_has_its_spaces_devices_doors_and_truth() -> None:
    (world,) = months("badge_in_out", (1,), days=2)
    assert [(one.parent, one.seats) for one in world.spaces] == [(None, 0), (1, 12)]  # all seats are in the open space
    readers = [one for one in world.devices if one.kind == "reader"]
    assert sorted(one.side for one in readers) == ["in", "out"]
    assert {(one.door, one.door_from, one.door_to) for one in readers} == {(1, None, 1)}
    desks = [one for one in world.devices if one.at_desk]
    assert {one.space for one in desks} == {2}
    assert len(desks) == 12
    assert all(one.expect_every is not None and one.expect_every > 10**9 for one in desks)  # an hour and more, in µs
    spoke = {device.kind for event, device, _ in world.events if device is not None and event["kind"] == "access"}
    assert spoke == {"reader"}
    assert world.topology.hours[1] is not None
    most = max(there for _, there in world.truth[1])
    assert 2 <= most <= 14
    assert [people(world.truth[1], at) for at in (world.first, world.last)] == [0, 0]


def test_rooms_with_a_presence_sensor_are_scored_one_by_one() -> None:
    (world,) = months("pir", (0,), days=1)
    assert world.scored == tuple(range(2, 2 + len(world.devices)))
    assert all(world.capacity(space) for space in world.scored)


def test_hours_that_were_not_entered_are_unknown_to_the_fold_and_known_to_the_score() -> None:
    (world,) = months("counter_only", (0,), days=3, hours_known=False)
    assert not world.topology.hours
    assert {world.opened(at) for at in world.asked()} == {True, False}
