"""A virtual radio of an OpenWrt access point: collectd's plugins iwinfo and mqtt."""

from __future__ import annotations

from typing import Final

from gateway.contract.configuration import Device
from simulator.air import Air


class VirtualRadio:
    """One radio in one space."""

    driver: Final = "collectd"

    def __init__(self, name: str, device: Device, air: Air) -> None:
        """Make radio ``name`` (``PLACE/DEVICE``)."""
        self.name = name
        self._topic = f"{device.address}/stations"
        self._air = air

    def report(self, stations: int) -> None:
        """Send how many stations it has, as collectd writes it: the time, the number, a zero byte."""
        payload = f"{self._air.wall_s(self.name):.3f}:{stations}\0".encode()
        self._air.say(self.name, self.driver, self._topic, payload)
