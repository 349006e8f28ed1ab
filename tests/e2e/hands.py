"""Hands at the doors: cards shown and digits typed at virtual devices, whose locks obey what a real gateway sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from gateway.config import GatewayConfig
from gateway.contract.configuration import Device
from gateway.mqtt.loop import Message, MqttLoop, parse_mqtt_url
from simulator.air import Air
from simulator.apparatus import is_keypad
from simulator.clock import Clock, Scheduler
from simulator.devices.esp_rfid import VirtualEspRfid
from simulator.devices.gm861 import VirtualQrReader
from simulator.devices.keypad import VirtualKeypad
from simulator.faults import Faults
from tests.waiting import until

_ANY_DAY: Final = datetime(2026, 3, 3)  # noqa: DTZ001  (by the clock on the wall)


class Hands:
    """Whoever is let in goes through: the contact opens and closes."""

    def __init__(self, field_url: str, gateways: Iterable[GatewayConfig]) -> None:
        """Stand at the doors of ``gateways``, on the places' broker."""
        self.opened: Counter[tuple[str, str]] = Counter()
        """How often a lock moved, by gateway and device."""
        self.passes = True
        """Whether who is let in goes through at once."""
        self._boards: dict[tuple[str, str], VirtualEspRfid] = {}
        self._keypads: dict[tuple[str, str], VirtualKeypad] = {}
        self._scanners: dict[tuple[str, str], VirtualQrReader] = {}
        self._listening: dict[str, list[VirtualEspRfid]] = {}
        self._loop = MqttLoop("hands")
        air = Air(self._say, Scheduler(Clock(_ANY_DAY, 1)), faults=Faults(), seed=1)
        for gateway in gateways:
            for device in gateway.devices:
                self._stand_at(gateway, device, air)
        self._link = self._loop.add(
            parse_mqtt_url(field_url),
            client_id="hands",
            on_message=self._hear,
            subscriptions=[(topic, 0) for topic in self._listening],
        )
        self._loop.start()
        until(lambda: self._link.connected)

    def show(self, gateway: str, device: str, card: str) -> None:
        """Hold a card (its UID, hexadecimal) to a reader."""
        self._boards[gateway, device].read_card(card)

    def type(self, gateway: str, device: str, digits: str) -> None:
        """Type at a keypad."""
        self._keypads[gateway, device].type(digits)

    def scan(self, gateway: str, device: str, text: str) -> None:
        """Hold a QR to a reader."""
        self._scanners[gateway, device].scan(text)

    def contact(self, gateway: str, device: str, *, is_open: bool) -> None:
        """Open or close a door by hand."""
        self._boards[gateway, device].door(is_open=is_open)

    def close(self) -> None:
        """Go home."""
        self._loop.stop()

    def _stand_at(self, gateway: GatewayConfig, device: Device, air: Air) -> None:
        key, name = (gateway.gateway, device.code), f"{gateway.place}/{device.code}"
        if is_keypad(device):
            self._keypads[key] = VirtualKeypad(name, device, air)
        elif device.driver == VirtualQrReader.driver:
            self._scanners[key] = VirtualQrReader(name, device, air)
        elif device.driver == "esp_rfid":
            board = self._boards[key] = VirtualEspRfid(name, device, air)
            board.opened = partial(self._opened, key)
            self._listening.setdefault(board.command_topic, []).append(board)

    def _say(self, topic: str, payload: bytes, retain: bool) -> bool:
        self._link.publish(topic, payload, qos=1, retain=retain)
        return True

    def _hear(self, message: Message) -> None:
        for board in self._listening.get(message.topic, ()):
            board.command(message.payload)

    def _opened(self, key: tuple[str, str]) -> None:
        board = self._boards[key]
        if self.passes:
            board.door(is_open=True)
            board.door(is_open=False)
        board.release()
        self.opened[key] += 1


def moved_clock(path: Path) -> dict[str, str]:
    """Return the environment of a process whose clock ``move`` and ``sleep`` move through ``path``."""
    path.write_bytes(bytes(16))
    return {"MAILLAGE_TEST_CLOCK": str(path), "PYTHONPATH": str(Path(__file__).parent / "shifted")}


def move(path: Path, by_ns: int) -> None:
    """Let the clock be the real one plus ``by_ns``."""
    _write(path, 0, by_ns)


def sleep(path: Path, for_ns: int) -> None:
    """Let the machine have slept for ``for_ns`` since its start; the wall clock is left as it is."""
    _write(path, 8, for_ns)


def _write(path: Path, where: int, number: int) -> None:
    with path.open("r+b") as file:  # in place: it is mapped
        file.seek(where)
        file.write(number.to_bytes(8, "little", signed=True))
