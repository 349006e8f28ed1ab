"""The pages of signing in by a link: an address, the link in the mail, and as whom. None needs JavaScript."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.http.callers import session_cookie_of
from api.http.errors import Unavailable
from api.http.links import address_of_links
from api.http.state import shared
from api.page import language_for
from api.pages.asking import ask, form_of
from api.pages.entering import BUSY, enter_as, sign_in_page, too_late
from api.pages.rendering import page, text
from api.pages.routing import PageRoute, forget, way_back
from api.sign_in import links

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

ADDRESS: Final = re.compile(r"[^@\s<>,;]{1,200}@[^@\s<>,;]{1,119}")
NO_ADDRESS: Final = text("This is not an e-mail address. Write it like name@example.org.")
_ANSWER_S: Final = 0.25
"""Longer than it takes to queue a mail: the time of the answer doesn't say whether one was."""
_TOO_MANY_LINKS: Final = text("Too many links were asked for from here. Wait ten minutes.")
_NOT_SET_UP: Final = text(
    "Signing in is not set up on this server: MAILLAGE_PUBLIC_URL is missing. Tell those who run it."
)


@router.get("/sign-in")
async def form(request: Request) -> Response:
    """Offer the ways to sign in."""
    return sign_in_page(request, way_back(request.query_params.get("next")))


@router.post("/sign-in")
async def send_link(request: Request) -> Response:
    """Send the link. The answer is the same for every address, so that nobody learns who is a member."""
    fields = await form_of(request)
    address, to = fields.get("address", "").strip(), way_back(fields.get("next"))
    if not ADDRESS.fullmatch(address):
        return sign_in_page(request, to, status=422, address=address, error=NO_ADDRESS)
    if shared(request).clients.asks_link(request.client.host if request.client else ""):
        return sign_in_page(request, to, status=429, address=address, error=_TOO_MANY_LINKS)
    base = address_of_links(request)
    if base is None:
        return sign_in_page(request, to, status=503, address=address, error=_NOT_SET_UP)
    try:
        sending = links.ask(request, address, base, language_for(request), to)
        await asyncio.gather(sending, asyncio.sleep(_ANSWER_S))
    except Unavailable:
        return sign_in_page(request, to, status=503, address=address, error=BUSY)
    return page(request, "link_sent.html", address=address)


@router.get("/sign-in/{token}")
async def choose(token: str, request: Request) -> Response:
    """Show as whom the link signs in. Looking uses nothing: programs that check links in mails look too."""
    to = way_back(request.query_params.get("next"))
    try:
        found = await links.choices(request, token)
    except Unavailable:
        return sign_in_page(request, to, status=503, error=BUSY)
    if not found:
        return too_late(request)
    return page(request, "choose.html", token=token, choices=found, next=to)


@router.post("/sign-in/{token}")
async def enter(token: str, request: Request) -> Response:
    """Use the link, and give the browser the session's cookie."""
    fields = await form_of(request)
    to = way_back(fields.get("next"))
    try:
        return await enter_as(request, token, fields.get("ref", ""), fields.get("role", ""), to)
    except Unavailable:
        return sign_in_page(request, to, status=503, error=BUSY)


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
