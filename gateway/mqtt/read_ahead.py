"""A socket that is read ahead of paho, which reads the header of each packet a byte at a time."""

from __future__ import annotations

import socket
import ssl
from typing import Final

_READ_BYTES: Final = 65_536
_PUBLISH: Final = 0x30
_PUBACK: Final = b"\x40\x02"
_PUBACK_BYTES: Final = 4
_SHORTEST: Final = 5
"""Bytes of a PUBLISH packet: two of its header, two of its topic's length, the topic."""


class ReadAhead:
    """A non-blocking socket that reads ahead; paho's ``SocketLike``."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._held = memoryview(b"")
        self.last_bytes = 0
        """How much was read last."""

    def recv(self, size: int) -> bytes:
        """Return at most ``size`` bytes; ``b""`` at the end of the stream.

        Raises:
            BlockingIOError: nothing is there.
        """
        if not self._held:
            fresh = self._fetch()
            if len(fresh) <= size:
                return fresh
            self._held = memoryview(fresh)
        taken = bytes(self._held[:size])
        self._held = self._held[size:]
        return taken

    def _fetch(self) -> bytes:
        """Read what is there; over TLS, where a call gives a single record, as many as are."""
        self.last_bytes = 0
        fresh = self._sock.recv(_READ_BYTES)
        if fresh and isinstance(self._sock, ssl.SSLSocket):
            records, size = [fresh], len(fresh)
            while size < _READ_BYTES:
                try:
                    record = self._sock.recv(_READ_BYTES)
                except OSError:  # nothing more is there, or the next read finds what is wrong again
                    break
                if not record:  # the end: the next read finds it again
                    break
                records.append(record)
                size += len(record)
            fresh = b"".join(records)
        self.last_bytes = len(fresh)
        return fresh

    def skip_confirmations(self) -> bool:
        """Pass over the PUBACK packets that come next; return whether there were any, and nothing is behind them."""
        if not self._held:
            try:
                self._held = memoryview(self._fetch())
            except OSError:  # ``recv`` finds it again
                return False
        start = 0
        while len(self._held) >= start + _PUBACK_BYTES and bytes(self._held[start : start + 2]) == _PUBACK:
            start += _PUBACK_BYTES
        if start:
            self._held = self._held[start:]
        return start > 0 and not self._held

    def publish(self) -> tuple[int, memoryview] | None:
        """Take a whole PUBLISH packet that is held, its first byte and its body; None: ``recv`` has what comes next."""
        held = self._held
        if len(held) < _SHORTEST or held[0] & 0xF0 != _PUBLISH:
            return None
        length, body = held[1], 2
        if length > 127:
            if held[2] > 127:  # 16 KiB and more
                return None
            length, body = length - 128 + 128 * held[2], 3
        end = body + length
        if len(held) < end:
            return None
        self._held = held[end:]
        return held[0], held[body:end]

    def pending(self) -> int:
        """Return how many bytes are held that the selector doesn't report."""
        below = self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0
        return len(self._held) + below

    def send(self, data: bytes | bytearray) -> int:
        """Send some of ``data``; return how many bytes."""
        return self._sock.send(data)

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:
        """Set whether calls wait."""
        self._sock.setblocking(flag)
