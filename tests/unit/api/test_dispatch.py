"""The routes that are tried for a path are those that may match it, in the order of the application."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import SecretStr
from starlette.routing import BaseRoute, Match

from api.app import create_app
from api.http.dispatch import Dispatch, candidates
from api.http.settings import ApiSettings

_APP: Final = create_app(ApiSettings(database_url=SecretStr("postgresql://nowhere/nothing")))
_PATHS: Final = sorted({str(getattr(one, "path", "")) for one in _APP.router.routes})


def _first(routes: list[BaseRoute], path: str, method: str) -> BaseRoute | None:
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    return next((one for one in routes if one.matches(scope)[0] is Match.FULL), None)


def test_each_address_of_the_application_is_answered_by_the_same_route() -> None:
    tried = 0
    for pattern in _PATHS:
        for value in ("new", "a/b"):
            path = re.sub(r"\{[^}]*\}", value, pattern)
            start = tuple(path.strip("/").split("/", 2)[:2])
            among = candidates(_APP.router.routes, start)
            for method in ("GET", "POST"):
                assert _first(among, path, method) is _first(_APP.router.routes, path, method), (method, path)
            tried += len(among)
    assert tried < len(_PATHS) * 2 * len(_APP.router.routes) / 3, "most routes are left out"


def _little() -> FastAPI:
    app, router = FastAPI(), APIRouter()

    @router.get("/v1/places/{code}")
    async def place(code: str) -> str:
        return code

    @router.get("/v1/{rest:path}")
    async def rest(rest: str) -> str:
        return f"rest {rest}"

    app.router.routes.extend(router.routes)
    app.router.middleware_stack = Dispatch(app.router)
    return app


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/v1/places/limoges", 200, '"limoges"'),
        ("GET", "/v1/places/limoges/", 200, '"rest places/limoges/"'),
        ("GET", "/v1/places/a/b", 200, '"rest places/a/b"'),
        ("GET", "/v1/other/a", 200, '"rest other/a"'),
        ("POST", "/v1/places/limoges", 405, "Method Not Allowed"),
        ("GET", "/v2/places/limoges", 404, "Not Found"),
        ("GET", "/openapi.json", 200, "openapi"),
    ],
)
def test_a_request_gets_the_answer_that_it_would_get_without(method: str, path: str, status: int, text: str) -> None:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=_little())
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, path)

    answer = asyncio.run(ask())
    assert (answer.status_code, text in answer.text) == (status, True), answer.text
