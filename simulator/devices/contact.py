"""A virtual door contact behind Zigbee2MQTT 2.x, as the Aqara MCCGQ11LM: ``contact`` is true while the door is shut.

Messages as in https://www.zigbee2mqtt.io/devices/MCCGQ11LM.html.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from gateway.contract.configuration import Device
from simulator.air import Air


class VirtualContact:
    """One contact at one door."""

    driver = "zigbee2mqtt"

    def __init__(self, name: str, device: Device, air: Air) -> None:
        """Make contact ``name`` (``PLACE/DEVICE``)."""
        self.name = name
        self._topic = device.address
        self._air = air
        self._open = False

    def door(self, *, is_open: bool) -> None:
        """Tell what the contact sees."""
        self._open = is_open
        self._say(tampered=False)

    def heartbeat(self) -> None:
        """Say the state again, as the sensor does every 50 minutes."""
        self._say(tampered=False)

    def tamper(self) -> None:
        """Report that the sensor was taken off its door."""
        self._say(tampered=True)

    def join(self) -> None:
        """Let the hub say that the contact is there."""
        self._air.say(self.name, self.driver, f"{self._topic}/availability", b'{"state":"online"}', retain=True)

    def _say(self, *, tampered: bool) -> None:
        when = datetime.fromtimestamp(self._air.wall_s(self.name), UTC)
        message = {
            "battery": 91,
            "contact": not self._open,
            "last_seen": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "linkquality": 96,
            "tamper": tampered,
            "voltage": 3025,
        }
        self._air.say(self.name, self.driver, self._topic, json.dumps(message).encode())
