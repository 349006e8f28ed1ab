"""``/me``: a person's own page. A member's cards, bookings and passes; everybody's sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, ask, form_of
from api.pages.refusals import refusal
from api.pages.rendering import page
from api.pages.routing import PageRoute
from api.present.network import Place
from api.present.state import loaded_board

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_IN_USE: Final = ("issued", "active", "suspended")
_ANY: Final = {"if_match": "*"}
_ZONE: Final = "Europe/Paris"


@router.get("/me")
async def account(request: Request) -> Response:
    """The person's page."""
    return await _account(request)


@router.post("/me/bookings/{ref}/cancel")
async def cancel_booking(ref: str, request: Request) -> Response:
    """Cancel a booking."""
    return await _act(request, "DELETE", f"/v1/bookings/{quote(ref, safe='')}", **_ANY)


async def _act(request: Request, method: str, path: str, **headers: str) -> Response:
    await form_of(request)
    answer = await ask(request, method, path, **headers)
    if not answer.good:
        return await _account(request, error=refusal(request, answer), status=answer.status)
    return RedirectResponse("/me", 303)


async def _account(request: Request, *, error: str | None = None, status: int = 200) -> Response:
    me, listed = await asyncio.gather(ask(request, "GET", "/v1/me"), ask(request, "GET", "/v1/sessions"))
    sessions = listed.body["sessions"]
    places = (await loaded_board(request)).network.by_code
    zone = _where(me.body.get("home"), places)["zone"]
    values: dict[str, Any] = {"me": me.body, "sessions": sessions, "zone": zone, "error": error, "status": status}
    ref = me.body.get("ref")
    if ref is None:
        return page(request, "operator.html", **values)
    now = datetime.now(UTC)
    paths = (f"/v1/members/{ref}/cards", "/v1/bookings", f"/v1/members/{ref}/passes")
    cards, bookings, passes = await asyncio.gather(*(ask(request, "GET", path) for path in paths))
    to_come = sorted(
        (
            {**one, **_where(one["place"], places)}
            for one in _rows(bookings, "bookings")
            if one["cancelled_at"] is None and datetime.fromisoformat(one["until"]) > now
        ),
        key=lambda one: str(one["from"]),
    )
    return page(
        request,
        "me/today.html",
        cards=_rows(cards, "cards"),
        in_use=_IN_USE,
        bookings=to_come,
        passes=[one for one in _rows(passes, "passes") if one["revoked_at"] is None],
        **values,
    )


def _where(code: str | None, places: Mapping[str, Place]) -> dict[str, str]:
    """Return a place's name and time zone; of one that isn't known yet, its code and the network's."""
    place = places.get(code or "")
    return {"place_name": place.name if place else code or "", "zone": place.time_zone if place else _ZONE}


def _rows(answer: Answer, name: str) -> list[dict[str, Any]]:
    return list(answer.body[name]) if answer.good else []
