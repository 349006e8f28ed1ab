"""The live stream: server-sent events of the places whose published state changed.

A client holds the number of the last publication that it was sent, and nothing else: what changed since is asked of
the board when the line is free. So a slow client skips states in between instead of queueing them, and catches up on
the present in one go.
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
from api.http.errors import TooManyStreams
from api.http.times import now_us
from api.present.board import Board
from api.present.view import View

HEARTBEAT_S: Final = 15.0
_RETRY: Final = b"retry: 2000\n\n"
_CHUNK_BYTES: Final = 65_536
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold the events back
]


class Streams:
    """The open streams of one process, and their bell."""

    def __init__(self, *, limit: int, clients: Clients) -> None:
        self._limit = limit
        self._clients = clients
        self._bells: dict[asyncio.Event, str] = {}
        """Each with the client that it is of."""
        self.closing = False

    def __len__(self) -> int:
        return len(self._bells)

    def ring(self) -> None:
        """Tell every stream that the board has news."""
        for bell in self._bells:
            bell.set()

    def close(self) -> None:
        """End every stream, so that the process can stop; clients come back by themselves."""
        self.closing = True
        self.ring()

    def join(self, host: str) -> asyncio.Event:
        """Take a place among the streams for ``host``.

        Raises:
            TooManyStreams: all are taken.
            LimitReached: this client has all that it may have.
        """
        if len(self._bells) >= self._limit or self.closing:
            raise TooManyStreams("All live streams of this server are taken. Try again shortly.", retry_s=5)
        bell = asyncio.Event()
        self._bells[bell] = self._clients.streams(host)
        return bell

    def leave(self, bell: asyncio.Event) -> None:
        """Give the place back."""
        client = self._bells.pop(bell, None)
        if client is not None:
            self._clients.ends(client)


class EventStream(Response):
    """One client's stream; as an answer it never ends by itself."""

    def __init__(
        self,
        board: Board,
        streams: Streams,
        *,
        host: str,
        number: int,
        wanted: Callable[[View], bool] | None,
        heartbeat_s: float,
    ) -> None:
        """``host``: whose it is; ``number``: the publication after which to begin, 0 sends the present state first."""
        self._board = board
        self._streams = streams
        self._number = number
        self._wanted = wanted
        self._heartbeat_s = heartbeat_s
        self._bell = streams.join(host)
        self._gone = False
        self.background = None
        self.status_code = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client goes or the process stops."""
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
            upto = self._board.number
            pieces: list[bytes] = []
            size = 0
            for view in self._board.since(self._number, self._wanted):
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
            # Not only on a timeout: the bell also rings, all the time, for news that this client isn't sent.
            if monotonic() >= heartbeat_at:
                await send({"type": "http.response.body", "body": self._heartbeat(), "more_body": True})
                heartbeat_at = monotonic() + self._heartbeat_s

    def _event(self, view: View) -> bytes:
        return b"id: %s\nevent: occupancy\ndata: %s\n\n" % (self._board.cursor(view.number).encode(), view.body)

    def _heartbeat(self) -> bytes:
        # a comment for those who watch the line, and an event for pages, which browsers show no comments
        cursor = self._board.cursor(self._number).encode()
        return b": still here\nid: %s\nevent: heartbeat\ndata: {}\n\n" % cursor

    async def _notice_leaving(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._bell.set()
