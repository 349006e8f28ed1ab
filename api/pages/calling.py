"""Sends a request to our own application within this process, as a server would, without a socket or an HTTP client."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

from fastapi import FastAPI
from starlette.types import Message

log = logging.getLogger(__name__)

_KEPT: Final = "/%:@!$&'()*+,;=~-._?"
"""Stays as it is in an address that we made; all else is written as bytes in percent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What the application answered."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case; of a name that comes twice the last."""
    body: bytes


async def call(
    app: FastAPI,
    method: str,
    address: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    client: str,
    extra: Mapping[str, Any] | None = None,
) -> Called:
    """Have the application answer a request.

    Args:
        app: the application.
        method: of HTTP.
        address: path and query, quoted where they aren't ASCII.
        headers: by name in lower case; ``host`` is ``pages`` where it isn't given.
        body: of the request; it is sent with its length.
        client: the address of who asks.
        extra: more of the ASGI scope.
    """
    path, _, query = address.partition("?")
    path = quote(path, safe=_KEPT)
    given = {"host": "pages", **headers}
    sent = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in given.items()]
    if body:
        sent.append((b"content-length", str(len(body)).encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": quote(query, safe=_KEPT).encode(),
        "root_path": "",
        "headers": sent,
        "server": ("pages", 80),
        "client": (client, 0),
        **(extra or {}),
    }
    status, answered, pieces = 500, list[tuple[bytes, bytes]](), list[bytes]()
    whole, asked = asyncio.Event(), False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await whole.wait()  # who asks stays until the answer is whole
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            answered.extend(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            pieces.append(message.get("body", b""))
            if not message.get("more_body", False):
                whole.set()

    try:
        await app(scope, receive, send)
    except Exception:
        # the application has answered with a problem, and logged it
        log.debug("call_failed", exc_info=True)
        status = 500
    names = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answered}
    return Called(status=status, headers=names, body=b"".join(pieces))
