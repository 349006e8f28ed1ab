"""The simulator's process: places, people and devices put together, on the field broker, until told to stop."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from http import HTTPStatus
from typing import Any, Final

from gateway.config import ConfigError, GatewayConfig, read_gateways
from gateway.drivers import DriverError
from gateway.mqtt_loop import Message, MqttLoop, MqttUrlError, parse_mqtt_url
from simulator.air import Air
from simulator.clock import Clock, Scheduler
from simulator.devices.esp_rfid import VirtualEspRfid
from simulator.faults import changed
from simulator.http import Answer, Query, Window
from simulator.life import Life
from simulator.place import VirtualPlace, by_place
from simulator.settings import SimulatorSettings
from simulator.truth import Truth, parse_instant

log = logging.getLogger(__name__)

CONNECT_WITHIN_S: Final = 30.0


class Simulation:
    """Everything virtual, and its connection to the real."""

    def __init__(self, gateways: tuple[GatewayConfig, ...], settings: SimulatorSettings) -> None:
        """Build the places of ``gateways`` (the first ``settings.places`` of them).

        Raises:
            DriverError: a device's address makes no sense.
            MqttUrlError: the broker's address makes no sense.
        """
        self.settings = settings
        self.scheduler = Scheduler(Clock(settings.start, settings.speed))
        self.truth = Truth(lambda: time.time_ns() // 1000)
        self.air = Air(self._publish, self.scheduler, faults=settings.faults, seed=settings.seed)
        self.places = [
            VirtualPlace(code, some, self.scheduler, self.air, self.truth, seed=settings.seed)
            for code, some in list(by_place(gateways).items())[: settings.places]
        ]
        self.lives = [Life(place, seed=settings.seed) for place in self.places]
        self._listening: dict[str, list[VirtualEspRfid]] = {}
        for place in self.places:
            for board in place.boards:
                self._listening.setdefault(board.command_topic, []).append(board)
        self._loop = MqttLoop("simulator-mqtt")
        self._link = self._loop.add(
            parse_mqtt_url(settings.field_mqtt_url.get_secret_value()),
            client_id=f"simulator-{secrets.token_hex(4)}",
            on_message=self._on_message,
            subscriptions=[(topic, 0) for topic in self._listening],
        )

    def run(self, stop: threading.Event) -> int:
        """Run until ``stop`` is set; return 0, or 1 where the broker was never there."""
        window = Window(
            self.settings.simulator_host,
            self.settings.simulator_port,
            get={"/healthz": self._health, "/truth": self._truth, "/counters": self._counters, "/faults": self._faults},
            post={"/faults": self._set_faults},
        )
        self._loop.start()
        try:
            if not self._connected(stop):
                return 0 if stop.is_set() else 1
            devices = sum(place.devices for place in self.places)
            log.info(
                "simulator_started",
                extra={
                    "places": len(self.places),
                    "devices": devices,
                    "speed": self.settings.speed,
                    "port": window.port,
                },
            )
            self.begin()
            self.scheduler.run(stop)
            return 0
        finally:
            window.close()
            self._loop.stop()

    def begin(self) -> None:
        """Switch the devices on and let the people live."""
        for place, life in zip(self.places, self.lives, strict=True):
            place.start(self.settings.announce_s)
            life.start()

    def _connected(self, stop: threading.Event) -> bool:
        """Wait for the broker: what a device says before that is lost."""
        deadline = time.monotonic() + CONNECT_WITHIN_S
        while not self._link.connected and not stop.is_set():
            if time.monotonic() > deadline:
                log.error(
                    "simulator_without_broker", extra={"host": self._link.broker.host, "port": self._link.broker.port}
                )
                return False
            stop.wait(0.02)
        return self._link.connected

    def _publish(self, topic: str, payload: bytes, retain: bool) -> bool:
        if not self._link.connected:
            return False
        self._link.publish(topic, payload, qos=0, retain=retain)
        return True

    def _on_message(self, message: Message) -> None:
        # In the connection's thread: everything virtual belongs to the scheduler's.
        self.scheduler.post(lambda: self._command(message))

    def _command(self, message: Message) -> None:
        self.air.counters["commands"] += 1
        moved = [board.command(message.payload) for board in self._listening.get(message.topic, ())]
        if any(moved):
            self.air.counters["unlocked"] += 1

    def _health(self, _query: Query) -> Answer:
        well = self._link.connected and self._loop.alive and self.scheduler.late_s < 5
        return (HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE), self._vitals()

    def _vitals(self) -> dict[str, Any]:
        clock = self.scheduler.clock
        return {
            "connected": self._link.connected,
            "places": len(self.places),
            "devices": sum(place.devices for place in self.places),
            "people": self.truth.present(),
            "virtual": clock.local(clock.now()).isoformat(timespec="seconds"),
            "speed": self.settings.speed,
            "late_s": round(self.scheduler.late_s, 4),
        }

    def _truth(self, query: Query) -> Answer:
        at = parse_instant(query["at"]) if "at" in query else None
        clock = self.scheduler.clock
        told = self.truth.tell(place=query.get("place"), at=at)
        if at is None:
            told["virtual"] = clock.local(clock.now()).isoformat(timespec="seconds")
        return HTTPStatus.OK, told

    def _counters(self, _query: Query) -> Answer:
        passed = sum(door.openings for place in self.places for door in place.doors)
        refused = sum(life.refused for life in self.lives)
        return HTTPStatus.OK, dict(self.air.counters.copy()) | {"door_openings": passed, "refused": refused}

    def _faults(self, _query: Query) -> Answer:
        return HTTPStatus.OK, self.air.faults.model_dump(mode="json")

    def _set_faults(self, change: dict[str, Any]) -> Answer:
        self.air.faults = changed(self.air.faults, change)
        log.info("faults_changed", extra={"faults": self.air.faults.model_dump(mode="json")})
        return HTTPStatus.OK, self.air.faults.model_dump(mode="json")


def run(settings: SimulatorSettings, stop: threading.Event) -> int:
    """Simulate until ``stop`` is set; return the process's exit code, having said why where it isn't 0."""
    try:
        simulation = Simulation(read_gateways(settings.gateways_file), settings)
    except (ConfigError, DriverError, MqttUrlError) as error:
        log.error("simulator_cannot_start", extra={"reason": str(error)})
        return 2
    try:
        return simulation.run(stop)
    except OSError as error:
        log.error("simulator_cannot_listen", extra={"port": settings.simulator_port, "reason": str(error)})
        return 2
