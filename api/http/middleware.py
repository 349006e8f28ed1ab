"""The middleware of every request: client limits, body limits, security headers, CORS and metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.bodies import STRANGER_BYTES, Large, Refusal, RequestBody, has_body
from api.http.callers import is_from_our_page, session_cookie_of
from api.http.clients import Clients
from api.http.compact_json import compact
from api.http.errors import KeyRefused, LimitReached, NotAllowed, Unavailable
from api.http.metrics import Metrics

REQUEST_ID: Final = "maillage.request_id"
"""The key of the request's id in the ASGI scope; it is returned in a header."""
_SECURITY: Final = [
    (b"content-security-policy", b"default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
_PROBLEM: Final = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
_LONGEST_PATH: Final = 500
"""Of a page that a form is sent back to."""
_ENDED_BYTES: Final = 131_072
"""Longest form of a page that is read although its session has ended. Each counts as a wrong key of its address."""
_OPEN: Final = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"ETag, Link, Retry-After")]
_PREFLIGHT: Final = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"If-None-Match, Last-Event-ID, Cache-Control"),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
]
CheckKey = Callable[[Request], Awaitable[Any]]
"""Raises an ``ApiError`` if a request's key isn't valid."""
STREAM: Final = "/v1/stream"
_PUBLIC: Final = ("/v1/places", "/v1/occupancy", "/v1/stream", "/v1/availability", "/openapi.json")


class Middleware:
    """ASGI middleware in one layer, since each layer costs a third of an empty route."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, check_key: CheckKey, large: Large, clients: Clients) -> None:
        """``check_key`` checks a request's key; ``large``: the routes that accept more than ``MOST_BYTES``."""
        self._app = app
        self._metrics = metrics
        self._check_key = check_key
        self._large = large
        self._clients = clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, pass it on and complete its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method: str = scope["method"]
        host = self._clients.resolve(scope)
        wait_s = self._clients.asks(host, scope)
        if wait_s:
            detail = "Your address has sent too many requests. Wait before you send more."
            too_many = Refusal(status=429, name="limit-reached", detail=detail, retry_s=wait_s)
            await self._send_refusal(scope, send, too_many, close=has_body(scope))
            return
        public = scope["path"].startswith(_PUBLIC)
        if public and method == "OPTIONS":
            self._metrics.answered("preflight", method, 204, None)
            await send({"type": "http.response.start", "status": 204, "headers": _PREFLIGHT + _SECURITY})
            await send({"type": "http.response.body", "body": b""})
            return
        refusal = None
        if has_body(scope):
            body = RequestBody(scope, receive, self._large)
            receive, send = body.receive, body.closing(send)
            refusal = await self._refused(scope, body)
        if refusal is not None:
            await self._send_refusal(scope, send, refusal)
            return
        if method == "HEAD" and scope["path"] != STREAM:  # a stream has no length
            scope = {**scope, "method": "GET"}  # the server omits the body
        extra = _SECURITY + _OPEN if public and method in ("GET", "HEAD") else _SECURITY
        status = 500
        started = perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                # a page sets stricter ones
                own = {name for name, _ in headers}
                added = extra
                if (request_id := scope.get(REQUEST_ID)) is not None:  # with a key: no CORS
                    added = [*_SECURITY, (b"x-request-id", request_id.encode())]
                message["headers"] = [*headers, *(pair for pair in added if pair[0] not in own)]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            seconds = None if route == STREAM else perf_counter() - started
            self._metrics.answered(route, method if method in _METHODS else "other", status, seconds)

    async def _send_refusal(self, scope: Scope, send: Send, refusal: Refusal, *, close: bool = False) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.answered("none", method, refusal.status, None)
        if (page := _page_of(scope, refusal)) is not None:
            headers = [(b"location", page), (b"content-length", b"0"), *_SECURITY]
            await send({"type": "http.response.start", "status": 303, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        text = _problem(refusal, scope)
        headers = [*_PROBLEM, (b"content-length", b"%d" % len(text)), *_SECURITY]
        if refusal.retry_s:  # scripts of other origins may read it
            headers += [(b"retry-after", b"%d" % refusal.retry_s), *_OPEN]
        if close:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async def _refused(self, scope: Scope, body: RequestBody) -> Refusal | None:
        """Return why the request is refused; None: it isn't."""
        refusal = body.refusal()
        if refusal is None and body.length > STRANGER_BYTES and not body.is_large:
            try:
                await self._check_key(Request(scope))
            except LimitReached as error:
                return Refusal(status=429, name="limit-reached", detail=str(error), retry_s=error.retry_s)
            except NotAllowed as error:
                if isinstance(error, KeyRefused) and body.length <= _ENDED_BYTES and _is_form_of_a_page(scope):
                    return None  # the session has ended: the page keeps what was typed
                return Refusal(status=401, name="key-missing", detail=str(error))
            except Unavailable as error:
                return Refusal(status=503, name="unavailable", detail=str(error), retry_s=error.retry_s)
        return refusal


def _page_of(scope: Scope, refusal: Refusal) -> bytes | None:
    """Return the page that says why a person's long form was refused; None: a program asked, which reads a problem."""
    path: bytes = scope.get("raw_path") or b""
    accepted = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    if scope["method"] != "POST" or refusal.status not in (401, 413) or b"text/html" not in accepted:
        return None
    if not path.startswith((b"/manage/", b"/me/")) or len(path) > _LONGEST_PATH:
        return None
    return path.partition(b"?")[0] + (b"?refused=too-large" if refusal.status == 413 else b"")


def _is_form_of_a_page(scope: Scope) -> bool:
    """Whether a browser that was signed in sends a form of our pages."""
    request = Request(scope)
    ours = scope["method"] == "POST" and scope["path"].startswith(("/manage/", "/me/"))
    return ours and bool(session_cookie_of(request)) and is_from_our_page(request)


def _problem(refusal: Refusal, scope: Scope) -> bytes:
    title = _TITLES.get(refusal.status, "Invalid request")
    problem = {"type": f"urn:maillage:problem:{refusal.name}", "title": title, "status": refusal.status}
    return compact({**problem, "detail": refusal.detail, "instance": scope["path"]})


_TITLES: Final = {401: "Key required", 429: "Limit reached", 503: "Temporarily unavailable"}
_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
