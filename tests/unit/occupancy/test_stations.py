"""Wi-Fi stations: the background and the stations of each person are learned, and they are weak evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from occupancy.counts import exactly
from occupancy.estimate import estimated, together, weak
from occupancy.fold import PlaceFold
from occupancy.hours import HOUR
from occupancy.space import SpaceFold
from occupancy.stations import Stations
from occupancy.topology import Device, Gateway, Space, Topology
from occupancy.witnesses import Witness

T = 1_764_547_200_000_000  # a midnight, UTC
DAY = 24 * HOUR
RADIOS = {1, 2}


def month(each: float, background: float, *, people: int = 10, taught: bool = True) -> Stations:
    """Two radios; nobody at night, so many by day, of whom another witness tells or not."""
    stations = Stations()
    for hour in range(20 * 24):
        at, inside = T + hour * HOUR, people if 8 <= hour % 24 < 18 else 0
        number = background + each * inside
        total = stations.total(RADIOS, ())
        if total is not None and taught and inside and stations.lesson_due(at):
            stations.learn(at, background + each * inside, (float(inside), 0.5))
        stations.said(1, at, number / 2, RADIOS)
        stations.said(2, at, number / 2, RADIOS)
    return stations


@pytest.mark.parametrize(("each", "background"), [(0.8, 0.0), (1.4, 5.0), (2.2, 30.0)])
def test_the_background_and_the_stations_of_each_are_learned(each: float, background: float) -> None:
    learned = month(each, background)
    assert learned.background == pytest.approx(background, abs=0.1)
    assert learned.each[0] == pytest.approx(each, rel=0.15)
    mean, variance = learned.people(background + each * 20)
    assert mean == pytest.approx(20, rel=0.15)
    assert variance**0.5 > 4, "never surer than a fifth"


def test_without_another_witness_it_is_less_sure() -> None:
    alone, taught = month(1.4, 5.0, taught=False), month(1.4, 5.0)
    assert alone.people(19.0)[0] == pytest.approx(10, abs=0.1)
    assert alone.people(19.0)[1] > 1.5 * taught.people(19.0)[1]


def test_before_three_nights_and_with_a_silent_radio_it_says_nothing() -> None:
    stations = Stations()
    for day in range(3):
        assert stations.total(RADIOS, ()) is None
        for radio in RADIOS:
            stations.said(radio, T + day * DAY, 4.0, RADIOS)
    assert stations.total(RADIOS, ()) == 8.0
    assert stations.total(RADIOS, {2}) is None, "half the stations are no smaller number of people"
    assert stations.total({1}, {2}) == 4.0, "a radio that was moved elsewhere doesn't count"


def test_an_error_larger_than_said_makes_it_wider() -> None:
    fair, wild = month(1.4, 5.0), month(1.4, 5.0)
    for hour in range(100):
        wild.learn(T + 30 * DAY + hour * HOUR, 80.0, (2.0, 0.1))
    assert wild.near > 2 * fair.near


def test_it_is_stored_whole() -> None:
    learned = month(1.7, 3.0)
    stored = Stations.from_json(json.loads(json.dumps(learned.to_json())))
    assert stored.to_json() == learned.to_json()
    assert stored.people(20.0) == learned.people(20.0)


def topology(*devices: Device) -> Topology:
    gateway = Gateway(id=1, code="g", place=1, place_code="p", shard=0)
    space = Space(id=1, place=1, parent=None, capacity=20)
    return Topology.build([gateway], [space], [(1, f"d{one.id}", one) for one in devices], {1: "UTC"})


def device(number: int, kind: str, **more: Any) -> Device:
    return Device(id=number, kind=kind, space=1, at_desk=False, side="in", door_from=None, door_to=None, **more)


def stations(value: float, at: int, one: Device) -> tuple[dict[str, Any], Device, int]:
    return {"kind": "measure", "name": "wifi_stations", "value": value, "at": at}, one, at


RADIO, HEADS = device(1, "access_point", expect_every=HOUR // 6), device(2, "counter")


def folded(*devices: Device) -> PlaceFold:
    """Four nights with three stations, the last day with seventeen."""
    fold = PlaceFold(1, topology(*devices))
    for quarter in range(4 * 24 * 4):
        at = T + quarter * HOUR // 4
        busy = 8 <= (quarter // 4) % 24 < 18
        fold.apply(*stations(17.0 if busy else 3.0, at, RADIO))
    for minutes in range(0, 10 * 60, 10):
        fold.apply(*stations(17.0, T + 4 * DAY + 8 * HOUR + minutes * HOUR // 60, RADIO))
    return fold


NOON = T + 4 * DAY + 12 * HOUR


def test_alone_it_is_never_live_and_its_number_is_explained() -> None:
    fold = folded(RADIO)
    now = T + 4 * DAY + 18 * HOUR - 1
    answer = fold.estimates(now)[1]
    assert answer.present is not None
    assert 8 <= answer.present <= 12
    assert answer.quality == "degraded"
    (why,) = fold.explain(1, now)
    assert (why.kind, why.numbers) == ("stations", {"stations": 17, "background": 3})
    night = T + 5 * DAY + 3 * HOUR
    fold.apply(*stations(3.0, night, RADIO))
    empty = fold.estimates(night)[1]
    assert (empty.present, empty.quality) == (0, "degraded"), "an empty Wi-Fi is no proof of an empty room"


@pytest.mark.parametrize("kind", ["air", "stations", "bookings"])
def test_weak_evidence_is_never_live_however_narrow_and_others_are(kind: str) -> None:
    place = Space(id=1, place=1, parent=None, capacity=20)
    narrow, desks = Witness(kind, exactly(0), T, {}), Witness("desks", exactly(0), T, {})
    both = [[narrow], [narrow, Witness("stations", exactly(0), T, {})], [narrow, desks]]
    qualities = [estimated(place, together(found), weak=weak(found)).quality for found in both]
    assert qualities == ["degraded", "degraded", "live"]


def test_a_silent_radio_says_nothing_and_a_day_later_still_doesnt() -> None:
    fold = folded(RADIO)
    silent = T + 4 * DAY + 19 * HOUR
    fold.look(silent)
    assert fold.estimates(silent)[1].quality == "unknown"
    assert 1 in fold.spaces[1].silent


def test_beside_a_sensor_that_counts_heads_it_learns_and_hardly_moves_the_number() -> None:
    fold = PlaceFold(1, topology(RADIO, HEADS))
    for quarter in range(10 * 24 * 4):
        at = T + quarter * HOUR // 4
        people = 6 if 8 <= (quarter // 4) % 24 < 18 else 0
        fold.apply({"kind": "count", "present": people, "at": at}, HEADS, at)
        fold.apply(*stations(3.0 + 2 * people, at, RADIO))
    assert fold.spaces[1].stations.each[0] == pytest.approx(2.0, abs=0.2)
    now = T + 9 * DAY + 17 * HOUR
    assert fold.estimates(now)[1].present in (0, 6)


def test_the_stored_fold_goes_on_alike() -> None:
    fold = folded(RADIO)
    fold.settle()
    text = fold.spaces[1].to_json()
    value = json.loads(text)
    again = SpaceFold.from_json(value, at=fold.spaces[1].at, estimate=fold.spaces[1].estimate, revision=0)
    assert again.to_json() == text
    more = PlaceFold(1, topology(RADIO), {1: again})
    later = T + 4 * DAY + 18 * HOUR
    for one in (fold, more):
        one.apply(*stations(9.0, later, RADIO))
        one.settle()
    assert more.spaces[1].to_json() == fold.spaces[1].to_json()
    assert more.estimates(later) == fold.estimates(later)


def test_a_climate_sensor_in_the_same_space_is_no_radio() -> None:
    other = replace(RADIO, id=3, kind="climate")
    fold = PlaceFold(1, topology(RADIO, other))
    fold.apply(*stations(9.0, T, other))
    assert fold.spaces[1].stations.heard == {}
