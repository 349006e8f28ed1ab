"""Keypads, and Wiegand numbers that come without their zeros and parity."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.formats import Card, Unreadable, read_bits
from gateway.devices.faults import shown
from gateway.drivers import CardRead, DriverError, Typed
from gateway.drivers.models.esp_rfid import EspRfid
from gateway.drivers.models.wiegand import number_bytes, with_parity
from gateway.drivers.transports.zigbee2mqtt import Zigbee2Mqtt
from tests.unit.drivers.samples import AT, FOLDER, device, load, told

VECTORS = [
    row
    for row in csv.DictReader((FOLDER / "wiegand.csv").read_text(encoding="utf-8").splitlines())
    if row["payload_int"]
]


def board(**more: Any) -> EspRfid:
    return EspRfid([device("esp_rfid", "rfid#entry", door="entry", **more)])


def read(driver: EspRfid, uid: str) -> CardRead:
    message = {"type": "access", "uid": uid, "hostname": "entry"}
    (found,) = driver.decode("rfid/send", json.dumps(message).encode(), AT).reads
    return found


@pytest.mark.parametrize("row", [pytest.param(row, id=row["bitstring_msb_first"]) for row in VECTORS])
def test_a_published_number_becomes_the_bits_that_the_card_sent(row: dict[str, str]) -> None:
    length = int(row["bits"])
    found = read(board(model="wiegand", bits=length), row["payload_int"])
    assert found.bits == row["bitstring_msb_first"]
    card = read_bits(found.bits)
    assert isinstance(card, Card)
    assert card.number == found.uid.hex().upper()


def test_only_the_reader_s_setting_gives_back_the_zeros_in_front() -> None:
    small = read(board(model="wiegand"), "65537")
    assert small.uid.hex() == "010001"
    assert read(board(model="wiegand", bits=34), "65537").uid.hex() == "00010001"
    hexadecimal = read(board(model="wiegand-hex", bits=34), "10001")
    assert (hexadecimal.uid.hex(), hexadecimal.format) == ("00010001", "wiegand32")
    turned = read(board(model="wiegand", bits=34, uid_reversed=True), "65537")
    assert turned.uid.hex() == "01000100"
    assert isinstance(read_bits(turned.bits), Card)


def test_a_number_too_long_for_its_reader_is_a_fault_of_the_setting() -> None:
    with pytest.raises(DriverError, match="number_too_long"):
        read(board(model="wiegand", bits=26), str(2**24))
    assert read_bits(read(board(model="wiegand", bits=48), "5").bits) == Unreadable(bits=48, why="unknown_format")
    assert read_bits(read(board(model="wiegand"), str(2**44)).bits) == Unreadable(bits=48, why="unknown_format")


@given(st.integers(0, 2**35 - 1), st.sampled_from([24, 26, 32, 34, 37]))
def test_whatever_fits_is_read_again(value: int, length: int) -> None:
    try:
        number, bits = number_bytes(value, length)
    except DriverError:
        assert value.bit_length() > {24: 24, 26: 24, 32: 32, 34: 32, 37: 35}[length]
        return
    card = read_bits(with_parity(number, bits))
    assert isinstance(card, Card)
    assert int(card.number, 16) == value


@pytest.mark.parametrize(
    ("said", "typed"), [("4711", True), ("0815", True), ("0123456", True), ("471", False), ("16777215", False)]
)
def test_what_is_typed_at_a_wiegand_reader(said: str, typed: bool) -> None:
    message = {"type": "access", "uid": said, "hostname": "entry"}
    for model in ("wiegand-keypad", "wiegand"):
        found = board(model=model).decode("rfid/send", json.dumps(message).encode(), AT)
        assert bool(found.typed) is (typed and model == "wiegand-keypad")
        assert bool(found.reads) is not bool(found.typed)


def keypad(**more: Any) -> Zigbee2Mqtt:
    return Zigbee2Mqtt([device("zigbee2mqtt", "zigbee2mqtt/FRIENDLY_NAME", kind="keypad", **({"door": "lab"} | more))])


def say(message: dict[str, Any], **more: Any) -> Any:
    return keypad(**more).decode("zigbee2mqtt/FRIENDLY_NAME", json.dumps(message).encode(), AT)


@pytest.mark.parametrize(
    "sample", [pytest.param(one, id=f"{one['model']}-{number}") for number, one in enumerate(load("keypads.json"))]
)
def test_published_messages(sample: dict[str, Any]) -> None:
    said = keypad().decode(sample["topic"], sample["payload"].encode(), AT)
    expected = sample["expected"]
    assert [one.digits for one in said.typed] == ([expected["typed"]] if "typed" in expected else [])
    assert [one.uid.hex() for one in said.reads] == ([expected["tag"]] if "tag" in expected else [])
    assert [(one["kind"], one.get("what")) for one in told(said)] == [tuple(one) for one in expected["events"]]
    assert said.heard == ("d1",)


def test_the_door_and_side_are_the_keypad_s() -> None:
    said = say({"action": "disarm", "action_code": "4711", "last_seen": "2026-11-23T08:00:00Z"}, side="out")
    assert said.typed == (Typed(device="d1", door="lab", side="out", digits="4711", device_at="2026-11-23T08:00:00Z"),)
    assert "4711" not in repr(said)
    (tag,) = say({"action_code": "+04A1B2C3"}, uid_reversed=True).reads
    assert tag.uid.hex() == "c3b2a104"


@pytest.mark.parametrize("code", ["12a4", "+", "+123", "+zz", 1234, "²³²³", "1" * 33, ["1"], True])
def test_what_is_no_code(code: Any) -> None:
    with pytest.raises(DriverError, match=r"code_unreadable|tag_unreadable"):
        say({"action": "disarm", "action_code": code})


def test_a_keypad_without_a_door_is_said_to_be() -> None:
    with pytest.raises(DriverError, match="reader_without_door"):
        say({"action_code": "1234"}, door=None)


def test_a_key_alone_says_nothing() -> None:
    for message in ({"action": "arm_all_zones", "action_code": ""}, {"action": ""}, {"action_code": None}):
        assert say(message).typed == ()


CUT = b'{"type":"access","time":1605991375,"uid":"94d8fc'


@pytest.mark.parametrize(
    ("payload", "driver", "is_keypad"),
    [
        (b'{"type":"access","uid":"94d8fc5f-","hostname":"entry"}', "esp_rfid", False),
        (b'{"type":"access","uid":"94d8fc \\"5f', "esp_rfid", False),
        (CUT, "esp_rfid", False),
        (b'{"type":"access","UID": 94d8fc5f}', "esp_rfid", False),
        (b'{"type":"WARN","desc":"Unknown rfid tag is scanned","data":"94d8fc5f 26","hostname"', "esp_rfid", False),
        (b'{"action":"disarm","action_code":"94d8fc","battery":', "zigbee2mqtt", False),
        (b'{"action":"disarm","action_code":94d8fc,"battery":', "zigbee2mqtt", False),
        (b'{"action":"disarm","action_code":["94d8fc"]}', "zigbee2mqtt", True),
        (b'{"action":"disarm","action_code":{"x": "94d8fc"}}', "zigbee2mqtt", True),
        (b'{"action":"disarm","action_code":{"x": "94d8fc"', "zigbee2mqtt", False),
        (b'{"list":[{"uid":"94d8fc5f"}]}', "esp_rfid", False),
        (b"94d8fc", "zigbee2mqtt", True),
        (b'{"uid":' + b'{"a":' * 900 + b'"94d8fc"' + b"}" * 901, "esp_rfid", False),
        (b'{"a":' * 5000 + b'"94d8fc"' + b"}" * 5000, "zigbee2mqtt", True),
        (b'["94d8fc"]', "zigbee2mqtt", True),
        (b'{"action": "disarm", "action_co\xff": "94d8fc"}', "zigbee2mqtt", True),
    ],
)
def test_numbers_and_codes_are_struck_out_of_what_cannot_be_read(payload: bytes, driver: str, is_keypad: bool) -> None:
    kept = shown(payload, driver, keypad=is_keypad)
    assert b"94d8fc" not in kept
    assert b"5f" not in kept


def test_the_rest_of_a_fault_stays_to_be_looked_at() -> None:
    assert shown(CUT, "esp_rfid", keypad=False) == b'{"type":"access","time":1605991375,"uid":*'
    whole = b'{"type":"access", "hostname":"entry", "uid":7}'
    assert shown(whole, "esp_rfid", keypad=False) == b'{"type": "access", "hostname": "entry", "uid": "*"}'
    assert shown(b'{"battery":"x","action":1}', "zigbee2mqtt", keypad=True) == b'{"battery":"x","action":1}'
    assert shown(b'{"data": "AwAB"}', "chirpstack", keypad=False) == b'{"data": "AwAB"}'
    assert shown(b"\xff" * 9000, None, keypad=False) == b"\xff" * 8192
