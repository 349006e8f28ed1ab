"""``/me``: a person's own page. A member's cards, bookings and passes; everybody's sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, SignedOut, ask, form_of, to_sign_in
from api.pages.rendering import page
from api.pages.routing import PageRoute

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_IN_USE: Final = ("issued", "active", "suspended")
_ANY: Final = {"if_match": "*"}
_ZONE: Final = "Europe/Paris"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place as the pages name it."""

    name: str
    zone: str


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
        answer = await ask(request, "GET", f"/v1/cards/{quote(ref, safe='')}")
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
        answer = await ask(request, "POST", f"/v1/cards/{quote(ref, safe='')}/lost")
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
        card = await ask(request, "GET", f"/v1/cards/{quote(ref, safe='')}")
        spread = await ask(request, "GET", f"/v1/cards/{quote(ref, safe='')}/spread?wait=3")
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
    home = await _place(request, me.body.get("home"))
    values: dict[str, Any] = {"me": me.body, "sessions": sessions, "zone": home.zone, "error": error, "status": status}
    ref = me.body.get("ref")
    if ref is None:
        return page(request, "operator.html", **values)
    cards = await ask(request, "GET", f"/v1/members/{ref}/cards")
    now = datetime.now(UTC)
    bookings = await ask(request, "GET", "/v1/bookings")
    passes = await ask(request, "GET", f"/v1/members/{ref}/passes")
    to_come = sorted(
        (
            one
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
        places={code: await _place(request, code) for code in {one["place"] for one in to_come}},
        passes=[one for one in _rows(passes, "passes") if one["revoked_at"] is None],
        **values,
    )


async def _place(request: Request, code: str | None) -> Place:
    """Return a place's name and time zone; without a place, the network's."""
    answer = None if code is None else await ask(request, "GET", f"/v1/places/{code}")
    if answer is None or not answer.good:
        return Place(name=code or "", zone=_ZONE)
    return Place(name=answer.body["name"], zone=answer.body["time_zone"])


def _rows(answer: Answer, name: str) -> list[dict[str, Any]]:
    return list(answer.body[name]) if answer.good else []


def _not_found(request: Request) -> Response:
    return page(request, "message.html", status=404, what="missing")
