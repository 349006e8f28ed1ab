"""The live stream: server-sent events of the places whose published state changed.

A client is only the number of the last publication that it was sent: the changes since are read from the board when the
connection can take them. So a slow client skips intermediate states instead of queueing them, and then gets the current
state at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.http.clients import Clients
from api.http.clock import now_us
from api.http.errors import TooManyStreams
from api.present.board import Board
from api.present.reach import Published
from api.present.view import View

HEARTBEAT_S: Final = 15.0
_RETRY: Final = b"retry: 2000\n\n"
_CHUNK_BYTES: Final = 65_536
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would buffer the events
]


class Streams:
    """The open streams of one process, and the events that wake them."""

    def __init__(self, *, limit: int, clients: Clients) -> None:
        self._limit = limit
        self._clients = clients
        self._bells: dict[asyncio.Event, str] = {}
        """Each with its client."""
        self.closing = False

    def __len__(self) -> int:
        return len(self._bells)

    def ring(self) -> None:
        """Wake every stream: the board has changed."""
        for bell in self._bells:
            bell.set()

    def close(self) -> None:
        """End every stream, so that the process can stop; clients reconnect by themselves."""
        self.closing = True
        self.ring()

    def join(self, host: str) -> asyncio.Event:
        """Open a stream for ``host``.

        Raises:
            TooManyStreams: the process has the maximum number.
            LimitReached: this client has the maximum number.
        """
        if len(self._bells) >= self._limit or self.closing:
            raise TooManyStreams("This server has the maximum number of live streams. Try again shortly.", retry_s=5)
        bell = asyncio.Event()
        self._bells[bell] = self._clients.streams(host)
        return bell

    def leave(self, bell: asyncio.Event) -> None:
        """Close a stream."""
        client = self._bells.pop(bell, None)
        if client is not None:
            self._clients.ends(client)


class EventStream(Response):
    """The response to one client's stream; it never ends by itself."""

    def __init__(
        self,
        board: Board,
        published: Published,
        streams: Streams,
        *,
        host: str,
        number: int,
        wanted: Callable[[View], bool] | None,
        heartbeat_s: float,
    ) -> None:
        """Make the response.

        Args:
            board: the network.
            published: what the client may see of it.
            streams: those that are open.
            host: the client.
            number: the publication to continue after; 0: send the whole current state.
            wanted: the places that it follows; None: all.
            heartbeat_s: after so many seconds without news one event shows that the connection is alive.
        """
        self._board = board
        self._published = published
        self._streams = streams
        self._number = number
        self._wanted = wanted
        self._heartbeat_s = heartbeat_s
        self._bell = streams.join(host)
        self._gone = False
        self.background = None
        self.status_code = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client disconnects or the process stops."""
        listening = asyncio.ensure_future(self._notice_leaving(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            if scope["method"] != "HEAD":
                await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
                await self._send_news(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.leave(self._bell)
            listening.cancel()

    async def _send_news(self, send: Send) -> None:
        heartbeat_at = monotonic() + self._heartbeat_s
        while not self._gone and not self._streams.closing:
            self._bell.clear()
            self._board.age(now_us())
            upto = self._published.number
            pieces: list[bytes] = []
            size = 0
            for view in self._published.since(self._number, self._wanted):
                pieces.append(self._event(view))
                size += len(pieces[-1])
                if size >= _CHUNK_BYTES:
                    await send({"type": "http.response.body", "body": b"".join(pieces), "more_body": True})
                    pieces, size = [], 0
                    if self._gone:
                        return
            if pieces:
                await send({"type": "http.response.body", "body": b"".join(pieces), "more_body": True})
                heartbeat_at = monotonic() + self._heartbeat_s
            self._number = upto
            if not self._bell.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._bell.wait(), max(0.0, heartbeat_at - monotonic()))
            # Not only on a timeout: the stream also wakes for changes that this client didn't request.
            if monotonic() >= heartbeat_at:
                await send({"type": "http.response.body", "body": self._heartbeat(), "more_body": True})
                heartbeat_at = monotonic() + self._heartbeat_s

    def _event(self, view: View) -> bytes:
        cursor = self._published.cursor(self._published.position(view, self._number)).encode()
        return b"id: %s\nevent: occupancy\ndata: %s\n\n" % (cursor, view.body)

    def _heartbeat(self) -> bytes:
        # a comment for proxies, and an event for pages, since browsers don't pass comments on
        cursor = self._published.cursor(self._number).encode()
        return b": still here\nid: %s\nevent: heartbeat\ndata: {}\n\n" % cursor

    async def _notice_leaving(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._bell.set()
