"""Codes that a GM861 scans come from Tasmota's own messages, and nobody else hears them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.drivers import NOTHING, DriverError
from gateway.drivers.models.gm861 import GM861, READ_AGAIN_S, Gm861, introduce
from gateway.drivers.registry import described, drivers_for, unfit
from simulator.devices.gm861 import VirtualQrReader
from tests.unit.drivers.samples import AT, device, load

SAMPLES = load("gm861.json")
TOPIC = "tele/tasmota_49E88C"


@pytest.mark.parametrize("sample", SAMPLES, ids=[f"{one['topic']} {one['payload'][:40]}" for one in SAMPLES])
def test_published_messages(sample: dict[str, Any]) -> None:
    base = sample["topic"].rpartition("/")[0]
    said = Gm861([device("gm861", base, door="entry")]).decode(sample["topic"], sample["payload"].encode(), AT)
    assert [one.text for one in said.scans] == ([] if sample["code"] is None else [sample["code"]])
    assert (said.heard, said.gone) == (((), ("d1",)) if sample["payload"] == "Offline" else (("d1",), ()))


def test_a_scan_is_of_its_door_and_isnt_shown() -> None:
    reader = Gm861([device("gm861", TOPIC, door="entry", side="out")])
    (scan,) = reader.decode(f"{TOPIC}/SENSOR", SAMPLES[0]["payload"].encode(), AT).scans
    assert (scan.door, scan.side, scan.device_at, scan.again_s) == (
        "entry",
        "out",
        "2023-04-14T14:25:04",
        READ_AGAIN_S,
    )
    assert scan.text not in repr(scan)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("SENSOR", b"{"),
        ("SENSOR", b"[]"),
        ("SENSOR", b'{"GM861": 7}'),
        ("SENSOR", b'{"GM861": {}}'),
        ("SENSOR", b'{"GM861": {"Code": ""}}'),
        ("SENSOR", b'{"GM861": {"Code": "' + b"9" * 257 + b'"}}'),
        ("LWT", b"maybe"),
    ],
)
def test_what_cannot_be_read_is_refused(topic: str, payload: bytes) -> None:
    with pytest.raises(DriverError):
        Gm861([device("gm861", TOPIC, door="entry")]).decode(f"{TOPIC}/{topic}", payload, AT)


def test_a_reader_without_a_door_and_another_board() -> None:
    reader = Gm861([device("gm861", TOPIC)])
    with pytest.raises(DriverError, match="reader_without_door"):
        reader.decode(f"{TOPIC}/SENSOR", SAMPLES[0]["payload"].encode(), AT)
    assert reader.decode("tele/other/SENSOR", SAMPLES[0]["payload"].encode(), AT) == NOTHING


def test_it_describes_itself() -> None:
    assert drivers_for([device("gm861", TOPIC)])["gm861"].subscriptions() == tuple(
        f"{TOPIC}/{leaf}" for leaf in ("SENSOR", "STATE", "LWT")
    )
    assert Gm861([device("gm861", TOPIC)]).live_subscriptions() == (f"{TOPIC}/SENSOR",)
    side = described("gm861").field_side
    assert side is not None
    assert (side(TOPIC).says[0], side(TOPIC).hears) == (f"{TOPIC}/SENSOR", ())
    assert unfit(device("gm861", TOPIC, kind="reader")) is None
    for kind in ("keypad", "lock"):
        found = unfit(device("gm861", TOPIC, kind=kind))
        assert found is not None
        assert found[0] == "kind"
    for address in ("tele/+", "tele/#", "/SENSOR", ""):
        with pytest.raises(DriverError):
            GM861.check(device("gm861", address))
    for lock in (Gm861([device("gm861", TOPIC)]).unlock, Gm861([device("gm861", TOPIC)]).hold_open):
        with pytest.raises(DriverError):
            lock("d1", 5.0)


def test_one_that_nobody_has_assigned_is_found_without_its_code() -> None:
    found = introduce(f"{TOPIC}/SENSOR", SAMPLES[0]["payload"].encode()).devices
    assert [(one.address, one.kind, one.said) for one in found] == [(TOPIC, "reader", "code scanned")]
    assert introduce(f"{TOPIC}/SENSOR", SAMPLES[2]["payload"].encode()).devices == ()


def test_the_virtual_reader_says_what_a_real_one_says() -> None:
    said: list[tuple[str, bytes]] = []

    class Air:
        def wall_s(self, name: str) -> float:
            return 1_795_300_000.0

        def say(self, name: str, driver: str, topic: str, payload: bytes, *, retain: bool = False) -> None:
            assert retain is topic.endswith("/LWT")
            said.append((topic, payload))

    virtual = VirtualQrReader("gare/qr", device("gm861", TOPIC, door="entry"), Air())  # type: ignore[arg-type]
    virtual.boot()
    virtual.heartbeat()
    virtual.scan("MQ1.ABC $%*+-./:")
    driver = Gm861([device("gm861", TOPIC, door="entry")])
    decoded = [driver.decode(topic, payload, AT) for topic, payload in said]
    assert [one.heard for one in decoded] == [("d1",)] * 3
    assert [scan.text for one in decoded for scan in one.scans] == ["MQ1.ABC $%*+-./:"]
