"""Which drivers are installed: ours, and those that other packages bring as entry points of ``maillage.drivers``."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final, NoReturn

from gateway.contract.configuration import Device, Door
from gateway.drivers import NOTHING, Decoded, Driver, DriverError
from gateway.drivers.description import DriverDescription
from gateway.drivers.models.esp_rfid import ESP_RFID
from gateway.drivers.models.gm861 import GM861
from gateway.drivers.transports.chirpstack import CHIRPSTACK
from gateway.drivers.transports.collectd import COLLECTD
from gateway.drivers.transports.zigbee2mqtt import ZIGBEE2MQTT

log = logging.getLogger(__name__)

GROUP: Final = "maillage.drivers"
_FILTER: Final = re.compile(r"(?:\+|[^+#/\x00]*)(?:/(?:\+|[^+#/\x00]*))*(?:(?<=/)#)?|#", re.DOTALL)
_LONGEST_FILTER: Final = 65_535
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_BUILT_IN: Final = (ESP_RFID, ZIGBEE2MQTT, CHIRPSTACK, COLLECTD, GM861)


def installed() -> Mapping[str, DriverDescription]:
    """Return the drivers that can be used, by name."""
    return _found()[0]


def described(name: str) -> DriverDescription:
    """Return the description of the driver ``name``.

    Raises:
        DriverError: no such driver is installed, or it cannot be used.
    """
    usable, broken = _found()
    if name in broken:
        raise DriverError(f"unusable_driver: {name}: {broken[name]}")
    if name not in usable:
        raise DriverError(f"unknown_driver: {name} is not installed; installed are {', '.join(sorted(usable))}")
    return usable[name]


def device_key(driver: str, address: str) -> tuple[str, str]:
    """Return what two addresses of one device have in common, however each is written."""
    found = installed().get(driver)
    return driver, address if found is None else found.key(address)


def unfit(device: Device) -> tuple[str, str] | None:
    """Return why a device cannot be entered: the field and a sentence for people; None: it can.

    Raises:
        DriverError: ``unknown_driver`` or ``unusable_driver``.
    """
    if (found := described(device.driver).unfit(device)) is not None:
        return found
    if (device.model or "").startswith(_FORMULA):
        return "model", f"a spreadsheet would run {device.model!r} as a formula: write the model as on its label"
    return None if (fault := trespass(device)) is None else ("address", fault)


def check(device: Device) -> None:
    """Check a device's driver and address.

    Raises:
        DriverError: ``unknown_driver``, ``unusable_driver`` or ``bad_address``.
    """
    described(device.driver).check(device)
    if (fault := trespass(device)) is not None:
        raise DriverError(f"bad_address: device {device.code}: {fault}")


def trespass(device: Device) -> str | None:
    """Say that a device's address leads to topics of a broker, a bridge or a network server; None: it doesn't."""
    described_by = installed().get(device.driver)
    topics = [device.address]
    if described_by is not None and described_by.field_side is not None:
        try:
            side = described_by.field_side(device.address)
        except DriverError:
            return None  # it has another form, which the description says
        topics += (side.topic, *(side.hears if side.bridge is None else ()))
    if any(topic.startswith("$") for topic in topics):
        return f"{device.address!r} begins with $, as the broker's own topics do; write the device's own topic"
    for driver in installed().values():
        if driver.reserved is not None and any(driver.reserved.fullmatch(topic) for topic in topics):
            return f"{device.address!r} leads to topics of {driver.label} itself; write the device's own topic"
    return None


def with_rhythm(device: Device) -> Device:
    """Return ``device`` with its driver's rhythm where its configuration states none."""
    driver = installed().get(device.driver)
    return device if driver is None else device.model_copy(update={"expect_every_s": driver.expects(device)})


def secrets_of(name: str | None) -> frozenset[str] | None:
    """Return the secret fields of a driver's messages, or of all drivers' where it isn't known which it is."""
    usable = installed()
    if name is not None and name in usable:
        return usable[name].secrets
    return frozenset().union(*(driver.secrets for driver in usable.values() if driver.secrets is not None))


def drivers_for(devices: Iterable[Device]) -> dict[str, Driver]:
    """Return the drivers that ``devices`` need, by name. The devices of a driver that fails get an ``Unusable`` one.

    Raises:
        DriverError: ``unknown_driver``, or ``bad_address`` and other faults of the configuration.
    """
    by_driver: dict[str, list[Device]] = {}
    for device in devices:
        by_driver.setdefault(device.driver, []).append(device)
    return {name: _made(name, tuple(those)) for name, those in by_driver.items()}


def with_locks(doors: Iterable[Door], devices: Iterable[Device]) -> tuple[Door, ...]:
    """Return ``doors``, each with its lock: as it is named, else its lock, else the reader on its ``in`` side.

    A reader counts if its driver can unlock; one whose driver isn't installed doesn't.
    """
    locks: dict[str, str] = {}
    for device in devices:
        driver = installed().get(device.driver)
        kind = device.kind or (driver.default_kind if driver is not None else None)
        if device.door is None:
            continue
        if kind == "lock":
            locks[device.door] = device.code
        elif kind == "reader" and device.side == "in" and driver is not None and "unlocks" in driver.capabilities:
            locks.setdefault(device.door, device.code)
    return tuple(
        door if door.lock is not None else door.model_copy(update={"lock": locks.get(door.code)}) for door in doors
    )


def _made(name: str, devices: tuple[Device, ...]) -> Driver:
    if (reason := _found()[1].get(name)) is not None:
        return _unusable(name, reason, devices)
    description = described(name)
    for device in devices:
        description.check(device)
    try:
        driver = description.make(tuple(device for device in devices if not _is_refused(device)))
        _check_filters(driver)
    except DriverError:
        raise
    except (Exception, SystemExit) as error:
        return _unusable(name, _said(error), devices)
    return driver


def _is_refused(device: Device) -> bool:
    """Whether a device stays unheard and uncommanded; all others work on, also those of a configuration of before."""
    if (fault := trespass(device)) is None:
        return False
    log.error("device_refused", extra={"device": device.code, "driver": device.driver, "reason": fault})
    return True


def _check_filters(driver: Driver) -> None:
    """Raise where a broker would refuse a subscription of ``driver``: it would refuse those of every place with it."""
    filters = driver.subscriptions()
    for topic in (*filters, *driver.live_subscriptions()):
        if not topic or not _FILTER.fullmatch(topic) or len(topic.encode()) > _LONGEST_FILTER:
            raise ValueError(f"{topic!r:.80} is no MQTT topic filter")
    if isinstance(filters, str):
        raise TypeError("subscriptions() returns a text, not several")


class Unusable:
    """Stands for a driver that cannot be loaded or made: it subscribes to nothing and opens nothing."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def subscriptions(self) -> tuple[str, ...]:
        """Return none."""
        return ()

    live_subscriptions = subscriptions

    def decode(self, topic: str, payload: bytes, at: int) -> Decoded:
        """Return nothing."""
        return NOTHING

    def unlock(self, device: str, seconds: float) -> NoReturn:
        """Refuse, with the reason."""
        raise DriverError(f"unusable_driver: {self.reason}")

    hold_open = unlock


def _unusable(name: str, reason: str, devices: tuple[Device, ...]) -> Unusable:
    refused = [device.code for device in devices]
    log.error("driver_unusable", extra={"driver": name, "reason": reason, "devices": refused})
    return Unusable(reason)


@cache
def _found() -> tuple[dict[str, DriverDescription], dict[str, str]]:
    """Return the usable drivers by name, and why others are not. Reads the installed packages once a process."""
    usable, broken = {driver.name: driver for driver in _BUILT_IN}, {}
    for point in entry_points(group=GROUP):
        try:
            usable[point.name] = _loaded(point, usable)
        except (Exception, SystemExit) as error:  # another package's code may raise anything; the doors must work on
            if point.name not in usable:
                broken[point.name] = _said(error)
            package = point.dist.name if point.dist is not None else None
            log.error("driver_broken", extra={"driver": point.name, "package": package, "reason": _said(error)})
    return usable, broken


def _loaded(point: EntryPoint, usable: Mapping[str, DriverDescription]) -> DriverDescription:
    if point.name in usable:
        raise DriverError("another driver has this name")
    description = point.load()
    if not isinstance(description, DriverDescription):
        raise DriverError(f"{point.value} is no DriverDescription")
    if description.name != point.name:
        raise DriverError(f"the entry point {point.name} describes a driver named {description.name}")
    return description


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
