"""HTTP/1.1 with limits on the length and the duration of a request's head.

httptools buffers a header until it is complete and accepts any number of them. uvicorn waits for ever for the first
request of a connection and for the rest of one, and accepts any number of connections.
"""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http.clients import Clients

HEAD_BYTES: Final = 32_768
"""Bytes of the request line and all headers and trailers together."""
HEADERS: Final = 200
_HEAD_S: Final = 15.0
"""Seconds for a head, from the connection or the end of the previous response."""
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 29\r\nconnection: close\r\n\r\n"
    b"The headers are far too long\n"
)
_TOO_MANY: Final = (
    b"HTTP/1.1 429 Too Many Requests\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 42\r\nretry-after: 5\r\nconnection: close\r\n\r\n"
    b"Your address has too many connections open"
)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits."""

    clients: Clients | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head = 0
        """Bytes of the request's line and headers so far."""
        self._pending = 0
        """Bytes since the parser last completed an element."""
        self._too_large = False
        self._head_timer: TimerHandle | None = None
        self._counted: str | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start a connection and wait for its first head."""
        super().connection_made(transport)
        if self.clients is not None and self.client is not None:
            if not self.clients.connects(self.client[0]):
                self.transport.write(_TOO_MANY)
                self.transport.close()
                return
            self._counted = self.client[0]
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._stop_timer()
        if self.clients is not None and self._counted is not None:
            self.clients.disconnects(self._counted)
            self._counted = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and refuse a head that is too long."""
        if self.transport.is_closing():
            return
        self._pending += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._pending > HEAD_BYTES:
            self._too_large = True
            self.send_400_response("")
        elif self._head_timer is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._head = self._pending = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count a piece of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a complete header or trailer."""
        self._count(len(name) + len(value) + 4)
        if len(self.headers) >= HEADERS:
            self._refuse()
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Complete the head."""
        self._pending = 0
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Receive a piece of the body."""
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Complete the request."""
        self._pending = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is invalid or too long; if a response has begun, only close."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()
        elif self._too_large:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        else:
            super().send_400_response(msg)

    def _count(self, length: int) -> None:
        self._head += length
        if self._head > HEAD_BYTES:
            self._refuse()

    def _refuse(self) -> None:
        self._too_large = True
        raise ValueError("the head is too long")  # stops the parser; uvicorn then answers

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(_HEAD_S, self._too_late)

    def _too_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def bounded(clients_: Clients) -> type[BoundedProtocol]:
    """Return the protocol class of a server whose connections ``clients_`` counts."""

    class Protocol(BoundedProtocol):
        clients = clients_

    return Protocol
