"""What a configuration comes to on this machine: drivers, zone and keys, made before anything of it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from access import CardError, ListError, token_key
from access.schedules import zone_named
from gateway.config import GatewayConfig
from gateway.contract.configuration import Device
from gateway.drivers import Driver, DriverError
from gateway.drivers.registry import drivers_for, installed
from gateway.mqtt.filters import Routes


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """A configuration that can be used."""

    config: GatewayConfig
    drivers: Mapping[str, Driver]
    zone: ZoneInfo
    card_key: bytes | None
    hidden: Routes[str]
    """Topics of cards and codes, of whose broken messages only the length is stored."""


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


def _by_driver(config: GatewayConfig) -> dict[str, list[Device]]:
    found: dict[str, list[Device]] = {}
    for device in config.devices:
        found.setdefault(device.driver, []).append(device)
    return found
