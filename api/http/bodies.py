"""Limits of request bodies: bytes are counted as they arrive, and long bodies are read only with a valid key.

A refusal is sent at once. What the client still sends is discarded for some seconds, so that it reads the answer before
the connection is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

MOST_BYTES: Final = 1_048_576
"""Longest body of a request with a key, unless its route has its own limit."""
STRANGER_BYTES: Final = 16_384
"""Longest body that is read before the key is checked."""
_BODILESS: Final = frozenset(("GET", "HEAD", "OPTIONS"))
_BODY_S: Final = 30.0
_LARGE_BODY_S: Final = 300.0
_DISCARDED_S: Final = 5.0
_DISCARDED_BYTES: Final = 64 * 1024 * 1024

Large = Mapping[tuple[str, str], int]
"""Routes (method, path) that accept larger or chunked bodies, with the limit of each in bytes. They check the key
before they read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The refusal of a request before its body is read."""

    status: int
    name: str
    detail: str
    retry_s: int = 0
    """When to try again, seconds; 0: never."""


def has_body(scope: Scope) -> bool:
    """Whether the headers of a request announce a body."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


class RequestBody:
    """The body of one request."""

    def __init__(self, scope: Scope, receive: Receive, large: Large) -> None:
        self._receive = receive
        headers = dict(scope["headers"])
        given = headers.get(b"content-length", b"0")
        self._chunked = b"transfer-encoding" in headers
        self.length = int(given) if given.isdigit() and len(given) < 16 else -1
        """By ``Content-Length``; -1: the header is invalid."""
        limit = large.get((scope["method"], scope["path"]))
        self.is_large = limit is not None
        self._bodiless = scope["method"] in _BODILESS
        self._most = 0 if self._bodiless else limit or MOST_BYTES
        self._read = 0
        self._ended = not self._chunked and self.length == 0
        self._until = asyncio.get_running_loop().time() + (_LARGE_BODY_S if self.is_large else _BODY_S)

    def refusal(self) -> Refusal | None:
        """Why the body is refused because of the headers; None: it may be read."""
        if self._ended:
            return None
        if self._bodiless:
            return Refusal(status=413, name="too-large", detail="A request with this method has no body.")
        if not self.is_large and (self._chunked or self.length < 0):
            detail = "Send the length of the body as `Content-Length`."
            return Refusal(status=411, name="length-required", detail=detail)
        if not self._chunked and (self.length < 0 or self.length > self._most):
            return Refusal(status=413, name="too-large", detail=self._too_large)
        return None

    @property
    def _too_large(self) -> str:
        return f"The body of this request may have at most {self._most} bytes. Send it in parts."

    async def receive(self) -> Message:
        """ASGI's ``receive``.

        Raises:
            HTTPException: it is larger than its route accepts, or takes too long.
        """
        if self._ended:
            return await self._receive()  # the disconnect
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "The body took too long to arrive.") from None
        self._note(message)
        if self._read > self._most:
            raise HTTPException(413, self._too_large)
        return message

    def closing(self, send: Send) -> Send:
        """Wrap ``send`` so that it closes the connection after a response that was sent before the body ended."""

        async def send_and_close(message: Message) -> None:
            if self._ended or not (self._chunked or self.length < 0 or self.length > STRANGER_BYTES):
                await send(message)
            elif message["type"] == "http.response.start":
                await send({**message, "headers": [*message["headers"], (b"connection", b"close")]})
            elif message.get("more_body", False):
                await send(message)
            else:
                await send({**message, "more_body": True})
                await self._discard()
                await send({"type": "http.response.body", "body": b""})

        return send_and_close

    async def _discard(self) -> None:
        most = self._read + _DISCARDED_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(_DISCARDED_S):
                while not self._ended and self._read < most:
                    self._note(await self._receive())

    def _note(self, message: Message) -> None:
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
        else:
            self._ended = True
