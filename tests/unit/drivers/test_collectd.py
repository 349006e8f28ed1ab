"""Numbers of Wi-Fi stations come from collectd's own messages, and nothing else of them does."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.contract.wire import EVENT
from gateway.drivers import NOTHING, DriverError
from gateway.drivers.registry import described, drivers_for
from gateway.drivers.transports.collectd import COLLECTD, Collectd, introduce
from tests.unit.drivers.samples import AT, device, load, told

RADIO = "collectd/openwrt/iwinfo-phy0-ap0"
SAMPLES = load("collectd.json")


@pytest.mark.parametrize("sample", SAMPLES, ids=[one["topic"] for one in SAMPLES])
def test_published_messages(sample: dict[str, Any]) -> None:
    expected = sample["expected"]
    radio = sample["topic"].removesuffix("/stations") if expected else RADIO
    said = Collectd([device("collectd", radio)]).decode(sample["topic"], sample["payload"].encode(), AT)
    if expected is None:
        assert said == NOTHING
        return
    assert (said.heard, said.said_at) == (("d1",), expected["at_us"])
    numbers = [(event["name"], event["value"]) for event in told(said)]
    assert numbers == ([] if expected["stations"] is None else [("wifi_stations", expected["stations"])])
    for event in said.events:
        EVENT.validate_python(event)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"7",
        b"1457426548.116:",
        b"1457426548.116:-1",
        b"1:2:3",
        b"1457426548.116:1e9",
        b"a:b",
        b"\xff\x00",
        b"1:99999",
    ],
)
def test_what_is_no_number_of_stations_is_refused(payload: bytes) -> None:
    with pytest.raises(DriverError):
        Collectd([device("collectd", RADIO)]).decode(f"{RADIO}/stations", payload, AT)


def test_only_the_numbers_are_subscribed_to_and_no_payload_is_ever_stored() -> None:
    """A message of collectd could name a station; the length of an unreadable one is all that is kept."""
    assert drivers_for([device("collectd", RADIO)])["collectd"].subscriptions() == (f"{RADIO}/stations",)
    side = COLLECTD.field_side
    assert side is not None
    assert side(RADIO).says == ("collectd/openwrt/+/stations",)
    assert described("collectd").secrets is None


@pytest.mark.parametrize(
    "address", ["collectd/openwrt", "iwinfo-wlan0", "collectd/+/iwinfo-wlan0", "collectd/o/iwinfo-w/x"]
)
def test_an_address_is_one_radio(address: str) -> None:
    with pytest.raises(DriverError, match="bad_address"):
        drivers_for([device("collectd", address)])


def test_a_radio_that_is_not_configured_introduces_itself() -> None:
    (found,) = introduce(f"{RADIO}/stations", b"1457426548.116:7\0").devices
    assert (found.address, found.kind, found.said) == (RADIO, "access_point", "Wi-Fi stations: 7")
    assert introduce("collectd/openwrt/cpu/stations", b"1:2\0").devices == ()
