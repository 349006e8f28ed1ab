"""Finds a request's route among those whose path begins as the request's does, and not among all of the application.

Starlette matches the routes in turn, some five hundred here. A page asks several times, so that this took a good part
of its time. The order of the routes stays, and with it which of two answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

_DEPTH: Final = 2
"""So many parts of a path tell routes apart: ``v1`` and ``places``."""
_Start = tuple[str, ...]


class Dispatch:
    """ASGI application: the routes of a router, by the beginning of their paths."""

    def __init__(self, router: APIRouter) -> None:
        self._router = router
        starts = {_start_of(path) for route in router.routes if (path := getattr(route, "path", None)) is not None}
        known = [one for one in starts if len(one) == _DEPTH and not any(map(_varies, one))]
        self._by_start: dict[_Start, APIRouter] = {one: self._of(candidates(router.routes, one)) for one in known}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the first route that matches."""
        scope.setdefault("router", self._router)
        found = self._by_start.get(_start_of(scope.get("path", "")), self._router)
        await found.app(scope, receive, send)

    def _of(self, routes: Sequence[BaseRoute]) -> APIRouter:
        return APIRouter(
            routes=list(routes), redirect_slashes=self._router.redirect_slashes, default=self._router.default
        )


def candidates(routes: Sequence[BaseRoute], start: _Start) -> list[BaseRoute]:
    """Return the routes that may match a path with this beginning, in their order."""
    return [one for one in routes if _may_match(getattr(one, "path", None), start)]


def _may_match(path: str | None, start: _Start) -> bool:
    if path is None:
        return True
    parts = _start_of(path)
    if any(not _varies(part) and part != given for part, given in zip(parts, start, strict=False)):
        return False
    return len(parts) == len(start) or (":path}" in path and len(parts) < len(start))


def _start_of(path: str) -> _Start:
    return tuple(path.strip("/").split("/", _DEPTH)[:_DEPTH])


def _varies(part: str) -> bool:
    return "{" in part
