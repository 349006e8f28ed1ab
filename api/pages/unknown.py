"""Addresses below ``/me`` and ``/manage`` that no page has: people get a page, not JSON. Comes last of the pages."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Missing
from api.pages.routing import PageRoute

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/me/{rest:path}")
@router.get("/manage/{rest:path}")
async def unknown(rest: str, request: Request) -> Response:
    """Say that nothing is here; with a slash too many, go to the page without it."""
    path = request.url.path
    if path.endswith("/"):
        return RedirectResponse(path.rstrip("/"), 303)
    raise Missing
