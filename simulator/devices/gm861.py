"""A virtual GM861 QR reader on a board with Tasmota. Messages as in ``gateway.drivers.models.gm861``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from gateway.contract.configuration import Device
from simulator.air import Air


class VirtualQrReader:
    """One reader at one door."""

    driver: Final = "gm861"

    def __init__(self, name: str, device: Device, air: Air) -> None:
        """Make reader ``name`` (``PLACE/DEVICE``)."""
        self.name = name
        self._topic = device.address
        self._air = air

    def scan(self, text: str) -> None:
        """Say that a code was held to the reader."""
        self._say("SENSOR", GM861={"Code": text})

    def boot(self) -> None:
        """Say that the board has started."""
        self._air.say(self.name, self.driver, f"{self._topic}/LWT", b"Online", retain=True)

    def heartbeat(self) -> None:
        """Say that the board is alive."""
        self._say("STATE", Uptime="0T01:00:00", UptimeSec=3600)

    def _say(self, leaf: str, **more: Any) -> None:
        now = datetime.fromtimestamp(self._air.wall_s(self.name), UTC)
        message = {"Time": f"{now:%Y-%m-%dT%H:%M:%S}", **more}
        payload = json.dumps(message, separators=(",", ":")).encode()
        self._air.say(self.name, self.driver, f"{self._topic}/{leaf}", payload)
