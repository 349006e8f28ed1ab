"""``/me/cards/open/{place}/{door}``: a member opens a door, and the page says what it knows of that."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, Missing, ask, form_of, read
from api.pages.me.where import named, own_ref, places_known
from api.pages.refusals import refusal
from api.pages.rendering import page, text
from api.pages.routing import PageRoute

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_WAIT_S: Final = 2
"""How long a page waits for the door's answer, which takes some tenths of a second."""
_REFUSALS: Final = {
    "rule closed": text("This place doesn't let its members open doors by phone. Use your card."),
    "rule card": text("You have no card in use that this place knows."),
    "rule lockdown": text("The door is in lockdown. Stay outside until it is over."),
    "rule often": text("You opened this door five times within ten minutes. Use your card, or wait."),
    "refused-by-rule": text("Your card wouldn't open this door now."),
}


@router.get("/me/cards/open/{place}/{door}")
async def door_page(place: str, door: str, request: Request) -> Response:
    """Show the door; with ``?order=`` or ``?sent=`` what became of an order. To look at it opens nothing."""
    order, sent = request.query_params.get("order"), request.query_params.get("sent")
    if order:
        wait = 0 if "now" in request.query_params else _WAIT_S
        return await _door(request, place, door, await ask(request, "GET", f"{_order(order)}?wait={wait}"))
    if sent and sent.isascii() and sent.isalnum():
        answer = await ask(request, "GET", f"/v1/me/unlocks?key=page-{sent[:80]}")
        return await _door(request, place, door, answer, lost=not answer.good)
    return await _door(request, place, door)


@router.post("/me/cards/open/{place}/{door}")
async def open_door(place: str, door: str, request: Request) -> Response:
    """Order it opened, once for each time that the form was shown."""
    await form_of(request)
    own_ref(request)
    answer = await ask(request, "POST", "/v1/me/unlock", {"place": place, "door": door})
    if answer.status in (403, 404, 422):
        raise Missing
    if not answer.good:
        error = refusal(request, answer, _REFUSALS)
        return await _door(request, place, door, error=error, status=answer.status)
    return RedirectResponse(f"{_path(place, door)}?order={quote(answer.body['id'])}", 303)


async def _door(
    request: Request,
    place: str,
    door: str,
    order: Answer | None = None,
    *,
    lost: bool = False,
    error: str | None = None,
    status: int = 200,
) -> Response:
    own_ref(request)
    here, places = await asyncio.gather(read(request, f"/v1/me/doors{_parts(place, door)}"), places_known(request))
    if order is not None and not order.good and not lost:
        raise Missing
    made: dict[str, Any] | None = order.body if order is not None and order.good else None
    if made is not None and (made["place"], made["door"]) != (place, door):
        raise Missing
    values = {**named(places, place), "door": here.body, "order": made, "never_came": lost, "error": error}
    return page(request, "me/open_door.html", status=status, path=_path(place, door), **values)


def _order(number: str) -> str:
    return f"/v1/me/unlocks/{quote(number, safe='')}"


def _path(place: str, door: str) -> str:
    return f"/me/cards/open{_parts(place, door)}"


def _parts(place: str, door: str) -> str:
    return f"/{quote(place, safe='')}/{quote(door, safe='')}"
