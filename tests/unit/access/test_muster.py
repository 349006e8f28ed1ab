"""Who is inside, by the gateway's memory, and how sure that is; and what a reading has used."""

from __future__ import annotations

from datetime import timedelta

from access import Present, muster, slots_used
from access.aftermath import forget
from access.passes import slot_of
from access.schedules import zone_named
from tests.unit.access.place_parts import ANNA, BEN, HOST, HOUR, MINUTE, NOON, place
from tests.unit.access.test_passes import counted

PARIS = zone_named("Europe/Paris")


def test_each_with_space_door_and_time() -> None:
    door = place()
    door.read(ANNA)
    door.read(BEN, NOON + MINUTE)
    door.read(ANNA, NOON + HOUR, "lab")
    door.read(BEN, NOON + 2 * HOUR, side="out")
    assert muster(door.state, NOON + 3 * HOUR) == {
        "m-anna": Present(space="lab", door="lab", at=NOON + HOUR, since=NOON, sure="badged")
    }
    assert muster(door.state, NOON + 15 * HOUR)["m-anna"].sure == "badged"  # by the last reading, not the first
    assert muster(door.state, NOON + timedelta(hours=15, seconds=1))["m-anna"].sure == "long_ago"


def test_who_was_let_in_unseen_may_be_inside() -> None:
    door = place()
    door.read(ANNA, taken=False)
    door.read(BEN, NOON + MINUTE)
    found = muster(door.state, NOON + HOUR)
    assert list(found) == ["m-ben", "m-anna"]  # the last one first
    assert found["m-anna"] == Present(space="place", door="entry", at=NOON, since=NOON, sure="not_seen")
    assert not door.state.movements.keys() & {"m-anna"}  # no rule takes it for sure
    assert door.state.counts == {"place": 1}
    assert muster(door.state, NOON + 15 * HOUR)["m-anna"].sure == "long_ago"
    assert "m-anna" not in muster(forget(door.state, NOON + 2 * HOUR, door.held.rules), NOON + 3 * HOUR)


def test_the_contact_makes_it_sure_and_the_way_out_ends_it() -> None:
    door = place()
    door.read(ANNA, taken=False)
    door.read(ANNA, taken=True)
    assert muster(door.state, NOON)["m-anna"].sure == "badged"
    assert not door.state.unseen
    door.read(ANNA, NOON + HOUR, side="out")
    assert not muster(door.state, NOON + HOUR)
    door.read(HOST, taken=False)
    door.read(HOST, NOON + MINUTE, side="out")  # was inside after all
    assert not muster(door.state, NOON + HOUR)
    door.read(BEN, taken=False, side="out")
    assert not muster(door.state, NOON + HOUR)
    door.read(BEN, taken=False, door="lab", side="out")  # who came out of the lab is in the place
    assert muster(door.state, NOON + HOUR)["m-ben"].space == "place"


def test_inside_and_on_the_way_further_in_is_inside() -> None:
    door = place()
    door.read(ANNA)
    door.read(ANNA, NOON + MINUTE, "lab", taken=False)
    assert muster(door.state, NOON + HOUR)["m-anna"].space == "place"
    assert muster(door.state, NOON + HOUR)["m-anna"].sure == "badged"


def test_what_a_reading_has_used_goes_with_its_event() -> None:
    door = place(counted("half_day", 9))
    before = door.state
    door.read(ANNA, taken=False)
    assert slots_used(before, door.state) is None  # nothing yet: the contact will tell
    door.read(ANNA)
    assert slots_used(before, door.state) == ("p-1", (slot_of("half_day", NOON, PARIS),))
    before = door.state
    door.read(ANNA, NOON + MINUTE)  # the same half-day
    assert slots_used(before, door.state) is None
    door.read(BEN)
    assert slots_used(before, door.state) is None


def test_of_hours_the_way_out_tells_the_rest() -> None:
    door = place(counted("hour", 9))
    door.read(ANNA)
    before = door.state
    door.read(ANNA, NOON + timedelta(minutes=150), side="out")
    second = slot_of("hour", NOON, PARIS)
    assert slots_used(before, door.state) == ("p-1", (second + 3600, second + 7200))
