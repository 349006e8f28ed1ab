"""A place that gets another configuration while it works: what stays goes on, what is new begins, locks fall shut."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.config import GatewayConfig
from gateway.equipment import equip
from tests.unit.gateway.hall import ANNA, BEN, Hall, config
from tests.unit.gateway.hall import S as SECOND
from tests.unit.gateway.place_parts import badge


def become(hall: Hall, without: str = "", **changes: Any) -> None:
    """Give the place its configuration again with ``changes``, without the device ``without``."""
    before = hall.place.equipment
    devices = [one.model_dump() for one in config().devices if one.code != without]
    hall.place.become(equip(config(devices=changes.pop("devices", devices), **changes), before))


def device(code: str, **changes: Any) -> list[dict[str, Any]]:
    """The devices, of which ``code`` is otherwise."""
    return [one.model_dump() | (changes if one.code == code else {}) for one in config().devices]


def hear(hall: Hall, driver: str, topic: str, payload: bytes, after_s: float = 2.0) -> None:
    hall.now += after_s
    hall.at += round(after_s * SECOND)
    hall.place.hear(driver, topic, payload, at=hall.at, now=hall.now, decided=lambda: None)


def card(hall: Hall, reader: str, uid: str) -> None:
    hear(hall, "esp_rfid", f"gare/{reader}/send", badge(reader, uid=bytes.fromhex(uid)))


def contact(hall: Hall, *, is_open: bool) -> None:
    hear(hall, "zigbee2mqtt", "z/contact", json.dumps({"contact": not is_open}).encode(), 1.0)


def tick(hall: Hall, after_s: float) -> None:
    hall.now += after_s
    hall.at += round(after_s * SECOND)
    hall.place.tick(hall.now, hall.at)


def kinds(hall: Hall) -> list[str]:
    return [event["kind"] for event in hall.events]


def test_a_grant_in_the_middle_is_taken_under_the_next_configuration() -> None:
    hall = Hall()
    contact(hall, is_open=False)
    card(hall, "in", BEN)
    become(hall, "reader-lab")
    contact(hall, is_open=True)
    assert "access_taken" in kinds(hall)
    assert hall.place.memory.state.movements["m-ben"].space == "hall"
    become(hall)
    assert hall.place.memory.state.movements["m-ben"].space == "hall", "who is inside is inside"
    card(hall, "in", BEN)
    assert hall.events[-1]["kind"] == "access"
    assert hall.events[-1]["reason"] == "anti_passback"


@pytest.mark.parametrize("without", ["", "reader-lab"])
@pytest.mark.parametrize("door", [None, "lab"])
def test_a_door_that_is_removed_in_an_evacuation_stays_open_until_that_ends(door: str | None, without: str) -> None:
    hall = Hall()
    card(hall, "in", BEN)
    hall.place.evacuate(True, door)
    tick(hall, 0.5)
    become(hall, without, doors=[{"code": "entry", "lock": "reader-in"}])
    hall.commands.clear()
    for _ in range(10):
        tick(hall, 1.0)
    assert "gare/lab/cmd" in {topic for topic, _ in hall.commands}, "people may be on their way to it"
    assert "m-ben" in hall.place.memory.state.movements, "the evacuation list stays"
    assert hall.place.release(door), "also for a door that isn't there any more"
    assert hall.place.memory.state.evacuated_doors == frozenset()
    hall.commands.clear()
    for _ in range(10):
        tick(hall, 1.0)
    assert hall.commands == []
    become(hall)
    hall.events.clear()
    tick(hall, 1.0)
    assert hall.events == [], "the door is not said to have stood open until now"
    assert hall.commands == [], "and doesn't open when it comes back"


def test_the_lock_of_a_removed_door_that_is_another_doors_now_is_held_open_no_longer() -> None:
    hall = Hall()
    hall.place.evacuate(True, "lab")
    tick(hall, 0.5)
    become(
        hall,
        doors=[{"code": "entry", "lock": "reader-in"}, {"code": "store", "lock": "reader-lab"}],
        devices=device("reader-lab", door="store"),
    )
    hall.commands.clear()
    for _ in range(10):
        tick(hall, 1.0)
    assert hall.commands == []


def test_a_door_that_is_held_open_opens_its_new_lock_at_once_and_lets_the_old_one_fall_shut() -> None:
    hall = Hall()
    hall.place.evacuate(True, "entry")
    tick(hall, 0.5)
    become(hall, devices=device("reader-in", address="gare/new#new"))
    hall.commands.clear()
    tick(hall, 0.5)
    assert [topic for topic, _ in hall.commands] == ["gare/new/cmd"]
    hall.place.release("entry")
    hall.commands.clear()
    tick(hall, 30)
    assert hall.commands == []


def test_a_new_door_stands_open_in_an_evacuation() -> None:
    hall = Hall()
    become(hall, doors=[{"code": "entry", "lock": "reader-in"}])
    hall.place.evacuate(True)
    tick(hall, 0.5)
    become(hall)
    tick(hall, 0.5)
    assert ("gare/lab/cmd", {"cmd": "opendoor", "doorip": "lab"}) in hall.commands


def test_a_device_that_is_replaced_begins_anew_and_the_others_go_on() -> None:
    hall = Hall()
    contact(hall, is_open=False)
    contact(hall, is_open=False)
    assert kinds(hall).count("door") == 1, "a repeat is dropped"
    become(hall, "reader-lab")
    contact(hall, is_open=False)
    assert kinds(hall).count("door") == 1, "also across a configuration"
    become(hall, devices=device("contact", address="z/other"))
    hear(hall, "zigbee2mqtt", "z/other", json.dumps({"contact": True}).encode())
    assert kinds(hall).count("door") == 2
    hear(hall, "zigbee2mqtt", "z/contact", json.dumps({"contact": False}).encode())
    assert kinds(hall).count("door") == 2, "nobody listens to the old one"


def test_a_silent_device_is_reported_when_it_speaks_again_after_a_configuration() -> None:
    hall = Hall()
    become(hall, devices=device("contact", expect_every_s=60))
    tick(hall, 61)
    assert [*hall.place.devices.silent] == ["contact"]
    become(hall, devices=device("contact", expect_every_s=90))
    assert [*hall.place.devices.silent] == ["contact"]
    contact(hall, is_open=False)
    links = [event["value"] for event in hall.events if event["kind"] == "device" and event["what"] == "link"]
    assert links == [0.0, 1.0]
    become(hall, "contact")
    tick(hall, 1000)
    assert "contact" not in hall.place.devices.silent


def test_an_inverted_contact_is_turned_round() -> None:
    hall = Hall()
    become(hall, devices=device("contact", inverted=True))
    contact(hall, is_open=False)
    contact(hall, is_open=True)
    assert [event["state"] for event in hall.events if event["kind"] == "door"] == ["open", "closed"]


def test_the_time_of_a_lock_follows() -> None:
    hall = Hall()
    contact(hall, is_open=False)
    doors = [{"code": "entry", "lock": "reader-in", "unlock_s": 20, "held_after_s": 3}]
    become(hall, doors=doors)
    card(hall, "in", ANNA)
    tick(hall, 15)
    assert "access_not_taken" not in kinds(hall)
    contact(hall, is_open=True)
    assert "access_taken" in kinds(hall)
    tick(hall, 4)
    assert hall.events[-1]["kind"] == "door"
    assert hall.events[-1]["state"] == "held"


def test_a_driver_whose_devices_stay_is_kept() -> None:
    hall = Hall()
    before = dict(hall.place.drivers)
    become(hall, "contact")
    assert hall.place.drivers["esp_rfid"] is before["esp_rfid"]
    assert hall.place.drivers["zigbee2mqtt"] is not before["zigbee2mqtt"]


def test_without_a_configuration_nothing_opens() -> None:
    hall = Hall()
    empty = GatewayConfig(shard=5, place="gare", gateway="gare-1")
    hall.place.become(equip(empty, hall.place.equipment))
    card(hall, "in", BEN)
    assert hall.place.unlock("entry") is False
    assert hall.commands == []
