"""``/me``: a person's own page: what counts for a member today; a manager's way to their places."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages.asking import ask
from api.pages.me.today import today
from api.pages.me.where import COMMON_ZONE
from api.pages.person import signed_in
from api.pages.rendering import page
from api.pages.routing import PageRoute

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/me")
async def account(request: Request) -> Response:
    """The person's page."""
    member = signed_in(request).member
    if member is not None:
        return await today(request, member)
    me, listed = await asyncio.gather(ask(request, "GET", "/v1/me"), ask(request, "GET", "/v1/sessions"))
    sessions = listed.body["sessions"]
    return page(request, "operator.html", me=me.body, sessions=sessions, zone=COMMON_ZONE, error=None)
