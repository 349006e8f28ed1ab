"""The field side of the process: one connection to the place's broker, every device of every gateway.

The connection's callback only notes the arrival and enqueues; one thread routes, decodes, decides and stores. What goes
wrong with one message stays with that message.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from gateway.clock import micros
from gateway.drivers import DriverError
from gateway.latency import Latency
from gateway.mqtt_loop import Broker, Message, MqttLoop
from gateway.place import Place
from gateway.routes import Routes
from gateway.spool import Spool
from gateway.watch import ClockWatch, implausible
from gateway.wire import GatewayEvent

log = logging.getLogger(__name__)

LARGEST_MESSAGE: Final = 65_536
"""Bytes; no device of ours says more at once."""
_WAITING_MAX: Final = 20_000
"""Messages that wait to be decoded; beyond this the broker has to keep them."""
_TICK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Arrival:
    message: Message
    at: int
    now: float


class Runtime:
    """Runs the places of one process."""

    def __init__(
        self,
        places: Iterable[Place],
        *,
        spool: Spool,
        boot: str,
        version: str,
        clock: Callable[[], int] = micros,
    ) -> None:
        self.latency = Latency()
        """Seconds from the arrival of a card read to its unlock command's going out."""
        self.messages = 0
        """Device messages taken in."""
        self.unclaimed = 0
        """Of these, how many belong to no device of ours."""
        self._places = list(places)
        self._spool = spool
        self._boot = boot
        self._version = version
        self._clock = clock
        self._routes: Routes[tuple[Place, str]] = Routes()
        for place in self._places:
            for name, driver in place.drivers.items():
                for topic in driver.subscriptions():
                    self._routes.add(topic, (place, name))
        self._arrivals: queue.SimpleQueue[_Arrival | None] = queue.SimpleQueue()
        self._watch = ClockWatch(time.monotonic(), clock())
        self._thread = threading.Thread(target=self._run, name="runtime", daemon=True)
        self._connected: Callable[[], bool] = lambda: False
        self._publish: Callable[[str, bytes, Callable[[], None] | None], None] = lambda *_: None

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    @property
    def connected(self) -> bool:
        """Whether the place's broker is connected."""
        return self._connected()

    def start(self, loop: MqttLoop, broker: Broker) -> None:
        """Say in every stream that the process has started, start the thread and connect."""
        at = self._clock()
        for place in self._places:
            self._say(place, "start", at, text=f"{self._version} boot {self._boot}")
            if implausible(at):
                self._say(place, "clock_step", at, text="the clock shows a time before this program was built")
        self._thread.start()
        link = loop.add(
            broker,
            client_id=f"maillage-gateway-{self._boot}",
            on_message=self._arrived,
            subscriptions=[(topic, 1) for topic in self._routes.filters],
            may_read=lambda: self._arrivals.qsize() < _WAITING_MAX,
        )
        self._publish = lambda topic, payload, sent: link.publish(topic, payload, on_sent=sent)
        self._connected = lambda: link.connected

    def publish(self, topic: str, payload: bytes, sent: Callable[[], None] | None) -> None:
        """Send a command to a device, at once or never; never retained."""
        self._publish(topic, payload, sent)

    def stop(self) -> None:
        """Finish what has arrived and end the thread."""
        self._arrivals.put(None)
        if self._thread.is_alive():
            self._thread.join(5)

    def hear(self, message: Message) -> None:
        """Take in a message as if a device had sent it (``maillage replay``)."""
        self._arrived(message)

    def _arrived(self, message: Message) -> None:
        self._arrivals.put(_Arrival(message, self._clock(), time.perf_counter()))

    # The rest runs in the runtime's thread.

    def _run(self) -> None:
        try:
            next_tick = time.monotonic() + _TICK_S
            while True:
                try:
                    arrival = self._arrivals.get(timeout=max(0.0, next_tick - time.monotonic()))
                except queue.Empty:
                    pass
                else:
                    if arrival is None:
                        return
                    self._take(arrival)
                if time.monotonic() >= next_tick:
                    next_tick = time.monotonic() + _TICK_S
                    self._tick(time.monotonic(), self._clock())
        except Exception:
            log.critical("runtime_died", exc_info=True)
            raise

    def _take(self, arrival: _Arrival) -> None:
        message = arrival.message
        self.messages += 1
        claims = self._routes.of(message.topic)
        for place, driver in claims:
            self._give(place, driver, arrival)
        if not claims:
            self.unclaimed += 1

    def _give(self, place: Place, driver: str, arrival: _Arrival) -> None:
        message, at, now = arrival.message, arrival.at, time.monotonic()

        def decided() -> None:
            self.latency.add(time.perf_counter() - arrival.now)

        try:
            if len(message.payload) > LARGEST_MESSAGE:
                raise DriverError(f"too_large: {len(message.payload)} bytes")
            if message.retained:
                place.hear_retained(driver, message.topic, message.payload, at)
            else:
                place.hear(driver, message.topic, message.payload, at=at, now=now, decided=decided)
        except DriverError as error:
            place.fault(message.topic, message.payload, error.reason, at=at, now=now, driver=driver)
        except Exception as error:
            reason = f"driver_bug: {type(error).__name__}"
            if place.fault(message.topic, message.payload, reason, at=at, now=now, driver=driver):
                # Where, and not what: an error's own words may quote a card's number or a PIN.
                where = traceback.extract_tb(error.__traceback__)[-1]
                log.error(
                    "driver_failed",
                    extra={"gateway": place.config.gateway, "driver": driver, "where": f"{where.name}:{where.lineno}"},
                )

    def _tick(self, now: float, at: int) -> None:
        step_s = self._watch.tick(now, at)
        for place in self._places:
            if step_s is not None:
                log.warning("clock_step", extra={"gateway": place.config.gateway, "seconds": round(step_s, 3)})
                place.clock_stepped(step_s)
                self._say(place, "clock_step", at, value=step_s)
            try:
                place.tick(now, at)
            except Exception:
                log.exception("tick_failed", extra={"gateway": place.config.gateway})

    def _say(self, place: Place, what: str, at: int, *, text: str | None = None, value: float | None = None) -> None:
        event = GatewayEvent(kind="gateway", what="start", at=at, device="gateway")
        if what == "clock_step":
            event["what"] = "clock_step"
        if text is not None:
            event["text"] = text
        if value is not None:
            event["value"] = value
        self._spool.append(place.config.gateway, event)
