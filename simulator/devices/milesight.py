"""Virtual Milesight sensors behind a ChirpStack v4 network server: VS340, VS341 (seats), WS202 (rooms), VS133 (doors).

Envelope as in https://www.chirpstack.io/docs/chirpstack/integrations/events.html: what is zero is left out.
"""

from __future__ import annotations

import base64
import json
import random
import uuid
from datetime import UTC, datetime
from typing import Any, Final

from gateway.contract.configuration import Device
from simulator.air import Air

HOLD_S: Final = {"VS340": 300.0, "WS202": 180.0}
"""A PIR reports vacant this long after the last movement, virtual seconds; a seat's pad much sooner."""
HOLD_OTHERS_S: Final = 20.0


class Uplinks:
    """The radio of one device: what it sends, as the network server publishes it."""

    driver = "chirpstack"

    def __init__(self, name: str, device: Device, air: Air, dice: random.Random, *, application: str) -> None:
        """``application``: what the application is called at the network server."""
        self.name = name
        self._application, _, self._eui = device.address.partition("/")
        self._called = application
        self._air = air
        self._dice = dice
        self._battery = dice.randint(55, 100)
        self._count = 0

    def join(self) -> None:
        """Say that the device joined its network."""
        self._say("join", self._envelope() | {"devAddr": "00189440"})

    def _send(self, data: bytes) -> None:
        message = self._envelope() | {
            "devAddr": "00189440",
            "dr": 5,
            "fPort": 85,
            "data": base64.b64encode(data).decode(),
        }
        if self._count:
            message["fCnt"] = self._count
        self._count += 1
        message["rxInfo"] = [
            {"gatewayId": "0016c001f153a14c", "rssi": -self._dice.randint(40, 110), "snr": 9.5, "context": "E3OWOQ=="}
        ]
        lora = {"bandwidth": 125000, "spreadingFactor": 7, "codeRate": "CR_4_5"}
        message["txInfo"] = {"frequency": 868_100_000, "modulation": {"lora": lora}}
        self._say("up", message)

    def _envelope(self) -> dict[str, Any]:
        when = datetime.fromtimestamp(self._air.wall_s(self.name), UTC)
        return {
            "deduplicationId": str(uuid.UUID(int=self._dice.getrandbits(128), version=4)),
            "time": when.isoformat(timespec="microseconds"),
            "deviceInfo": {
                "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
                "tenantName": "Maillage",
                "applicationId": self._application,
                "applicationName": self._called,
                "deviceProfileName": f"Milesight {self._called}",
                "deviceName": self.name,
                "devEui": self._eui,
            },
        }

    def _say(self, leaf: str, message: dict[str, Any]) -> None:
        topic = f"application/{self._application}/device/{self._eui}/event/{leaf}"
        self._air.say(self.name, self.driver, topic, json.dumps(message).encode())


class VirtualDesk(Uplinks):
    """One sensor under one desk or seat, or the PIR of a room: they say occupied or vacant in the same bytes."""

    notices_s: Final = 10.0
    """Delay until it reports occupied, virtual seconds."""

    def __init__(self, name: str, device: Device, air: Air, dice: random.Random) -> None:
        """Make sensor ``name`` (``PLACE/DEVICE``)."""
        super().__init__(name, device, air, dice, application="desks")
        model = (device.model or "").upper()
        self.hold_s = HOLD_S.get(model, HOLD_OTHERS_S)
        self.sees_movement_only = model in HOLD_S

    def report(self, *, occupied: bool, whole: bool) -> None:
        """Send the state; ``whole`` with the battery, as the periodic report does."""
        state = bytes((0x03, 0x00, occupied))
        self._send(bytes((0x01, 0x75, self._battery)) + state if whole else state)

    def heartbeat(self, *, occupied: bool) -> None:
        """Send the periodic report."""
        self.report(occupied=occupied, whole=True)


class VirtualCounter(Uplinks):
    """A people counter over a door, a VS133 with one line: totals since it was mounted, and counts since its report."""

    def __init__(self, name: str, device: Device, air: Air, dice: random.Random) -> None:
        """Make counter ``name`` (``PLACE/DEVICE``)."""
        super().__init__(name, device, air, dice, application="doors")
        self._totals = [dice.randint(0, 20_000), dice.randint(0, 20_000)]

    def report(self, entered: int, left: int) -> None:
        """Send the totals and what was counted since the last report."""
        self._totals[0] += entered
        self._totals[1] += left
        totals = (bytes((0x03 + at, 0xD2)) + total.to_bytes(4, "little") for at, total in enumerate(self._totals))
        period = bytes((0x05, 0xCC)) + entered.to_bytes(2, "little") + left.to_bytes(2, "little")
        self._send(b"".join(totals) + period)
