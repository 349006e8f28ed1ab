"""One thread that drives any number of MQTT connections (a gateway's, an ingest worker's).

Callbacks run in that thread and only enqueue. ``publish`` may be called from any thread. Nothing is kept across a lost
connection: what was not sent is dropped, since the layer above (the spool and its marks) sends it again, and since an
unlock that comes late must not come at all.
"""

from __future__ import annotations

import logging
import select
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from gateway.mqtt.address import Broker, Certificate, MqttUrlError, parse_mqtt_url
from gateway.mqtt.link import Link
from gateway.mqtt.session import Message, OnMessage, connect
from process.pulse import Pulse

__all__ = ["Broker", "Certificate", "Link", "Message", "MqttLoop", "MqttUrlError", "parse_mqtt_url"]

log = logging.getLogger(__name__)

_READS_A_WAKE = 200
"""After so many reads it is the other links' turn."""
_IDLE_S = 0.2
_PAUSED_POLL_S = 0.02
_STUCK_S = 10.0
"""A thread that completes no turn for so long, while the process runs, is stuck."""
_STOOD_STILL_S = 10.0
"""After a pause of so long (a process that was stopped) the sockets hold old messages."""
_OLD_FOR_S = 1.0
"""How long it takes at most to read them."""


class MqttLoop:
    """Drives links in one thread."""

    def __init__(self, name: str = "mqtt", *, apart_s: float = 0.0) -> None:
        """Prepare; ``start`` starts the thread.

        Args:
            apart_s: little that comes so soon after the last is read together with what follows. What this process
                sends goes at once.
        """
        self._apart_s = apart_s
        self._selector = selectors.DefaultSelector()
        self._links: list[Link] = []
        self._pausable: list[Link] = []
        """Those that may have to wait with reading: few of many, and looked at in each turn."""
        self._touched: set[Link] = set()
        """Links that may have something to write, or hold bytes that no selector reports."""
        self._registered: dict[Link, tuple[int, int]] = {}
        """File descriptor and events, as the selector has them."""
        self._resting: set[Link] = set()
        """Links that may not read at present."""
        self._todo: deque[Callable[[], None]] = deque()
        self._awake, self._waker = socket.socketpair()
        self._awake.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._awake, selectors.EVENT_READ, None)
        self._wakes = select.poll()
        self._wakes.register(self._awake, select.POLLIN)
        self._woken = False
        self._stopping = False
        self._ended = False
        self._fresh: set[socket.socket] = set()
        """Connected by a helper thread, not yet given to a link."""
        self._pulse = Pulse(_STUCK_S)
        self._looked = time.monotonic()
        """When the selector last returned."""
        self._read_at = 0.0
        """When it last returned with something to read or write on a connection; 0: so much that more follows."""
        self._old_until = 0.0
        self._next_misc = 0.0
        self._connectors: dict[tuple[str, int], ThreadPoolExecutor] = {}
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread runs and makes progress; to be called once a second. False fails ``/healthz``."""
        return self._thread.is_alive() and not self._pulse.is_stuck()

    @property
    def reads_old(self) -> bool:
        """Whether messages read now may have waited in their sockets for long. In the loop's thread."""
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
        on_send: Callable[[str, bytes], None] | None = None,
    ) -> Link:
        """Add a connection, kept up until it is closed. From any thread, before or after ``start``.

        Args:
            subscriptions: (filter, QoS), sent at every connect, before ``on_connect`` is called.
            will: topic and payload of the last will (QoS 1, retained).
            may_read: called before each read; while it returns False nothing is read, but pings still go out.
            on_session: if given, the broker keeps a session: messages that arrive while the link is down, or that
                ``Link.acknowledge`` has not confirmed, come at the next connect. Called at every connect, before any
                message, with whether the broker had a session. None: the broker keeps nothing, and messages are
                confirmed as they arrive.
            on_send: called before each message (topic, payload) that goes to the present connection, in the thread that
                sends it, after the subscriptions were sent.
        """
        link = Link(
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
            on_send=on_send,
            call_soon=self._ask,
            on_work=self._has_work,
            on_socket_close=self._unregister,
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
                link.close()

        self._ask(ask)
        self._thread.join(timeout_s)
        for connector in self._connectors.values():
            connector.shutdown(wait=False, cancel_futures=True)

    def wake(self) -> None:
        """Make the loop check at once whether a paused link may read again. From any thread."""
        if not self._woken:
            self._woken = True
            try:
                self._waker.send(b"\0")
            except (BlockingIOError, OSError):  # awake already, or ended
                pass

    def _ask(self, call: Callable[[], None]) -> None:
        self._todo.append(call)
        self.wake()

    # The rest runs in the loop's thread.

    def _has_work(self, link: Link) -> None:
        self._touched.add(link)

    def _added(self, link: Link) -> None:
        self._links.append(link)
        if link.pausable:
            self._pausable.append(link)
        self._next_misc = 0.0

    def _run(self) -> None:
        try:
            while not (self._stopping and not any(link.connected for link in self._links)):
                paused = {link for link in self._pausable if link.paused}
                self._touched |= self._resting - paused  # these may read again
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
                link.drop()
            for sock in list(self._fresh):
                sock.close()
            self._selector.close()
            self._awake.close()
            self._waker.close()

    def _turn(self, paused: set[Link]) -> None:
        """Wait for something to do and do it."""
        for link in paused:
            self._interest(link, reading=False)
        idle_s = _PAUSED_POLL_S if paused else _IDLE_S
        wait_s = 0.0 if self._todo or self._touched - paused else idle_s
        rest_s = self._read_at + self._apart_s - time.monotonic() if self._apart_s and wait_s else 0.0
        if rest_s > 0:
            self._wakes.poll(rest_s * 1000)
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
                self._read_at = self._looked
        for link in touched:
            if link.read(_READS_A_WAKE):
                self._touched.add(link)
            if link.read_much():
                self._read_at = 0.0
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

    def _write(self, link: Link) -> None:
        if not link.write():
            return
        if link.holds_bytes():
            self._touched.add(link)  # it goes on where it stopped, as soon as it may
        self._interest(link, reading=not link.paused)

    def _interest(self, link: Link, *, reading: bool) -> None:
        descriptor = link.fileno()
        if descriptor is None:
            return
        events = (selectors.EVENT_READ if reading else 0) | (selectors.EVENT_WRITE if link.wants_write() else 0)
        if self._registered.get(link) == (descriptor, events):
            return
        self._unregister(link)
        if events:
            self._selector.register(descriptor, events, link)
            self._registered[link] = (descriptor, events)

    def _unregister(self, link: Link) -> None:
        known = self._registered.pop(link, None)
        if known is not None:
            self._selector.unregister(known[0])

    def _attend(self, now: float) -> None:
        """Once a second: keep-alives, brokers that don't answer, attempts to connect."""
        for link in self._links[:]:
            if link.keep_alive(now):
                self._write(link)
            elif link.closed:
                self._links.remove(link)
                if link.pausable:
                    self._pausable.remove(link)
            elif link.begin_connecting(now):
                self._connector(link.broker).submit(self._connect, link)

    def _connector(self, broker: Broker) -> ThreadPoolExecutor:
        """Four threads for each address, so that a dead broker doesn't hold up connections to another."""
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
            self._ask(lambda: link.unreachable(reason))
        else:
            self._fresh.add(sock)
            self._ask(lambda: self._established(link, sock))
            if self._ended:
                sock.close()

    def _established(self, link: Link, sock: socket.socket) -> None:
        self._fresh.discard(sock)
        if self._stopping:
            sock.close()
        else:
            link.established(sock)
