"""The pages of signing in: an address, the link in the mail, and as whom. None needs JavaScript."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.http.callers import SESSION_COOKIE, session_cookie_of
from api.http.errors import Unavailable
from api.http.links import address_of_links
from api.http.state import shared
from api.page import language_for
from api.pages.asking import ask, form_of
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute, forget, way_back
from api.sign_in import links

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_ADDRESS: Final = re.compile(r"[^@\s<>,;]{1,200}@[^@\s<>,;]{1,119}")
_ANSWER_S: Final = 0.25
"""Longer than it takes to queue a mail: the time of the answer doesn't say whether one was."""
_BUSY: Final = text("This is not possible just now. Try again in a minute.")
_NOT_SET_UP: Final = text(
    "Signing in is not set up on this server: MAILLAGE_PUBLIC_URL is missing. Tell those who run it."
)


@router.get("/sign-in")
async def form(request: Request) -> Response:
    """Ask for the address."""
    return page(request, "sign_in.html", address="", error=None, next=way_back(request.query_params.get("next")))


@router.post("/sign-in")
async def send_link(request: Request) -> Response:
    """Send the link. The answer is the same for every address, so that nobody learns who is a member."""
    fields = await form_of(request)
    address, to = fields.get("address", "").strip(), way_back(fields.get("next"))
    if not _ADDRESS.fullmatch(address):
        error = say(request, "This is not an e-mail address. Write it like name@example.org.")
        return page(request, "sign_in.html", status=422, address=address[:320], next=to, error=error)
    if shared(request).clients.asks_link(request.client.host if request.client else ""):
        error = say(request, "Too many links were asked for from here. Wait ten minutes.")
        return page(request, "sign_in.html", status=429, address=address, next=to, error=error)
    base = address_of_links(request)
    if base is None:
        return page(request, "sign_in.html", status=503, address=address, next=to, error=say(request, _NOT_SET_UP))
    try:
        sending = links.ask(request, address, base, language_for(request), to)
        await asyncio.gather(sending, asyncio.sleep(_ANSWER_S))
    except Unavailable:
        return page(request, "sign_in.html", status=503, address=address, next=to, error=say(request, _BUSY))
    return page(request, "link_sent.html", address=address)


@router.get("/sign-in/{token}")
async def choose(token: str, request: Request) -> Response:
    """Show as whom the link signs in. Looking uses nothing: programs that check links in mails look too."""
    to = way_back(request.query_params.get("next"))
    try:
        found = await links.choices(request, token)
    except Unavailable:
        return page(request, "sign_in.html", status=503, address="", next=to, error=say(request, _BUSY))
    if not found:
        return _too_late(request)
    return page(request, "choose.html", token=token, choices=found, next=to)


@router.post("/sign-in/{token}")
async def enter(token: str, request: Request) -> Response:
    """Use the link, and give the browser the session's cookie."""
    fields = await form_of(request)
    to = way_back(fields.get("next"))
    try:
        made = await links.sign_in(request, token, fields.get("ref", ""), fields.get("role", ""))
    except Unavailable:
        return page(request, "sign_in.html", status=503, address="", next=to, error=say(request, _BUSY))
    if made is None:
        return _too_late(request)
    answer = RedirectResponse(to, 303)
    life = int((made.ends - datetime.now(UTC)).total_seconds())
    answer.set_cookie(SESSION_COOKIE, made.key, max_age=life, path="/", secure=True, httponly=True, samesite="lax")
    return answer


@router.post("/sign-out")
async def leave(request: Request) -> Response:
    """End this session, here and in the database."""
    await form_of(request)
    answer = await ask(request, "GET", "/v1/sessions")
    for one in answer.body.get("sessions", ()):
        if one["current"]:
            await ask(request, "DELETE", f"/v1/sessions/{one['id']}")
    shared(request).keys.forget(session_cookie_of(request))
    gone = RedirectResponse("/sign-in", 303)
    forget(gone)
    return gone


def _too_late(request: Request) -> Response:
    error = say(request, "This link was used already, or it is older than 15 minutes. Ask for a new one.")
    return page(request, "sign_in.html", status=410, address="", next="/me", error=error)
