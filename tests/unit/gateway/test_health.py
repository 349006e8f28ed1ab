"""How devices are: the rules as a table, and what becomes of a desk that nobody can have sat at for so long."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.devices.health import (
    HOUR_US,
    LONGEST_PRESENCE_US,
    SAME_MEASURE_TIMES,
    SAME_MEASURE_US,
    Limits,
    Run,
    Trouble,
    Vitals,
    judge,
    sentence,
)
from gateway.devices.health_watch import KEPT, HealthWatch
from gateway.drivers.registry import installed
from gateway.spool.values import keep_nothing
from tests.unit.drivers.samples import device, load
from tests.unit.gateway.place_parts import AT, Bench, S

FULL = {"smooth_margin": 20.0, "links": 9}


def occupied(hours: float) -> dict[str, Any]:
    return {"runs": {"occupied": Run(value=1, since=AT - round(hours * HOUR_US))}}


def same(name: str, hours: float, times: int) -> dict[str, Any]:
    return {"runs": {name: Run(value=21.5, since=AT - round(hours * HOUR_US), times=times)}}


@pytest.mark.parametrize(
    ("vitals", "had", "found"),
    [
        ({}, (), ()),
        ({"battery": 15}, (), ()),
        ({"battery": 14}, (), ("low_battery",)),
        ({"battery": 24}, ("low_battery",), ("low_battery",)),
        ({"battery": 25}, ("low_battery",), ()),
        ({"smooth_linkquality": 19.0, "links": 3}, (), ()),
        ({"smooth_linkquality": 19.0, "links": 4}, (), ("bad_link",)),
        ({"smooth_linkquality": 39.0, "links": 9}, ("bad_link",), ("bad_link",)),
        ({"smooth_linkquality": 40.0, "links": 9}, ("bad_link",), ()),
        ({"smooth_margin": 1.9, "links": 9}, (), ("bad_link",)),
        ({"smooth_margin": 4.9, "links": 9}, ("bad_link",), ("bad_link",)),
        (FULL, ("bad_link",), ()),
        (occupied(29.9), (), ()),
        (occupied(30), (), ("stuck",)),
        (same("temperature", 72, SAME_MEASURE_TIMES), (), ("stuck",)),
        (same("temperature", 71.9, 999), (), ()),
        (same("temperature", 100, SAME_MEASURE_TIMES - 1), (), ()),
        ({"battery": 3, **FULL, **occupied(40)}, (), ("low_battery", "stuck")),
    ],
)
def test_the_rules(vitals: dict[str, Any], had: tuple[Trouble, ...], found: tuple[Trouble, ...]) -> None:
    assert judge(Vitals(troubles=frozenset(had), **vitals), Limits(), AT) == set(found)


def test_a_trouble_is_said_in_a_sentence() -> None:
    vitals = Vitals(battery=9, linkquality=12, smooth_linkquality=14.0, links=9, **occupied(31))
    assert [sentence(one, vitals, AT) for one in ("low_battery", "bad_link", "stuck")] == [
        "low battery: 9 %",
        "bad link: link quality 12 of 255",
        "stuck: occupied for 31 h",
    ]


class Seat(Bench):
    """A place with one seat sensor, whose gateway may be started anew."""

    kept: dict[str, str]

    def __init__(self) -> None:
        super().__init__()
        self.kept = {}
        self.begin()

    def begin(self) -> None:
        self.build(devices=[{"code": "desk", "driver": "zigbee2mqtt", "kind": "desk_sensor", "address": "z/desk"}])
        self.place.health._keep = self.kept.__setitem__
        self.place.restore(self.kept)

    def says(self, *, occupied: bool, after_h: float = 0.0, **more: Any) -> list[Any]:
        before = len(self.events)
        self.hear("zigbee2mqtt", "z/desk", json.dumps({"occupancy": occupied, **more}).encode(), after_h * 3600 + 61)
        self.place.tick(self.now, self.at)
        return [dict(event) for event in self.events[before:]]


def occupancy(events: list[Any]) -> list[Any]:
    return [event["occupied"] for event in events if event["kind"] == "desk"]


def test_a_desk_that_is_occupied_for_too_long_is_unknown_until_it_is_free() -> None:
    seat = Seat()
    for _hour in range(30):
        assert occupancy(seat.says(occupied=True, after_h=59 / 60)) == [True]
    events = seat.says(occupied=True, after_h=1.0)
    assert occupancy(events) == [None, None]
    (fault,) = [event for event in events if event["kind"] == "device"]
    assert (fault["what"], fault["trouble"], fault["text"]) == ("fault", "stuck", "stuck: occupied for 30 h")
    seat.begin()  # the gateway starts anew, and has not forgotten
    assert set(occupancy(seat.says(occupied=True))) == {None}
    assert [(one.device, one.troubles) for one in seat.place.condition()[0]] == [("desk", ("stuck",))]
    assert occupancy(seat.says(occupied=False)) == [False]
    assert not seat.place.condition()[0]
    assert seat.kept[KEPT] == "", "the run that ended doesn't count on after a restart"
    assert occupancy(seat.says(occupied=True)) == [True]


def test_a_stuck_desk_is_known_without_any_further_message() -> None:
    seat = Seat()
    seat.place.devices._expect = {}
    seat.says(occupied=True)
    before = len(seat.events)
    seat.place.tick(seat.now + 1, seat.at + LONGEST_PRESENCE_US + 60 * S)
    assert occupancy([dict(event) for event in seat.events[before:]]) == [None]


def test_what_was_said_before_a_silence_is_no_run() -> None:
    seat = Seat()
    seat.says(occupied=True)
    seat.place.tick(seat.now + 80_000, seat.at + 80_000 * S)  # silent for a day
    assert occupancy(seat.says(occupied=True, after_h=31)) == [True]


def test_a_low_battery_and_a_bad_link_are_events_once_and_stand_in_the_report() -> None:
    seat = Seat()
    events = [event for _ in range(6) for event in seat.says(occupied=False, battery=9, linkquality=4)]
    assert [event["trouble"] for event in events if "trouble" in event] == ["low_battery", "bad_link"]
    (report,) = seat.place.condition()[1]
    assert (report.battery, report.linkquality, report.troubles) == (9, 4, ("bad_link", "low_battery"))
    assert report.heard_at == seat.at
    assert report.expect_every_s == 4500, "its driver's, where it states none"
    assert seat.place.health.counts() == {"low_battery": 1, "bad_link": 1, "stuck": 0}


def test_a_frozen_thermometer_is_stuck_and_a_dark_room_is_not() -> None:
    watch = HealthWatch([device("zigbee2mqtt", "z/air")], keep_nothing)
    at = AT
    for _report in range(SAME_MEASURE_TIMES + 1):
        at += SAME_MEASURE_US // SAME_MEASURE_TIMES
        watch.noted({"kind": "measure", "at": at, "device": "d1", "name": "illuminance", "value": 0.0})
    assert not watch.tick(at)
    for _report in range(SAME_MEASURE_TIMES + 1):
        at += SAME_MEASURE_US // SAME_MEASURE_TIMES
        watch.noted({"kind": "measure", "at": at, "device": "d1", "name": "temperature", "value": 21.5})
    assert [event.get("trouble") for event in watch.tick(at)] == ["stuck"]
    watch.noted({"kind": "measure", "at": at + S, "device": "d1", "name": "temperature", "value": 21.6})
    watch.tick(at + S)
    assert not watch.troubles("d1")


def test_what_was_kept_and_cannot_be_read_is_forgotten() -> None:
    for text in ("[]", "{", '{"d1": 3}', '{"d1": {"occupied": [1]}}'):
        watch = HealthWatch([device("zigbee2mqtt", "z/air")], keep_nothing)
        watch.restore({KEPT: text})
        assert not watch.tick(AT)


def test_the_link_of_an_uplink_is_the_best_antennas() -> None:
    sample = next(one for one in load("composed_envelopes.json") if one["vendor"].startswith("ChirpStack"))
    message = json.loads(sample["payload"])
    message["rxInfo"].append({"rssi": -110, "snr": -3})
    message["txInfo"]["modulation"]["lora"]["spreadingFactor"] = 7
    address = "/".join(sample["topic"].split("/")[1:4:2])
    driver = installed()["chirpstack"].make((device("chirpstack", address, model="VS341"),))
    decoded = driver.decode(sample["topic"], json.dumps(message).encode(), AT)
    assert decoded.link is not None
    assert (decoded.link.rssi, decoded.link.snr, decoded.link.margin) == (-36, 10.5, 18)


@pytest.mark.parametrize(
    ("driver", "fields", "expected"),
    [
        ("zigbee2mqtt", {"kind": "desk_sensor"}, 4500),
        ("zigbee2mqtt", {"kind": "desk_sensor", "expect_every_s": 60}, 60),
        ("zigbee2mqtt", {"kind": "keypad", "door": "d"}, 90_000),
        ("zigbee2mqtt", {"door": "d"}, None),
        ("zigbee2mqtt", {"kind": "contact", "door": "d"}, None),
        ("esp_rfid", {"door": "d"}, 600),
    ],
)
def test_how_often_a_device_is_expected(driver: str, fields: dict[str, Any], expected: int | None) -> None:
    address = installed()[driver].address_example
    assert installed()[driver].expects(device(driver, address, **fields)) == expected
