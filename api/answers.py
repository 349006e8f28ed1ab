"""Answers from ready bytes, and the conditional ones that need none."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import Response

from api.errors import BadQuery
from api.network import compact

_JSON = (b"content-type", b"application/json")


class Bytes(Response):
    """JSON that is ready already, with its validator: as little work as an answer can be."""

    def __init__(self, body: bytes, *, etag: bytes, cache: bytes = b"no-cache", status: int = 200) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [(b"etag", etag), (b"cache-control", cache)]
        if status != 304:
            self.raw_headers += [_JSON, (b"content-length", str(len(body)).encode())]


def unless_known(headers: Headers, body: bytes, *, etag: bytes) -> Response:
    """The answer, or 304 where the caller has it already."""
    if known(headers, etag):
        return Bytes(b"", etag=etag, status=304)
    return Bytes(body, etag=etag)


def known(headers: Headers, etag: bytes) -> bool:
    """Whether ``If-None-Match`` names ``etag`` (weak comparison)."""
    given = headers.get("if-none-match")
    if given is None:
        return False
    ours = etag.decode().removeprefix("W/")
    return given.strip() == "*" or any(part.strip().removeprefix("W/") == ours for part in given.split(","))


def json_answer(value: object, *, status: int = 200, cache: str = "no-store") -> Response:
    """JSON of a value that was made for this caller alone."""
    return Response(compact(value), status, media_type="application/json", headers={"Cache-Control": cache})


def no_query(query: bytes) -> None:
    """Refuse parameters where there are none to give.

    Raises:
        BadQuery: there are some.
    """
    if query:
        raise BadQuery(query.partition(b"=")[0].decode("latin-1"), "there is no such parameter; see /openapi.json")
