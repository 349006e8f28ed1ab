"""Around every request: security headers, CORS for public reads, and the count of answers."""

from __future__ import annotations

from time import perf_counter
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics
from api.network import compact

REQUEST_ID: Final = "maillage.request_id"
"""Where a route leaves its request's id in the ASGI scope, to be sent back."""
_SECURITY: Final = [
    (b"content-security-policy", b"default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
_PROBLEM: Final = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
MOST_BYTES: Final = 1_048_576
_OPEN: Final = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"ETag, Link, Retry-After")]
_PREFLIGHT: Final = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"If-None-Match, Last-Event-ID, Cache-Control"),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
]
_PUBLIC: Final = ("/v1/places", "/v1/occupancy", "/v1/stream", "/v1/availability", "/openapi.json")


class Edge:
    """ASGI middleware: one layer, since each costs a third of an empty route."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with what belongs around it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method: str = scope["method"]
        public = scope["path"].startswith(_PUBLIC)
        if public and method == "OPTIONS":
            self._metrics.answered("preflight", method, 204, None)
            await send({"type": "http.response.start", "status": 204, "headers": _PREFLIGHT + _SECURITY})
            await send({"type": "http.response.body", "body": b""})
            return
        if method not in _BODILESS and (refusal := _too_much(scope)) is not None:
            self._metrics.answered("none", method if method in _METHODS else "other", refusal[0], None)
            await send({"type": "http.response.start", "status": refusal[0], "headers": _PROBLEM + _SECURITY})
            await send({"type": "http.response.body", "body": refusal[1]})
            return
        if method == "HEAD" and scope["path"] != "/v1/stream":  # a stream has no end to tell of
            scope = {**scope, "method": "GET"}  # the server leaves the body out
        extra = _SECURITY + _OPEN if public and method in ("GET", "HEAD") else _SECURITY
        status = 500
        started = perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                # a page has stricter rules of its own
                own = {name for name, _ in headers}
                added = extra
                if (request_id := scope.get(REQUEST_ID)) is not None:  # with a key: nothing for other origins' scripts
                    added = [*_SECURITY, (b"x-request-id", request_id.encode())]
                message["headers"] = [*headers, *(pair for pair in added if pair[0] not in own)]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            seconds = None if route == "/v1/stream" else perf_counter() - started
            self._metrics.answered(route, method if method in _METHODS else "other", status, seconds)


def _too_much(scope: Scope) -> tuple[int, bytes] | None:
    """The status and problem for a body that is larger than any of ours, before a byte of it is read; None: it is fine.

    A file (``…/import``) is read piece by piece by its route, which has a limit of its own.
    """
    if scope["path"].endswith("/import"):
        return None
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    if b"transfer-encoding" in headers or not length.isdigit():
        return 411, _refusal(411, "length-required", "Say how long the body is: send `Content-Length`.", scope)
    if int(length) > MOST_BYTES:
        return 413, _refusal(413, "too-large", f"A request's body has at most {MOST_BYTES} bytes.", scope)
    return None


def _refusal(status: int, name: str, detail: str, scope: Scope) -> bytes:
    told = {"type": f"urn:maillage:problem:{name}", "title": "The request can't be read", "status": status}
    return compact({**told, "detail": detail, "instance": scope["path"]})


_BODILESS: Final = frozenset(("GET", "HEAD", "OPTIONS"))
_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
