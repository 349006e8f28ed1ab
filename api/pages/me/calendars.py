"""``/me/bookings/calendar``: bookings in a calendar program, and a calendar elsewhere that makes bookings."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.http.state import shared
from api.pages.asking import Answer, Missing, ask, form_of
from api.pages.me.booking_words import done
from api.pages.me.where import named, own_ref, places_known, rows
from api.pages.refusals import refusal
from api.pages.rendering import page, text
from api.pages.routing import PageRoute

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_PAGE: Final = "/me/bookings/calendar"
_MORE: Final = {
    "bad-field url": text("Write the calendar's address like https://example.org/calendar.ics."),
    "conflict": text("You have five calendars already. End one first."),
}


@router.get(_PAGE)
async def calendar(request: Request) -> Response:
    """Feeds and calendars."""
    return await _calendar(request)


@router.post(f"{_PAGE}/feeds")
async def make_feed(request: Request) -> Response:
    """Make an address for a calendar program. It is on this page only, so that no redirect follows."""
    await form_of(request)
    own_ref(request)
    answer = await ask(request, "POST", "/v1/calendar-feeds", {})
    if not answer.good:
        return await _calendar(request, error=refusal(request, answer), status=answer.status)
    base = shared(request).settings.public_url or str(request.base_url)
    return await _calendar(request, address=f"{base.rstrip('/')}{answer.body['path']}")


@router.post(f"{_PAGE}/feeds/{{number}}/end")
async def end_feed(number: int, request: Request) -> Response:
    """End an address."""
    await form_of(request)
    own_ref(request)
    return await _ended(request, await ask(request, "DELETE", f"/v1/calendar-feeds/{number}"), "feed")


@router.post(f"{_PAGE}/own")
async def subscribe(request: Request) -> Response:
    """Have a calendar of the member read."""
    fields = await form_of(request)
    own_ref(request)
    url = fields.get("url", "").strip().replace("webcal://", "https://", 1)
    answer = await ask(request, "POST", "/v1/member-calendars", {"url": url})
    if not answer.good:
        wrong = refusal(request, answer, _MORE)
        return await _calendar(request, url=fields.get("url", ""), wrong=wrong, status=answer.status)
    return RedirectResponse(f"{_PAGE}?done=subscribed", 303)


@router.post(f"{_PAGE}/own/{{number}}/end")
async def unsubscribe(number: int, request: Request) -> Response:
    """Read a calendar no more."""
    await form_of(request)
    own_ref(request)
    return await _ended(request, await ask(request, "DELETE", f"/v1/member-calendars/{number}"), "unsubscribed")


async def _ended(request: Request, answer: Answer, key: str) -> Response:
    if answer.status in (403, 404, 422):
        raise Missing
    if not answer.good:
        return await _calendar(request, error=refusal(request, answer), status=answer.status)
    return RedirectResponse(f"{_PAGE}?done={key}", 303)


async def _calendar(request: Request, *, status: int = 200, **more: Any) -> Response:
    own_ref(request)
    feeds, own, me = await asyncio.gather(
        ask(request, "GET", "/v1/calendar-feeds"),
        ask(request, "GET", "/v1/member-calendars"),
        ask(request, "GET", "/v1/me"),
    )
    values = {"address": None, "error": None, "url": "", "wrong": None, **more}
    return page(
        request,
        "me/calendar.html",
        status=status,
        feeds=rows(feeds, "feeds"),
        calendars=rows(own, "calendars"),
        zone=named(await places_known(request), me.body.get("home"))["zone"],
        done=done(request),
        **values,
    )
