"""Virtual sensors behind Zigbee2MQTT 2.x: a radar (``presence``), a PIR (``occupancy``), a climate sensor (``co2``)."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any, Final

from gateway.contract.configuration import Device
from simulator.air import Air

HOLD_S: Final = {"RTCGQ11LM": 90.0, "RTCGQ01LM": 90.0, "SNZB-03": 60.0, "HUE": 90.0, "9290012607": 90.0}
"""PIRs: models (or their beginnings) that say ``occupancy``, until so long after the last movement."""
_RADAR_HOLD_S: Final = 30.0


class VirtualPresence:
    """One sensor in one room, or at one desk."""

    driver = "zigbee2mqtt"
    notices_s: Final = 2.0
    """Delay until it reports presence, virtual seconds."""

    def __init__(self, name: str, device: Device, air: Air, dice: random.Random) -> None:
        """Make sensor ``name`` (``PLACE/DEVICE``)."""
        self.name = name
        model = (device.model or "").upper()
        hold_s = next((hold_s for pir, hold_s in HOLD_S.items() if model.startswith(pir)), None)
        self.sees_movement_only = self._pir = hold_s is not None
        self.hold_s = hold_s or _RADAR_HOLD_S
        self._topic = device.address
        self._air = air
        self._dice = dice
        self._battery = dice.randint(40, 100)

    def report(self, *, occupied: bool, whole: bool) -> None:
        """Send the state, at times up to three times over, as Zigbee2MQTT does; ``whole`` with battery and light."""
        message: dict[str, Any] = {"occupancy" if self._pir else "presence": occupied} | self._always()
        if whole:
            message["illuminance"] = self._dice.randint(0, 800)
            if self._pir:
                message["battery"] = self._battery
        payload = json.dumps(message).encode()
        for _ in range(self._dice.choice((1, 1, 1, 2, 3))):
            self._air.say(self.name, self.driver, self._topic, payload)

    def heartbeat(self, *, occupied: bool) -> None:
        """Report that the sensor is alive; every other report has no presence."""
        if self._dice.random() < 0.5:
            self.report(occupied=occupied, whole=True)
            return
        self._air.say(self.name, self.driver, self._topic, json.dumps(self._always()).encode())

    def join(self) -> None:
        """Let the hub say that the sensor is there."""
        self._air.say(self.name, self.driver, f"{self._topic}/availability", b'{"state":"online"}', retain=True)

    def _always(self) -> dict[str, Any]:
        return _always(self._air.wall_s(self.name), self._dice)


class VirtualClimate:
    """One sensor of CO2, temperature and humidity, on the mains."""

    driver = "zigbee2mqtt"

    def __init__(self, name: str, device: Device, air: Air, dice: random.Random) -> None:
        """Make sensor ``name`` (``PLACE/DEVICE``)."""
        self.name = name
        self._topic = device.address
        self._air = air
        self._dice = dice

    def report(self, ppm: float, celsius: float) -> None:
        """Send what it measures."""
        message = {"co2": round(ppm), "temperature": round(celsius, 1), "humidity": self._dice.randint(380, 520) / 10}
        message |= _always(self._air.wall_s(self.name), self._dice)
        self._air.say(self.name, self.driver, self._topic, json.dumps(message).encode())

    def join(self) -> None:
        """Let the hub say that the sensor is there."""
        self._air.say(self.name, self.driver, f"{self._topic}/availability", b'{"state":"online"}', retain=True)


def _always(wall_s: float, dice: random.Random) -> dict[str, Any]:
    seen = datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"linkquality": dice.randint(40, 200), "last_seen": seen}
