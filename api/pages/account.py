"""``/me``: a person's own page. A member's cards, bookings and passes; everybody's sessions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, SignedOut, ask, form_of, to_sign_in
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
    try:
        return await _account(request)
    except SignedOut:
        return to_sign_in(request)


@router.get("/me/cards/{ref}/lost")
async def lost_card(ref: str, request: Request) -> Response:
    """Ask whether this card is lost, and say what that means."""
    try:
        answer = await ask(request, "GET", _card(ref))
    except SignedOut:
        return to_sign_in(request)
    if not answer.good:
        return _not_found(request)
    return page(request, "card_lost.html", card=answer.body, spread=None)


@router.post("/me/cards/{ref}/lost")
async def report_lost(ref: str, request: Request) -> Response:
    """Report it lost."""
    await form_of(request)
    try:
        answer = await ask(request, "POST", f"{_card(ref)}/lost")
    except SignedOut:
        return to_sign_in(request)
    if answer.status in (403, 404):
        return _not_found(request)
    if not answer.good:
        return await _account(request, error=answer.body["detail"], status=answer.status)
    return RedirectResponse(f"/me/cards/{quote(ref, safe='')}/doors", 303)


@router.get("/me/cards/{ref}/doors")
async def doors_of_card(ref: str, request: Request) -> Response:
    """Say which doors know it by now; waits for those that are online, at most three seconds."""
    try:
        card = await ask(request, "GET", _card(ref))
        spread = await ask(request, "GET", f"{_card(ref)}/spread?wait=3")
    except SignedOut:
        return to_sign_in(request)
    if not (card.good and spread.good):
        return _not_found(request)
    return page(request, "card_lost.html", card=card.body, spread=spread.body)


@router.post("/me/bookings/{ref}/cancel")
async def cancel_booking(ref: str, request: Request) -> Response:
    """Cancel a booking."""
    return await _act(request, "DELETE", f"/v1/bookings/{quote(ref, safe='')}", **_ANY)


@router.post("/me/sessions/{number}/end")
async def end_session(number: int, request: Request) -> Response:
    """Sign out another browser."""
    return await _act(request, "DELETE", f"/v1/sessions/{number}")


async def _act(request: Request, method: str, path: str, **headers: str) -> Response:
    await form_of(request)
    try:
        answer = await ask(request, method, path, **headers)
        if not answer.good:
            return await _account(request, error=answer.body["detail"], status=answer.status)
    except SignedOut:
        return to_sign_in(request)
    return RedirectResponse("/me", 303)


async def _account(request: Request, *, error: str | None = None, status: int = 200) -> Response:
    me = await ask(request, "GET", "/v1/me")
    sessions = (await ask(request, "GET", "/v1/sessions")).body["sessions"]
    places = (await loaded_board(request)).network.by_code
    zone = _where(me.body.get("home"), places)["zone"]
    values: dict[str, Any] = {"me": me.body, "sessions": sessions, "zone": zone, "error": error, "status": status}
    ref = me.body.get("ref")
    if ref is None:
        return page(request, "operator.html", **values)
    cards = await ask(request, "GET", f"/v1/members/{ref}/cards")
    now = datetime.now(UTC)
    bookings = await ask(request, "GET", "/v1/bookings")
    passes = await ask(request, "GET", f"/v1/members/{ref}/passes")
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
        "member.html",
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


def _card(ref: str) -> str:
    return f"/v1/cards/{quote(ref, safe='')}"


def _rows(answer: Answer, name: str) -> list[dict[str, Any]]:
    return list(answer.body[name]) if answer.good else []


def _not_found(request: Request) -> Response:
    return page(request, "message.html", status=404, what="missing")
