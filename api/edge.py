"""Around every request: security headers, CORS for public reads, and the count of answers."""

from __future__ import annotations

from time import perf_counter
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics

REQUEST_ID: Final = "maillage.request_id"
"""Where a route leaves its request's id in the ASGI scope, to be sent back."""
_SECURITY: Final = [
    (b"content-security-policy", b"default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
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


_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
