"""What a configuration comes to on this machine: drivers, zone and keys, made before anything of it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from zoneinfo import ZoneInfo

from access import CardError, ListError, token_key
from access.schedules import zone_named
from gateway.config import GatewayConfig
from gateway.contract.configuration import Device
from gateway.contract.wire import Event
from gateway.drivers import Driver, DriverError
from gateway.drivers.registry import Unusable, drivers_for, installed
from gateway.mqtt.filters import Routes

_OF_A_THING: Final = ("driver", "address", "model", "kind", "inverted", "door", "space", "desk")
_OTHER: Final[Mapping[str, Literal["open", "closed"]]] = {"open": "closed", "closed": "open"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """A configuration that can be used."""

    config: GatewayConfig
    drivers: Mapping[str, Driver]
    zone: ZoneInfo
    card_key: bytes | None
    hidden: Routes[str]
    """Topics of cards and codes, of whose broken messages only the length is stored."""
    inverted: frozenset[str]
    """Codes of the contacts that are set the other way."""

    def others_than(self, before: Equipment) -> Iterator[str]:
        """Yield the codes of ``before`` that belong to another thing now, or one at another spot, or to none."""
        now = {device.code: _thing(device) for device in self.config.devices}
        for device in before.config.devices:
            if now.get(device.code) != _thing(device):
                yield device.code

    def unusable(self) -> Mapping[Device, str]:
        """Return the devices whose driver can't be loaded, and why."""
        return {
            device: driver.reason
            for device in self.config.devices
            if isinstance(driver := self.drivers[device.driver], Unusable)
        }

    def righted(self, event: Event) -> Event:
        """Turn round what a contact reports that is set the other way."""
        if event["kind"] != "door" or event["device"] not in self.inverted or event["state"] not in _OTHER:
            return event
        return {**event, "state": _OTHER[event["state"]]}


def equip(config: GatewayConfig, before: Equipment | None = None) -> Equipment:
    """Return what ``config`` comes to; a driver whose devices are as ``before`` is kept.

    Raises:
        DriverError: a device's driver is unknown; its address, the card key or the time zone can't be read.
    """
    drivers = _drivers(config, before)
    hidden: Routes[str] = Routes()
    for name, driver in drivers.items():
        if name in installed() and not installed()[name].shows_broken:
            for topic in driver.live_subscriptions():
                hidden.add(topic, name)
    key = config.card_key.get_secret_value()
    try:
        return Equipment(
            config=config,
            drivers=drivers,
            zone=zone_named(config.time_zone),
            card_key=token_key(key) if key else None,
            hidden=hidden,
            inverted=frozenset(device.code for device in config.devices if device.inverted),
        )
    except (CardError, ListError) as error:
        raise DriverError(str(error)) from error


def _drivers(config: GatewayConfig, before: Equipment | None) -> dict[str, Driver]:
    if before is None:
        return drivers_for(config.devices)
    now, then = _by_driver(config), _by_driver(before.config)
    same = {name for name, devices in now.items() if then.get(name) == devices}
    made = drivers_for(device for device in config.devices if device.driver not in same)
    return {name: before.drivers[name] if name in same else made[name] for name in now}


def _thing(device: Device) -> tuple[object, ...]:
    """Return what makes a device the same thing at the same spot, whatever else is known of it."""
    return tuple(getattr(device, name) for name in _OF_A_THING)


def _by_driver(config: GatewayConfig) -> dict[str, list[Device]]:
    found: dict[str, list[Device]] = {}
    for device in config.devices:
        found.setdefault(device.driver, []).append(device)
    return found
