"""``/me/cards``: a member's cards, a lost one, what doors decided on them, and the doors that they can open."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Missing, ask, form_of, read
from api.pages.me.where import named, own_ref, places_known, rows
from api.pages.refusals import refusal
from api.pages.rendering import page, text
from api.pages.routing import PageRoute

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

IN_USE: Final = ("issued", "active", "suspended")
_READS: Final = 20
_RECENT: Final = timedelta(hours=12)
"""How long a refusal is explained at the top of the page."""
_REMEMBERED: Final = 1000
_known_since: OrderedDict[str, datetime | None] = OrderedDict()
"""By card that was reported lost by this process: when it first saw that every door refuses it; None: not yet."""
_REFUSALS: Final = {"conflict status": text("This card opens no door any more.")}


@router.get("/me/cards")
async def cards(request: Request) -> Response:
    """The member's cards and what became of them at doors."""
    return await _cards(request)


@router.get("/me/cards/{ref}/lost")
async def lost_card(ref: str, request: Request) -> Response:
    """Ask whether this card is lost, and say what that means."""
    card = await read(request, _card(ref))
    return page(request, "me/card_lost.html", card=card.body, spread=None)


@router.post("/me/cards/{ref}/lost")
async def report_lost(ref: str, request: Request) -> Response:
    """Report it lost."""
    await form_of(request)
    answer = await ask(request, "POST", f"{_card(ref)}/lost")
    if answer.status in (403, 404):
        raise Missing
    if not answer.good:
        return await _cards(request, error=refusal(request, answer, _REFUSALS), status=answer.status)
    _known_since[ref] = None
    while len(_known_since) > _REMEMBERED:
        _known_since.popitem(last=False)
    return RedirectResponse(f"/me/cards/{quote(ref, safe='')}/doors", 303)


@router.get("/me/cards/{ref}/doors")
async def doors_of_card(ref: str, request: Request) -> Response:
    """Say which doors know it by now; waits a moment for those that are online, so that it is the whole answer."""
    wait = 0 if "now" in request.query_params else 2
    card, spread, places = await asyncio.gather(
        read(request, _card(ref)), read(request, f"{_card(ref)}/spread?wait={wait}"), places_known(request)
    )
    now = datetime.now(UTC)
    lost = card.body["status"] == "lost"
    found = spread.body
    waiting = [{**one, **named(places, one["place"])} for one in found["waiting"]]
    known = not (found["pending"] or waiting or found["waiting_elsewhere"])
    since = _since(ref, now) if lost and known else None
    zone = named(places, next(iter(waiting), {}).get("place"))["zone"]
    values = {"card": card.body, "spread": found, "waiting": waiting, "known": known, "lost": lost}
    return page(request, "me/card_lost.html", since=since, now=now, zone=zone, **values)


async def _cards(request: Request, *, error: str | None = None, status: int = 200) -> Response:
    me = own_ref(request)
    paths = (f"/v1/members/{me}/cards", "/v1/me/doors", f"/v1/me/access?limit={_READS}")
    places = await places_known(request)
    held, doors, access = await asyncio.gather(*(read(request, path) for path in paths))
    seen = rows(access, "reads", places)
    return page(
        request,
        "me/cards.html",
        status=status,
        cards=held.body["cards"],
        in_use=IN_USE,
        doors=rows(doors, "doors", places),
        reads=seen,
        refused=await _refused(request, seen),
        error=error,
    )


async def _refused(request: Request, reads: list[dict[str, Any]]) -> Mapping[str, Any] | None:
    """Return the last read if it was refused and lately so, with what that door would do now."""
    if not reads or reads[0]["granted"]:
        return None
    last = reads[0]
    if datetime.now(UTC) - datetime.fromisoformat(last["at"]) > _RECENT:
        return None
    door = await ask(request, "GET", f"/v1/me/doors/{quote(last['place'])}/{quote(last['door'])}")
    return {**last, "now": door.body if door.good else None}


def _since(ref: str, now: datetime) -> datetime | None:
    """Return since when every door is known to refuse a card; None: it was reported elsewhere, or long ago."""
    if ref in _known_since:
        _known_since[ref] = _known_since[ref] or now
    return _known_since.get(ref)


def _card(ref: str) -> str:
    return f"/v1/cards/{quote(ref, safe='')}"
