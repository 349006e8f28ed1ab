"""Every published sample of a maker that we drive decodes as its document says."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.contract.wire import EVENT
from gateway.drivers import DriverError
from gateway.drivers.models import milesight
from gateway.drivers.models.esp_rfid import EspRfid
from gateway.drivers.transports.chirpstack import ChirpStack
from gateway.drivers.transports.zigbee2mqtt import Zigbee2Mqtt
from tests.unit.drivers.samples import AT, device, load, told

OTHER_MAKERS = {
    "ELSYS": "no driver yet: issue 'Devices'",
    "Browan": "no driver yet: issue 'Devices'",
    "Netvox": "no driver yet: issue 'Devices'",
    "Tektelic": "no driver yet: issue 'Devices'",
    "IMBuildings": "no driver yet: issue 'Devices'",
    "Parametric": "no driver yet: issue 'Devices'",
    "OpenMQTTGateway": "no driver yet: BLE",
    "The Things Stack v3": "no driver yet: another network server",
    "The Things Stack v3 envelope": "no driver yet: another network server",
    "Tasmota": "no driver yet: another reader's firmware",
    "ESPHome": "no driver yet: another reader's firmware",
    "uhppoted-mqtt": "no driver yet: another door controller",
    "Shelly": "no driver yet: another sensor",
    "Pressac-type gateway": "no driver yet: another hub",
}
OURS = {"Milesight", "Zigbee2MQTT", "ChirpStack v4", "ChirpStack v4 envelope", "esp-rfid"}


def of(vendor: str, name: str) -> list[Any]:
    return [
        pytest.param(sample, id=f"{sample['model']}-{number}".replace(" ", "-"))
        for number, sample in enumerate(load(name))
        if sample["vendor"] == vendor
    ]


def test_every_sample_is_ours_or_has_a_reason_why_not() -> None:
    for name in ("lorawan_bytes.json", "mqtt_messages.json", "composed_envelopes.json"):
        for sample in load(name):
            assert sample["vendor"] in OURS or OTHER_MAKERS[sample["vendor"]], sample


def folded(value: Any) -> Any:
    """Labels differ between a README and its decoder by case and by underscores; bytes and meaning don't."""
    if isinstance(value, str):
        return value.replace("_", " ").casefold()
    if isinstance(value, list):
        return [folded(one) for one in value]
    return {key: folded(one) for key, one in value.items()} if isinstance(value, dict) else value


def flat(expected: dict[str, Any]) -> dict[str, Any]:
    """The Things Network's codecs nest by line and shorten a name; the maker's own names are the flat ones."""
    names: dict[str, Any] = {}
    for key, value in expected.items():
        if isinstance(value, dict):
            names |= {f"{key}_{inner}": one for inner, one in value.items()}
        else:
            names["calibration_status" if key == "calibration" else key] = value
    return names


@pytest.mark.parametrize("sample", of("Milesight", "lorawan_bytes.json"))
def test_milesight_bytes(sample: dict[str, Any]) -> None:
    # Where README and decoder disagree on a label, the decoder says what the byte means.
    expected = flat(sample.get("vendor_decoder_output", sample["expected"]))
    fields, unread = milesight.read(sample["model"], bytes.fromhex(sample["payload"]))
    assert folded(fields) == folded(expected)
    assert unread is None
    events = milesight.events("d1", fields, AT)
    for event in events:
        EVENT.validate_python(event)
    occupied = [event["occupied"] for event in events if event["kind"] == "desk"]
    if "occupancy" in expected:
        assert occupied == [expected["occupancy"] == "occupied"]


EUI, APPLICATION = "0101010101010101", "17c82e96-be03-4f38-aef3-f83d48582d97"


@pytest.mark.parametrize("sample", of("ChirpStack v4", "mqtt_messages.json"))
def test_chirpstack_events(sample: dict[str, Any]) -> None:
    driver = ChirpStack([device("chirpstack", f"{APPLICATION}/{EUI}", model="VS341")])
    expected = sample["expected"]
    if expected["event"] == "up":
        # The published uplink holds the one byte aa: no Milesight device says that.
        assert base64.b64decode(json.loads(sample["payload"])["data"]).hex() == expected["data_hex"]
        with pytest.raises(DriverError, match="truncated"):
            driver.decode(sample["topic"], sample["payload"].encode(), AT)
        return
    said = driver.decode(sample["topic"], sample["payload"].encode(), AT)
    assert said.heard == (() if expected["event"] == "log" else ("d1",))
    assert all(event.get("device_at") == expected["time"] for event in told(said))
    if "batteryLevel" in expected:
        assert [(event["kind"], event.get("value")) for event in told(said)] == [("device", expected["batteryLevel"])]
    elif expected["event"] == "log":
        assert "UPLINK_MIC" in told(said)[0]["text"]
    else:
        assert said.events == ()


@pytest.mark.parametrize("sample", of("ChirpStack v4 envelope", "composed_envelopes.json"))
def test_uplinks_in_their_envelope(sample: dict[str, Any]) -> None:
    _, application, _, eui, _, _ = sample["topic"].split("/")
    model = sample["expected"]["model"]
    driver = ChirpStack([device("chirpstack", f"{application}/{eui}", model=model)])
    if model.startswith("ELSYS"):
        with pytest.raises(DriverError, match="unknown_model"):
            driver.decode(sample["topic"], sample["payload"].encode(), AT)
        return
    said = driver.decode(sample["topic"], sample["payload"].encode(), AT)
    by_kind = {event["kind"]: event for event in told(said)}
    assert by_kind["desk"]["occupied"] is sample["expected"]["occupied"]
    assert by_kind["device"]["value"] == sample["expected"]["battery"]
    assert by_kind["desk"]["device_at"] == "2022-07-18T09:34:15.775023242+00:00"


@pytest.mark.parametrize("sample", of("Zigbee2MQTT", "mqtt_messages.json"))
def test_zigbee2mqtt_messages(sample: dict[str, Any]) -> None:
    topic, expected = sample["topic"], sample["expected"]
    name = topic.removesuffix("/availability")
    if "event" in expected:
        name = "zigbee2mqtt/my_bulb"
    said = Zigbee2Mqtt([device("zigbee2mqtt", name)]).decode(topic, sample["payload"].encode(), AT)
    if "available" in expected:
        assert (said.heard, said.gone) == ((("d1",), ()) if expected["available"] else ((), ("d1",)))
        return
    if expected.get("event") == "device_leave":
        assert said.gone == ("d1",)
        return
    by_name = {event.get("name") or event.get("what") or event["kind"]: event for event in told(said)}
    assert by_name["desk"]["occupied"] is expected["occupied"]
    if "battery" in expected:
        assert by_name["battery"]["value"] == expected["battery"]
    if "linkquality" in expected:
        assert by_name["linkquality"]["value"] == expected["linkquality"]
    if (light := expected.get("illuminance", expected.get("illuminance_lux"))) is not None:
        assert by_name["illuminance"]["value"] == light
    if "device_time" in expected:
        assert all(event["device_at"] == expected["device_time"] for event in told(said))


HOST = "your esp-rfid hostname"


def reader(topic: str) -> EspRfid:
    return EspRfid([device("esp_rfid", f"{topic}#{HOST}", door="entry")])


@pytest.mark.parametrize("sample", of("esp-rfid", "mqtt_messages.json"))
def test_esp_rfid_messages(sample: dict[str, Any]) -> None:
    expected, driver = sample["expected"], reader("/rfid")
    if expected.get("event") == "door_open":
        said = driver.decode(sample["topic"], sample["payload"].encode(), AT)
        assert [(event["kind"], event["state"]) for event in told(said)] == [("door", "open")]
    elif expected.get("event") == "heartbeat":
        said = driver.decode(sample["topic"], sample["payload"].encode(), AT)
        assert (said.events, said.heard) == ((), ("d1",))
    else:
        # The document's "token UID" is a placeholder, and no card; what the reader itself thinks is not asked.
        with pytest.raises(DriverError, match="uid_unreadable"):
            driver.decode(sample["topic"], sample["payload"].encode(), AT)
        said = driver.decode(sample["topic"], sample["payload"].replace("token UID", "94d8fc5f").encode(), AT)
        (read,) = said.reads
        assert read.uid.hex() == "94d8fc5f"
        when = datetime.fromtimestamp(int(read.device_at or ""), UTC)
        assert when == datetime.fromisoformat(expected["time"])


SAID = {
    "Door Closed": "closed",
    "Door was tampered!": "tamper",
    "Not enough space to update": "fault",
}


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param(sample, id=f"{sample['section']}-{number}")
        for number, sample in enumerate(load("esp_rfid_messages.json"))
    ],
)
def test_esp_rfid_document(sample: dict[str, Any]) -> None:
    driver, raw = reader("/rfid"), sample["raw"].replace("token UID", "04a1b2c3d4e5f6")
    if sample["direction"].startswith("to_device"):
        if sample["section"] == "Open door":
            topic, command = driver.unlock("d1", 5)
            assert topic == "/rfid/cmd"
            assert json.loads(command).keys() == json.loads(raw).keys()
            assert json.loads(command)["cmd"] == json.loads(raw)["cmd"]
        return
    leaf = "tag" if '"type"' not in raw else "send"
    if not sample["valid_json"]:
        with pytest.raises(DriverError, match="invalid_json"):
            driver.decode(f"/rfid/{leaf}", raw.encode(), AT)
        raw = sample["repaired"].replace("token UID", "04a1b2c3d4e5f6")
    said = driver.decode(f"/rfid/{leaf}", raw.encode(), AT)
    assert said.heard == ("d1",)
    assert [read.uid.hex() for read in said.reads] == (["04a1b2c3d4e5f6"] if '"uid"' in raw else [])
    words = json.loads(raw).get("desc")
    assert [event.get("state") or event.get("what") for event in told(said)] == ([SAID[words]] if words in SAID else [])
