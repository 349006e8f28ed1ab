"""A virtual Frient KEPZB-110 behind Zigbee2MQTT 2.x: a keypad that reads tags as well.

Messages as in https://www.zigbee2mqtt.io/devices/KEYZB-110.html; a tag's code is ``+`` and its UID in hexadecimal.
Whoever types ends with a key of the alarm: at a door any of them will do.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from gateway.contract.configuration import Device
from simulator.air import Air

_ZONE: Final = 23
"""Fields that every message of the keypad carries."""


class VirtualKeypad:
    """One keypad beside one door."""

    driver = "zigbee2mqtt"

    def __init__(self, name: str, device: Device, air: Air) -> None:
        """Make keypad ``name`` (``PLACE/DEVICE``)."""
        self.name = name
        self._topic = device.address
        self._reversed = device.uid_reversed
        self._air = air
        self._transaction = 0
        self._battery = 80

    def type(self, digits: str) -> None:
        """Say that ``digits`` were typed and ended with the key that shuts an alarm off."""
        self._act("disarm", digits)

    def tag(self, uid: str) -> None:
        """Say that a tag (its UID, hexadecimal) was held to the keypad."""
        number = bytes.fromhex(uid)
        self._act("disarm", f"+{(number[::-1] if self._reversed else number).hex().upper()}")

    def emergency(self) -> None:
        """Say that the emergency key was held down."""
        self._say(action="emergency")

    def heartbeat(self) -> None:
        """Say that the keypad is alive."""
        self._say()

    def join(self) -> None:
        """Let the hub say that the keypad is there."""
        self._air.say(self.name, self.driver, f"{self._topic}/availability", b'{"state":"online"}', retain=True)

    def _act(self, action: str, code: str) -> None:
        self._transaction = (self._transaction + 1) % 256
        self._say(action=action, action_code=code, action_transaction=self._transaction, action_zone=_ZONE)

    def _say(self, **more: Any) -> None:
        when = datetime.fromtimestamp(self._air.wall_s(self.name), UTC)
        message = {
            **more,
            "battery": self._battery,
            "battery_low": False,
            "last_seen": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "linkquality": 120,
            "tamper": False,
            "voltage": 5800,
        }
        self._air.say(self.name, self.driver, self._topic, json.dumps(message).encode())
