"""ChirpStack v4: LoRaWAN devices behind a network server, as JSON over MQTT.

The JSON is Protocol Buffers' mapping, so a field that is zero, false or empty is left out (``fCnt`` of the first
uplink, ``fPort`` 0, an uplink without data). Each uplink carries a ``deduplicationId``; a redelivered message
decodes to the same events again, and the runtime drops repeats.

Source: https://www.chirpstack.io/docs/chirpstack/integrations/events.html
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.config import Device
from gateway.drivers import NOTHING, Decoded, DriverError, milesight
from gateway.drivers.fields import device_at, nested, number, read_object, text
from gateway.wire import DeviceEvent, Event

ALIVE: Final = frozenset({"join", "ack"})
"""Events that a device itself caused, though they carry no news for us."""
SILENT: Final = frozenset({"txack", "location", "integration"})
"""Events of the network server alone."""


class ChirpStack:
    """The LoRaWAN devices of one gateway (ours; a LoRaWAN gateway is only an antenna here)."""

    def __init__(self, devices: Iterable[Device]) -> None:
        """Keep those of ``devices`` that are ours.

        Raises:
            DriverError: ``bad_address``.
        """
        self._devices: dict[tuple[str, str], Device] = {}
        for device in devices:
            if device.driver == "chirpstack":
                application, slash, eui = device.address.partition("/")
                if not slash or not application or not eui or "/" in eui:
                    raise DriverError("bad_address")
                self._devices[application, eui.lower()] = device

    def subscriptions(self) -> tuple[str, ...]:
        """Return the devices' topics."""
        return tuple(f"application/{application}/device/{eui}/event/+" for application, eui in self._devices)

    def decode(self, topic: str, payload: bytes, at: int) -> Decoded:
        """Read one event of a device. See ``Driver.decode``."""
        parts = topic.split("/")
        if len(parts) != 6 or (parts[0], parts[2], parts[4]) != ("application", "device", "event"):
            return NOTHING
        device = self._devices.get((parts[1], parts[3].lower()))
        if device is None:
            return NOTHING
        message = read_object(payload)
        eui = nested(message, "deviceInfo").get("devEui")
        if isinstance(eui, str) and eui.lower() != parts[3].lower():
            raise DriverError("dev_eui_mismatch")
        match parts[5]:
            case "up":
                events = _uplink(device, message, at)
            case "status":
                events = _status(device, message, at)
            case "log":
                return Decoded(events=_stamped(_log(device, message, at), message))
            case leaf if leaf in ALIVE:
                events = ()
            case leaf if leaf in SILENT:
                return NOTHING
            case _:
                raise DriverError("unknown_event")
        return Decoded(events=_stamped(events, message), heard=(device.code,))

    def unlock(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Refuse: a LoRaWAN lock would open a minute too late. See ``Driver.unlock``."""
        raise DriverError("unknown_lock")

    def hold_open(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Refuse likewise. See ``Driver.hold_open``."""
        raise DriverError("unknown_lock")


def _stamped(events: tuple[Event, ...], message: Mapping[str, Any]) -> tuple[Event, ...]:
    if (when := device_at(message.get("time"))) is not None:
        for event in events:
            event["device_at"] = when
    return events


def _uplink(device: Device, message: Mapping[str, Any], at: int) -> tuple[Event, ...]:
    data = message.get("data", "")
    if not isinstance(data, str):
        raise DriverError("data_not_base64")
    if not data or not message.get("fPort"):
        return ()  # left out because empty or zero: a device that only answers its network server
    try:
        payload = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DriverError("data_not_base64") from error
    fields, unread = milesight.read(device.model, payload)
    events = milesight.events(device.code, fields, at)
    if unread is None:
        return events
    return (*events, DeviceEvent(kind="device", at=at, device=device.code, what="fault", text=f"uplink: {unread}"))


def _status(device: Device, message: Mapping[str, Any], at: int) -> tuple[Event, ...]:
    if message.get("externalPowerSource") is True or message.get("batteryLevelUnavailable") is True:
        return ()
    level = number(message.get("batteryLevel", 0))  # left out: 0 percent
    if level is None or not 0 <= level <= 100:
        raise DriverError("battery_out_of_range")
    return (DeviceEvent(kind="device", at=at, device=device.code, what="battery", value=level),)


def _log(device: Device, message: Mapping[str, Any], at: int) -> tuple[Event, ...]:
    """Read the network server's complaint about a device. ``INFO`` is left out of the JSON, being zero."""
    if message.get("level") != "ERROR":
        return ()
    said = ": ".join(part for key in ("code", "description") if (part := text(message.get(key), limit=200)))
    return (DeviceEvent(kind="device", at=at, device=device.code, what="fault", text=said or "error"),)
