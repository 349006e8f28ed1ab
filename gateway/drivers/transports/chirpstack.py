"""ChirpStack v4: LoRaWAN devices behind a network server, as JSON over MQTT.

The JSON is Protocol Buffers' mapping, so a field that is zero, false or empty is left out (``fCnt`` of the first
uplink, ``fPort`` 0, an uplink without data). Each event carries a ``deduplicationId``, which the events of one uplink
share, and each uplink its frame counter, which begins anew when the device joins (``devAddr`` then changes): by these
the runtime drops what is delivered again.

Source: https://www.chirpstack.io/docs/chirpstack/integrations/events.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from gateway.contract.configuration import Device
from gateway.contract.wire import DeviceEvent, Event
from gateway.drivers import NOTHING, Decoded, DriverError, Identity, Link
from gateway.drivers.description import DriverDescription, FieldSide
from gateway.drivers.fields import device_at, instant_of, nested, number, read_object, text
from gateway.drivers.introductions import NOBODY, Introduced, Introduction, kind_of, words
from gateway.drivers.models import milesight
from gateway.drivers.models.milesight_tables import MODELS

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
                application, eui = _parts(device.address)
                if not application or not eui or "/" in eui:
                    raise DriverError("bad_address")
                self._devices[application, eui] = device

    def subscriptions(self) -> tuple[str, ...]:
        """Return the devices' topics."""
        return tuple(f"application/{application}/device/{eui}/event/+" for application, eui in self._devices)

    def live_subscriptions(self) -> tuple[str, ...]:
        """Return none: LoRaWAN reads no cards here. See ``Driver.live_subscriptions``."""
        return ()

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
                events = _log(device, message, at)
                return Decoded(events=_stamped(events, message), identity=_identity(device, "log", message))
            case leaf if leaf in ALIVE:
                events = ()
            case leaf if leaf in SILENT:
                return NOTHING
            case _:
                raise DriverError("unknown_event")
        return Decoded(
            events=_stamped(events, message),
            heard=(device.code,),
            identity=_identity(device, parts[5], message),
            link=_link(message),
            said_at=instant_of(message.get("time")),
        )

    def unlock(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Refuse: a LoRaWAN lock would open a minute too late. See ``Driver.unlock``."""
        raise DriverError("unknown_lock")

    def hold_open(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Refuse likewise. See ``Driver.hold_open``."""
        raise DriverError("unknown_lock")


def _parts(address: str) -> tuple[str, str]:
    """Return application and DevEUI, the latter as ChirpStack writes it: labels print ``24:E1:…`` and ``24-E1-…``."""
    application, _, eui = address.partition("/")
    return application, re.sub("[:-]", "", eui).lower()


def _stamped(events: tuple[Event, ...], message: Mapping[str, Any]) -> tuple[Event, ...]:
    if (when := device_at(message.get("time"))) is not None:
        for event in events:
            event["device_at"] = when
    return events


def _identity(device: Device, leaf: str, message: Mapping[str, Any]) -> Identity | None:
    """Return what tells this message from all others; None: it carries nothing that does."""
    given, when = text(message.get("deduplicationId"), limit=64), message.get("time")
    count = message.get("fCnt", 0) if leaf == "up" else None  # left out: 0
    if not isinstance(count, int) or isinstance(count, bool):
        count = None
    if given is None and (count is None or (count == 0 and not isinstance(when, str))):
        return None
    session = str(message.get("devAddr", ""))
    return Identity(
        device=device.code,
        key=_digest(
            leaf, given or when, message.get("code"), session, count, message.get("fPort"), message.get("data")
        ),
        session=session,
        count=count,
        sent_at=_instant(when),
        begins=leaf == "join",
    )


_NEEDS_DB: Final = {7: -7.5, 8: -10.0, 9: -12.5, 10: -15.0, 11: -17.5, 12: -20.0}
"""The least signal-to-noise ratio that a spreading factor can be read at (Semtech SX1276, table 13)."""


def _link(message: Mapping[str, Any]) -> Link | None:
    """Return how well the antenna that heard it best heard an uplink. What is 0 is left out."""
    antennas = message.get("rxInfo")
    heard = [
        (number(one.get("snr", 0)), number(one.get("rssi", 0)))
        for one in (antennas if isinstance(antennas, list) else ())
        if isinstance(one, dict)
    ]
    best = max(((snr, rssi) for snr, rssi in heard if snr is not None and rssi is not None), default=None)
    if best is None:
        return None
    factor = nested(nested(nested(message, "txInfo"), "modulation"), "lora").get("spreadingFactor")
    needs = _NEEDS_DB.get(factor, -20.0) if isinstance(factor, int) else -20.0
    return Link(rssi=best[1], snr=best[0], margin=best[0] - needs)


def _digest(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode("utf-8", "replace"), digest_size=10).hexdigest()


def _instant(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _uplink(device: Device, message: Mapping[str, Any], at: int) -> tuple[Event, ...]:
    payload = _payload(message)
    return milesight.uplink(device.model, device.code, payload, at) if payload else ()


def _payload(message: Mapping[str, Any]) -> bytes:
    """Return what the device itself sent; nothing where it only answered its network server."""
    data = message.get("data", "")
    if not isinstance(data, str):
        raise DriverError("data_not_base64")
    if not data or not message.get("fPort"):
        return b""  # left out because empty or zero
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DriverError("data_not_base64") from error


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


_ANTENNAS: Final = "eu868/gateway/#"
"""ChirpStack and the forwarders of its antennas speak by the same broker, in Europe's band, with ChirpStack's login."""


def field_side(address: str) -> FieldSide:
    """Return the topics of a device's application: ChirpStack logs in for all of its applications."""
    application = address.partition("/")[0]
    return FieldSide(
        topic=f"application/{application}",
        says=(f"application/{application}/device/+/event/+", _ANTENNAS),
        hears=(f"application/{application}/device/+/command/+", _ANTENNAS),
        bridge="chirpstack",
    )


def introduce(topic: str, payload: bytes) -> Introduction:
    """Read a message of a device that isn't configured. Its model is known by the names that people gave it there."""
    parts = topic.split("/")
    if len(parts) != 6 or (parts[0], parts[2], parts[4]) != ("application", "device", "event"):
        return NOBODY
    message = read_object(payload)
    info = nested(message, "deviceInfo")
    model = _model(info)
    said, kind = "joined" if parts[5] == "join" else "alive", None
    if data := _payload(message):
        said = f"{len(data)} bytes on port {number(message.get('fPort')) or 0:g}"
        try:
            events = milesight.uplink(model, "unassigned", data, 0)
        except DriverError:
            events = ()
        said, kind = words(events) or said, kind_of(events)
    name = text(info.get("deviceName"), limit=60)
    address = f"{parts[1]}/{parts[3].lower()}"
    return Introduction(
        devices=(Introduced(address=address, model=model, kind=kind, said=f"{name}: {said}" if name else said),)
    )


def _model(info: Mapping[str, Any]) -> str | None:
    """Return the first model that we read among the names of a device, of its profile and its tags."""
    given = (*nested(info, "tags").values(), info.get("deviceProfileName"), info.get("deviceName"))
    words_of = (re.findall(r"[A-Z]{2}\d{3}", name[:200].upper()) for name in given if isinstance(name, str))
    return next((word for found in words_of for word in found if word in MODELS), None)


CHIRPSTACK: Final = DriverDescription(
    name="chirpstack",
    label="ChirpStack",
    transports=("lorawan", "mqtt"),
    capabilities=frozenset({"counts", "senses"}),
    address=re.compile(r"[^/+#]+/[^/+#]+"),
    reserved=re.compile(r"application/[^/]+/device/.+|([^/]+/)?gateway/[^/]+/(command|event|state)(/.*)?", re.DOTALL),
    key=lambda address: "/".join(_parts(address)).casefold(),
    address_form="APPLICATION_ID/DEV_EUI",
    address_example="17c82e96-be03-4f38-aef3-f83d48582d97/24e124535b000001",
    secrets=frozenset(),
    models=milesight.READABLE,
    make=ChirpStack,
    battery_low={"": 10.0},  # lithium cells: their voltage falls only at the end
    needs_model=True,
    listens=tuple(f"application/+/device/+/event/{leaf}" for leaf in ("up", "join", "status")),
    introduce=introduce,
    expect_every_s=4_500,  # sensors report once an hour
    field_side=field_side,
    speaks_tls=True,
)
