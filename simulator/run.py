"""The simulator's process: places, people and devices put together, on the field broker, until stopped."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from gateway.config import ConfigError, GatewayConfig, read_gateways
from gateway.drivers import DriverError
from gateway.field.login import logged_in
from gateway.mqtt.loop import Message, MqttLoop, MqttUrlError, parse_mqtt_url
from simulator.errors import FaultError, LoginsError, QuestionError
from simulator.faults import changed
from simulator.http import Answer, Query, Window
from simulator.line import Line
from simulator.settings import SimulatorSettings
from simulator.town import Town
from simulator.truth import parse_instant
from simulator.wires import Wires, read_logins

log = logging.getLogger(__name__)

CONNECT_WITHIN_S: Final = 30.0


class Simulation:
    """Everything virtual, and its connection to the real."""

    def __init__(self, gateways: tuple[GatewayConfig, ...], settings: SimulatorSettings) -> None:
        """Build the places of ``gateways`` (the first ``settings.places`` of them).

        Raises:
            DriverError: a device's address makes no sense.
            MqttUrlError: the broker's address makes no sense.
            LoginsError: the devices' logins can't be read.
        """
        self.settings = settings
        self._gateways = gateways
        self.town = Town(
            gateways,
            self._publish,
            start=settings.start,
            speed=settings.speed,
            seed=settings.seed,
            places=settings.simulator_places,
            faults=settings.faults,
            wall=lambda: datetime.now(UTC),
            front_desk=settings.front_desk,
            rates=settings.rates,
        )
        self._line: Line | None = None
        self._may_begin = threading.Event()
        if not settings.hold:
            self._may_begin.set()
        self._loop = MqttLoop("simulator-mqtt")
        self._wires = Wires(
            self._loop,
            logged_in(parse_mqtt_url(settings.field_mqtt_url.get_secret_value()), settings.field_logins, "simulator"),
            hears=self.town.command_topics,
            on_message=self._on_message,
            logins=() if settings.simulator_logins is None else read_logins(settings.simulator_logins),
        )

    def _hold_line(self) -> Line | None:
        """The line between the gateways and the centre, where the settings say so."""
        if self.settings.line_to is None:
            return None
        host, _, port = self.settings.line_to.rpartition(":")
        if not host or not port.isdigit():
            raise FaultError(f"MAILLAGE_LINE_TO is HOST:PORT, not {self.settings.line_to!r}")
        each = [one.gateway for one in self._gateways] if self.settings.line_each else ()
        line = Line(host, int(port), listen=self.settings.line_port, gateways=each)
        line.start()
        line.take_offline(self.settings.faults.offline)
        return line

    def run(self, stop: threading.Event) -> int:
        """Run until ``stop`` is set; return 0, or 1 where the broker was never there."""
        window = Window(
            self.settings.simulator_host,
            self.settings.simulator_port,
            get={"/healthz": self._health, "/truth": self._truth, "/counters": self._counters, "/faults": self._faults},
            post={"/faults": self._set_faults, "/begin": self._let_begin, "/drill": self._drill},
        )
        self._loop.start()
        self._line = self._hold_line()
        try:
            if not self._connected(stop):
                return 0 if stop.is_set() else 1
            log.info("simulator_started", extra={"port": window.port, **self._vitals()})
            while not self._may_begin.wait(0.1):
                if stop.is_set():
                    return 0
            self.town.begin(self.settings.announce_s)
            self.town.scheduler.run(stop)
            return 0
        finally:
            window.close()
            self._loop.stop()
            if self.town.front_desk is not None:
                self.town.front_desk.close()
            if self._line is not None:
                self._line.close()

    def _connected(self, stop: threading.Event) -> bool:
        """Wait for the broker: a message sent before that is lost."""
        deadline = time.monotonic() + CONNECT_WITHIN_S
        while not self._wires.connected and not stop.is_set():
            if time.monotonic() > deadline:
                log.error(
                    "simulator_without_broker", extra={"host": self._wires.broker.host, "port": self._wires.broker.port}
                )
                return False
            stop.wait(0.02)
        return self._wires.connected

    def _publish(self, topic: str, payload: bytes, retain: bool) -> bool:
        return self._wires.publish(topic, payload, retain)

    def _on_message(self, message: Message) -> None:
        # In the connection's thread: everything virtual belongs to the scheduler's.
        self.town.scheduler.post(lambda: self.town.command(message.topic, message.payload))

    def _let_begin(self, _change: dict[str, Any]) -> Answer:
        self._may_begin.set()
        return HTTPStatus.OK, self._vitals()

    def _health(self, _query: Query) -> Answer:
        well = self._wires.connected and self._loop.alive and self.town.scheduler.late_s < 5
        return (HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE), self._vitals()

    def _vitals(self) -> dict[str, Any]:
        clock = self.town.scheduler.clock
        return {
            "connected": self._wires.connected,
            "places": len(self.town.places),
            "devices": self.town.devices,
            "people": self.town.truth.present(),
            "virtual": clock.local(clock.now()).isoformat(timespec="seconds"),
            "speed": self.settings.speed,
            "late_s": round(self.town.scheduler.late_s, 4),
        }

    def _truth(self, query: Query) -> Answer:
        at = parse_instant(query["at"]) if "at" in query else None
        clock = self.town.scheduler.clock
        answer = self.town.truth.tell(place=query.get("place"), at=at)
        if at is None:
            answer["virtual"] = clock.local(clock.now()).isoformat(timespec="seconds")
        return HTTPStatus.OK, answer

    def _counters(self, _query: Query) -> Answer:
        town = self.town
        return HTTPStatus.OK, {
            **town.air.counters.copy(),
            **town.acts.copy(),
            "door_openings": town.openings,
            "walked_through": town.walked_through,
            **{f"passed.{name}": many for name, many in town.passed.items()},
            "refused": town.refused,
        }

    def _drill(self, order: dict[str, Any]) -> Answer:
        place = order.get("place")
        if not isinstance(place, str) or order.keys() != {"place"}:
            raise QuestionError('a drill is ordered as {"place": "CODE"}')
        inside = self.town.drill(place)
        log.info("drill_ordered", extra={"place": place, "inside": inside})
        return HTTPStatus.OK, {"place": place, "inside": inside}

    def _faults(self, _query: Query) -> Answer:
        return HTTPStatus.OK, self.town.air.faults.model_dump(mode="json")

    def _set_faults(self, change: dict[str, Any]) -> Answer:
        faults = changed(self.town.air.faults, change)
        if faults.offline and self._line is None:
            raise FaultError("offline: no line is held here (set MAILLAGE_LINE_TO, or use `maillage up`)")
        if self._line is not None:
            self._line.take_offline(faults.offline)
        self.town.air.faults = faults
        log.info("faults_changed", extra={"faults": self.town.air.faults.model_dump(mode="json")})
        return HTTPStatus.OK, self.town.air.faults.model_dump(mode="json")


def run(settings: SimulatorSettings, stop: threading.Event) -> int:
    """Simulate until ``stop`` is set; return the process's exit code, having said why where it isn't 0."""
    try:
        simulation = Simulation(read_gateways(settings.gateways_file), settings)
    except (ConfigError, DriverError, LoginsError, MqttUrlError) as error:
        log.error("simulator_cannot_start", extra={"reason": str(error)})
        return 2
    try:
        return simulation.run(stop)
    except FaultError as error:
        log.error("simulator_cannot_start", extra={"reason": str(error)})
        return 2
    except OSError as error:
        log.error("simulator_cannot_listen", extra={"port": settings.simulator_port, "reason": str(error)})
        return 2
