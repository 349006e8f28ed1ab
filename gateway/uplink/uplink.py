"""Sends every gateway's spool to the centre: one connection for each gateway, one thread for all of them.

Batches go out in order, a window of them in flight; marks come back and free the spool. The rules are in
``gateway.uplink.window``. Access lists, orders and configurations arrive on the same
connections and are handed on.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from pydantic import ValidationError

from gateway.config import GatewayConfig
from gateway.contract.wire import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, Mark, Reply, State
from gateway.mqtt.loop import Broker, Link, Message, MqttLoop
from gateway.spool.spool import Spool
from gateway.spool.sqlite_file import SpoolError
from gateway.uplink.window import Meaning, Window

log = logging.getLogger(__name__)

STATE_EVERY_S: Final = 10.0
_ANSWERS_MAX: Final = 100
_ENVELOPE_BYTES: Final = 8_000
"""Of a batch without its events, at most (``gateway.contract.wire.Batch``)."""
_REASONS: Final = {
    Meaning.CENTRE_LOST: "the centre holds less than it had confirmed: it was restored from a backup",
    Meaning.SPOOL_LOST: "the centre holds events that this spool never had: it was restored from an old copy, or its"
    " identity is shared",
}

_MOVING: Final = {"at", "spool_depth", "newest_seq"}
"""Of a state: what alone is no reason to publish it."""

Leaf = Literal["list", "command", "config", "certificate"]
_HANDED_ON: Final[Mapping[str, Leaf]] = {
    "list": "list",
    "command": "command",
    "config": "config",
    "certificate": "certificate",
}
Handler = Callable[[str, Leaf, bytes, bool], None]
"""Called with gateway, leaf, payload, retained; in the uplink's thread."""


@dataclass(slots=True)
class _Connection:
    """One gateway's connection."""

    config: GatewayConfig
    window: Window
    link: Link | None = None
    state: str = ""
    """The last published state, without its time and depth."""
    state_due: float = 0.0
    answers: deque[bytes] = field(default_factory=lambda: deque(maxlen=_ANSWERS_MAX))
    """Replies that wait for a connection."""


@dataclass(frozen=True, slots=True)
class _News:
    """Something that happened on one gateway's connection."""

    gateway: str
    what: Literal["connected", "disconnected", "mark", "list", "command", "config", "certificate", "state", "again"]
    message: Message | None = None


@dataclass(frozen=True, slots=True)
class _Readable:
    """Gateways of which the spool has more to send."""

    gateways: frozenset[str]


class Uplink:
    """Sends what the spool holds. ``on_commit`` is the spool's callback."""

    def __init__(
        self,
        *,
        gateways: tuple[GatewayConfig, ...],
        broker: Broker,
        brokers: Mapping[str, Broker] | None = None,
        spool: Spool,
        loop: MqttLoop,
        boot: str,
        handler: Handler,
        account: Callable[[str], State],
        clock: Callable[[], int],
    ) -> None:
        """Prepare; ``start`` connects.

        Args:
            broker: the central one; each gateway logs in as itself.
            brokers: by gateway, those of the identities that name another.
            boot: random, new at each start; part of each client id.
            handler: takes lists and orders.
            account: returns a gateway's state, without epoch and depth, which the uplink adds.
            clock: µs since 1970.
        """
        self._spool = spool
        self._loop = loop
        self._broker = broker
        self._brokers = brokers or {}
        self._boot = boot
        self._handler = handler
        self._account = account
        self._clock = clock
        self._connections = {
            config.gateway: _Connection(config=config, window=Window(spool.position(config.gateway)))
            for config in gateways
        }
        self._news: queue.Queue[_News | _Readable | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)
        self.batches = 0
        """Batches sent since the start, repeats included."""

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    @property
    def resends(self) -> int:
        """How often gateways went back to their mark."""
        return sum(connection.window.resends for connection in self._connections.values())

    def connected(self) -> int:
        """Return how many gateways are connected."""
        return sum(
            1 for connection in self._connections.values() if connection.link is not None and connection.link.connected
        )

    def is_connected(self, gateway: str) -> bool:
        """Return whether a gateway is connected."""
        link = self._connections[gateway].link
        return link is not None and link.connected

    def state_of(self, gateway: str) -> State:
        """Return a gateway's state, as it is published. From any thread."""
        position = self._spool.position(gateway)
        return self._account(gateway).model_copy(
            update={
                "online": True,
                "at": self._clock(),
                "boot": self._boot,
                "epoch": position.epoch or None,
                "spool_depth": position.depth,
                "newest_seq": position.last,
            }
        )

    def start(self) -> None:
        """Connect every gateway and start the thread."""
        self._thread.start()
        for name, connection in self._connections.items():
            connection.link = self._connect(name, connection.config)

    def on_commit(self, gateways: set[str]) -> None:
        """Events of ``gateways`` have become readable. From any thread."""
        self._news.put(_Readable(frozenset(self._connections.keys() & gateways)))

    def state_changed(self, gateway: str) -> None:
        """Publish ``gateway``'s state at once if it has changed. From any thread."""
        self._news.put(_News(gateway, "state"))

    def state_again(self, gateway: str) -> None:
        """Publish ``gateway``'s state at once even if it is the same: the centre missed it. From any thread."""
        self._news.put(_News(gateway, "again"))

    def reply(self, gateway: str, reply: Reply) -> None:
        """Answer an order, at the next connection if there is none now. From any thread."""
        connection = self._connections[gateway]
        connection.answers.append(reply.model_dump_json(exclude_none=True).encode())
        if connection.link is not None and connection.link.connected:
            self._answer(connection)

    def request(self, gateway: str, payload: bytes) -> bool:
        """Ask for a certificate; False: there is no connection. From any thread."""
        connection = self._connections[gateway]
        if connection.link is None or not connection.link.connected:
            return False
        connection.link.publish(connection.config.address.topic("request"), payload)
        return True

    def cut(self, gateway: str) -> None:
        """Drop a gateway's connection; it comes back by itself. For drills and tests."""
        link = self._connections[gateway].link
        if link is not None:
            link.restart()

    def stop(self) -> None:
        """Publish that every gateway goes offline, and end the thread; the loop sends what is queued."""
        self._news.put(None)
        self._thread.join(5)
        for name, connection in self._connections.items():
            if connection.link is not None and connection.link.connected:
                offline = self.state_of(name).model_copy(update={"online": False})
                connection.link.publish(connection.config.address.topic("state"), _json(offline), retain=True)
                connection.link.close()

    def _connect(self, name: str, config: GatewayConfig) -> Link:
        password = config.mqtt_password.get_secret_value() if config.mqtt_password else None
        address = config.address
        leaves: dict[str, Literal["mark", "list", "command", "config", "certificate"]] = {
            address.topic("committed"): "mark",
            address.topic("list"): "list",
            address.topic("command"): "command",
            address.topic("config"): "config",
            address.topic("certificate"): "certificate",
        }

        def on_message(message: Message) -> None:
            what = leaves.get(message.topic)
            if what is not None:
                self._news.put(_News(name, what, message))

        will = State(online=False, boot=self._boot)
        broker = self._brokers.get(name, self._broker)
        return self._loop.add(
            broker.as_user(name, password) if password is not None else broker,
            client_id=f"{name}-{self._boot}",
            on_message=on_message,
            on_connect=lambda: self._news.put(_News(name, "connected")),
            on_disconnect=lambda: self._news.put(_News(name, "disconnected")),
            subscriptions=[(topic, 0 if leaf == "mark" else 1) for topic, leaf in leaves.items()],
            will=(address.topic("state"), _json(will)),
        )

    # The rest runs in the uplink's thread.

    def _run(self) -> None:
        try:
            next_round = 0.0
            while True:
                try:
                    news = self._news.get(timeout=max(0.0, next_round - time.monotonic()))
                except queue.Empty:
                    self._round(time.monotonic())
                    next_round = time.monotonic() + 0.25
                    continue
                if news is None:
                    return
                if isinstance(news, _Readable):
                    for gateway in news.gateways:
                        self._guarded(gateway, "events", partial(self._send, gateway, self._connections[gateway]))
                else:
                    self._guarded(news.gateway, news.what, partial(self._take, news, self._connections[news.gateway]))
                if time.monotonic() >= next_round:
                    self._round(time.monotonic())
                    next_round = time.monotonic() + 0.25
        except Exception:
            log.critical("uplink_died", exc_info=True)
            raise

    @staticmethod
    def _guarded(gateway: str, what: str, work: Callable[[float], None]) -> None:
        """Do what one gateway asks for; an error affects that gateway only."""
        try:
            work(time.monotonic())
        except SpoolError as error:
            log.error("spool_unreadable_now", extra={"gateway": gateway, "reason": str(error)})
        except Exception:
            log.exception("uplink_failed", extra={"gateway": gateway, "what": what})

    def _take(self, news: _News, connection: _Connection, now: float) -> None:
        message = news.message
        if news.what == "connected":
            connection.window.connected(now)
            connection.state = ""
            self._answer(connection)
        elif news.what == "disconnected":
            connection.window.disconnected()
        elif news.what == "mark" and message is not None:
            self._mark(news.gateway, connection, message, now)
        elif (leaf := _HANDED_ON.get(news.what)) is not None and message is not None:
            self._handler(news.gateway, leaf, message.payload, message.retained)
        elif news.what == "again":
            connection.state = ""
        if news.what in ("connected", "state", "again"):
            self._publish_state(news.gateway, connection, now)
        self._send(news.gateway, connection, now)

    @staticmethod
    def _answer(connection: _Connection) -> None:
        while connection.link is not None and connection.answers:
            try:
                answer = connection.answers.popleft()
            except IndexError:
                return  # another thread sent it
            connection.link.publish(connection.config.address.topic("reply"), answer)

    def _mark(self, gateway: str, connection: _Connection, message: Message, now: float) -> None:
        try:
            mark = Mark.model_validate_json(message.payload)
        except ValidationError:
            log.error("mark_unreadable", extra={"gateway": gateway, "bytes": len(message.payload)})
            return
        connection.window.position(self._spool.position(gateway), now)
        ours = self._spool.digest(gateway, mark.epoch, mark.seq) if mark.digest is not None else None
        meaning = connection.window.mark(mark, now, ours=ours)
        if meaning is Meaning.ADVANCE:
            self._spool.committed(gateway, mark.epoch, mark.seq)
        elif meaning is not Meaning.NOTHING:
            self._spool.renew(gateway, mark.epoch, _REASONS[meaning])

    def _send(self, gateway: str, connection: _Connection, now: float) -> None:
        """Send as many batches as the window has room for."""
        connection.window.position(self._spool.position(gateway), now)
        while connection.link is not None and (after := connection.window.send_after(now)) is not None:
            batch = self._spool.batch(
                gateway,
                connection.window.epoch,
                after,
                limit_events=MAX_BATCH_EVENTS,
                limit_bytes=MAX_BATCH_BYTES - _ENVELOPE_BYTES,
            )
            if batch is None:
                return
            connection.link.publish(connection.config.address.topic("events"), batch.payload(self._clock()))
            connection.window.sent(batch.last, now)
            self.batches += 1

    def _round(self, now: float) -> None:
        """Four times a second: handle time-outs, publish states that are due."""
        for gateway, connection in self._connections.items():
            due = connection.window.next_tick()
            if due is not None and now >= due:
                connection.window.tick(now)
                try:
                    self._send(gateway, connection, now)
                except SpoolError as error:
                    log.error("spool_unreadable_now", extra={"gateway": gateway, "reason": str(error)})
            if now >= connection.state_due:
                connection.state = ""
                self._publish_state(gateway, connection, now)

    def _publish_state(self, gateway: str, connection: _Connection, now: float) -> None:
        if connection.link is None or not connection.link.connected:
            return
        state = self.state_of(gateway)
        text = state.model_dump_json(exclude=_MOVING)
        if text != connection.state:
            connection.state = text
            connection.state_due = now + STATE_EVERY_S
            connection.link.publish(connection.config.address.topic("state"), _json(state), retain=True)


def _json(state: State) -> bytes:
    return state.model_dump_json(exclude_none=True).encode()
