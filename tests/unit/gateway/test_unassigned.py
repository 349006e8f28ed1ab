"""Devices that are heard and not configured: what their messages tell, and that made-up ones push nobody out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.contract.device_reports import MOST_UNASSIGNED
from gateway.devices.unassigned import MOST, NEW_AT_ONCE, NEW_EVERY_S, Unassigned
from gateway.drivers.introductions import Introduced
from gateway.drivers.registry import installed
from gateway.mqtt.filters import Routes
from tests.unit.drivers.samples import load
from tests.unit.gateway.place_parts import AT, S

EUI = "application/shop/device/24E124535B000001/event"
OCCUPIED = {"fPort": 85, "data": "AXVkAwAB"}


def lora(**more: Any) -> dict[str, Any]:
    return {"deviceInfo": {"deviceName": "Bureau 4", "deviceProfileName": "Milesight vs341"}, **more}


@pytest.mark.parametrize(
    ("driver", "topic", "payload", "found"),
    [
        ("chirpstack", f"{EUI}/up", lora(**OCCUPIED),
         ("shop/24e124535b000001", "VS341", "desk_sensor", "Bureau 4: occupied, battery 100 %")),
        ("chirpstack", f"{EUI}/up", OCCUPIED, ("shop/24e124535b000001", None, None, "6 bytes on port 85")),
        ("chirpstack", f"{EUI}/join", {}, ("shop/24e124535b000001", None, None, "joined")),
        ("zigbee2mqtt", "zigbee2mqtt/0x00158d01", {"occupancy": False, "battery": 9, "linkquality": 40},
         ("zigbee2mqtt/0x00158d01", None, "desk_sensor", "free, linkquality 40, battery 9 %")),
        ("zigbee2mqtt", "zigbee2mqtt/keys", {"action_code": "4711", "action": "disarm"},
         ("zigbee2mqtt/keys", None, "keypad", "something was typed")),
        ("esp_rfid", "hall/east/send", {"type": "access", "uid": "04a1b2c3", "hostname": "east"},
         ("hall/east#east", None, "reader", "card read")),
        ("esp_rfid", "hall/send", {"type": "boot", "ip": "192.168.1.20", "hostname": "east"},
         ("hall#east@192.168.1.20", None, "reader", "started")),
        ("esp_rfid", "hall/send", {"type": "WARN", "src": "rfid", "desc": "unknown", "data": "04a1", "hostname": "e"},
         ("hall#e", None, "reader", "alive")),
    ],
)  # fmt: skip
def test_a_device_introduces_itself(driver: str, topic: str, payload: dict[str, Any], found: tuple[Any, ...]) -> None:
    description = installed()[driver]
    heard: Routes[str] = Routes()
    for one in description.listens:
        heard.add(one, driver)
    assert heard.of(topic), "the gateway listens there"
    assert description.introduce is not None
    (device,) = description.introduce(topic, json.dumps(payload).encode()).devices
    assert (device.address, device.model, device.kind, device.said) == found
    assert description.address.fullmatch(device.address)


def test_a_bridge_lists_its_devices_and_shows_its_base_topic() -> None:
    introduce = installed()["zigbee2mqtt"].introduce
    rows = [
        {"friendly_name": "Coordinator", "type": "Coordinator"},
        {"friendly_name": "desk 4", "type": "EndDevice", "definition": {"model": "RTCGQ14LM"}},
    ]
    assert introduce is not None
    introduction = introduce("home/z2m/bridge/devices", json.dumps(rows).encode())
    assert introduction.listen == "home/z2m/+"
    assert [(one.address, one.model) for one in introduction.devices] == [("home/z2m/desk 4", "RTCGQ14LM")]
    lamp = b'{"state": "ON", "linkquality": 90}'
    assert not introduce("zigbee2mqtt/lamp", lamp).devices, "a lamp is no device of ours"


@pytest.mark.parametrize("driver", installed().values(), ids=lambda driver: driver.name)
def test_no_card_and_no_code_is_in_what_a_device_said(driver: Any) -> None:
    secret = 0
    for sample in (*load("esp_rfid_messages.json"), *load("keypads.json"), *load("mqtt_messages.json")):
        try:
            payload = json.loads(sample["payload"])
            found = driver.introduce(sample["topic"], sample["payload"].encode()).devices
        except Exception:  # another maker's message
            continue
        hidden = [str(payload[name]) for name in ("uid", "data", "pincode", "action_code") if payload.get(name)]
        secret += bool(hidden and found)
        assert not [word for word in hidden for one in found if word in one.said]
    assert secret or driver.name in ("chirpstack", "collectd", "gm861")  # hear neither; QRs: test_gm861.py


def one(address: str, said: str = "alive", **more: Any) -> Introduced:
    return Introduced(address=address, said=said, **more)


def test_made_up_addresses_push_out_no_device_that_speaks_again() -> None:
    heard = Unassigned()
    for time in range(2):
        heard.hear(("chirpstack", "a/real"), one("a/real"), at=AT + time * S, now=float(time))
    now = 10.0
    for number in range(2000):
        now += NEW_EVERY_S
        heard.hear(("chirpstack", f"a/{number}"), one(f"a/{number}"), at=AT + round(now * S), now=now)
    assert len(heard) == MOST
    assert ("a/real", 2) in {(each.address, each.times) for each in heard.all()}


def test_new_addresses_come_in_at_a_limited_rate() -> None:
    heard = Unassigned()
    for number in range(1000):
        heard.hear(("chirpstack", f"a/{number}"), one(f"a/{number}"), at=AT, now=5.0)
    assert (len(heard), heard.dropped) == (NEW_AT_ONCE, 1000 - NEW_AT_ONCE)
    heard.hear(("chirpstack", "a/1"), one("a/1", "again"), at=AT, now=5.0)
    assert heard.all()[0].said == "again", "a known one is always heard"


def test_pages_hold_all_by_turns_and_none_that_is_assigned() -> None:
    heard = Unassigned()
    keys = [("chirpstack", f"a/{number:02d}") for number in range(40)]
    for key in keys:
        heard.hear(key, one(key[1], model=None), at=AT, now=0.0, needs_model=True)
    pages = [heard.page(set()) for _ in range(3)]
    assert {len(page) for page in pages} == {MOST_UNASSIGNED}
    assert {each.address for page in pages for each in page} == {key[1] for key in keys}
    assert {each.lacks for page in pages for each in page} == {"model"}
    assert len(heard.page(set(keys[:-1]))) == 1
    assert len(heard) == 1
