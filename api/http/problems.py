"""Maps every exception to a problem (RFC 9457): what is wrong and what to do."""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from api.http import errors
from api.http.compact_json import compact
from api.http.middleware import STREAM

log = logging.getLogger(__name__)

_TYPE: Final = "urn:maillage:problem:"
MEDIA_TYPE: Final = "application/problem+json"
_NO_JSON: Final = "expected JSON (RFC 8259, UTF-8)"

# exception: status, name and title of the problem
_KNOWN: Final[dict[type[errors.ApiError], tuple[int, str, str]]] = {
    errors.NotFound: (404, "not-found", "Not found"),
    errors.Ambiguous: (422, "ambiguous", "Ambiguous name"),
    errors.BadQuery: (422, "bad-query", "Invalid query"),
    errors.FormatNeeded: (422, "format-needed", "Card format required"),
    errors.BadField: (422, "bad-field", "Invalid field"),
    errors.RuleRefused: (409, "refused-by-rule", "Refused by a rule"),
    errors.Conflict: (409, "conflict", "Conflict with existing data"),
    errors.RevisionMissing: (428, "revision-missing", "If-Match required"),
    errors.Changed: (412, "changed", "Changed by another request"),
    errors.KeyMissing: (401, "key-missing", "Key required"),
    errors.KeyRefused: (401, "key-refused", "Key not accepted"),
    errors.ScopeMissing: (403, "scope-missing", "Permission missing"),
    errors.NotYours: (403, "not-yours", "Not allowed for this key"),
    errors.CodeRefused: (403, "code-refused", "Code not accepted"),
    errors.LimitReached: (429, "limit-reached", "Limit reached"),
    errors.Unavailable: (503, "unavailable", "Temporarily unavailable"),
    errors.TooManyStreams: (503, "too-many-streams", "Too many streams"),
}
_BY_STATUS: Final = {
    400: ("bad-request", "Invalid request"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "Method not allowed"),
    408: ("too-slow", "Invalid request"),
    413: ("too-large", "Invalid request"),
    500: ("internal", "Internal error"),
}


def problem(
    request: Request,
    status: int,
    name: str,
    title: str,
    detail: str,
    *,
    errors_: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """Return a problem document; ``errors_``: each error of the request; ``more``: additional members."""
    body: dict[str, Any] = {"type": _TYPE + name, "title": title, "status": status, "detail": detail}
    body["instance"] = request.url.path
    body |= more or {}
    if errors_:
        body["errors"] = list(errors_)
    return Response(
        compact(body), status, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store", **(headers or {})}
    )


def install(app: FastAPI) -> None:
    """Register the handlers that turn exceptions of ``app`` into problems."""
    app.add_exception_handler(errors.ApiError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.ApiError)
    status, name, title = next(
        (_KNOWN[kind] for kind in type(error).__mro__ if kind in _KNOWN), (500, "internal", "Internal error")
    )
    headers: dict[str, str] = {}
    wrong: list[dict[str, Any]] = []
    if isinstance(error, errors.NotAllowed):
        scope = f', error="insufficient_scope", scope="{error.scope}"' if isinstance(error, errors.ScopeMissing) else ""
        refused = ', error="invalid_token"' if isinstance(error, errors.KeyRefused) else ""
        headers["WWW-Authenticate"] = f'Bearer realm="maillage"{scope}{refused}'
    if isinstance(error, errors.Unavailable | errors.LimitReached):
        headers["Retry-After"] = str(error.retry_s)
    if isinstance(error, errors.BadQuery):
        wrong.append({"where": "query", "name": error.parameter, "what": str(error)})
    if isinstance(error, errors.BadField | errors.Conflict) and error.field is not None:
        wrong.append({"where": "body", "name": error.field, "what": str(error)})
    if isinstance(error, errors.Changed) and error.etag is not None:
        headers["ETag"] = error.etag
    more: dict[str, Any] = {}
    if isinstance(error, errors.FormatNeeded):
        more["choices"] = [{"format": format_, "reader_sends": sent} for format_, sent in error.choices]
    if isinstance(error, errors.RuleRefused):
        more |= {"rule": error.rule, "contact": error.contact}
    if isinstance(error, errors.Ambiguous):
        more["candidates"] = list(error.candidates)
    detail = f"{wrong[0]['name']}: {error}" if wrong else str(error)
    return problem(request, status, name, title, detail, errors_=wrong, headers=headers, more=more)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = [_error(one) for one in error.errors()]
    first = wrong[0]
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    detail = f"{first['name']}: {first['what']}{more}"
    kind: type[errors.ApiError] = errors.BadField if first["where"] == "body" else errors.BadQuery
    return problem(request, *_KNOWN[kind], detail, errors_=wrong)


def _error(one: Mapping[str, Any]) -> dict[str, Any]:
    where, *path = one["loc"]
    name = ".".join(str(part) for part in path) or str(where)
    what = str(one["msg"]).removeprefix("Value error, ")
    if one["type"] == "extra_forbidden":
        what = f"there is no such {'field' if where == 'body' else 'parameter'}; see /openapi.json"
    if one["type"] == "json_invalid":
        name, what = "body", _NO_JSON
    return {"where": str(where), "name": name, "what": what}


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400 and error.__cause__ is not None:  # FastAPI could not read the body or its JSON
        wrong = {"where": "body", "name": "body", "what": _NO_JSON}
        return problem(request, *_KNOWN[errors.BadField], f"body: {_NO_JSON}", errors_=[wrong])
    name, title = _BY_STATUS.get(error.status_code, ("error", "The request was refused"))
    headers = dict(error.headers or {})
    detail = str(error.detail)
    if error.status_code == 404:
        detail = f"There is nothing at {request.url.path}. See /openapi.json."
    elif error.status_code == 405:
        headers["Allow"] = ", ".join(methods_of(request.app.router.routes, request.scope))
        detail = f"{request.method} is not allowed here. Allowed: {headers['Allow']}."
    return problem(request, error.status_code, name, title, detail, headers=headers)


def methods_of(routes: Sequence[BaseRoute], scope: MutableMapping[str, Any]) -> list[str]:
    """Return the methods that are allowed on the path of a request, by all routes of this path."""
    methods: set[str] = set()
    for route in routes:
        if route.matches(scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    if "GET" in methods and scope["path"] != STREAM:
        methods.add("HEAD")  # ``api.http.middleware`` answers it as GET
    return sorted(methods)


async def _unexpected(request: Request, error: Exception) -> Response:
    # the route's path, not the request's: a link to sign in, or to a calendar, is a secret
    path = getattr(request.scope.get("route"), "path", "none")
    log.error("request_failed", extra={"path": path, "error": type(error).__name__}, exc_info=error)
    return problem(
        request, 500, "internal", "Internal error", "An unexpected error occurred; it has been logged. Try again."
    )
