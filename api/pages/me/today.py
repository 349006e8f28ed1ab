"""The member's page ``/me``: the next booking, offers, seats at their places, cards, passes that end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import Request
from starlette.responses import Response

from api.pages.asking import ask
from api.pages.me.bookings import holds, left
from api.pages.me.mine import asked_of_late, places_used
from api.pages.me.offers import in_order, lines_of
from api.pages.me.where import named, places_known, rows
from api.pages.rendering import page

_IN_USE: Final = ("issued", "active", "suspended")
_PLACES: Final = 3
_SOON: Final = timedelta(days=14)
"""A pass that ends within this time is named."""


async def today(request: Request, member: str) -> Response:
    """Return the page of a member."""
    now, known = datetime.now(UTC), await places_known(request)
    (me, passes, bookings), cards, waiting = await asyncio.gather(
        asked_of_late(request, member),
        ask(request, "GET", f"/v1/members/{quote(member, safe='')}/cards"),
        ask(request, "GET", "/v1/waiting"),
    )
    found = rows(bookings, "bookings", known)
    to_come = sorted((one for one in found if holds(one, now)), key=lambda one: str(one["from"]))
    held = rows(passes, "passes")
    mine = places_used(me.body.get("home"), held, [*to_come, *found], known)[:_PLACES]
    lines = []
    if mine:
        query = urlencode({"only": [place.code for place in mine]}, doseq=True)
        seats = await ask(request, "GET", f"/v1/availability?{query}")
        lines = in_order(lines_of(seats.body, known, now), mine) if seats.good else []
    offers = [one for one in rows(waiting, "waiting", known) if one["status"] == "offered"]
    return page(
        request,
        "me/today.html",
        me=me.body,
        zone=named(known, me.body.get("home"))["zone"],
        bookings=to_come,
        offers=[{**one, **left(one, now)} for one in offers],
        lines=lines,
        cards=rows(cards, "cards"),
        in_use=_IN_USE,
        **_passes(held, now),
    )


def _passes(held: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    """Return whether they have a pass that is valid or will be, and those that end soon or are used up."""
    known = [(one, _until(one)) for one in held if one["revoked_at"] is None]
    valid = [(one, until) for one, until in known if until is None or until > now]
    soon = [one for one, until in valid if until is not None and until - now < _SOON]
    return {"has_pass": bool(valid), "ending": soon, "used_up": [one for one, _ in valid if one["uses"]["left"] == 0]}


def _until(one: Mapping[str, Any]) -> datetime | None:
    return None if one["valid_until"] is None else datetime.fromisoformat(one["valid_until"])
