"""``/manage``: the places that a manager reaches."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Missing, read
from api.pages.person import managed_places, signed_in
from api.pages.rendering import page
from api.pages.routing import PageRoute

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/manage")
async def places(request: Request) -> Response:
    """List the places; with one only, go there."""
    if not signed_in(request).manages:
        raise Missing
    await read(request, "/v1/me")  # the session holds, and not only in the cache of keys
    found = await managed_places(request)
    if len(found) == 1:
        return RedirectResponse(f"/manage/{found[0].code}", 303)
    return page(request, "manage/places.html", places=found)
