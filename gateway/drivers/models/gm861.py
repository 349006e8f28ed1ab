"""Grow GM861 and GM65 QR readers on an ESP board with Tasmota.

The reader (Hangzhou Grow, "GM861 Barcode reader module User Manual") sends what it scans over its serial line, and
Tasmota's driver publishes it once, on ``tele/TOPIC/SENSOR``: ``{"Time":"…","GM861":{"Code":"…"}}``, with ``"AIM":"Q1"``
where the reader is told to say what kind of code it was. A periodic message on the same topic holds no code.
``tele/TOPIC/LWT`` says whether the board is online, ``tele/TOPIC/STATE`` that it is alive.

Source: tasmota/tasmota_xsns_sensor/xsns_107_gm861.ino of https://github.com/arendst/Tasmota (GPL-3.0; read, not
copied), https://tasmota.github.io/docs/MQTT/, and the messages in tests/data/devices/gm861.json.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gateway.contract.configuration import Device
from gateway.drivers import NOTHING, Decoded, DriverError, Scanned
from gateway.drivers.description import DriverDescription, FieldSide
from gateway.drivers.fields import device_at, read_object
from gateway.drivers.introductions import NOBODY, Introduced, Introduction

READ_AGAIN_S: Final = 1.0
"""A code that stays in front of the reader is read again after so long (its zone byte 5, 10 in the factory)."""
_ADDRESS: Final = re.compile(r"[^+#/]+(/[^+#/]+)+")
_LONGEST: Final = 256
"""Characters of a code that Tasmota takes from the reader."""


class Gm861:
    """The GM861 readers of one gateway."""

    def __init__(self, devices: Iterable[Device]) -> None:
        """Keep those of ``devices`` that are ours.

        Raises:
            DriverError: ``bad_address``.
        """
        self._readers: dict[str, Device] = {}
        for device in devices:
            if device.driver == "gm861":
                if not _ADDRESS.fullmatch(device.address):
                    raise DriverError("bad_address")
                self._readers[device.address] = device

    def subscriptions(self) -> tuple[str, ...]:
        """Return what a reader's board publishes."""
        return tuple(f"{topic}/{leaf}" for topic in self._readers for leaf in ("SENSOR", "STATE", "LWT"))

    def live_subscriptions(self) -> tuple[str, ...]:
        """Return where codes come. See ``Driver.live_subscriptions``."""
        return tuple(f"{topic}/SENSOR" for topic in self._readers)

    def decode(self, topic: str, payload: bytes, at: int) -> Decoded:
        """Read one message of a reader's board. See ``Driver.decode``."""
        base, _, leaf = topic.rpartition("/")
        device = self._readers.get(base)
        if device is None:
            return NOTHING
        if leaf == "LWT":
            return _availability(device, payload)
        message = read_object(payload)
        said = message.get("GM861")
        if leaf != "SENSOR" or said is None:
            return Decoded(heard=(device.code,))
        code = said.get("Code") if isinstance(said, dict) else None
        if not isinstance(code, str) or not code or len(code) > _LONGEST:
            raise DriverError("code_unreadable")
        if device.door is None:
            raise DriverError("reader_without_door")
        scan = Scanned(
            device=device.code,
            door=device.door,
            side=device.side,
            text=code,
            device_at=device_at(message.get("Time")),
            again_s=READ_AGAIN_S,
        )
        return Decoded(scans=(scan,), heard=(device.code,))

    def unlock(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Refuse: a reader has no lock. See ``Driver.unlock``."""
        raise DriverError("unknown_lock")

    def hold_open(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Refuse likewise. See ``Driver.hold_open``."""
        raise DriverError("unknown_lock")


def _availability(device: Device, payload: bytes) -> Decoded:
    if payload == b"Online":
        return Decoded(heard=(device.code,))
    if payload == b"Offline":
        return Decoded(gone=(device.code,))
    raise DriverError("unknown_availability")


def field_side(address: str) -> FieldSide:
    """Return a board's topics. It hears no command: what is set in it is set on its own page."""
    return FieldSide(topic=address, says=tuple(f"{address}/{leaf}" for leaf in ("SENSOR", "STATE", "LWT")))


def introduce(topic: str, payload: bytes) -> Introduction:
    """Read a message of a reader that isn't configured; never what it scanned."""
    base, _, leaf = topic.rpartition("/")
    if leaf != "SENSOR" or not _ADDRESS.fullmatch(base) or "GM861" not in read_object(payload):
        return NOBODY
    return Introduction(devices=(Introduced(address=base, kind="reader", said="code scanned"),))


GM861: Final = DriverDescription(
    name="gm861",
    label="GM861 (Tasmota)",
    transports=("serial", "mqtt"),
    capabilities=frozenset({"reads_qr"}),
    address=_ADDRESS,
    address_form="tele/TOPIC, as the board's messages without /SENSOR",
    address_example="tele/my-place-qr",
    secrets=frozenset({"code"}),
    make=Gm861,
    listens=("tele/+/SENSOR", "+/tele/SENSOR"),
    introduce=introduce,
    key=str,
    default_kind="reader",
    expect_every_s=900,  # a message each five minutes (TelePeriod)
    field_side=field_side,
)
