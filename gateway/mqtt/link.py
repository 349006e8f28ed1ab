"""One connection of the loop: what its owner may ask of it, and its state as connections come and go."""

from __future__ import annotations

import logging
import random
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence

from gateway.mqtt.address import Broker
from gateway.mqtt.session import Message, OnMessage, Session

log = logging.getLogger(__name__)

_FIRST_RETRY_S = 0.3
_LAST_RETRY_S = 10.0
_STABLE_S = 5.0
"""After a connection that lived for so long the back-off starts over."""
_MUCH_BYTES = 8_192
_ANSWER_WITHIN_S = 10.0
"""A broker that accepts the connection and doesn't answer CONNECT within this is given up."""


class Link:
    """One connection of a loop, made by ``MqttLoop.add``. Reconnects by itself until closed."""

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        on_message: OnMessage,
        on_connect: Callable[[], None] | None,
        on_disconnect: Callable[[], None] | None,
        subscriptions: Sequence[tuple[str, int]],
        will: tuple[str, bytes] | None,
        may_read: Callable[[], bool] | None,
        keepalive_s: int,
        on_session: Callable[[bool], None] | None,
        on_send: Callable[[str, bytes], None] | None,
        call_soon: Callable[[Callable[[], None]], None],
        on_work: Callable[[Link], None],
        on_socket_close: Callable[[Link], None],
    ) -> None:
        """Prepare; the loop connects. ``MqttLoop.add`` explains the options.

        Args:
            call_soon: runs a call in the loop's thread.
            on_work: called in the loop's thread when there is something to write.
            on_socket_close: called in the loop's thread before the socket closes.
        """
        self.client_id = client_id
        self.broker = broker
        self.connected = False
        """Whether the broker has accepted the connection; read from any thread."""
        self.connects = 0
        """How many times it has."""
        self._call_soon = call_soon
        self._on_work = on_work
        self._on_message = on_message
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._on_session = on_session
        self._subscriptions = list(subscriptions)
        self._dropped: list[str] = []
        """Filters that the broker may still have for this client."""
        self._may_read = may_read
        self._session = Session(
            broker=broker,
            client_id=client_id,
            keepalive_s=keepalive_s,
            will=will,
            keeps=on_session is not None,
            on_message=self._message,
            on_accepted=self._accepted,
            on_refused=self._refused,
            on_send=on_send,
            on_closing=lambda: on_socket_close(self),
        )
        self._queued: deque[str] = deque()
        """Topics of the messages that wait for the loop's thread."""
        self._closing = False
        self._connecting = False
        self._retry_at = 0.0
        self._attempts = 0
        self._since = 0.0

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        on_sent: Callable[[], None] | None = None,
    ) -> None:
        """Send a message at once, or drop it where there is no connection. From any thread.

        Args:
            on_sent: called in the loop's thread when the message goes to the socket; not called if it is dropped.
        """
        self._queued.append(topic)
        self._call_soon(lambda: self._publish(topic, payload, qos, retain, on_sent))

    def publish_now(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        on_sent: Callable[[], None] | None = None,
    ) -> None:
        """Send a message as ``publish`` does, written to the socket by the calling thread where that is possible.

        It saves the switch to the loop's thread, for which neither a door nor a gateway's next batch need wait.

        Args:
            on_sent: called in whichever thread has written it.
        """
        try:
            overtakes = retain and self._queued  # the broker keeps the last that it gets
            written = not overtakes and self._session.publish_now(topic, payload, qos, retain)
        except ValueError as error:
            self._unpublishable(error)
            return
        if not written:
            self.publish(topic, payload, qos=qos, retain=retain, on_sent=on_sent)
            return
        if self._session.wants_write():  # the socket took a part of it
            self._call_soon(lambda: self._on_work(self))
        self._call(on_sent)

    def subscribe(self, filters: Sequence[tuple[str, int]]) -> None:
        """Add ``filters`` (filter, QoS) now and after every reconnect. From any thread."""
        self._call_soon(lambda: self._subscribe(list(filters)))

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """Drop ``filters``, at the broker at the next connect if there is none now. From any thread."""
        self._call_soon(lambda: self._unsubscribe(list(filters)))

    def acknowledge(self, receipts: Sequence[tuple[int, int]]) -> None:
        """Confirm messages to the broker, so that it doesn't deliver them again. From any thread."""
        self._call_soon(lambda: self._acknowledge(receipts))

    def close(self) -> None:
        """Send what is queued, disconnect and don't reconnect. From any thread; doesn't wait."""
        self._call_soon(self._close)

    def restart(self) -> None:
        """Drop the connection and connect again. From any thread."""
        self._call_soon(self._lost)

    # The rest is for the loop, in its thread.

    @property
    def pausable(self) -> bool:
        """Whether it is ever ``paused``."""
        return self._may_read is not None

    @property
    def paused(self) -> bool:
        """Whether nothing may be read at present."""
        return self._may_read is not None and not self._may_read()

    @property
    def closed(self) -> bool:
        """Whether it was closed, and its connection is gone."""
        return self._closing and self._session.socket() is None

    def fileno(self) -> int | None:
        """Return the socket's file descriptor; None without a connection."""
        sock = self._session.socket()
        return None if sock is None else sock.fileno()

    def wants_write(self) -> bool:
        """Return whether anything waits to be written."""
        return self._session.wants_write()

    def holds_bytes(self) -> bool:
        """Return whether bytes were read from the socket that are not processed yet: no selector reports them."""
        sock = self._session.socket()
        return sock is not None and sock.pending() > 0

    def read(self, times: int) -> bool:
        """Read up to ``times`` times; return whether there may be more."""
        for _ in range(times):
            if self._session.socket() is None or self.paused:
                return False
            if not self._guarded(self._session.read) or not self.holds_bytes():
                return False
        return True

    def read_much(self) -> bool:
        """Return whether so much was read last that more is on its way."""
        sock = self._session.socket()
        return sock is not None and sock.last_bytes >= _MUCH_BYTES

    def write(self) -> bool:
        """Write what can be written; False: there is no connection, or no more."""
        if self._session.socket() is None:
            return False
        if self._session.wants_write() and not self._guarded(self._session.write):
            return False
        if self._session.socket() is None:  # DISCONNECT was written
            self._lost()
            return False
        return True

    def keep_alive(self, now: float) -> bool:
        """Send pings in time, and give up a broker that doesn't answer; False: there is no connection."""
        if self._session.socket() is not None:
            if self.connected or now - self._since <= _ANSWER_WITHIN_S:
                return self._guarded(lambda: self._session.misc(paused=self.paused))
            self._lost()
        elif self.connected:
            self._lost()
        return False

    def begin_connecting(self, now: float) -> bool:
        """Return whether it is time for an attempt to connect; it has begun then."""
        if self._connecting or self._closing or now < self._retry_at or self._session.socket() is not None:
            return False
        self._connecting = True
        return True

    def unreachable(self, reason: str) -> None:
        """Take note that no connection could be opened."""
        self._connecting = False
        if self._attempts in (0, 3, 6) or self._attempts % 60 == 0:
            log.log(
                logging.INFO if self._attempts == 0 else logging.WARNING,  # a broker may start a moment after us
                "mqtt_unreachable",
                extra={**self._names(), "port": self.broker.port, "reason": reason},
            )
        self._retry(time.monotonic())

    def established(self, sock: socket.socket) -> None:
        """Start a session on a connected socket."""
        self._connecting = False
        if self._closing:
            sock.close()
            return
        self._since = time.monotonic()
        if self._guarded(lambda: self._session.start(sock)):
            self._on_work(self)

    def drop(self) -> None:
        """Close the socket: the loop ends."""
        self._session.drop()
        self.connected = False

    def _names(self) -> dict[str, str]:
        return {"client_id": self.client_id, "host": self.broker.host}

    def _publish(self, topic: str, payload: bytes, qos: int, retain: bool, on_sent: Callable[[], None] | None) -> None:
        self._queued.popleft()
        if not self.connected:
            return
        try:
            self._session.publish(topic, payload, qos, retain)
            self._call(on_sent)
        except ValueError as error:
            self._unpublishable(error)
        self._on_work(self)

    def _unpublishable(self, error: ValueError) -> None:
        """A topic with a wildcard, or a payload beyond 256 MB."""
        log.error("mqtt_publish_refused", extra={"client_id": self.client_id, "reason": str(error)})

    def _subscribe(self, filters: list[tuple[str, int]]) -> None:
        self._subscriptions.extend(one for one in filters if one not in self._subscriptions)
        if self.connected:
            self._session.subscribe(filters)
            self._on_work(self)

    def _unsubscribe(self, filters: list[str]) -> None:
        self._subscriptions = [one for one in self._subscriptions if one[0] not in filters]
        self._dropped.extend(filters)
        if self.connected:
            self._drop_subscriptions()
            self._on_work(self)

    def _drop_subscriptions(self) -> None:
        """A session that the broker keeps has its subscriptions, too."""
        wanted = {topic for topic, _ in self._subscriptions}
        self._session.unsubscribe([topic for topic in self._dropped if topic not in wanted])
        self._dropped.clear()

    def _acknowledge(self, receipts: Sequence[tuple[int, int]]) -> None:
        if self.connected:
            self._session.acknowledge(receipts)
            self._on_work(self)

    @property
    def hears(self) -> bool:
        """Whether messages come: it is connected, and the broker has answered its subscriptions."""
        return self.connected and (self._session.subscribed or not self._subscriptions)

    def _close(self) -> None:
        self._closing = True
        if self.connected:
            self._session.goodbye()
            self._on_work(self)
        else:
            self._lost()

    def _accepted(self, resumed: bool) -> None:
        self.connected = True
        self.connects += 1
        log.info("mqtt_connected", extra=self._names())
        if (on_session := self._on_session) is not None:
            self._call(lambda: on_session(resumed))
        self._drop_subscriptions()
        if self._subscriptions:
            self._session.subscribe(self._subscriptions)
        self._call(self._on_connect)

    def _refused(self, reason: str) -> None:
        log.error("mqtt_refused", extra={**self._names(), "reason": reason})

    def _message(self, message: Message) -> None:
        try:
            self._on_message(message)
        except Exception:
            log.exception("mqtt_callback_failed", extra={"client_id": self.client_id, "topic": message.topic})

    def _call(self, callback: Callable[[], None] | None) -> None:
        if callback is not None:
            try:
                callback()
            except Exception:
                log.exception("mqtt_callback_failed", extra={"client_id": self.client_id})

    def _guarded(self, step: Callable[[], bool]) -> bool:
        """Do one step of the session; an error costs this connection only."""
        try:
            going_on = step()
        except Exception:
            log.exception("mqtt_link_failed", extra={"client_id": self.client_id})
            going_on = False
        if not going_on:
            self._lost()
        return going_on

    def _lost(self) -> None:
        """Forget the connection and set the time of the next attempt."""
        self._session.drop()
        now = time.monotonic()
        if self.connected:
            self.connected = False
            if not self._closing:
                log.warning("mqtt_disconnected", extra=self._names())
            if now - self._since > _STABLE_S:
                self._attempts = 0
            self._call(self._on_disconnect)
        self._retry(now)

    def _retry(self, now: float) -> None:
        """Set the time of the next attempt: doubling, with jitter, so that a thousand gateways don't come at once."""
        longest = min(_LAST_RETRY_S, _FIRST_RETRY_S * 2**self._attempts)
        self._attempts = min(self._attempts + 1, 64)
        self._retry_at = now + random.uniform(longest / 3, longest)
