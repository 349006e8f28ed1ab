"""What drivers do with addresses, odd messages and arbitrary bytes."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.contract.wire import EVENT
from gateway.drivers import NOTHING, Decoded, Driver, DriverError, Opened
from gateway.drivers.models import milesight
from gateway.drivers.models.esp_rfid import EspRfid, read_uid
from gateway.drivers.models.milesight_tables import MODELS
from gateway.drivers.transports.chirpstack import ChirpStack
from gateway.drivers.transports.zigbee2mqtt import Zigbee2Mqtt
from tests.unit.drivers.samples import AT, device, load, told

READERS = EspRfid(
    [
        device("esp_rfid", "rfid#entry", door="entry"),
        device("esp_rfid", "rfid#exit@192.168.1.9", code="d2", door="entry", side="out", uid_reversed=True),
        device("esp_rfid", "lab#lab", code="d3", door="lab", model="wiegand"),
    ]
)
SENSORS = Zigbee2Mqtt([device("zigbee2mqtt", "z/room/one"), device("zigbee2mqtt", "z/two", code="d2")])
LORA = ChirpStack([device("chirpstack", "app/24e124535b000001", model="VS341")])
DRIVERS: tuple[tuple[Driver, tuple[str, ...]], ...] = (
    (READERS, ("rfid/send", "lab/send", "lab/tag", "lab/avty", "lab/io/door", "lab/io/tamper", "other/send")),
    (SENSORS, ("z/room/one", "z/two/availability", "z/bridge/state", "z/bridge/event", "z/bridge/log", "z/three")),
    (
        LORA,
        tuple(f"application/app/device/24e124535b000001/event/{leaf}" for leaf in ("up", "status", "log", "join", "?")),
    ),
)


def access(**more: Any) -> bytes:
    message = {
        "type": "access",
        "time": 1605991375,
        "isKnown": "true",
        "access": "Always",
        "uid": "94d8fc5f",
        "hostname": "entry",
    }
    return json.dumps(message | more).encode()


def test_the_host_name_tells_readers_of_one_topic_apart() -> None:
    (first,) = READERS.decode("rfid/send", access(), AT).reads
    (second,) = READERS.decode("rfid/send", access(hostname="exit"), AT).reads
    assert (first.device, first.side, first.uid.hex()) == ("d1", "in", "94d8fc5f")
    assert (second.device, second.side, second.uid.hex()) == ("d2", "out", "5ffcd894")
    neighbour = READERS.decode("rfid/send", access(hostname="a neighbour's"), AT)
    assert replace(neighbour, introduced=()) == NOTHING
    assert [one.address for one in neighbour.introduced] == ["rfid#a neighbour's"]
    with pytest.raises(DriverError, match="sender_not_named"):
        READERS.decode("rfid/send", b'{"type":"heartbeat"}', AT)


def test_several_doors_make_one_card_read() -> None:
    said = READERS.decode("rfid/send", access(access=["Denied", "Always"], doorName=["a", "b"]), AT)
    assert [read.door for read in said.reads] == ["entry"]


def test_its_own_obedience_is_no_card() -> None:
    said = READERS.decode("rfid/send", access(uid=" ", username="MQTT"), AT)
    assert said == Decoded(heard=("d1",), opened=(Opened(device="d1", by="command"),))


@pytest.mark.parametrize(
    ("message", "by"),
    [
        ({"uid": "04a1b2c3", "access": "Always"}, "list"),
        ({"uid": "04a1b2c3", "access": "Admin"}, "list"),
        ({"uid": "04a1b2c3", "access": ["Denied", "Always"]}, "list"),
        ({"uid": "04a1b2c3", "access": "Expired"}, None),
        ({"uid": "04a1b2c3", "access": "Denied", "isKnown": "false"}, None),
        ({"uid": " ", "username": "Button"}, "button"),
    ],
)
def test_what_a_board_opened_by_itself(message: dict[str, Any], by: str | None) -> None:
    said = READERS.decode("rfid/send", access(**message), AT)
    assert [report.by for report in said.opened] == ([by] if by else [])


def test_a_relay_says_that_it_moved() -> None:
    opened = READERS.decode("lab/io/lock0", b"UNLOCKED", AT)
    assert opened == Decoded(heard=("d3",), opened=(Opened(device="d3", by="command"),))
    assert READERS.decode("lab/io/lock0", b"LOCKED", AT) == Decoded(heard=("d3",))


def test_an_unknown_card_in_the_log_stays_out_of_events() -> None:
    message = {
        "type": "WARN",
        "src": "rfid",
        "desc": "Unknown rfid tag is scanned",
        "data": "94d8fc5f 1",
        "hostname": "entry",
    }
    assert READERS.decode("rfid/send", json.dumps(message).encode(), AT) == Decoded(heard=("d1",))


def test_a_door_held_open() -> None:
    message = {"type": "WARN", "src": "tamper", "desc": "Door wasn't closed within max open time!", "hostname": "exit"}
    (event,) = READERS.decode("rfid/send", json.dumps(message).encode(), AT).events
    assert event == {"kind": "door", "at": AT, "device": "d2", "state": "held"}


def test_unlock_names_the_reader_as_it_knows_itself() -> None:
    assert READERS.unlock("d1", 5) == ("rfid/cmd", b'{"cmd": "opendoor", "doorip": "entry"}')
    assert READERS.unlock("d2", 5) == ("rfid/cmd", b'{"cmd": "opendoor", "doorip": "192.168.1.9"}')
    for driver in (READERS, SENSORS, LORA):
        with pytest.raises(DriverError, match="unknown_lock"):
            driver.unlock("d9", 5)


@pytest.mark.parametrize(
    ("written", "model", "uid", "how"),
    [
        ("94d8fc5f", None, "94d8fc5f", "uid"),
        ("53BB1F05110001", "pn532", "53bb1f05110001", "uid"),
        ("4a1b2c3", None, "04a1b2c3", "uid_unpadded"),
        ("74-10-37-94", None, "74103794", "uid"),
        ("4497999", "wiegand", "44a24f", "wiegand24"),
        ("4294967295", "wiegand", "ffffffff", "wiegand32"),
    ],
)
def test_uids(written: str, model: str | None, uid: str, how: str) -> None:
    read, said = read_uid(written, model=model)
    assert (read.hex(), said) == (uid, how)


@pytest.mark.parametrize(
    ("written", "model"), [("token UID", None), ("-5", "wiegand"), ("²", "wiegand"), ("0" * 21, None)]
)
def test_what_is_no_uid(written: str, model: str | None) -> None:
    with pytest.raises(DriverError, match="uid_unreadable"):
        read_uid(written, model=model) if written != "-5" else read_uid("5x", model=model)


def test_a_heartbeat_says_nothing_about_people() -> None:
    said = SENSORS.decode("z/room/one", b'{"linkquality": 80, "battery": 97}', AT)
    assert [event["kind"] for event in said.events] == ["measure", "device"]
    assert said.heard == ("d1",)


@pytest.mark.parametrize(
    ("message", "occupied"),
    [
        ({"occupancy": True}, True),
        ({"occupancy": False}, False),
        ({"presence": None}, None),
        ({"occupancy": False, "presence": True}, True),
        ({"occupancy": False, "presence": None}, None),
    ],
)
def test_presence_by_either_name(message: dict[str, Any], occupied: bool | None) -> None:
    (event,) = SENSORS.decode("z/room/one", json.dumps(message).encode(), AT).events
    assert event == {"kind": "desk", "at": AT, "device": "d1", "occupied": occupied}


def test_availability_in_its_three_forms() -> None:
    for payload in (b"online", b'{"state":"online"}', b'"online"'):
        assert SENSORS.decode("z/two/availability", payload, AT) == Decoded(heard=("d2",))
    assert SENSORS.decode("z/bridge/state", b'{"state":"offline"}', AT) == Decoded(gone=("d1", "d2"))
    assert SENSORS.decode("z/bridge/state", b"online", AT) == Decoded(back=("d1", "d2"))


def uplink(data: bytes | None, **more: Any) -> bytes:
    message: dict[str, Any] = {"deviceInfo": {"devEui": "24e124535b000001"}, "fPort": 85} | more
    if data is not None:
        message["data"] = base64.b64encode(data).decode()
    return json.dumps(message).encode()


UP = "application/app/device/24E124535B000001/event/up"


def test_an_uplink_without_data_is_a_sign_of_life() -> None:
    assert LORA.decode(UP, uplink(None), AT) == Decoded(heard=("d1",))
    assert LORA.decode(UP, uplink(bytes.fromhex("030001"), fPort=0), AT) == Decoded(heard=("d1",))


def test_an_unknown_field_keeps_what_came_before_it() -> None:
    said = LORA.decode(UP, uplink(bytes.fromhex("030001" + "77990102")), AT)
    assert [event["kind"] for event in said.events] == ["desk", "device"]
    assert told(said)[1]["text"] == "uplink: unknown_field at byte 3"
    with pytest.raises(DriverError, match="unknown_field"):
        LORA.decode(UP, uplink(bytes.fromhex("77990102")), AT)


@pytest.mark.parametrize(
    ("model", "unknown"),
    [
        pytest.param("VS341", "0a670801", id="a type whose length is the same everywhere"),
        pytest.param("VS341", "8a67080100", id="the same as an alarm"),
        pytest.param("VS373", "f93e02", id="the answer to a setting"),
        pytest.param("VS373", "f8560000" + "01", id="the answer to a setting, with its result"),
        pytest.param("VS373", "fe8e00b004", id="the answer to the reporting interval"),
        pytest.param(
            "VS350", "ffac01020301" + "ffad01" + "81ee05", id="VS350: settings and sensitivity of its third version"
        ),
        pytest.param("VS351", "ffcc00" + "ff8f0a00", id="VS351: power and interval"),
        pytest.param("VS360", "03f40101", id="VS360: its node does not answer"),
        pytest.param("VS373", "05fa" + "00" * 8 + "06fb0100000100", id="VS373 from 1.0.2: bed times and alarms"),
        pytest.param("VS373", "20ce" + "00000000" + "0100000100", id="VS373 from 1.0.2: alarms sent again"),
        pytest.param("WS203", "8367" + "220101", id="WS203: temperature alarm"),
        pytest.param("VS321", "8367220101" + "84685001" + "08f40200", id="VS321: alarms"),
        pytest.param("VS321", "20ce00000000" + "00" + "0500" + "00000000", id="VS321: history"),
        pytest.param("VS133", "11d205000000" + "13cc01000000", id="VS133: children"),
        pytest.param(
            "VS135", "1de300000000" + "1ee40100000000" + "50fc010001", id="VS135: children's regions, occlusion"
        ),
        pytest.param(
            "VS135", "20ce00000000" + "05" + "01000100" + "20ce00000000" + "20" + "010100", id="VS135: history"
        ),
        pytest.param("VS121", "ff08660112345678" + "20ce00000000" + "0305", id="VS121: serial number, history"),
        pytest.param("VS121", "ff086601123456780102" + "ff1f01020304", id="VS121: serial number of 16 digits"),
    ],
)
def test_what_stands_before_the_battery_does_not_hide_it(model: str, unknown: str) -> None:
    fields, unread = milesight.read(model, bytes.fromhex(unknown + "017510"))
    assert unread is None
    assert fields.get("battery", fields.get("battery_main")) == 16


def test_no_model_hides_a_field_of_another_model_whose_length_all_agree_on() -> None:
    for model in MODELS:
        fields, unread = milesight.read(model, bytes.fromhex("7a680a" + "ff0901000175" + "0a"))
        assert unread is None, model
        assert 10 in fields.values(), model


def said_of(model: str, payload: str) -> list[dict[str, Any]]:
    fields, unread = milesight.read(model, bytes.fromhex(payload))
    assert unread is None
    return [dict(event) for event in milesight.events("d1", fields, AT)]


def test_a_vs373_says_at_once_that_its_room_filled_or_emptied() -> None:
    assert said_of("VS373", "06fb01000401" + "00")[0]["occupied"] is True
    assert said_of("VS373", "06fb02000501" + "00")[0]["occupied"] is False
    assert said_of("VS373", "06fb01000401" + "00" + "06fb02000501" + "00")[0]["occupied"] is False  # the later one
    assert said_of("VS373", "06fb01000402" + "00") == []  # the alarm's end says nothing about people
    assert said_of("VS373", "20ce" + "00000000" + "0100040100") == []  # an alarm that is sent again is history


def test_a_vs321_that_cannot_detect_has_no_number() -> None:
    assert said_of("VS321", "05fd0300" + "08f40200")[0]["present"] == 3
    assert said_of("VS321", "05fd0300" + "08f40201")[0]["present"] is None


def test_children_are_counted_once_and_a_count_taken_back_is_not_65535() -> None:
    (count,) = said_of("VS135", "05cc03000100" + "13cc01000000")
    assert (count["entered"], count["left"]) == (3, 1)
    (count,) = said_of("VS121", "05ccffff0200")
    assert (count["entered"], count["left"]) == (0, 2)


def test_an_envelope_of_another_device_is_refused() -> None:
    with pytest.raises(DriverError, match="dev_eui_mismatch"):
        LORA.decode(UP, uplink(b"\x03\x00\x01", deviceInfo={"devEui": "ffffffffffffffff"}), AT)


def test_inverted_polarity() -> None:
    fields, _ = milesight.read("VS373", bytes.fromhex("04f901010001"))
    assert [event["occupied"] for event in milesight.events("d1", fields, AT) if event["kind"] == "desk"] == [True]
    fields, _ = milesight.read("VS373", bytes.fromhex("04f901010101"))
    assert [event["occupied"] for event in milesight.events("d1", fields, AT) if event["kind"] == "desk"] == [False]


def test_counters_count_periods_and_not_totals() -> None:
    both, _ = milesight.read("VS350", bytes.fromhex("84CC011108110185CCE803E90301"))
    assert milesight.events("d1", both, AT) == (
        {"kind": "count", "at": AT, "device": "d1", "entered": 1000, "left": 1001}
        | {"entered_total": 4353, "left_total": 4360},
    )
    period, _ = milesight.read("VS350", bytes.fromhex("85CCE803E90301"))
    assert milesight.events("d1", period, AT) == (
        {"kind": "count", "at": AT, "device": "d1", "entered": 1000, "left": 1001},
    )
    totals, _ = milesight.read("VS350", bytes.fromhex("04CC01110811"))
    assert milesight.events("d1", totals, AT) == ()
    history, _ = milesight.read("VS350", bytes.fromhex("20CEFF3DF16401070002001D000800"))
    assert milesight.events("d1", history, AT) == ()


@pytest.mark.parametrize(
    ("driver", "address"),
    [("esp_rfid", "rfid"), ("esp_rfid", "#h"), ("esp_rfid", "t#h@"), ("zigbee2mqtt", "z/"), ("chirpstack", "a/b/c")],
)
def test_bad_addresses_are_refused_at_the_start(driver: str, address: str) -> None:
    with pytest.raises(DriverError, match="bad_address"):
        {"esp_rfid": EspRfid, "zigbee2mqtt": Zigbee2Mqtt, "chirpstack": ChirpStack}[driver]([device(driver, address)])


# fmt: off
KEYS = st.sampled_from([
    "type", "uid", "time", "hostname", "door", "src", "desc", "occupancy", "presence", "battery", "last_seen",
    "contact", "state", "data", "fPort", "deviceInfo", "devEui", "batteryLevel", "level", "code", "temperature",
    "friendly_name",
])
# fmt: on
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["access", "INFO", "door", "Door Open", "entry", "A1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=4,
)
MESSAGES = st.dictionaries(KEYS, VALUES, max_size=8).map(lambda message: json.dumps(message).encode())


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(payload=st.binary(max_size=200) | MESSAGES)
@example(payload=b"[" * 100_000)
@example(payload=b"1" * 10_000)
@example(payload=b'{"battery": 1e999, "occupancy": NaN}')
@example(payload=b'{"uid": "\\ud800", "time": "\\u0000\\ud800", "type": "access"}')
@example(payload=b'{"type": ["access"], "uid": {}}')
def test_arbitrary_bytes_raise_nothing_but_driver_errors(payload: bytes) -> None:
    for driver, topics in DRIVERS:
        for topic in topics:
            try:
                said = driver.decode(topic, payload, AT)
            except DriverError:
                continue
            for event in said.events:
                EVENT.validate_python(event)
                json.dumps(event, ensure_ascii=False, allow_nan=False).encode()
                assert "\x00" not in str(event)
            for read in said.reads:
                assert 1 <= len(read.uid) <= 10


@given(data=st.binary(max_size=60), model=st.sampled_from([*MODELS, "VS999"]))
def test_arbitrary_uplinks_raise_nothing_but_driver_errors(data: bytes, model: str) -> None:
    try:
        fields, _ = milesight.read(model, data)
    except DriverError:
        return
    for event in milesight.events("d1", fields, AT):
        EVENT.validate_python(event)


@given(battery=st.integers(0, 100), occupied=st.booleans())
def test_a_desk_reads_what_was_written(battery: int, occupied: bool) -> None:
    fields, _ = milesight.read("vs341", bytes((0x01, 0x75, battery, 0x03, 0x00, occupied)))
    desk, health = milesight.events("d1", fields, AT)
    assert desk == {"kind": "desk", "at": AT, "device": "d1", "occupied": occupied}
    assert health == {"kind": "device", "at": AT, "device": "d1", "what": "battery", "value": battery}


@pytest.mark.parametrize("sample", [one for one in load("lorawan_bytes.json") if one["vendor"] == "Milesight"])
def test_a_truncated_uplink_tells_what_came_whole(sample: dict[str, Any]) -> None:
    data = bytes.fromhex(sample["payload"])
    whole, _ = milesight.read(sample["model"], data)
    for length in range(1, len(data)):
        fields, unread = _read(sample["model"], data[:length])
        assert unread is None or unread.startswith("truncated")
        # A later field of the same name may say otherwise; a name never comes from nowhere.
        assert fields.keys() <= whole.keys()


def _read(model: str, data: bytes) -> tuple[dict[str, Any], str | None]:
    try:
        return milesight.read(model, data)
    except DriverError as error:
        return {}, error.reason
