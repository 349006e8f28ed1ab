"""What the watcher does at the broker: it takes a client's place, and finds out whether the files were read again.

Mosquitto can't be asked to end a connection, but a client id has one connection: whoever connects with it ends the one
before. The watcher may, on its own listener. A few packets of MQTT 5, on a connection of their own each.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Final

from maillage.central.files import WATCHER

_TIMEOUT_S: Final = 5.0
_CONNACK: Final = 0x20
_PUBACK: Final = 0x40


class BrokerAway(Exception):
    """The broker doesn't answer the watcher, or refuses it; the text says which."""


class Admin:
    """The watcher's way into the broker."""

    def __init__(self, host: str, port: int, password: str) -> None:
        self._host = host
        self._port = port
        self._password = password

    def cut(self, clients: Iterable[str]) -> None:
        """End the connections of ``clients``, whether they have one or not.

        Raises:
            BrokerAway: the broker doesn't answer.
        """
        for client in clients:
            with self._connect(client) as sock:
                sock.sendall(b"\xe0\x00")  # DISCONNECT

    def may_publish(self, topic: str) -> bool:
        """Return whether the broker lets the watcher publish to ``topic``.

        Raises:
            BrokerAway: the broker doesn't answer.
        """
        with self._connect(WATCHER) as sock:
            # QoS 1, packet 1, no properties, an empty message
            body = _text(topic) + b"\x00\x01\x00"
            sock.sendall(b"\x32" + _length(len(body)) + body)
            kind, answer = _packet(sock)
            if kind != _PUBACK:
                raise BrokerAway(f"the broker answers a message with a packet of kind {kind:#x}")
            sock.sendall(b"\xe0\x00")
            return len(answer) < 3 or answer[2] < 0x80

    def _connect(self, client: str) -> socket.socket:
        try:
            sock = socket.create_connection((self._host, self._port), timeout=_TIMEOUT_S)
        except OSError as error:
            raise BrokerAway(f"the broker at {self._host}:{self._port} doesn't answer: {error}") from error
        try:
            # MQTT 5, clean start, user and password, keep-alive 30 s, no properties
            body = _text("MQTT") + b"\x05\xc2\x00\x1e\x00" + _text(client) + _text(WATCHER) + _text(self._password)
            sock.sendall(b"\x10" + _length(len(body)) + body)
            kind, answer = _packet(sock)
            if kind != _CONNACK or len(answer) < 2 or answer[1] != 0:
                raise BrokerAway(f"the broker refuses the watcher ({answer[:2].hex()})")
        except OSError as error:
            sock.close()
            raise BrokerAway(f"the broker at {self._host}:{self._port} doesn't answer: {error}") from error
        except BrokerAway:
            sock.close()
            raise
        return sock


def _text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw


def _length(number: int) -> bytes:
    found = bytearray()
    while True:
        number, digit = divmod(number, 128)
        found.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(found)


def _packet(sock: socket.socket) -> tuple[int, bytes]:
    """Return the kind and the rest of the next packet (shorter than 128 bytes, as answers are)."""
    try:
        head = _exactly(sock, 2)
        return head[0] & 0xF0, _exactly(sock, head[1] & 0x7F)
    except OSError as error:
        raise BrokerAway(f"the broker doesn't answer: {error}") from error


def _exactly(sock: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = sock.recv(count - len(found))
        if not more:
            raise BrokerAway("the broker closed the connection")
        found += more
    return found
