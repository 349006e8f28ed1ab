"""``/me/bookings/waiting``: accept or decline what is offered, leave a waiting list."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages.asking import ask, form_of
from api.pages.me.bookings import acted
from api.pages.me.where import own_ref
from api.pages.routing import PageRoute

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.post("/me/bookings/waiting/{ref}/accept")
async def accept(ref: str, request: Request) -> Response:
    """Take the offer: it is booked."""
    await form_of(request)
    own_ref(request)
    answer = await ask(request, "POST", f"{_path(ref)}/accept", {})
    to = f"/me/bookings/{quote(answer.body['booking'], safe='')}?done=accepted" if answer.good else ""
    return await acted(request, answer, to)


@router.post("/me/bookings/waiting/{ref}/decline")
async def decline(ref: str, request: Request) -> Response:
    """Leave the offer to the next in line."""
    await form_of(request)
    own_ref(request)
    return await acted(request, await ask(request, "POST", f"{_path(ref)}/decline"), "/me/bookings?done=declined")


@router.post("/me/bookings/waiting/{ref}/leave")
async def leave(ref: str, request: Request) -> Response:
    """Wait no longer."""
    await form_of(request)
    own_ref(request)
    return await acted(request, await ask(request, "DELETE", _path(ref), if_match="*"), "/me/bookings?done=left")


def _path(ref: str) -> str:
    return f"/v1/waiting/{quote(ref, safe='')}"
