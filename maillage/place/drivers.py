"""Asks the installed drivers whether they can read a device, before it is stored."""

from __future__ import annotations

from typing import Final

from gateway.contract.configuration import Device as GatewayDevice
from gateway.drivers import DriverError
from gateway.drivers.registry import Unusable, described, drivers_for, installed
from maillage.place.faults import nearest
from maillage.place.model import Device

UNLOCKS: Final = "unlocks"
_NEEDS: Final = {
    "reader": ("reads_cards", "reads no cards"),
    "keypad": ("reads_codes", "reads no codes"),
    "lock": (UNLOCKS, "opens no lock"),
}
"""By kind: what its driver must be able to do, and what to say of one that can't."""


def device_fault(device: Device) -> tuple[str, str] | None:
    """Return the field and why the gateway could not use this device, or None."""
    names = installed()
    if device.driver not in names:
        try:
            described(device.driver)
        except DriverError as error:
            if not error.reason.startswith("unknown_driver"):
                return "driver", error.reason
        known = ", ".join(sorted(names))
        return "driver", f"there is no driver {device.driver}{nearest(device.driver, names)} (installed are {known})"
    description = names[device.driver]
    needs, lacks = _NEEDS.get(device.kind, (None, ""))
    if needs is not None and needs not in description.capabilities:
        return "kind", f"{description.label} {lacks}: choose another kind or another driver"
    if not description.address.fullmatch(device.address):
        return "address", (
            f"{description.label} cannot read {device.address!r}: write {description.address_form}, "
            f"for example {description.address_example}"
        )
    models = description.models
    if models is not None and (device.model or "").upper() not in models:
        given = f"cannot read the model {device.model}" if device.model else "must know the model"
        near = nearest(device.model, models) if device.model else ""
        return "model", f"{description.label} {given}{near} (it reads {', '.join(sorted(models))})"
    one = GatewayDevice(
        code=device.code, driver=device.driver, kind=device.kind, model=device.model, address=device.address,
        door=device.door, side="out" if device.side == "out" else "in", bits=device.bits,
    )  # fmt: skip
    try:
        made = drivers_for([one])[device.driver]
    except DriverError as error:
        return "address", f"{description.label} cannot read {device.address!r}: {error.reason}"
    if isinstance(made, Unusable):
        return "address", f"{description.label} cannot use this device: {made.reason}"
    return None


def unlocks(driver: str) -> bool:
    """Whether devices of ``driver`` can open a lock."""
    found = installed().get(driver)
    return found is not None and UNLOCKS in found.capabilities
