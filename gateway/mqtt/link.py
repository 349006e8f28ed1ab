"""One connection of the loop: what its owner may ask of it, and what it does as the connection comes and goes."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gateway.mqtt.address import Broker
from gateway.mqtt.session import Message, OnMessage, Session

if TYPE_CHECKING:
    from gateway.mqtt.loop import MqttLoop

log = logging.getLogger(__name__)

_FIRST_RETRY_S = 0.3
_LAST_RETRY_S = 10.0
_HELD_S = 5.0
"""A connection that lived so long starts the retries over."""


class Link:
    """One connection of the loop; made by ``MqttLoop.add``. Reconnects by itself until closed."""

    def __init__(
        self,
        loop: MqttLoop,
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
    ) -> None:
        self.client_id = client_id
        self.broker = broker
        self.connected = False
        """Whether the broker has accepted us; read from any thread."""
        self.connects = 0
        """How many times it has."""
        self._loop = loop
        self._on_message = on_message
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._on_session = on_session
        self._subscriptions = list(subscriptions)
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
            on_closing=lambda: loop._unregister(self),
        )
        self._registered: tuple[int, int] | None = None
        """File descriptor and events, as the selector has them."""
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
        """Send a message as soon as may be; forgotten where there is no connection. From any thread.

        Args:
            on_sent: called in the loop's thread as the message goes to the socket; not called where it is forgotten.
        """
        self._loop._ask(lambda: self._publish(topic, payload, qos, retain, on_sent))

    def subscribe(self, filters: Sequence[tuple[str, int]]) -> None:
        """Add ``filters`` (filter, QoS) now and after every reconnect. From any thread."""
        self._loop._ask(lambda: self._subscribe(list(filters)))

    def acknowledge(self, receipts: Sequence[tuple[int, int]]) -> None:
        """Tell the broker that messages need not come again. From any thread."""
        self._loop._ask(lambda: self._acknowledge(receipts))

    def close(self) -> None:
        """Send what is queued, say goodbye and don't come back. From any thread; doesn't wait."""
        self._loop._ask(self._close)

    def restart(self) -> None:
        """Drop the connection and connect again. From any thread."""
        self._loop._ask(self._lost)

    # The rest runs in the loop's thread.

    def _publish(self, topic: str, payload: bytes, qos: int, retain: bool, on_sent: Callable[[], None] | None) -> None:
        if not self.connected:
            return
        try:
            self._session.publish(topic, payload, qos, retain)
            self._call(on_sent)
        except ValueError as error:  # a topic with a wildcard, a payload beyond 256 MB
            log.error("mqtt_publish_refused", extra={"client_id": self.client_id, "reason": str(error)})
        self._loop._touched.add(self)

    def _subscribe(self, filters: list[tuple[str, int]]) -> None:
        self._subscriptions.extend(one for one in filters if one not in self._subscriptions)
        if self.connected:
            self._session.subscribe(filters)
            self._loop._touched.add(self)

    def _acknowledge(self, receipts: Sequence[tuple[int, int]]) -> None:
        if self.connected:
            self._session.acknowledge(receipts)
            self._loop._touched.add(self)

    def _close(self) -> None:
        self._closing = True
        if self.connected:
            self._session.goodbye()
            self._loop._touched.add(self)
        else:
            self._lost()

    def _accepted(self, resumed: bool) -> None:
        self.connected = True
        self.connects += 1
        log.info("mqtt_connected", extra={"client_id": self.client_id, "host": self.broker.host})
        if (on_session := self._on_session) is not None:
            self._call(lambda: on_session(resumed))
        if self._subscriptions:
            self._session.subscribe(self._subscriptions)
        self._call(self._on_connect)

    def _refused(self, reason: str) -> None:
        log.error("mqtt_refused", extra={"client_id": self.client_id, "host": self.broker.host, "reason": reason})

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

    def _misc(self) -> bool:
        return self._session.misc(paused=self._paused())

    def _paused(self) -> bool:
        return self._may_read is not None and not self._may_read()

    def _lost(self) -> None:
        """Forget the connection and set the time of the next attempt."""
        self._session.drop()
        now = time.monotonic()
        if self.connected:
            self.connected = False
            if not self._closing:
                log.warning("mqtt_disconnected", extra={"client_id": self.client_id, "host": self.broker.host})
            if now - self._since > _HELD_S:
                self._attempts = 0
            self._call(self._on_disconnect)
        self._retry(now)

    def _retry(self, now: float) -> None:
        """Set the time of the next attempt: doubling, with jitter, so that a thousand gateways don't come at once."""
        longest = min(_LAST_RETRY_S, _FIRST_RETRY_S * 2**self._attempts)
        self._attempts = min(self._attempts + 1, 64)
        self._retry_at = now + random.uniform(longest / 3, longest)
