"""Which drivers there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway.config import Device
from gateway.drivers import Driver
from gateway.drivers.chirpstack import ChirpStack
from gateway.drivers.esp_rfid import EspRfid
from gateway.drivers.zigbee2mqtt import Zigbee2Mqtt


def drivers_for(devices: Iterable[Device]) -> dict[str, Driver]:
    """Return the drivers that ``devices`` need, by the name that their configuration uses.

    Raises:
        DriverError: an address that its driver cannot read.
    """
    of = tuple(devices)
    known: dict[str, Callable[[tuple[Device, ...]], Driver]] = {
        "esp_rfid": EspRfid,
        "zigbee2mqtt": Zigbee2Mqtt,
        "chirpstack": ChirpStack,
    }
    return {name: known[name](of) for name in dict.fromkeys(device.driver for device in of)}
