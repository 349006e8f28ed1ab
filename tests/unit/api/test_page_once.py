"""A form that is sent twice: its first answer is kept for the second, as long as it is small."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Final

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.responses import Response

from api.pages.routing import PageRoute

OURS: Final = {"sec-fetch-site": "same-origin"}


@pytest.mark.parametrize(("size", "times"), [(100, 1), (2_000_000, 2)], ids=["small", "large"])
def test_many_large_answers_are_not_kept(size: int, times: int) -> None:
    router, calls = APIRouter(route_class=PageRoute), []

    @router.post("/sign-in/form")
    async def form() -> Response:
        calls.append(size)
        return Response(b"x" * size)

    app = FastAPI()
    app.include_router(router)
    app.state.shared = SimpleNamespace(keys=None)  # nobody is signed in

    async def twice() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ours") as client:
            form = {"once": f"abcdef{size}"}
            sent = [await client.post("/sign-in/form", data=form, headers=OURS) for _ in range(2)]
        return [len(one.content) for one in sent]

    assert asyncio.run(twice()) == [size, size]
    assert len(calls) == times
