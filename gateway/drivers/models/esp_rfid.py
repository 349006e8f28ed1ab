"""esp-rfid v2: card readers with a relay, a door contact and a tamper switch on an ESP8266, over MQTT.

A reader publishes to ``TOPIC/send`` (``TOPIC/tag`` and ``TOPIC/io/…`` in its Home Assistant mode) and listens on
``TOPIC/cmd``. Several readers may share a topic; the host name tells them apart. The gateway decides on a card,
whatever a reader's own list says of it (``access``); but by that list it may have opened (``Opened``).

With its setting "PIN code only" the firmware publishes what was typed as it publishes a card, in ``uid``, and nothing
tells them apart (src/rfid.esp, ``pinCodeRead``). A card's number never begins with a zero, and hardly ever has as few
as four digits: so of a reader of model ``wiegand-keypad``, four digits, or more that begin with a zero, were typed.

Source: README-MQTT.md and src/mqtt.esp, src/door.esp, src/rfid.esp, src/main.cpp of
https://github.com/esprfid/esp-rfid (MIT).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from gateway.contract.configuration import Device
from gateway.contract.wire import DeviceEvent, DoorEvent, Event
from gateway.drivers import NOTHING, CardRead, Decoded, DriverError, Opened, Typed
from gateway.drivers.description import DriverDescription, FieldSide
from gateway.drivers.fields import device_at, read_object, text
from gateway.drivers.introductions import NOBODY, Introduced, Introduction
from gateway.drivers.models.wiegand import number_bytes, with_parity

ANSWERS: Final = frozenset(
    {
        *("heartbeat", "hearthbeat", "boot", "deletuid", "deletusers", "adduser", "getconf", "updateconf"),
        *("getuserlist", "listusr", "getuser", "opendoor"),
    }
)
"""Types that say only that the reader is alive: heartbeats (old firmware misspells) and answers to commands."""

COMMANDS: Final = frozenset(
    {
        *("opendoor", "adduser", "deletuid", "deletusers", "getuserlist", "listusr", "getuser", "getconf"),
        *("updateconf", "reboot"),
    }
)
"""What a board obeys, in any of the firmware's versions."""

_LIVE: Final = ("send", "tag", "io/lock", *(f"io/lock{number}" for number in range(4)))
"""Below a board's topic: cards, and its relays in the Home Assistant mode. Both mean nothing once they are late."""

READ_AGAIN_S: Final = 2.0
"""The firmware reads a card that stays after so long again (``COOLDOWN_MILIS`` of src/config.h)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """``TOPIC#HOSTNAME`` or ``TOPIC#HOSTNAME@IP``.

    The firmware obeys a command only if it names the reader's own IP; without one the host name stands in for it.
    """

    topic: str
    host: str
    ip: str

    @staticmethod
    def parse(address: str) -> Address:
        """Read a device's address.

        Raises:
            DriverError: ``bad_address``.
        """
        topic, mark, rest = address.rpartition("#")
        host, at, ip = rest.partition("@")
        if not mark or not topic or not host or (at and not ip):
            raise DriverError("bad_address")
        return Address(topic=topic, host=host, ip=ip or host)


class EspRfid:
    """The esp-rfid readers of one gateway."""

    def __init__(self, devices: Iterable[Device]) -> None:
        """Keep those of ``devices`` that are ours.

        Raises:
            DriverError: ``bad_address``.
        """
        self._readers: dict[str, list[tuple[Address, Device]]] = {}
        self._locks: dict[str, Address] = {}
        for device in devices:
            if device.driver == "esp_rfid":
                address = Address.parse(device.address)
                self._readers.setdefault(address.topic, []).append((address, device))
                self._locks[device.code] = address

    def subscriptions(self) -> tuple[str, ...]:
        """Return what the readers publish to, in both of the firmware's modes."""
        return tuple(f"{topic}/{leaf}" for topic in self._readers for leaf in (*_LIVE, "avty", "io/+"))

    def live_subscriptions(self) -> tuple[str, ...]:
        """Return where card reads come, and what the relay does. See ``Driver.live_subscriptions``."""
        return tuple(f"{topic}/{leaf}" for topic in self._readers for leaf in _LIVE)

    def decode(self, topic: str, payload: bytes, at: int) -> Decoded:
        """Read one message of a reader. See ``Driver.decode``."""
        base, _, leaf = topic.rpartition("/")
        if base.endswith("/io"):
            base, leaf = base[:-3], f"io/{leaf}"
        readers = self._readers.get(base)
        if readers is None:
            return NOTHING
        if leaf == "avty":
            return _availability(readers, payload)
        if leaf.startswith("io/"):
            return _contact(_only(readers), leaf[3:], payload, at)
        if leaf not in ("send", "tag"):
            return NOTHING
        message = read_object(payload)
        device = _sender(readers, message)
        if device is None:
            return Decoded(introduced=introduce(topic, payload).devices)
        return _message(device, message, at, tag=leaf == "tag")

    def unlock(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Return the maker's own command; how long the relay holds is set in the reader. See ``Driver.unlock``."""
        address = self._locks.get(device)
        if address is None:
            raise DriverError("unknown_lock")
        return f"{address.topic}/cmd", json.dumps({"cmd": "opendoor", "doorip": address.ip}).encode()

    def hold_open(self, device: str, seconds: float) -> tuple[str, bytes]:
        """Return ``opendoor`` again: the firmware knows no other word, and counts its activation time anew from each.

        Only of a board whose lock type is momentary: a continuous one would fall shut at every second command
        (src/main.cpp, ``loop``). See ``Driver.hold_open``.
        """
        return self.unlock(device, seconds)


def _only(readers: list[tuple[Address, Device]]) -> Device:
    """Return the one reader of a topic, for messages that don't name their sender."""
    if len(readers) != 1:
        raise DriverError("sender_not_named")
    return readers[0][1]


def _sender(readers: list[tuple[Address, Device]], message: Mapping[str, Any]) -> Device | None:
    host = message.get("hostname", message.get("door"))
    if host is None:
        return _only(readers)
    return next((device for address, device in readers if address.host == host), None)


def _availability(readers: list[tuple[Address, Device]], payload: bytes) -> Decoded:
    codes = tuple(device.code for _, device in readers)
    if payload == b"online":
        return Decoded(heard=codes)
    if payload == b"offline":
        return Decoded(gone=codes)
    raise DriverError("unknown_availability")


def _contact(device: Device, name: str, payload: bytes, at: int) -> Decoded:
    """Read an input of the Home Assistant mode: ``ON`` is open, or tampered with; of a relay, ``UNLOCKED``."""
    if name.startswith("lock") and payload in (b"UNLOCKED", b"LOCKED"):
        opened = (Opened(device=device.code, by="command"),) if payload == b"UNLOCKED" else ()
        return Decoded(opened=opened, heard=(device.code,))
    if payload not in (b"ON", b"OFF"):
        raise DriverError("unknown_contact_state")
    on = payload == b"ON"
    events: tuple[Event, ...] = ()
    if name == "door":
        events = (DoorEvent(kind="door", at=at, device=device.code, state="open" if on else "closed"),)
    elif name == "tamper" and on:
        events = (DoorEvent(kind="door", at=at, device=device.code, state="tamper"),)
    return Decoded(events=events, heard=(device.code,))


def _message(device: Device, message: Mapping[str, Any], at: int, *, tag: bool) -> Decoded:
    kind = message.get("type")
    heard = (device.code,)
    if kind == "access" or (kind is None and tag):
        return _access(device, message)
    if kind in ("INFO", "WARN", "ERRO"):
        return Decoded(events=_report(device, message, at), heard=heard)
    if isinstance(kind, str) and kind in ANSWERS:
        return Decoded(heard=heard)
    if kind is None and ("list" in message or ("uid" in message and "access" not in message)):
        return Decoded(heard=heard)  # an answer to getuserlist: the reader's own list
    raise DriverError("unknown_type")


def _report(device: Device, message: Mapping[str, Any], at: int) -> tuple[Event, ...]:
    """Read a log line. Its ``data`` is never passed on: for an unknown card it holds the card's number."""
    source, said = message.get("src"), message.get("desc")
    if not isinstance(said, str):
        raise DriverError("report_without_text")
    event = DoorEvent(kind="door", at=at, device=device.code, state="open")
    if (when := device_at(message.get("time"))) is not None:
        event["device_at"] = when
    if source == "door":
        state = said.casefold()
        if state not in ("door open", "door closed"):
            raise DriverError("unknown_door_state")
        event["state"] = "open" if state == "door open" else "closed"
        return (event,)
    if source == "tamper":
        event["state"] = "held" if "closed within" in said else "tamper"
        return (event,)
    if message.get("type") == "ERRO":
        fault = DeviceEvent(kind="device", at=at, device=device.code, what="fault")
        if (words := text(said, limit=200)) is not None:
            fault["text"] = words
        return (fault,)
    return ()


def _access(device: Device, message: Mapping[str, Any]) -> Decoded:
    written = message.get("uid")
    if not isinstance(written, str):
        raise DriverError("uid_missing")
    if not written.strip():  # the firmware reports what opened without a card as an access, too
        by: Literal["button", "command"] = "button" if message.get("username") == "Button" else "command"
        return Decoded(opened=(Opened(device=device.code, by=by),), heard=(device.code,))
    if device.door is None:
        raise DriverError("reader_without_door")
    opened = (Opened(device=device.code, by="list"),) if _opens(message.get("access")) else ()
    when = device_at(message.get("time"))
    model = (device.model or "").casefold()
    if model == "wiegand-keypad" and _is_typed(written.strip()):
        typed = Typed(device=device.code, door=device.door, side=device.side, digits=written.strip(), device_at=when)
        return Decoded(typed=(typed,), opened=opened, heard=(device.code,))
    uid, how = read_uid(written, model=device.model, bits=device.bits)
    length = 8 * len(uid)
    if model.startswith("wiegand"):
        uid, length = number_bytes(int.from_bytes(uid, "big"), device.bits)
    if device.uid_reversed and length % 8 == 0:
        uid = uid[::-1]
    bits = with_parity(uid, length) if model.startswith("wiegand") else f"{int.from_bytes(uid, 'big'):0{length}b}"
    read = CardRead(
        device=device.code,
        door=device.door,
        side=device.side,
        uid=uid,
        bits=bits,
        format=how,
        device_at=when,
        again_s=READ_AGAIN_S,
    )
    return Decoded(reads=(read,), opened=opened, heard=(device.code,))


def _opens(access: object) -> bool:
    """Return whether the board opened by its own list; of several doors, any."""
    return any(one in ("Always", "Admin") for one in (access if isinstance(access, list) else [access]))


def introduce(topic: str, payload: bytes) -> Introduction:
    """Read a message of a reader that isn't configured: its host name, its IP where it tells it, never what it read."""
    base, _, leaf = topic.rpartition("/")
    if not base or "#" in base or leaf not in ("send", "tag"):
        return NOBODY
    message = read_object(payload)
    host, kind = text(message.get("hostname", message.get("door")), limit=64), message.get("type")
    if host is None or "#" in host or "@" in host:
        return NOBODY
    if kind == "access" or (kind is None and leaf == "tag" and "uid" in message):
        said = "card read" if str(message.get("uid", "")).strip() else "opened"
    elif kind in ("INFO", "WARN", "ERRO"):
        said = str(message.get("desc", "")).casefold() if message.get("src") == "door" else "alive"
        said = said if said in ("door open", "door closed") else "alive"
    elif isinstance(kind, str) and kind in ANSWERS:
        said = "started" if kind == "boot" else "alive"
    else:
        return NOBODY
    ip = text(message.get("ip"), limit=45)
    address = f"{base}#{host}@{ip}" if ip and not set(ip) & set("#@") else f"{base}#{host}"
    return Introduction(devices=(Introduced(address=address, kind="reader", said=said),))


def _is_typed(written: str) -> bool:
    return written.isascii() and written.isdecimal() and (len(written) == 4 or written.startswith("0"))


def read_uid(written: str, *, model: str | None, bits: int | None = None) -> tuple[bytes, str]:
    """Return a card's bytes, as the reader ordered them, and how they were written.

    A Wiegand reader (model ``wiegand…``) writes a number, whose zeros in front only ``bits`` gives back.
    The others write hexadecimal bytes, some firmware without the leading zero of a byte: an odd number of digits
    gets its first zero back (``uid_unpadded``); a zero lost further on cannot be found again.

    Raises:
        DriverError: ``uid_unreadable``, ``number_too_long``.
    """
    compact = written.strip().replace("-", "").replace(":", "").replace(" ", "")
    if not compact.isascii() or not 1 <= len(compact) <= 20:
        raise DriverError("uid_unreadable")
    try:
        if model is not None and model.casefold().startswith("wiegand"):
            value = _number(compact, 16 if model.casefold() == "wiegand-hex" else 10)
            uid, _ = number_bytes(value, bits)
            return uid, f"wiegand{len(uid) * 8}"
        digits = compact if len(compact) % 2 == 0 else f"0{compact}"
        return bytes.fromhex(digits), "uid" if digits == compact else "uid_unpadded"
    except (ValueError, OverflowError) as error:
        raise DriverError("uid_unreadable") from error


def _number(digits: str, base: int) -> int:
    if not digits.isalnum():
        raise ValueError("a sign or a blank")
    return int(digits, base)


def field_side(address: str) -> FieldSide:
    """Return a board's topics. Boards that share a topic may speak as one another, so that each needs its own."""
    topic = Address.parse(address).topic
    return FieldSide(
        topic=topic, says=tuple(f"{topic}/{leaf}" for leaf in ("send", "tag", "avty", "io/+")), hears=(f"{topic}/cmd",)
    )


def names_command(payload: bytes) -> str | None:
    """Return the command's own word. Never its other fields: they hold cards and names."""
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    word = message.get("cmd") if isinstance(message, dict) else None
    return word if isinstance(word, str) and word in COMMANDS else None


ESP_RFID: Final = DriverDescription(
    name="esp_rfid",
    label="esp-rfid",
    transports=("wifi", "mqtt"),
    capabilities=frozenset({"reads_cards", "reads_codes", "unlocks", "holds_open", "senses"}),
    address=re.compile(r"[^+#]+#[^+#@]+(@[^#]+)?"),
    address_form="TOPIC#HOSTNAME or TOPIC#HOSTNAME@IP",
    address_example="my-place/entry-in#esp-rfid-entry-in@192.168.1.20",
    secrets=frozenset({"uid", "data", "pincode"}),
    shows_broken=True,
    make=EspRfid,
    listens=tuple(f"{'+/' * depth}{leaf}" for depth in range(1, 5) for leaf in ("send", "tag")),
    introduce=introduce,
    key=lambda address: address.rpartition("#")[0] + "#" + address.rpartition("#")[2].partition("@")[0],
    default_kind="reader",
    expect_every_s=600,  # readers beat every few minutes
    judges_doors=True,
    field_side=field_side,
    names_command=names_command,
)
