"""Zigbee2MQTT 1.x and 2.x: presence, contact and climate sensors behind a Zigbee coordinator.

A device's state comes on ``BASE/FRIENDLY_NAME``, its availability below it. There is no message id and identical
messages repeat within a second: each decodes again, and the runtime drops what is not news. A message without
``occupancy`` or ``presence`` (a heartbeat) says nothing about people.

Source: https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html and the samples in tests/data/devices.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.config import Device
from gateway.drivers import NOTHING, Decoded, DriverError
from gateway.drivers.fields import device_at, nested, number, read_object
from gateway.wire import DeskEvent, DeviceEvent, DoorEvent, Event, MeasureEvent

MEASURES: Final[tuple[tuple[str, tuple[str, ...], float, float], ...]] = (
    ("co2", ("co2",), 0, 100_000),
    ("temperature", ("temperature",), -100, 200),
    ("humidity", ("humidity",), 0, 100),
    # Before 2.0 ``illuminance`` was the sensor's raw value and ``illuminance_lux`` the lux: the latter wins.
    ("illuminance", ("illuminance_lux", "illuminance"), 0, 1_000_000),
    ("linkquality", ("linkquality",), 0, 255),
)
"""Our name, the maker's names in order of preference, the least and the greatest that is believed."""


class Zigbee2Mqtt:
    """The Zigbee devices of one gateway."""

    def __init__(self, devices: Iterable[Device]) -> None:
        """Keep those of ``devices`` that are ours.

        Raises:
            DriverError: ``bad_address``.
        """
        self._devices: dict[str, Device] = {}
        self._bases: dict[str, list[str]] = {}
        for device in devices:
            if device.driver == "zigbee2mqtt":
                base, slash, name = device.address.partition("/")
                if not slash or not base or not name:
                    raise DriverError("bad_address")
                self._devices[device.address] = device
                self._bases.setdefault(base, []).append(device.code)

    def subscriptions(self) -> tuple[str, ...]:
        """Return the devices' topics and the bridges' own news."""
        of_devices = (topic for name in self._devices for topic in (name, f"{name}/availability"))
        of_bridges = (f"{base}/bridge/{leaf}" for base in self._bases for leaf in ("state", "event"))
        return (*of_devices, *of_bridges)

    def decode(self, topic: str, payload: bytes, at: int) -> Decoded:
        """Read one message of a device or of the bridge. See ``Driver.decode``."""
        if (device := self._devices.get(topic)) is not None:
            # An empty message clears a retained state.
            return (
                Decoded(events=_state(device, read_object(payload), at), heard=(device.code,)) if payload else NOTHING
            )
        name, _, leaf = topic.rpartition("/")
        if leaf == "availability" and (device := self._devices.get(name)) is not None:
            return _availability(payload, (device.code,))
        base, _, rest = topic.partition("/")
        if base in self._bases and rest.startswith("bridge/"):
            return self._bridge(base, rest.removeprefix("bridge/"), payload)
        return NOTHING

    def unlock(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Refuse: Zigbee locks are not driven here. See ``Driver.unlock``."""
        raise DriverError("unknown_lock")

    def _bridge(self, base: str, leaf: str, payload: bytes) -> Decoded:
        if leaf == "state":
            said = _availability(payload, tuple(self._bases[base]))
            return Decoded(gone=said.gone)  # the bridge being up doesn't mean that its devices are
        if leaf != "event":
            return NOTHING
        message = read_object(payload)
        left = self._devices.get(f"{base}/{nested(message, 'data').get('friendly_name')}")
        return Decoded(gone=(left.code,)) if left is not None and message.get("type") == "device_leave" else NOTHING


def _availability(payload: bytes, codes: tuple[str, ...]) -> Decoded:
    """Read ``online`` or ``offline``, as text (1.x) or as JSON (2.x); nothing: a retained message was cleared."""
    if not payload:
        return NOTHING
    said: object = payload.decode("utf-8", "replace").strip()
    if payload.lstrip().startswith((b"{", b'"')):
        try:
            value = json.loads(payload)
        except (ValueError, RecursionError) as error:
            raise DriverError("invalid_json") from error
        said = value.get("state") if isinstance(value, dict) else value
    if said == "online":
        return Decoded(heard=codes)
    if said == "offline":
        return Decoded(gone=codes)
    raise DriverError("unknown_availability")


def _state(device: Device, message: Mapping[str, Any], at: int) -> tuple[Event, ...]:
    """Read a device's state into events, presence first."""
    events: list[Event] = []
    if "occupancy" in message or "presence" in message:
        events.append(DeskEvent(kind="desk", at=at, device=device.code, occupied=_occupied(message)))
    if "contact" in message:
        closed = _truth(message["contact"])
        if closed is not None:
            events.append(DoorEvent(kind="door", at=at, device=device.code, state="closed" if closed else "open"))
    if message.get("tamper") is True:
        events.append(DoorEvent(kind="door", at=at, device=device.code, state="tamper"))
    for name, keys, least, greatest in MEASURES:
        value = next((found for key in keys if (found := number(message.get(key))) is not None), None)
        if value is not None and least <= value <= greatest:
            events.append(MeasureEvent(kind="measure", at=at, device=device.code, name=name, value=value))
    battery = number(message.get("battery"))
    if battery is not None and 0 <= battery <= 100:
        events.append(DeviceEvent(kind="device", at=at, device=device.code, what="battery", value=battery))
    if (when := device_at(message.get("last_seen"))) is not None:
        for event in events:
            event["device_at"] = when
    return tuple(events)


def _occupied(message: Mapping[str, Any]) -> bool | None:
    """Return whether anybody is there: a sensor with both a PIR and a radar says so by either."""
    said = [_truth(message[key]) for key in ("occupancy", "presence") if key in message]
    if True in said:
        return True
    return None if None in said else False


def _truth(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise DriverError("not_a_truth_value")
