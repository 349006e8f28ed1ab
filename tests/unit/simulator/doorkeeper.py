"""A town run by hand in no time, with a doorkeeper that hears devices through the gateway's own drivers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from gateway.config import GatewayConfig
from gateway.drivers import CardRead, Decoded, Driver, DriverError, Typed
from gateway.drivers.models.esp_rfid import EspRfid
from gateway.drivers.transports.chirpstack import ChirpStack
from gateway.drivers.transports.zigbee2mqtt import Zigbee2Mqtt
from simulator.building import PLAIN, Building
from simulator.days import DAY_S
from simulator.faults import Faults
from simulator.rates import MILD, Rates
from simulator.sample.entitlements import pin_of, visitors
from simulator.sample.people import members
from simulator.town import Town

START = datetime(2026, 3, 3, 7, 30)  # noqa: DTZ001  (a Tuesday, by the clock on the wall)


class Doorkeeper:
    """Lets in whose card is known; keeps all that the devices said, as the drivers read it."""

    def __init__(self, gateways: tuple[GatewayConfig, ...], *, seed: int = 1) -> None:
        self.gateways = gateways
        self.known = {one.card for place in gateways for one in members(seed, place.place, 1000)}
        self.pins = {one.card: pin_of(seed, one.ref) for place in gateways for one in members(seed, place.place, 1000)}
        self.codes: set[str] = set()
        self.typed: list[tuple[str, str, bool]] = []
        """(place, door, granted)"""
        self.clock: Callable[[], float] = lambda: 0.0
        self.open_for_s: list[float] = []
        """How long a door stood open each time, real seconds."""
        self._opened: dict[tuple[str, str], float] = {}
        self._waiting: dict[tuple[str, str], CardRead] = {}
        """Whose PIN is waited for."""
        for place in gateways:
            for one in visitors(seed, place.place, "m-host", 1000):
                self.known |= {one.card} if one.card else set()
                self.codes |= {one.code} if one.code else set()
        self.said: list[tuple[str, Decoded]] = []
        self.reads: list[tuple[str, CardRead, bool]] = []
        self.unreadable: list[str] = []
        self.messages: list[tuple[str, bytes]] = []
        self.open_to: Callable[[CardRead], bool] = lambda read: read.uid.hex().upper() in self.known
        self._drivers: list[tuple[GatewayConfig, tuple[Driver, ...]]] = [
            (one, (EspRfid(one.devices), Zigbee2Mqtt(one.devices), ChirpStack(one.devices))) for one in gateways
        ]

    def hear(self, topic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Read a message; return the commands that answer it."""
        self.messages.append((topic, payload))
        answers: list[tuple[str, bytes]] = []
        for gateway, drivers in self._drivers:
            for driver in drivers:
                try:
                    decoded = driver.decode(topic, payload, 0)
                except DriverError as error:
                    self.unreadable.append(error.reason)
                    continue
                self.said.append((gateway.place, decoded))
                for event in decoded.events:
                    if event["kind"] == "door" and event["state"] == "open":
                        self._opened[gateway.place, event["device"]] = self.clock()
                    elif event["kind"] == "door" and event["state"] == "closed":
                        self.open_for_s.append(self.clock() - self._opened.pop((gateway.place, event["device"])))
                granted = [read.door for read in decoded.reads if self._lets_in(gateway, read)]
                granted += [one.door for one in decoded.typed if self._knows(gateway.place, one)]
                locks = {door.code: door.lock for door in gateway.doors}
                opener = drivers[0]
                answers += [opener.unlock(lock, 5) for door in granted if (lock := locks[door]) is not None]
        return answers

    def _lets_in(self, gateway: GatewayConfig, read: CardRead) -> bool:
        granted = self.open_to(read)
        asks = {one.door for one in gateway.devices if one.kind == "keypad" and one.door != "entry"}
        if granted and read.side == "in" and read.door in asks:
            self._waiting[gateway.place, read.door] = read
            return False
        self.reads.append((gateway.place, read, granted))
        return granted

    def _knows(self, place: str, typed: Typed) -> bool:
        read = self._waiting.pop((place, typed.door), None)
        granted = typed.digits in self.codes if read is None else self.pins[read.uid.hex().upper()] == typed.digits
        self.typed.append((place, typed.door, granted))
        return granted

    def told(self, place: str, kind: str) -> list[dict[str, Any]]:
        return [dict(one) for code, said in self.said if code == place for one in said.events if one["kind"] == kind]


class World:
    """A town in fake time: ``live`` runs any stretch of the virtual days at once."""

    def __init__(
        self,
        *gateways: GatewayConfig,
        speed: float = 60,
        faults: Faults | None = None,
        seed: int = 1,
        wall: Callable[[], datetime] | None = None,
        rates: Rates = MILD,
        building: Building = PLAIN,
    ) -> None:
        self.now_s = 1000.0
        self.keeper = Doorkeeper(gateways, seed=seed)
        self.keeper.clock = lambda: self.now_s
        self.answering_s: float | None = 0.01
        """How long the gateway takes, real seconds; None: it is offline."""
        self.town = Town(
            gateways,
            self._publish,
            start=START,
            speed=speed,
            seed=seed,
            faults=faults,
            wall=wall,
            rates=rates,
            buildings={one.place: building for one in gateways},
            monotonic=lambda: self.now_s,
            micros=lambda: round(self.now_s * 1e6),
        )
        self.town.begin(3)

    def _publish(self, topic: str, payload: bytes, retain: bool) -> bool:
        for command in self.keeper.hear(topic, payload):
            if self.answering_s is not None:
                self.town.scheduler.after_real(self.answering_s, partial(self.town.command, *command))
        return True

    def live(self, until_h: float) -> None:
        """Live until so many hours after the first midnight."""
        scheduler = self.town.scheduler
        end = scheduler.clock.real(until_h / 24 * DAY_S)
        while (due := scheduler.next_due) is not None and due <= end:
            self.now_s = max(self.now_s, due)
            scheduler.run_due()
        self.now_s = end

    def present(self, place: str) -> int:
        return int(self.town.truth.tell(place=place)["places"][place]["present"])
