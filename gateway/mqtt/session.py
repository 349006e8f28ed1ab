"""One MQTT 3.1.1 connection as the loop drives it: paho's client on a socket that the loop hands over.

paho connects with a blocking call and reads its headers a byte at a time, a system call each. Here the socket is
connected elsewhere (``connect``, in a helper thread) and given to paho wrapped, so that one system call fetches up to
64 KiB. The overridden names are paho's private ones: a test pins them.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.mqtt.address import Broker
from gateway.mqtt.read_ahead import ReadAhead

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A received message."""

    topic: str
    payload: bytes
    retained: bool
    receipt: tuple[int, int] | None = None
    """The number of the link's connection and its packet identifier there, for ``Link.acknowledge``; None: not to be
    acknowledged."""


OnMessage = Callable[[Message], None]


_JOINED: Final = frozenset({paho.PUBLISH, paho.PUBACK, paho.SUBSCRIBE})
"""Kinds of packets with which paho does no more once they are written; that of QoS 0 it would only note as sent."""
_JOINED_BYTES: Final = 65_536
_LARGEST_PACKET: Final = 268_435_455
_NOT_YET_VALID: Final = 9
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID."""
_NO_CHECK_TIME: Final = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME."""


def connect(broker: Broker) -> socket.socket:
    """Open a connected socket to ``broker``; blocks for up to ``CONNECT_TIMEOUT_S`` for each of its steps.

    A machine whose clock is behind finds the broker's certificate not yet valid. It connects all the same where the
    network's own authority has signed it, since it is to report its clock: a certificate of the future is no old one.

    Raises:
        OSError: nothing listens there, the name is unknown, TLS failed.
    """
    try:
        return _connect(broker, _context(broker) if broker.tls else None)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code != _NOT_YET_VALID or broker.login is None:
            raise
        log.warning("clock_behind_certificate", extra={"host": broker.host, "reason": error.verify_message})
    context = _context(broker)
    context.verify_flags |= _NO_CHECK_TIME
    return _connect(broker, context)


def _connect(broker: Broker, context: ssl.SSLContext | None) -> socket.socket:
    sock = socket.create_connection((broker.host, broker.port), timeout=CONNECT_TIMEOUT_S)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            return context.wrap_socket(sock, server_hostname=broker.host)
    except BaseException:
        sock.close()
        raise
    return sock


def _context(broker: Broker) -> ssl.SSLContext:
    """Return how to speak TLS with ``broker``; its name is checked.

    Raises:
        OSError: a certificate's file can't be read (``ssl.SSLError`` is one).
    """
    login = broker.login
    if login is None:
        return ssl.create_default_context()
    context = ssl.create_default_context(cafile=str(login.authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(str(login.certificate), str(login.key))
    return context


class _Paho(paho.Client):
    """paho's client with a socket from outside, which two threads may write to, one after the other."""

    prepared: socket.socket | None = None
    heard: Callable[[bytes, bytes, bool, int | None], None]
    """Called with each message: topic, payload, whether it is retained, and its packet identifier with QoS 1."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.writing = threading.RLock()
        """Held by who writes to the socket, or closes it."""
        super().__init__(*arguments, **options)

    def _packet_write(self) -> MQTTErrorCode:
        with self.writing:
            self._join_packets()
            return super()._packet_write()

    def _join_packets(self) -> None:
        """Make one piece of the packets that wait: paho writes each by a call of the system."""
        waiting = self._out_packet
        if len(waiting) < 2:
            return
        pieces: list[bytes | bytearray] = []
        size = 0
        while waiting and size < _JOINED_BYTES and waiting[0]["command"] & 0xF0 in _JOINED:
            one = waiting.popleft()
            pieces.append(one["packet"][one["pos"] :])
            size += len(pieces[-1])
        if pieces:
            piece = b"".join(pieces)
            joined = {"packet": piece, "to_process": len(piece), "pos": 0}
            waiting.appendleft({"command": paho.PINGREQ, "mid": 0, "qos": 0, "info": None, **joined})  # type: ignore[typeddict-item]

    def _sock_close(self) -> None:
        with self.writing:
            super()._sock_close()

    def _packet_read(self) -> MQTTErrorCode:
        """Read a packet: a message that has arrived as a whole at once, where paho reads each in three pieces."""
        sock = self._sock
        if not self._in_packet["command"] and isinstance(sock, ReadAhead):
            if sock.skip_confirmations():
                self._last_bytes_received = time.monotonic()
                return MQTTErrorCode.MQTT_ERR_SUCCESS
            if (found := sock.publish()) is not None:
                self._last_bytes_received = time.monotonic()
                return self._hear(*found)
        return super()._packet_read()

    def send(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Queue a message, and forget it: paho would keep each until it is confirmed, and send none of them again.

        Raises:
            ValueError: no topic, or one with a wildcard; a payload beyond 256 MB.
        """
        name = topic.encode()
        self._raise_for_invalid_topic(name)
        length = 2 + len(name) + 2 * qos + len(payload)
        if not name or length > _LARGEST_PACKET:
            raise ValueError("no topic, or too large")
        if self._sock is None:
            return
        mid = self._mid_generate() if qos else 0
        head = self._pack_remaining_length(bytearray((paho.PUBLISH | qos << 1 | retain,)), length)
        packet = b"".join((head, len(name).to_bytes(2, "big"), name, mid.to_bytes(2, "big") if qos else b"", payload))
        self._packet_queue(paho.PUBLISH, packet, mid, 1)  # after one of QoS 0 it would look for who waits for it

    def confirm(self, mids: Sequence[int]) -> None:
        """Queue the PUBACK packets of messages."""
        if mids and self._sock is not None:
            packet = b"".join(b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids)
            self._packet_queue(paho.PUBACK, packet, mids[-1], 1)

    def _handle_publish(self) -> MQTTErrorCode:
        return self._hear(self._in_packet["command"], self._in_packet["packet"])

    def _hear(self, header: int, packet: bytearray | memoryview) -> MQTTErrorCode:
        """Take a message. paho makes an object with a lock of each, decodes its topic three times and looks it up."""
        qos = header >> 1 & 3
        topic_end = 2 + int.from_bytes(packet[:2], "big")
        payload_at = topic_end + 2 if qos else topic_end
        if qos > 1 or topic_end == 2 or len(packet) < payload_at:  # subscriptions have QoS 1 at most
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        mid = int.from_bytes(packet[topic_end:payload_at], "big") if qos else None
        with self._in_callback_mutex:
            self.heard(bytes(packet[2:topic_end]), bytes(packet[payload_at:]), bool(header & 1), mid)
        if mid is None or self._manual_ack:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        self.confirm([mid])
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _create_socket(self) -> ReadAhead:
        sock, self.prepared = self.prepared, None
        if sock is None:
            raise ConnectionError("no socket was prepared")
        return ReadAhead(sock)


class Session:
    """paho's side of one link. Every method but ``publish_now`` runs in the loop's thread."""

    def __init__(
        self,
        *,
        broker: Broker,
        client_id: str,
        keepalive_s: int,
        will: tuple[str, bytes] | None,
        keeps: bool,
        on_message: OnMessage,
        on_accepted: Callable[[bool], None],
        on_refused: Callable[[str], None],
        on_closing: Callable[[], None],
        on_send: Callable[[str, bytes], None] | None = None,
    ) -> None:
        client = _Paho(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=not keeps,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=keeps,
        )
        client.connect_async(broker.host, broker.port, keepalive=keepalive_s)
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        if will is not None:
            client.will_set(will[0], will[1], qos=1, retain=True)
        self.subscribed = False
        """The broker has answered a subscription of this connection: from then on messages come."""
        client.on_connect = self._connected
        client.heard = self._message
        client.on_subscribe = self._subscribed
        client.on_socket_close = lambda *_: on_closing()
        # With this callback set, paho only queues what it has to write, and the loop writes once a wake.
        client.on_socket_register_write = lambda *_: None
        self._client = client
        self._client_id = client_id
        self._tls = broker.tls
        self._on_message = on_message
        self._on_accepted = on_accepted
        self._on_refused = on_refused
        self._on_send = on_send
        self._keepalive_s = keepalive_s
        self._pinged = 0.0
        self._keeps = keeps
        self._connection = 0
        self._takes_now = False
        """Whether ``publish_now`` may write: the broker has accepted the connection, without TLS."""

    def start(self, sock: socket.socket) -> bool:
        """Take over a connected socket and send CONNECT. What an earlier connection left unsent is dropped."""
        with self._client.writing:
            self._takes_now = False
            self._client.prepared = sock
            return self._client.reconnect() == MQTTErrorCode.MQTT_ERR_SUCCESS

    def socket(self) -> ReadAhead | None:
        """Return the socket; None: there is no connection."""
        sock = self._client.socket()
        return sock if isinstance(sock, ReadAhead) else None

    def read(self) -> bool:
        """Read one packet or a few; False: the connection is over."""
        return self._client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS

    def write(self) -> bool:
        """Write what can be written; False: the connection is over."""
        return self._client.loop_write() == MQTTErrorCode.MQTT_ERR_SUCCESS

    def wants_write(self) -> bool:
        """Return whether anything waits to be written."""
        return self._client.want_write()

    def misc(self, *, paused: bool) -> bool:
        """Keep the connection alive, once a second; False: it is over.

        While ``paused`` no answer can be read, and its absence means nothing: a ping goes out twice per keep-alive (the
        broker counts what it receives), and paho's own timer is reset.
        """
        if not paused:
            return self._client.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS
        now = time.monotonic()
        if now - self._pinged >= self._keepalive_s / 2:
            self._pinged = now
            self._client._send_pingreq()
        self._client._ping_t = 0.0
        self._client._last_bytes_received = now
        return self._client.socket() is not None

    def subscribe(self, filters: Sequence[tuple[str, int]]) -> None:
        """Subscribe to ``filters`` (filter, QoS), a hundred per packet."""
        for start in range(0, len(filters), 100):
            self._client.subscribe(list(filters[start : start + 100]))

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """Drop subscriptions, a hundred per packet."""
        for start in range(0, len(filters), 100):
            self._client.unsubscribe(list(filters[start : start + 100]))

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Queue a message; without a connection it is dropped.

        Raises:
            ValueError: a topic with a wildcard, a payload beyond 256 MB.
        """
        self._sends(topic, payload)
        self._client.send(topic, payload, qos, retain)

    def publish_now(self, topic: str, payload: bytes, qos: int, retain: bool = False) -> bool:
        """Write a message to the socket in the calling thread; False: it can't be done now, nothing was done.

        It can't while anything else waits to be written, which would come before it, nor over TLS: one thread at a time
        may use such a socket, for reading too.

        Raises:
            ValueError: a topic with a wildcard, a payload beyond 256 MB.
        """
        client = self._client
        with client.writing:
            if not self._takes_now or client.want_write():
                return False
            self._sends(topic, payload)
            client.send(topic, payload, qos, retain)
            client._packet_write()
            return True

    def _sends(self, topic: str, payload: bytes) -> None:
        if self._on_send is not None:
            self._on_send(topic, payload)

    def acknowledge(self, receipts: Sequence[tuple[int, int]]) -> None:
        """Queue acknowledgements; those of an earlier connection are dropped, since the broker delivers again."""
        self._client.confirm([mid for connection, mid in receipts if connection == self._connection])

    def goodbye(self) -> None:
        """Queue a DISCONNECT; the will is then not sent."""
        with self._client.writing:
            self._client.disconnect()

    def drop(self) -> None:
        """Close the socket without DISCONNECT (the broker sends the will)."""
        self._takes_now = False
        self._client._sock_close()

    def _connected(
        self,
        _client: paho.Client,
        _data: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._on_refused(str(reason))
        else:
            self._connection += 1
            self.subscribed = False
            self._on_accepted(flags.session_present)
            self._takes_now = not self._tls  # after the subscriptions, which wait to be written

    def _message(self, topic: bytes, payload: bytes, retained: bool, mid: int | None) -> None:
        try:
            text = topic.decode()
        except UnicodeDecodeError:
            log.warning("mqtt_topic_unreadable", extra={"client_id": self._client_id})
            if self._keeps and mid is not None:
                self._client.confirm([mid])
            return
        receipt = (self._connection, mid) if self._keeps and mid is not None else None
        self._on_message(Message(topic=text, payload=payload, retained=retained, receipt=receipt))

    def _subscribed(
        self, _client: paho.Client, _data: object, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        self.subscribed = True
        refused = sum(1 for code in codes if code.is_failure)
        if refused:
            log.error("mqtt_subscription_refused", extra={"client_id": self._client_id, "refused": refused})
