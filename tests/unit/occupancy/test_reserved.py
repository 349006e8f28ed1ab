"""Bookings are weak evidence: who comes, who doesn't and who stays over is learned by place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from occupancy.fold import PlaceFold
from occupancy.hours import HOUR
from occupancy.reserved import AFTER, Booking, Reserved, at_least
from occupancy.space import SpaceFold
from occupancy.topology import Device, Gateway, Space, Topology

T = 1_764_576_000_000_000
MINUTE = HOUR // 60
HOUSE, SENSED, BARE = 1, 2, 3
PIR = Device(id=7, kind="presence_sensor", space=SENSED, at_desk=False, side="in", door_from=None, door_to=None)


def place() -> PlaceFold:
    """A house with two meeting rooms of eight, one of which has a motion sensor."""
    spaces = [
        Space(id=HOUSE, place=1, parent=None, capacity=40),
        *(Space(id=one, place=1, parent=HOUSE, capacity=8) for one in (SENSED, BARE)),
    ]
    gateway = Gateway(id=1, code="g", place=1, place_code="p", shard=0)
    return PlaceFold(1, Topology.build([gateway], spaces, [(1, "pir", PIR)], {1: "UTC"}))


def booked(space: int, starts: int, hours: float = 1.0, *, at: int, number: int = 1, **more: Any) -> dict[str, Any]:
    ends = starts + int(hours * HOUR)
    told = {"kind": "booking", "space": space, "booking": number, "starts": starts, "ends": ends, "at": at}
    return told | {"party": True, "held": True} | more


def tell(fold: PlaceFold, event: dict[str, Any]) -> None:
    fold.apply(event, None, event["at"])


def seen(fold: PlaceFold, at: int, *, somebody: bool) -> None:
    fold.apply({"kind": "desk", "occupied": somebody, "at": at}, PIR, at)


def test_a_booked_room_without_a_sensor_likely_holds_a_party_and_is_never_live() -> None:
    fold = place()
    tell(fold, booked(BARE, T + HOUR, at=T))
    before, inside, after = (fold.estimates(T + minutes * MINUTE)[BARE] for minutes in (30, 90, 60 * 4))
    assert before.quality == after.quality == "unknown"
    assert inside.quality == "degraded"
    assert inside.present is not None
    assert 1 <= inside.present <= 4
    assert (inside.low, inside.high) == (0, 6), "nobody may come, and more than usual may"
    (why,) = fold.explain(BARE, T + 90 * MINUTE)
    assert (why.kind, why.numbers) == ("bookings", {"booked": 1, "come_pct": 85})


def test_a_booking_that_is_taken_back_says_nothing() -> None:
    fold = place()
    tell(fold, booked(BARE, T + HOUR, at=T))
    tell(fold, booked(BARE, T + HOUR, at=T + MINUTE, held=False))
    assert fold.estimates(T + 90 * MINUTE)[BARE].quality == "unknown"
    assert fold.spaces[BARE].reserved.came == [0.0, 0.0], "who cancels before is no no-show"


def test_the_estimate_is_due_when_a_booking_begins_and_ends() -> None:
    fold = place()
    tell(fold, booked(BARE, T + HOUR, at=T))
    fold.settle()
    assert fold.spaces[BARE].due == T + HOUR
    fold.look(T + HOUR)
    assert fold.spaces[BARE].estimate.quality == "degraded"
    fold.look(T + 3 * HOUR)
    assert fold.spaces[BARE].estimate.quality == "unknown"


def weeks(*, come: bool, over: bool = False) -> PlaceFold:
    """Forty bookings of the room with the sensor, a day each; nobody comes, or all, and they leave late or not."""
    fold = place()
    for day in range(40):
        start = T + (24 * day + 1) * HOUR
        tell(fold, booked(SENSED, start, at=start - HOUR, number=day))
        seen(fold, start - MINUTE, somebody=False)
        if come:
            seen(fold, start + 5 * MINUTE, somebody=True)
            seen(fold, start + HOUR + (AFTER + 20 * MINUTE if over else -MINUTE), somebody=False)
        seen(fold, start + 5 * HOUR, somebody=True)
        seen(fold, start + 5 * HOUR + MINUTE, somebody=False)
    return fold


def test_no_shows_of_a_room_with_a_sensor_are_believed_of_a_room_without() -> None:
    """The right values: 40 of 40 come, or none of 40, beside 8.5 of 10 assumed, a fiftieth forgotten with each."""
    often, never = weeks(come=True), weeks(come=False)
    later = T + 41 * 24 * HOUR
    for fold in (often, never):
        tell(fold, booked(BARE, later, at=later - HOUR, number=100))
    answers = [fold.estimates(later + 30 * MINUTE)[BARE] for fold in (often, never)]
    assert often.spaces[BARE].reserved.comes > 0.93
    assert never.spaces[BARE].reserved.comes < 0.3
    assert answers[0].present
    assert answers[1].present == 0


def test_who_stays_over_is_learned() -> None:
    assert weeks(come=True, over=True).spaces[SENSED].reserved.stays > 0.6
    assert weeks(come=True).spaces[SENSED].reserved.stays < 0.15


def test_a_check_in_and_a_released_no_show_teach_without_a_sensor() -> None:
    fold = place()
    for day in range(20):
        start = T + (24 * day + 1) * HOUR
        tell(fold, booked(BARE, start, at=start - HOUR, number=day))
        tell(fold, booked(BARE, start, at=start + HOUR // 4, number=day, held=False, came=False))
    assert fold.spaces[BARE].reserved.comes < 0.4
    start = T + 30 * 24 * HOUR
    tell(fold, booked(BARE, start, at=start - HOUR, number=50))
    tell(fold, booked(BARE, start, at=start + MINUTE, number=50, came=True))
    assert fold.estimates(start + 5 * MINUTE)[BARE].present, "who checked in is there"


def test_a_booking_outweighs_no_sensor() -> None:
    fold, bare = place(), place()
    tell(fold, booked(SENSED, T + HOUR, at=T))
    for one in (fold, bare):
        seen(one, T + MINUTE, somebody=False)
        seen(one, T + HOUR + 5 * MINUTE, somebody=True)
        seen(one, T + HOUR + 10 * MINUTE, somebody=False)
    quiet = T + 2 * HOUR - MINUTE
    with_booking, without = (one.distributions(quiet)[SENSED] for one in (fold, bare))
    assert with_booking is not None
    assert without is not None
    assert with_booking.chance(0) < without.chance(0), "somebody may sit still"
    assert with_booking.quantiles(0.5) == (0,)


def test_seats_that_are_booked_are_held_by_as_many_people_at_least() -> None:
    found = at_least([0.9, 0.9, 0.9], 20)
    assert found is not None
    assert found.chance(0) < found.chance(2) < found.chance(3) == pytest.approx(found.chance(20))
    assert found.chance(3) / found.chance(0) == pytest.approx(4.0), "never more than four to one"
    fold = place()
    for number in range(3):
        tell(fold, booked(BARE, T + HOUR, at=T, number=number, party=False))
    assert fold.estimates(T + 90 * MINUTE)[BARE].quality == "unknown", "who came without a booking isn't known"


def test_the_state_is_stored_whole_and_goes_on_alike() -> None:
    fold = weeks(come=True)
    tell(fold, booked(SENSED, T + 50 * 24 * HOUR, at=T + 49 * 24 * HOUR, number=77))
    fold.settle()
    spaces = {}
    for number, one in fold.spaces.items():
        text = one.to_json()
        spaces[number] = SpaceFold.from_json(json.loads(text), at=one.at, estimate=one.estimate, revision=0)
        assert spaces[number].to_json() == text
    again = PlaceFold(1, fold._topology, spaces)
    for each in (fold, again):
        seen(each, T + 50 * 24 * HOUR + 5 * MINUTE, somebody=True)
        seen(each, T + 50 * 24 * HOUR + 3 * HOUR, somebody=False)
        each.settle()
    assert {k: v.to_json() for k, v in again.spaces.items()} == {k: v.to_json() for k, v in fold.spaces.items()}


def test_the_same_news_twice_changes_nothing() -> None:
    once, twice = Reserved(), Reserved()
    for one, times in ((once, 1), (twice, 2)):
        for _ in range(times):
            one.told(4, Booking(starts=T, ends=T + HOUR, party=True), held=True, at=T)
    assert once.to_json() == twice.to_json()
