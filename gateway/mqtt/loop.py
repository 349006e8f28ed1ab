"""One thread that drives any number of MQTT connections (a gateway's, an ingest worker's).

Callbacks run in that thread and only enqueue. ``publish`` may be called from any thread. Nothing is kept across a lost
connection: what was not sent is forgotten, because those above (the spool and its marks) send it again, and because an
unlock command that comes late must not come at all.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from gateway.mqtt.address import Broker, MqttUrlError, parse_mqtt_url
from gateway.mqtt.link import Link
from gateway.mqtt.session import Message, OnMessage, connect
from process.pulse import Pulse

__all__ = ["Broker", "Link", "Message", "MqttLoop", "MqttUrlError", "parse_mqtt_url"]

log = logging.getLogger(__name__)

_READS_A_WAKE = 200
"""After so many reads the other links get their turn."""
_IDLE_S = 0.2
_PAUSED_POLL_S = 0.02
_STUCK_S = 10.0
"""A thread that does not turn for so long, while the process runs, is stuck."""
_STOOD_STILL_S = 10.0
"""A thread that did not turn for so long (a process that was stopped) finds old messages in its sockets."""
_OLD_FOR_S = 1.0
"""So long does it take at most to read them."""
_ANSWER_WITHIN_S = 10.0
"""A broker that accepts a connection and then says nothing is left after this."""


class MqttLoop:
    """Drives links in one thread."""

    def __init__(self, name: str = "mqtt") -> None:
        self._selector = selectors.DefaultSelector()
        self._links: list[Link] = []
        self._touched: set[Link] = set()
        """Links that may have something to write, or bytes held that no selector announces."""
        self._resting: set[Link] = set()
        """Links that may not read at present."""
        self._todo: deque[Callable[[], None]] = deque()
        self._awake, self._waker = socket.socketpair()
        self._awake.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._awake, selectors.EVENT_READ, None)
        self._woken = False
        self._stopping = False
        self._ended = False
        self._fresh: set[socket.socket] = set()
        """Connected by a helper thread and not yet taken over."""
        self._pulse = Pulse(_STUCK_S)
        self._looked = time.monotonic()
        """When the sockets were last asked."""
        self._old_until = 0.0
        self._next_misc = 0.0
        self._connectors: dict[tuple[str, int], ThreadPoolExecutor] = {}
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread runs and turns; to be asked once a second. False fails ``/healthz``."""
        return self._thread.is_alive() and not self._pulse.is_stuck()

    @property
    def reads_old(self) -> bool:
        """Whether messages that are read now may have lain in their sockets for long. In the loop's thread."""
        return time.monotonic() < self._old_until

    def add(
        self,
        broker: Broker,
        *,
        client_id: str,
        on_message: OnMessage,
        on_connect: Callable[[], None] | None = None,
        on_disconnect: Callable[[], None] | None = None,
        subscriptions: Sequence[tuple[str, int]] = (),
        will: tuple[str, bytes] | None = None,
        may_read: Callable[[], bool] | None = None,
        keepalive_s: int = 30,
        on_session: Callable[[bool], None] | None = None,
    ) -> Link:
        """Add a connection, kept up until it is closed. From any thread, before or after ``start``.

        Args:
            subscriptions: (filter, QoS), asked for in every connect, before ``on_connect`` is called.
            will: topic and payload of the last will (QoS 1, retained).
            may_read: asked before each read; while it is false nothing is read, but pings still go out.
            on_session: given, the broker keeps a session: what comes while we are away, and what is not confirmed by
                ``Link.acknowledge``, comes at the next connect. Called in every connect, before any message, with
                whether there was one. None: nothing is kept, and a message is confirmed as it arrives.
        """
        link = Link(
            self,
            broker,
            client_id=client_id,
            on_message=on_message,
            on_connect=on_connect,
            on_disconnect=on_disconnect,
            subscriptions=subscriptions,
            will=will,
            may_read=may_read,
            keepalive_s=keepalive_s,
            on_session=on_session,
        )
        self._ask(lambda: self._added(link))
        return link

    def start(self) -> None:
        """Start the thread."""
        self._looked = time.monotonic()
        self._thread.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """Close every link (what is queued goes out first) and end the thread; waits up to ``timeout_s``."""
        if not self._thread.is_alive():
            return

        def ask() -> None:
            self._stopping = True
            for link in self._links:
                link._close()

        self._ask(ask)
        self._thread.join(timeout_s)
        for connector in self._connectors.values():
            connector.shutdown(wait=False, cancel_futures=True)

    def wake(self) -> None:
        """Make the loop look at once whether a paused link may read again. From any thread."""
        if not self._woken:
            self._woken = True
            try:
                self._waker.send(b"\0")
            except (BlockingIOError, OSError):  # it is awake already, or over
                pass

    def _ask(self, call: Callable[[], None]) -> None:
        self._todo.append(call)
        self.wake()

    # The rest runs in the loop's thread.

    def _added(self, link: Link) -> None:
        self._links.append(link)
        self._next_misc = 0.0

    def _run(self) -> None:
        try:
            while not (self._stopping and not any(link.connected for link in self._links)):
                paused = {link for link in self._links if link._may_read is not None and link._paused()}
                self._touched |= self._resting - paused  # these may go on: their sockets are heard again
                self._resting = paused
                self._turn(paused)
                now = time.monotonic()
                self._pulse.beat()
                if now >= self._next_misc:
                    self._next_misc = now + (0.2 if any(not link.connected for link in self._links) else 1.0)
                    self._attend(now)
        except Exception:
            log.critical("mqtt_loop_died", exc_info=True)
            raise
        finally:
            self._ended = True
            for link in self._links:
                link._session.drop()
                link.connected = False
            for sock in list(self._fresh):
                sock.close()
            self._selector.close()
            self._awake.close()
            self._waker.close()
            self._awake.close()
            self._waker.close()

    def _turn(self, paused: set[Link]) -> None:
        """Wait for something to do and do it."""
        for link in paused:
            self._interest(link, reading=False)
        idle_s = _PAUSED_POLL_S if paused else _IDLE_S
        wait_s = 0.0 if self._todo or self._touched - paused else idle_s
        ready = self._selector.select(wait_s)
        looked, self._looked = self._looked, time.monotonic()
        if self._looked - looked > _STOOD_STILL_S:
            self._old_until = self._looked + _OLD_FOR_S
        touched, self._touched = self._touched, set()
        for key, _events in ready:
            if key.data is None:
                self._drain_waker()
            else:
                touched.add(key.data)
        for link in touched:
            self._read(link)
        while self._todo:
            self._todo.popleft()()
        touched |= self._touched
        self._touched = set()
        for link in touched:
            self._write(link)

    def _drain_waker(self) -> None:
        try:
            self._awake.recv(4096)
        except BlockingIOError:
            pass
        self._woken = False

    def _read(self, link: Link) -> None:
        for _ in range(_READS_A_WAKE):
            sock = link._session.socket()
            if sock is None or link._paused():
                return
            if not self._guarded(link, link._session.read):
                return
            if not sock.pending():
                return
        self._touched.add(link)

    def _write(self, link: Link) -> None:
        sock = link._session.socket()
        if sock is None:
            return
        if link._session.wants_write() and not self._guarded(link, link._session.write):
            return
        if link._session.socket() is None:  # that was the goodbye
            link._lost()
            return
        if sock.pending():
            self._touched.add(link)  # it goes on where it stopped, as soon as it may
        self._interest(link, reading=not link._paused())

    def _guarded(self, link: Link, step: Callable[[], bool]) -> bool:
        """Do one step of a link; whatever goes wrong there costs that connection only."""
        try:
            going_on = step()
        except Exception:
            log.exception("mqtt_link_failed", extra={"client_id": link.client_id})
            going_on = False
        if not going_on:
            link._lost()
        return going_on

    def _interest(self, link: Link, *, reading: bool) -> None:
        sock = link._session.socket()
        if sock is None:
            return
        events = (selectors.EVENT_READ if reading else 0) | (
            selectors.EVENT_WRITE if link._session.wants_write() else 0
        )
        if link._registered == (sock.fileno(), events):
            return
        self._unregister(link)
        if events:
            self._selector.register(sock.fileno(), events, link)
            link._registered = (sock.fileno(), events)

    def _unregister(self, link: Link) -> None:
        if link._registered is not None:
            self._selector.unregister(link._registered[0])
            link._registered = None

    def _attend(self, now: float) -> None:
        """Once a second: keep-alives, brokers that say nothing, and those to connect."""
        for link in self._links[:]:
            if link._session.socket() is not None:
                if not link.connected and now - link._since > _ANSWER_WITHIN_S:
                    link._lost()
                elif self._guarded(link, link._misc):
                    self._write(link)
            elif link.connected:
                link._lost()
            elif link._closing:
                self._links.remove(link)
            elif not link._connecting and now >= link._retry_at:
                link._connecting = True
                self._connector(link.broker).submit(self._connect, link)

    def _connector(self, broker: Broker) -> ThreadPoolExecutor:
        """Four threads an address, so that a dead broker holds up nobody else's."""
        key = (broker.host, broker.port)
        if key not in self._connectors:
            self._connectors[key] = ThreadPoolExecutor(4, thread_name_prefix="mqtt-connect")
        return self._connectors[key]

    def _connect(self, link: Link) -> None:
        """In a helper thread: the blocking part of connecting."""
        try:
            sock = connect(link.broker)
        except OSError as error:
            reason = str(error)
            self._ask(lambda: self._unreachable(link, reason))
        else:
            self._fresh.add(sock)
            self._ask(lambda: self._established(link, sock))
            if self._ended:
                sock.close()

    def _unreachable(self, link: Link, reason: str) -> None:
        link._connecting = False
        if link._attempts in (0, 3, 6) or link._attempts % 60 == 0:
            log.log(
                logging.INFO if link._attempts == 0 else logging.WARNING,  # a broker may start a moment after us
                "mqtt_unreachable",
                extra={
                    "client_id": link.client_id,
                    "host": link.broker.host,
                    "port": link.broker.port,
                    "reason": reason,
                },
            )
        link._retry(time.monotonic())

    def _established(self, link: Link, sock: socket.socket) -> None:
        link._connecting = False
        self._fresh.discard(sock)
        if link._closing or self._stopping:
            sock.close()
            return
        link._since = time.monotonic()
        if self._guarded(link, lambda: link._session.start(sock)):
            self._touched.add(link)
