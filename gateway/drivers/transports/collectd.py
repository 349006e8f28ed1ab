"""Wi-Fi access points that count their stations: OpenWrt's collectd with the plugins iwinfo and mqtt.

A radio's number of stations comes on ``PREFIX/HOST/iwinfo-INTERFACE/stations``, as ``SECONDS:NUMBER`` and a zero byte,
each 30 seconds. A radio is a device; the people of a space may be at several. Only the number is subscribed to: no
message that names a station is ever received.

Source: https://collectd.org/wiki/index.php/Plugin:MQTT, src/mqtt.c and src/utils/format_values of collectd (the topic
is the identifier behind the prefix, the payload the time and the values), collectd's src/iwinfo.c as OpenWrt patches it
in, and the samples in tests/data/devices.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gateway.contract.configuration import Device
from gateway.contract.wire import MeasureEvent
from gateway.drivers import NOTHING, Decoded, DriverError
from gateway.drivers.description import DriverDescription, FieldSide
from gateway.drivers.fields import instant_of
from gateway.drivers.introductions import NOBODY, Introduced, Introduction

STATIONS: Final = "wifi_stations"
"""The measure's name."""
_LEAF: Final = "/stations"
_ADDRESS: Final = re.compile(r"([^/+#]+/)+iwinfo-[^/+#]+")
_PAYLOAD: Final = re.compile(rb"(\d{1,12}(?:\.\d{1,9})?):(-?nan|U|\d{1,6}(?:\.\d{1,9})?)\x00?\n?")
_MOST: Final = 10_000
"""No radio has more stations."""


class Collectd:
    """The radios of one gateway's access points."""

    def __init__(self, devices: Iterable[Device]) -> None:
        """Keep those of ``devices`` that are ours.

        Raises:
            DriverError: ``bad_address``.
        """
        self._topics: dict[str, Device] = {}
        for device in devices:
            if device.driver == "collectd":
                if not _ADDRESS.fullmatch(device.address):
                    raise DriverError("bad_address")
                self._topics[device.address + _LEAF] = device

    def subscriptions(self) -> tuple[str, ...]:
        """Return one topic for each radio."""
        return tuple(self._topics)

    def live_subscriptions(self) -> tuple[str, ...]:
        """Return none: no card comes here. See ``Driver.live_subscriptions``."""
        return ()

    def decode(self, topic: str, payload: bytes, at: int) -> Decoded:
        """Read how many stations a radio has. See ``Driver.decode``."""
        device = self._topics.get(topic)
        if device is None:
            return NOTHING
        said_at, number = _read(payload)
        if number is None:
            return Decoded(heard=(device.code,), said_at=said_at)
        event = MeasureEvent(kind="measure", at=at, device=device.code, name=STATIONS, value=number)
        return Decoded(events=(event,), heard=(device.code,), said_at=said_at)

    def unlock(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Refuse: there is no lock. See ``Driver.unlock``."""
        raise DriverError("unknown_lock")

    def hold_open(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Refuse likewise. See ``Driver.hold_open``."""
        raise DriverError("unknown_lock")


def _read(payload: bytes) -> tuple[int | None, float | None]:
    """Return when it was counted (µs) and the number; None: collectd could not count."""
    read = _PAYLOAD.fullmatch(payload)
    if read is None:
        raise DriverError("not_collectd_values")
    counted_at = instant_of(float(read[1]))
    if not read[2][:1].isdigit():
        return counted_at, None
    if (number := float(read[2])) > _MOST:
        raise DriverError("absurd_stations")
    return counted_at, number


def field_side(address: str) -> FieldSide:
    """Return the one kind of topic that an access point may publish: of all that collectd knows, the numbers only."""
    host = address.rpartition("/")[0]
    return FieldSide(topic=host, says=(f"{host}/+{_LEAF}",), bridge="collectd")


def introduce(topic: str, payload: bytes) -> Introduction:
    """Read the number of stations of a radio that isn't configured."""
    address = topic.removesuffix(_LEAF)
    if not _ADDRESS.fullmatch(address):
        return NOBODY
    _, number = _read(payload)
    said = "Wi-Fi stations" if number is None else f"Wi-Fi stations: {number:.0f}"
    return Introduction(devices=(Introduced(address=address, kind="access_point", said=said),))


COLLECTD: Final = DriverDescription(
    name="collectd",
    label="collectd (OpenWrt)",
    transports=("mqtt",),
    capabilities=frozenset({"senses"}),
    address=_ADDRESS,
    address_form="PREFIX/HOST/iwinfo-INTERFACE, as the topic without /stations",
    address_example="collectd/openwrt/iwinfo-phy0-ap0",
    secrets=None,
    make=Collectd,
    default_kind="access_point",
    listens=("collectd/+/+/stations",),
    introduce=introduce,
    key=str,
    expect_every_s=600,  # one message each 30 s
    field_side=field_side,
    speaks_tls=True,
)
