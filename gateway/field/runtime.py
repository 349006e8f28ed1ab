"""The field side of the process: two connections to the place's broker, every device of every gateway.

Cards and codes come by a connection without a session at the broker: a late one must open no door. Everything else
comes by a session that the broker keeps, and is acknowledged when it is on the disk (``acknowledgements``).

The connections' callbacks only note the arrival and enqueue; one thread routes, decodes, decides and stores. An error
affects only its own message.
"""

from __future__ import annotations

import logging
import queue
import secrets
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from gateway.clock import micros, steady
from gateway.contract.wire import GatewayEvent
from gateway.devices.watch import ClockWatch, implausible
from gateway.drivers import DriverError
from gateway.field.acknowledgements import Acknowledgements
from gateway.field.arrivals import MUTED_S, Arrivals
from gateway.field.commands import QOS as COMMANDS_QOS
from gateway.field.commands import Commands
from gateway.field.deliveries import Deliveries, digest_of
from gateway.mqtt.filters import Routes
from gateway.mqtt.loop import Broker, Link, Message, MqttLoop
from gateway.place import Place
from gateway.spool.spool import Spool
from gateway.spool.sqlite_file import SpoolError
from gateway.spool.values import Unit
from process.latency import Latency

log = logging.getLogger(__name__)

LARGEST_MESSAGE: Final = 65_536
"""Bytes; no supported device sends more."""
_WAITING_MAX: Final = 20_000
"""Messages that wait to be decoded; sensors' further ones stay at the broker."""
_TICK_S: Final = 0.5
_OF_THE_PROCESS: Final = ""
"""In place of a gateway's code: what the spool keeps for the process."""
_CLIENT_ID: Final = "field_client_id"
_DISK_WITHIN_S: Final = 5.0
_PAUSED_S: Final = 5.0
"""A tick that comes this late: the process, or the machine, stood still."""
_LATE_S: Final = 10.0
"""A card read that has waited for longer opens no door."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    message: Message
    at: int
    now: float
    live: bool = True
    """Whether it was sent just now: a card may be decided on."""
    session: int | None = None
    """The broker's session that it came by; None: the connection without one."""
    steady: float = field(default_factory=steady)


@dataclass(frozen=True, slots=True)
class _Foreign:
    """A command to a lock that another sent."""

    message: Message
    at: int


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
        store: Callable[[Unit], None] | None = None,
    ) -> None:
        """Take the places' subscriptions.

        Args:
            store: stores the events of a sensor's message; None: the spool does.
        """
        self.latency = Latency()
        """Seconds from the arrival of a card read until its unlock command goes out."""
        self.messages = 0
        """Device messages processed."""
        self.unclaimed = 0
        """Of these, how many belong to no configured device."""
        self._places = list(places)
        self._spool = spool
        self._store = store or spool.append_unit
        self._boot = boot
        self._version = version
        self._clock = clock
        self._live, self._kept = _routes(self._places)
        self._links: tuple[Link, Link] | None = None
        """Of cards and codes, and of everything else."""
        self._rerouting = threading.Lock()
        self._muted: dict[str, float] = {}
        """Topics of boards that publish without end, and until when nothing is heard on them (monotonic)."""
        self._commands = Commands(self._places, self._live)
        self._deliveries = Deliveries(self._remembered())
        self._acknowledgements = Acknowledgements(spool)
        self._arrivals: Arrivals[_Arrival | _Foreign | None] = Arrivals()
        self._watch = ClockWatch(steady(), clock())
        self._thread = threading.Thread(target=self._run, name="runtime", daemon=True)
        self._connected: Callable[[], bool] = lambda: False
        self._publish: Callable[[str, bytes, Callable[[], None] | None], None] = lambda *_: None
        self._clear: Callable[[str], None] = lambda _topic: None

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    @property
    def connected(self) -> bool:
        """Whether the place's broker is connected."""
        return self._connected()

    def claims(self, topic: str) -> bool:
        """Return whether ``topic`` belongs to a configured device. From any thread."""
        return bool(self._live.of(topic) or self._kept.of(topic))

    def start(self, loop: MqttLoop, broker: Broker, *, sensors_loop: MqttLoop | None = None) -> None:
        """Append a start event for every gateway, start the thread and connect; ``sensors_loop``: not for cards."""
        at = self._clock()
        for place in self._places:
            self._append(place, "start", at, text=f"{self._version} boot {self._boot}")
            if implausible(at):
                self._append(place, "clock_step", at, text="the clock shows a time before this program was built")
        self._thread.start()
        client_id = self._client_id()
        with self._rerouting:  # a configuration that comes now waits: it must find the links to subscribe with
            cards = loop.add(
                broker,
                client_id=f"maillage-gateway-{self._boot}",
                on_message=lambda message: self._heard_live(message, live=not loop.reads_old),
                on_send=self._commands.sent,
                on_disconnect=self._commands.forget,
                subscriptions=[
                    *((topic, 1) for topic in self._live.filters),
                    *((topic, COMMANDS_QOS) for topic in self._commands.filters),
                ],
            )
            self._publish = lambda topic, payload, sent: cards.publish_now(topic, payload, on_sent=sent)
            self._clear = lambda topic: cards.publish(topic, b"", retain=True)
            sensors = (sensors_loop or loop).add(
                broker,
                client_id=client_id,
                on_message=lambda message: self._arrived(message, live=False, session=self._deliveries.session),
                on_session=self._session,
                subscriptions=[(topic, 1) for topic in self._kept.filters],
                may_read=lambda: len(self._arrivals) < _WAITING_MAX and self._spool.has_room,
            )
            self._links = (cards, sensors)
        self._acknowledgements.send = sensors.acknowledge
        self._connected = lambda: cards.connected and sensors.connected

    def reroute(self) -> None:
        """A place has other devices now: subscribe to what they say, and no more to what nobody listens to.

        From any thread. Nothing of the others is missed: their subscriptions stay.
        """
        with self._rerouting:
            before = (self._live, self._kept)
            self._live, self._kept = _routes(self._places)
            commands = self._commands.filters
            self._commands.follow(self._places, self._live)
            for link, old, new in zip(self._links or (), before, (self._live, self._kept), strict=False):
                link.subscribe([(topic, 1) for topic in new.filters if topic not in old.filters])
                link.unsubscribe([topic for topic in old.filters if topic not in new.filters])
            if self._links is not None:
                link, now = self._links[0], self._commands.filters
                link.subscribe([(topic, COMMANDS_QOS) for topic in now if topic not in commands])
                link.unsubscribe([topic for topic in commands if topic not in now])

    def stored(self) -> None:
        """Acknowledge the messages that are on the disk now. In the spool's thread, after each commit."""
        self._acknowledgements.stored()

    def publish(self, topic: str, payload: bytes, sent: Callable[[], None] | None) -> None:
        """Send a command to a device, at once or not at all; never retained."""
        self._publish(topic, payload, sent)

    def stop(self) -> None:
        """Process what has arrived and end the thread."""
        self._arrivals.put(None)
        if self._thread.is_alive():
            self._thread.join(5)

    def _heard_live(self, message: Message, *, live: bool) -> None:
        """Take in what came by the connection that commands: also the commands themselves, our own and others'."""
        if not self._commands.is_command(message.topic):
            self._arrived(message, live=live)
        elif self._commands.is_foreign(message):
            self._clear(message.topic)  # it may be kept, and would open at the board's next start
            self._arrivals.put_live(_Foreign(message, self._clock()), message.topic, time.monotonic())

    def _arrived(self, message: Message, *, live: bool, session: int | None = None) -> None:
        arrival = _Arrival(message, self._clock(), time.perf_counter(), live, session)
        if session is not None:
            self._arrivals.put(arrival)
        elif self._arrivals.put_live(arrival, message.topic, now := time.monotonic()):
            self._mute(message.topic, now)

    def _mute(self, topic: str, now: float) -> None:
        """Hear nothing on a board's topic for a while; one that only a wildcard subscribes to can't be left out."""
        if self._links is not None and topic in self._live.filters:
            self._muted[topic] = now + MUTED_S
            self._links[0].unsubscribe([topic])

    def _unmute(self, now: float) -> None:
        for topic in [topic for topic, until in list(self._muted.items()) if now >= until]:
            with self._rerouting:
                del self._muted[topic]
                if self._links is not None and topic in self._live.filters:
                    self._links[0].subscribe([(topic, 1)])

    def _session(self, resumed: bool) -> None:
        """The sensors' connection is up; ``resumed``: the broker has kept its session."""
        if not resumed:
            name, value = self._deliveries.begin()
            self._spool.keep(_OF_THE_PROCESS, name, value)

    def _client_id(self) -> str:
        """Return the name of the session at the broker: this spool's own, whatever gateways it serves."""
        found = self._remembered().get(_CLIENT_ID)
        if found is None:
            found = f"maillage-sensors-{secrets.token_hex(6)}"
            if self._spool.trouble is None:
                self._spool.keep_now(_OF_THE_PROCESS, _CLIENT_ID, found, within_s=_DISK_WITHIN_S)
        return found

    def _remembered(self) -> dict[str, str]:
        """Return what was kept; nothing if the disk can't be read: a new session begins then."""
        try:
            return self._spool.kept(_OF_THE_PROCESS)
        except SpoolError as error:
            log.error("kept_state_unreadable", extra={"reason": str(error)})
            return {}

    # The rest runs in the runtime's thread.

    def _run(self) -> None:
        try:
            next_tick = time.monotonic() + _TICK_S
            while True:
                try:
                    arrival = self._arrivals.get(max(0.0, next_tick - time.monotonic()))
                except queue.Empty:
                    pass
                else:
                    if arrival is None:
                        return
                    if isinstance(arrival, _Foreign):
                        self._take_foreign(arrival)
                    else:
                        self._take(arrival)
                if time.monotonic() >= next_tick:
                    self._stood_still(time.monotonic() - next_tick)
                    next_tick = time.monotonic() + _TICK_S
                    self._tick(time.monotonic(), self._clock())
        except Exception:
            log.critical("runtime_died", exc_info=True)
            raise

    def _take(self, arrival: _Arrival) -> None:
        message = arrival.message
        self.messages += 1
        self._check_clock(arrival.steady, arrival.at)  # a step comes before the events with the new time
        if arrival.session is None:
            claims = self._live.of(message.topic) or self._kept.of(message.topic)
            unit = None
        else:
            claims = self._kept.of(message.topic)  # a session may still hold messages of what is a reader's topic now
            unit = Unit()
        stored = self._is_stored(arrival)
        for place, driver in () if stored else claims:
            self._give(place, driver, arrival, unit)
        if not claims:
            self.unclaimed += 1
        if unit is not None:
            self._keep(arrival, unit)

    def _take_foreign(self, command: _Foreign) -> None:
        message = command.message
        for place, device in self._commands.locks(message.topic):
            place.foreign.commanded(device, message, command.at, time.monotonic())

    def _is_stored(self, arrival: _Arrival) -> bool:
        message = arrival.message
        if arrival.session is None or message.receipt is None:
            return False
        digest = digest_of(message.topic, message.payload)
        return self._deliveries.is_stored(arrival.session, message.receipt[1], digest)

    def _keep(self, arrival: _Arrival, unit: Unit) -> None:
        """Give the message's events to the spool, and acknowledge the message when they are on the disk."""
        message = arrival.message
        if unit.events and arrival.session is not None and message.receipt is not None:
            digest = digest_of(message.topic, message.payload)
            unit.kept.append((_OF_THE_PROCESS, *self._deliveries.note(arrival.session, message.receipt[1], digest)))
        self._store(unit)
        if message.receipt is not None:
            self._acknowledgements.wait_for_disk(message.receipt)

    def _give(self, place: Place, driver: str, arrival: _Arrival, unit: Unit | None) -> None:
        message, at, now = arrival.message, arrival.at, time.monotonic()

        def decided() -> None:
            self.latency.add(time.perf_counter() - arrival.now)

        try:
            if len(message.payload) > LARGEST_MESSAGE:
                raise DriverError(f"too_large: {len(message.payload)} bytes")
            if message.retained:
                place.hear_retained(driver, message.topic, message.payload, at)
            else:
                live = arrival.live and time.perf_counter() - arrival.now < _LATE_S
                place.hear(
                    driver, message.topic, message.payload, at=at, now=now, decided=decided, live=live, unit=unit
                )
        except DriverError as error:
            place.fault(message.topic, message.payload, error.reason, at=at, now=now, driver=driver)
        except (Exception, SystemExit) as error:
            reason = f"driver_bug: {type(error).__name__}"
            if place.fault(message.topic, message.payload, reason, at=at, now=now, driver=driver):
                # Only the place: the error's text may quote a card's number or a PIN.
                where = traceback.extract_tb(error.__traceback__)[-1]
                log.error(
                    "driver_failed",
                    extra={"gateway": place.config.gateway, "driver": driver, "where": f"{where.name}:{where.lineno}"},
                )

    def _stood_still(self, seconds: float) -> None:
        """A tick comes ``seconds`` late: no device counts as silent for that time."""
        if seconds > _PAUSED_S:
            log.warning("stood_still", extra={"seconds": round(seconds, 1)})
            for place in self._places:
                place.paused(seconds)

    def _tick(self, now: float, at: int) -> None:
        self._check_clock(steady(), at)
        self._unmute(now)
        for topic, dropped in self._arrivals.floods(now):
            log.error("board_floods", extra={"topic": topic[:512], "dropped": dropped})
            for place, driver in self._live.of(topic):
                place.fault(topic, b"", f"too_many_messages: {dropped} dropped", at=at, now=now, driver=driver)
        for place in self._places:
            try:
                place.tick(now, at)
            except Exception:
                log.exception("tick_failed", extra={"gateway": place.config.gateway})

    def _check_clock(self, now: float, at: int) -> None:
        """Append an event for every gateway if the clock stepped."""
        step_s = self._watch.tick(now, at)
        if step_s is None:
            return
        for place in self._places:
            log.warning("clock_step", extra={"gateway": place.config.gateway, "seconds": round(step_s, 3)})
            place.clock_stepped(step_s)
            self._append(place, "clock_step", at, value=step_s)

    def _append(self, place: Place, what: str, at: int, *, text: str | None = None, value: float | None = None) -> None:
        event = GatewayEvent(kind="gateway", what="start", at=at, device="gateway")
        if what == "clock_step":
            event["what"] = "clock_step"
        if text is not None:
            event["text"] = text
        if value is not None:
            event["value"] = value
        self._spool.append(place.config.gateway, event)


def _routes(places: Iterable[Place]) -> tuple[Routes[tuple[Place, str]], Routes[tuple[Place, str]]]:
    """Return where the topics of cards and codes lead, and where all others do."""
    cards: Routes[tuple[Place, str]] = Routes()
    sensors: Routes[tuple[Place, str]] = Routes()
    for place in places:
        for name, driver in place.drivers.items():
            live = frozenset(driver.live_subscriptions())
            for topic in driver.subscriptions():
                (cards if topic in live else sensors).add(topic, (place, name))
    return cards, sensors
