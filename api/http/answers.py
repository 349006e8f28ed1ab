"""Responses from prepared bytes, and conditional responses."""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response

from api.http.compact_json import compact
from api.http.errors import BadQuery

_JSON: Final = (b"content-type", b"application/json")
_WORTH_IT: Final = 16_384
_KEPT: Final = 32


class Bytes(Response):
    """A response of prepared JSON with its ETag, made with as little work as possible."""

    def __init__(
        self, body: bytes, *, etag: bytes, status: int = 200, packed: bool = False, private: bool = False
    ) -> None:
        """``private``: it is for this caller's key, so that no shared cache may keep it."""
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [(b"etag", etag), (b"cache-control", b"private, no-cache" if private else b"no-cache")]
        if packed:
            self.raw_headers += [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
        if status != 304:
            self.raw_headers += [_JSON, (b"content-length", str(len(body)).encode())]


def unless_current(headers: Headers, body: bytes, *, etag: bytes, private: bool = False) -> Response:
    """Return ``body``, or 304 if the caller already has it."""
    if known(headers, etag):
        return Bytes(b"", etag=etag, status=304, private=private)
    return Bytes(body, etag=etag, private=private)


class Packer:
    """Compresses long answers and caches the latest, so that a page requested by many is compressed once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()

    async def answer(
        self, headers: Headers, body: bytes, *, etag: bytes, key: bytes = b"", private: bool = False
    ) -> Response:
        """Return ``body``, compressed if the caller accepts it; ``key`` separates answers that share an ``etag``."""
        if len(body) < _WORTH_IT or "gzip" not in headers.get("accept-encoding", ""):
            return Bytes(body, etag=etag, private=private)
        name = etag + key
        packed = self._kept.get(name)
        if packed is None:
            packed = self._kept[name] = await asyncio.to_thread(gzip.compress, body, 3, mtime=0)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(name)
        return Bytes(packed, etag=etag, packed=True, private=private)


def known(headers: Headers, etag: bytes) -> bool:
    """Whether ``If-None-Match`` contains ``etag`` (weak comparison)."""
    given = headers.get("if-none-match")
    if given is None:
        return False
    ours = etag.decode().removeprefix("W/")
    return given.strip() == "*" or any(part.strip().removeprefix("W/") == ours for part in given.split(","))


def json_answer(value: object, *, status: int = 200, cache: str = "no-store") -> Response:
    """A JSON response that is made for this caller and not cached."""
    return Response(compact(value), status, media_type="application/json", headers={"Cache-Control": cache})


def no_query(query: bytes) -> None:
    """Refuse query parameters on a route that takes none.

    Raises:
        BadQuery: the query isn't empty.
    """
    if query:
        raise BadQuery(query.partition(b"=")[0].decode("latin-1"), "there is no such parameter; see /openapi.json")
