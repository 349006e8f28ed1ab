"""Asks the installed drivers whether they can read a device, before it is stored."""

from __future__ import annotations

from gateway.contract.configuration import Device as GatewayDevice
from gateway.drivers import DriverError
from gateway.drivers.registry import Unusable, drivers_for, installed, unfit
from maillage.place.faults import nearest
from maillage.place.model import Device


def device_fault(device: Device) -> tuple[str, str] | None:
    """Return the field and why the gateway could not use this device, or None."""
    one = GatewayDevice(
        code=device.code, driver=device.driver, kind=device.kind, model=device.model, address=device.address,
        door=device.door, side="out" if device.side == "out" else "in", bits=device.bits,
    )  # fmt: skip
    try:
        fault = unfit(one)
    except DriverError as error:
        said = error.reason.partition(": ")[2]
        return "driver", f"{said}{nearest(device.driver, installed())}"
    if fault is not None:
        return fault
    label = installed()[device.driver].label
    try:
        made = drivers_for([one])[device.driver]
    except DriverError as error:
        return "address", f"{label} cannot use {device.address!r}: {error.reason}"
    return ("address", f"{label}: {made.reason}") if isinstance(made, Unusable) else None


def unlocks(driver: str) -> bool:
    """Whether devices of ``driver`` can open a lock."""
    found = installed().get(driver)
    return found is not None and "unlocks" in found.capabilities
