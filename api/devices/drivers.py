"""Asks a device's driver, as the gateway will: does its address read, and can it do what the device is for?

This is the one module of the API that knows the gateway's drivers, by their descriptions, so that what no gateway can
use is refused where it is entered. A driver of another package is installed here, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.http.errors import BadField
from gateway.contract.configuration import Device
from gateway.drivers import DriverError
from gateway.drivers.description import Capability
from gateway.drivers.registry import described, device_key, installed, unfit


def check_device(fields: Mapping[str, Any]) -> None:
    """Check a device's ``code``, ``kind``, ``driver``, ``model`` and ``address``.

    Raises:
        BadField: no such driver is installed, it can't do this, or it can't read this address.
    """
    device = Device(**{name: fields[name] for name in ("code", "driver", "kind", "model", "address")})
    try:
        fault = unfit(device)
    except DriverError as error:
        raise BadField("driver", f"{_said(error)}; install its package here as on the gateways") from None
    if fault is not None:
        raise BadField(*fault)


def same_device(driver: str, address: str, other: str) -> bool:
    """Whether two addresses are one device's, as its driver compares them."""
    return device_key(driver, address) == device_key(driver, other)


def unlocks(kind: str, driver: str, side: str) -> bool:
    """Whether a device opens its door: a lock, or a reader for those who enter whose driver can unlock."""
    if kind == "lock":
        return True
    try:
        return kind == "reader" and side == "in" and "unlocks" in described(driver).capabilities
    except DriverError:
        return False


def about_drivers() -> list[dict[str, Any]]:
    """Return what each installed driver states about its devices, by name."""
    return [
        {
            "name": one.name,
            "label": one.label,
            "address_form": one.address_form,
            "address_example": one.address_example,
            "needs_model": one.needs_model or one.models is not None,
            "models": None if one.models is None else sorted(one.models),
            "capabilities": sorted(one.capabilities),
        }
        for _, one in sorted(installed().items())
    ]


def _said(error: DriverError) -> str:
    """Return a driver's refusal without its word for programs."""
    word, _, text = str(error).partition(": ")
    return text or word


def drivers_that(can: Capability) -> list[str]:
    """Return the names of the installed drivers that can do something, sorted."""
    return sorted(name for name, driver in installed().items() if can in driver.capabilities)
