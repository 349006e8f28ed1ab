"""Orders to doors: unlock once, lockdown, release, evacuate; how far they are; the evacuation list."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.http.roles import Permission
from api.pages.asking import Missing, ask, form_of, read
from api.pages.manage.now import path_of, words_of
from api.pages.person import managed_place
from api.pages.refusals import refusal
from api.pages.rendering import page, text
from api.pages.routing import PageRoute
from api.present.network import Door, Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_ASKED_FIRST: Final = ("lockdown", "release", "evacuate")
_MOST: Final = 40
"""Orders that one page follows."""
_REFUSED: Final = {
    "conflict": text("No gateway in service can open or close this door. Nothing was done."),
    "not-found": text("There is no such door at this place any more."),
}


@router.get("/manage/{place}/orders")
async def orders(place: str, request: Request) -> Response:
    """How far some orders are, by gateway; asked for again until all have an answer."""
    where = await managed_place(request, place, "unlock", "lockdown")
    wanted = [one for one in request.query_params.getlist("id") if one.isascii() and len(one) <= 64][:_MOST]
    answers = await asyncio.gather(*(ask(request, "GET", f"/v1/commands/{quote(one, safe='')}") for one in wanted))
    found = [one.body for one in answers if one.good and one.body["place"] == where.code]
    if not found:
        raise Missing
    waiting = [one for one in found if one["outcome"] is None]
    values: dict[str, Any] = {"orders": found, "waiting": waiting}
    template = "manage/orders_part.html" if request.query_params.get("part") else "manage/orders.html"
    return page(request, template, place=where, query=request.url.query, **values, **words_of(request, where))


@router.get("/manage/{place}/orders/{do}")
async def ask_first(place: str, do: str, request: Request) -> Response:
    """Say what an order means, and ask."""
    if do not in _ASKED_FIRST:
        raise Missing
    where = await managed_place(request, place, "lockdown")
    await read(request, f"/v1/lockdowns?place={quote(place)}")
    door = _door(where, request.query_params.get("door"))
    return page(request, "manage/order_ask.html", place=where, do=do, door=door, error=None)


@router.post("/manage/{place}/orders/{do}")
async def give(place: str, do: str, request: Request) -> Response:
    """Give the order."""
    if do not in ("unlock", *_ASKED_FIRST):
        raise Missing
    permission: Permission = "unlock" if do == "unlock" else "lockdown"
    where = await managed_place(request, place, permission)
    door = _door(where, (await form_of(request)).get("door"))
    if do == "unlock" and door is None:
        raise Missing
    at = "" if door is None else f"/doors/{quote(door.code, safe='')}"
    answer = await ask(request, "POST", f"{path_of(where)}{at}/{do}", {})
    if not answer.good:
        error = refusal(request, answer, _REFUSED)
        return page(request, "manage/order_ask.html", status=answer.status, place=where, do=do, door=door, error=error)
    ids = [("id", one["id"]) for one in answer.body["orders"]]
    return RedirectResponse(f"/manage/{quote(place)}/orders?{urlencode(ids)}", 303)


@router.get("/manage/{place}/muster")
async def muster(place: str, request: Request) -> Response:
    """Who is probably inside, to be printed and called."""
    where = await managed_place(request, place, "muster:read")
    answer = await read(request, f"{path_of(where)}/muster")
    people: dict[str, list[Any]] = {}
    for one in sorted(answer.body["people"], key=lambda one: (one["space"], one["name"] or one["member"])):
        people.setdefault(one["space"], []).append(one)
    values = {"muster": answer.body, "people": people, **words_of(request, where)}
    return page(request, "manage/muster.html", place=where, **values)


def _door(place: Place, code: str | None) -> Door | None:
    """Return a door of the place; None: the whole place is meant.

    Raises:
        Missing: it has no such door.
    """
    if not code:
        return None
    found = next((one for one in place.doors if one.code == code), None)
    if found is None:
        raise Missing
    return found
