"""Who logs in at a place's broker, and what each may say and hear there.

A board logs in for itself, a bridge (Zigbee2MQTT, ChirpStack) for all of its devices at the place. The gateway's
process hears everything and is the only one that commands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.config import GatewayConfig
from gateway.contract.configuration import Device
from gateway.drivers import DriverError
from gateway.drivers.description import DriverDescription, FieldSide
from gateway.drivers.registry import check, described
from gateway.mqtt.filters import Routes

PROCESS: Final = "gateway"
"""The user of the gateway's process."""
SIMULATOR: Final = "simulator"
"""The user that speaks for all devices of a demonstration; a real place has none."""


class FieldError(Exception):
    """The broker's rights cannot be written for these devices; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One user of the broker, for a board or a bridge."""

    user: str
    label: str
    """The driver's name for people."""
    topics: tuple[str, ...]
    """What is typed as the topic; a bridge may have several."""
    says: tuple[str, ...]
    hears: tuple[str, ...]
    devices: tuple[str, ...]
    """Codes of the devices that it speaks for."""
    speaks_tls: bool
    bridge: bool
    opens: bool
    """Its commands open locks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """All of one broker's users, but the gateway's process."""

    all: tuple[Login, ...]
    without: tuple[str, ...] = ()
    """Why devices have none, a sentence for each."""
    shared: tuple[str, ...] = ()
    """Boards that may speak as one another, a sentence for each topic."""


def logins_of(gateways: Iterable[GatewayConfig]) -> Logins:
    """Return the users for the devices of ``gateways``, which share one broker.

    Raises:
        FieldError: a code or a topic cannot be written into the broker's files, or a device could command another.
    """
    gateways = tuple(gateways)
    codes = Counter((one.place, device.code) for one in gateways for device in one.devices)
    found: dict[str, Login] = {}
    without: list[str] = []
    for one in gateways:
        for device in one.devices:
            try:
                description = described(device.driver)
                side = _side(description, device)
            except DriverError as error:
                without.append(f"{device.code} gets no login: {error.reason}")
                continue
            alone = codes[one.place, device.code] == 1
            name = side.bridge or device.code
            login = Login(
                user=f"{one.place if alone or side.bridge else one.gateway}.{name}",
                label=description.label,
                topics=(side.topic,),
                says=side.says,
                hears=side.hears,
                devices=(device.code,),
                speaks_tls=description.speaks_tls,
                bridge=side.bridge is not None,
                opens="unlocks" in description.capabilities,
            )
            _check(login)
            found[login.user] = _joined(found[login.user], login) if login.user in found else login
    every = tuple(found.values())
    _refuse_commands(every)
    return Logins(all=every, without=tuple(without), shared=_shared(every))


def _side(description: DriverDescription, device: Device) -> FieldSide:
    check(device)
    if description.field_side is None:
        raise DriverError(
            f"the driver {description.name} does not say which topics its devices use at the broker (field_side of its "
            "DriverDescription). Ask its maker for a newer version."
        )
    return description.field_side(device.address)


def _joined(one: Login, other: Login) -> Login:
    if not one.bridge:
        raise FieldError(f"two devices would log in as {one.user}: give one of them another code.")
    return replace(
        one,
        topics=_once((*one.topics, *other.topics)),
        says=_once((*one.says, *other.says)),
        hears=_once((*one.hears, *other.hears)),
        devices=(*one.devices, *other.devices),
    )


def _once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _check(login: Login) -> None:
    """Raise where a name or a topic would mean something else in the broker's files."""
    device = login.devices[0]
    if not _is_plain(login.user) or ":" in login.user:
        raise FieldError(
            f"device {device!r}: its code cannot be a user name at the broker. Use letters, digits, dots and dashes."
        )
    if any("+" in topic or "#" in topic for topic in login.topics):
        raise FieldError(
            f"device {device}: its topic {login.topics[0]!r} holds + or #, which mean any topic to a broker."
        )
    for topic in (*login.topics, *login.says, *login.hears):
        if not _is_plain(topic):
            raise FieldError(f"device {device}: its topic {topic!r} cannot be written into the broker's rights.")


def _is_plain(word: str) -> bool:
    return bool(word) and word.isprintable() and word == word.strip() and len(word.encode()) <= 512


def _refuse_commands(every: Sequence[Login]) -> None:
    """Raise where one user could publish what the lock of another takes for a command."""
    says: Routes[str] = Routes()
    for login in every:
        for topic in login.says:
            says.add(topic, login.user)
    for login in every:
        for topic in login.hears if login.opens else ():
            others = {user for user in says.of(topic) if user != login.user}
            if others:
                raise FieldError(
                    f"{min(others)} could command {login.user}, by {topic}: their topics overlap. "
                    "Change the topic of one of them."
                )


def _shared(every: Sequence[Login]) -> tuple[str, ...]:
    by_topic: dict[str, list[str]] = {}
    for login in every:
        if not login.bridge:
            by_topic.setdefault(login.topics[0], []).extend(login.devices)
    return tuple(
        f"{' and '.join(devices)} share the topic {topic}, so that each can speak as the other: "
        "give each board a topic of its own."
        for topic, devices in by_topic.items()
        if len(devices) > 1
    )
