"""Zigbee2MQTT 1.x and 2.x: presence, contact and climate sensors, and keypads, behind a Zigbee coordinator.

A device's state comes on ``BASE/FRIENDLY_NAME``, its availability below it. There is no message id and identical
messages repeat within a second: each decodes again, and the runtime drops what is not news. A message without
``occupancy`` or ``presence`` (a heartbeat) says nothing about people.

A base topic may have several levels, and so may a friendly name. So every level above a device is listened to for a
bridge, and a device belongs to the nearest one that has spoken.

A keypad says what was typed as ``action_code``, and the key that ended it as ``action`` (any will do: a door has one
meaning). What it says is never kept by the hub (``action_.*`` in its state cache), so no old code comes again. The
Frient KEPZB-110 reads tags as well: ``+`` and the tag's UID in hexadecimal.

Source: https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html, https://www.zigbee2mqtt.io/devices/KEYZB-110.html
and the samples in tests/data/devices.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.contract.configuration import Device
from gateway.contract.wire import DeskEvent, DeviceEvent, DoorEvent, Event, MeasureEvent
from gateway.drivers import NOTHING, CardRead, Decoded, DriverError, Typed
from gateway.drivers.description import DriverDescription, FieldSide
from gateway.drivers.fields import device_at, instant_of, nested, number, read_object, text
from gateway.drivers.introductions import NOBODY, Introduced, Introduction, kind_of, words

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
        self._levels: dict[str, None] = {}
        """Topics under which a bridge may be."""
        self._bridges: set[str] = set()
        """Those under which one has spoken; its state is retained, so that it speaks at each start."""
        for device in devices:
            if device.driver == "zigbee2mqtt":
                if not all(device.address.split("/")) or "/" not in device.address:
                    raise DriverError("bad_address")
                self._devices[device.address] = device
                self._levels.update(dict.fromkeys(_above(device.address)))

    def subscriptions(self) -> tuple[str, ...]:
        """Return the devices' topics and the bridges' own news."""
        of_devices = (topic for name in self._devices for topic in (name, f"{name}/availability"))
        of_bridges = (f"{level}/bridge/{leaf}" for level in self._levels for leaf in ("state", "event"))
        return (*of_devices, *of_bridges)

    def live_subscriptions(self) -> tuple[str, ...]:
        """Return the keypads' topics. See ``Driver.live_subscriptions``."""
        return tuple(
            topic
            for topic, device in self._devices.items()
            if device.kind == "keypad" or (device.door is not None and device.kind != "contact")
        )

    def decode(self, topic: str, payload: bytes, at: int) -> Decoded:
        """Read one message of a device or of the bridge. See ``Driver.decode``."""
        if (device := self._devices.get(topic)) is not None:
            message = read_object(payload)
            if device.kind == "keypad" or "action_code" in message:
                return _keypad(device, message, at)
            spoke_at = instant_of(message.get("last_seen"))
            return Decoded(events=_state(device, message, at), heard=(device.code,), said_at=spoke_at)
        name, _, leaf = topic.rpartition("/")
        if leaf == "availability" and (device := self._devices.get(name)) is not None:
            return _availability(payload, (device.code,))
        level, bridge, leaf = topic.rpartition("/bridge/")
        if bridge and level in self._levels:
            return self._bridge(level, leaf, payload)
        return NOTHING

    def unlock(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Refuse: Zigbee locks are not driven here. See ``Driver.unlock``."""
        raise DriverError("unknown_lock")

    def hold_open(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Refuse likewise. See ``Driver.hold_open``."""
        raise DriverError("unknown_lock")

    def _under(self, base: str) -> tuple[str, ...]:
        """Return the codes of the devices whose bridge is ``base``."""
        return tuple(
            device.code
            for address, device in self._devices.items()
            if next((level for level in _above(address) if level in self._bridges), None) == base
        )

    def _bridge(self, base: str, leaf: str, payload: bytes) -> Decoded:
        self._bridges.add(base)
        if leaf == "state":
            said = _availability(payload, self._under(base))
            return Decoded(gone=said.gone, back=said.heard)  # the bridge being up doesn't mean that its devices are
        if leaf != "event":
            return NOTHING
        message = read_object(payload)
        left = self._devices.get(f"{base}/{nested(message, 'data').get('friendly_name')}")
        return Decoded(gone=(left.code,)) if left is not None and message.get("type") == "device_leave" else NOTHING


def _above(address: str) -> tuple[str, ...]:
    """Return the levels above a topic, the nearest first."""
    parts = address.split("/")
    return tuple("/".join(parts[:end]) for end in range(len(parts) - 1, 0, -1))


def _availability(payload: bytes, codes: tuple[str, ...]) -> Decoded:
    """Read ``online`` or ``offline``, as text (1.x) or as JSON (2.x)."""
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
    if (battery := _battery(device, message, at)) is not None:
        events.append(battery)
    if (when := device_at(message.get("last_seen"))) is not None:
        for event in events:
            event["device_at"] = when
    return tuple(events)


def _keypad(device: Device, message: Mapping[str, Any], at: int) -> Decoded:
    """Read a keypad. Its ``occupancy`` and ``contact``, where it has them, tell of itself, not of a room or a door."""
    events: list[Event] = []
    if message.get("tamper") is True:
        events.append(DoorEvent(kind="door", at=at, device=device.code, state="tamper"))
    if (battery := _battery(device, message, at)) is not None:
        events.append(battery)
    if message.get("action") == "emergency":
        events.append(DeviceEvent(kind="device", at=at, device=device.code, what="fault", text="emergency key"))
    heard, when = (device.code,), device_at(message.get("last_seen"))
    code = message.get("action_code")
    if code is None or code == "":
        return Decoded(events=tuple(events), heard=heard)
    if device.door is None:
        raise DriverError("reader_without_door")
    if not isinstance(code, str) or len(code) > 32 or not code.isascii():
        raise DriverError("code_unreadable")
    if code.startswith("+"):
        read = CardRead(
            device=device.code,
            door=device.door,
            side=device.side,
            format="tag",
            device_at=when,
            **_tag(device, code[1:]),
        )
        return Decoded(events=tuple(events), reads=(read,), heard=heard)
    if not code.isdecimal():
        raise DriverError("code_unreadable")
    typed = Typed(device=device.code, door=device.door, side=device.side, digits=code, device_at=when)
    return Decoded(events=tuple(events), typed=(typed,), heard=heard)


def _tag(device: Device, digits: str) -> dict[str, Any]:
    try:
        uid = bytes.fromhex(digits)
    except ValueError as error:
        raise DriverError("tag_unreadable") from error
    if not uid:
        raise DriverError("tag_unreadable")
    if device.uid_reversed:
        uid = uid[::-1]
    return {"uid": uid, "bits": f"{int.from_bytes(uid, 'big'):0{8 * len(uid)}b}"}


def _battery(device: Device, message: Mapping[str, Any], at: int) -> DeviceEvent | None:
    battery = number(message.get("battery"))
    if battery is None or not 0 <= battery <= 100:
        return None
    return DeviceEvent(kind="device", at=at, device=device.code, what="battery", value=battery)


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


def field_side(address: str) -> FieldSide:
    """Return the topics of a device and of its siblings: one that has just joined is heard before it is configured.

    Zigbee2MQTT subscribes to all below its base topic; what is not listed here does not reach it.
    """
    levels = _above(address)
    parent = levels[0]
    bridges = tuple(f"{level}/bridge/#" for level in levels)
    return FieldSide(
        topic=parent,
        says=(f"{parent}/+", f"{parent}/+/availability", *bridges),
        hears=(f"{parent}/+/set/#", f"{parent}/+/get/#", *bridges),
        bridge="zigbee2mqtt",
    )


def introduce(topic: str, payload: bytes) -> Introduction:
    """Read a bridge's list of its devices, or the state of a device that isn't configured."""
    base, bridge, leaf = topic.rpartition("/bridge/")
    if bridge:
        return Introduction(devices=tuple(_listed(base, payload)), listen=f"{base}/+") if leaf == "devices" else NOBODY
    if topic.endswith(("/bridge", "/availability")):
        return NOBODY
    message = read_object(payload)
    if "action_code" in message:
        return Introduction(devices=(Introduced(address=topic, kind="keypad", said="something was typed"),))
    events = _state(Device(code="unassigned", driver="zigbee2mqtt", address=topic), message, 0)
    kind = kind_of(events)
    if kind is None:
        return NOBODY  # a group, or a lamp
    return Introduction(devices=(Introduced(address=topic, kind=kind, said=words(events)),))


def _listed(base: str, payload: bytes) -> Iterable[Introduced]:
    try:
        rows = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise DriverError("invalid_json") from error
    for row in rows if isinstance(rows, list) else ():
        name = text(row.get("friendly_name"), limit=100) if isinstance(row, dict) else None
        if name is None or row.get("type") == "Coordinator" or row.get("disabled") is True:
            continue
        model = text(nested(row, "definition").get("model"), limit=64)
        yield Introduced(address=f"{base}/{name}", model=model, said="joined the Zigbee network")


ZIGBEE2MQTT: Final = DriverDescription(
    name="zigbee2mqtt",
    label="Zigbee2MQTT",
    transports=("zigbee", "mqtt"),
    capabilities=frozenset({"reads_cards", "reads_codes", "senses"}),
    address=re.compile(r"[^/+#]+(/[^/+#]+)+"),
    reserved=re.compile(r".+/bridge(/.*)?", re.DOTALL),
    address_form="BASE/FRIENDLY_NAME, as the topic of the device",
    address_example="zigbee2mqtt/meeting-room",
    secrets=frozenset({"action_code"}),
    make=Zigbee2Mqtt,
    listens=("zigbee2mqtt/+", "+/bridge/devices", "+/+/bridge/devices"),
    introduce=introduce,
    key=str,
    expect_every_s=4_500,  # sensors report once an hour
    field_side=field_side,
    speaks_tls=True,
    expect_every_by_kind={"keypad": 90_000},  # once a day
    battery_low={"": 15.0, "KEYZB-110": 25.0, "KEPZB-110": 25.0},  # a keypad without power keeps people out
)
