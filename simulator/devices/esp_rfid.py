"""A virtual esp-rfid v2 board: card reader, relay and door contact.

Its own list is empty, so it refuses every card and leaves the decision to the gateway: only ``opendoor``
moves its relay. Messages as in README-MQTT.md and src/door.esp of https://github.com/esprfid/esp-rfid (MIT).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from gateway.contract.configuration import Device
from gateway.drivers.models.esp_rfid import Address
from simulator.air import Air


class VirtualEspRfid:
    """One board."""

    def __init__(self, name: str, device: Device, air: Air) -> None:
        """Make board ``name`` (``PLACE/DEVICE``)."""
        self.name = name
        self.address = Address.parse(device.address)
        self.relay_on = False
        self.opened: Callable[[], None] = lambda: None
        """Called when a command has moved the relay."""
        self._air = air
        self._reversed = device.uid_reversed
        self._door_open = False

    @property
    def command_topic(self) -> str:
        """Where the board listens."""
        return f"{self.address.topic}/cmd"

    def read_card(self, card: str) -> None:
        """Say that a card (its UID, hexadecimal) was held to the reader."""
        uid = bytes.fromhex(card)
        self._say(
            "access",
            isKnown="false",
            access="Denied",
            username="Unknown",
            uid=(uid[::-1] if self._reversed else uid).hex(),
        )

    def command(self, payload: bytes) -> bool:
        """Obey a command if it names this board; return whether it moved the relay."""
        try:
            message = json.loads(payload)
        except ValueError:
            return False  # the firmware doesn't answer what it can't read
        if (
            not isinstance(message, dict)
            or message.get("doorip") != self.address.ip
            or message.get("cmd") != "opendoor"
        ):
            return False
        self.relay_on = True
        self._say("access", isKnown="true", access="Always", username="MQTT", uid=" ")
        self.opened()
        return True

    def press_button(self) -> None:
        """Open for the button that is wired to the board."""
        self.relay_on = True
        self._say("access", isKnown="true", access="Always", username="Button", uid=" ")

    def release(self) -> None:
        """Let the relay fall back."""
        self.relay_on = False

    def door(self, *, is_open: bool) -> None:
        """Report the contact; a door that opens without the relay is reported as tampered, as the firmware does."""
        if is_open == self._door_open:
            return
        self._door_open = is_open
        self._event("INFO", "door", "Door Open" if is_open else "Door Closed")
        if is_open and not self.relay_on:
            self._event("WARN", "tamper", "Door was tampered!")

    def boot(self) -> None:
        """Say that the board has started."""
        self._say("boot", uptime="0", ip=self.address.ip)

    def heartbeat(self) -> None:
        """Say that the board is alive."""
        self._say("heartbeat", uptime=999, ip=self.address.ip)

    def _event(self, level: str, source: str, text: str) -> None:
        self._say(level, src=source, desc=text, data="", cmd="event")

    def _say(self, kind: str, **more: Any) -> None:
        message = {"type": kind, "time": int(self._air.wall_s(self.name)), **more, "hostname": self.address.host}
        self._air.say(self.name, "esp_rfid", f"{self.address.topic}/send", json.dumps(message).encode())
