"""``/manage/{place}/bookings/calendars``: calendars elsewhere that block units, and feeds of this place's resources."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.http.state import shared
from api.pages.asking import Missing, ask, form_of, read
from api.pages.manage.booking_forms import target_of
from api.pages.person import managed_place
from api.pages.refusals import Unsaved, filled, unsaved
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_REFUSED: Final[Mapping[str, str]] = {
    "bad-field url": text("Write the calendar's address: it begins with https://."),
    "bad-field name": text("Give it a name."),
    "bad-field owner_email": text("This is not an e-mail address. Write it like name@example.org."),
    "bad-field resource": text("Choose what it blocks."),
    "bad-field unit": text("Choose which unit it blocks."),
}
_DONE: Final[Mapping[str, str]] = {
    "added": text("The calendar is added: it is read within minutes, then every quarter of an hour."),
    "ended": text("The calendar is removed: what it blocked is free again."),
    "feed_ended": text("The address shows nothing any more."),
}


@router.get("/manage/{place}/bookings/calendars")
async def calendars(place: str, request: Request) -> Response:
    """List both, with the forms to add."""
    where = await managed_place(request, place, "rules:write")
    return await _show(request, where)


@router.post("/manage/{place}/bookings/calendars")
async def add(place: str, request: Request) -> Response:
    """Subscribe to a calendar."""
    where = await managed_place(request, place, "rules:write")
    typed = {name: value.strip()[:2000] for name, value in (await form_of(request)).items()}
    body: dict[str, Any] = {"place": place, "name": typed.get("name", ""), "url": typed.get("url", "")}
    body |= {"resource": "", **target_of(typed.get("what", ""))}
    if typed.get("owner_email"):
        body["owner_email"] = typed["owner_email"]
    answer = await ask(request, "POST", "/v1/calendars", body)
    if not answer.good:
        return await _show(request, where, unsaved(request, answer, typed, _REFUSED))
    return RedirectResponse(f"/manage/{place}/bookings/calendars?done=added", 303)


@router.post("/manage/{place}/bookings/calendars/{number}/end")
async def end(place: str, number: int, request: Request) -> Response:
    """End a subscription."""
    where = await managed_place(request, place, "rules:write")
    await form_of(request)
    await _check(request, where, "/v1/calendars", "calendars", number)
    answer = await ask(request, "DELETE", f"/v1/calendars/{number}")
    if not answer.good:
        return await _show(request, where, unsaved(request, answer, None))
    return RedirectResponse(f"/manage/{place}/bookings/calendars?done=ended", 303)


@router.post("/manage/{place}/bookings/feeds")
async def add_feed(place: str, request: Request) -> Response:
    """Make a feed; its address is shown once, on the page that answers."""
    where = await managed_place(request, place, "rules:write")
    typed = await form_of(request)
    answer = await ask(request, "POST", "/v1/calendar-feeds", {"place": place, "resource": typed.get("resource", "")})
    if not answer.good:
        return await _show(request, where, unsaved(request, answer, None, _REFUSED))
    base = shared(request).settings.public_url or str(request.base_url).rstrip("/")
    return await _show(request, where, address=base + answer.body["path"])


@router.post("/manage/{place}/bookings/feeds/{number}/end")
async def end_feed(place: str, number: int, request: Request) -> Response:
    """End a feed."""
    where = await managed_place(request, place, "rules:write")
    await form_of(request)
    await _check(request, where, "/v1/calendar-feeds", "feeds", number)
    answer = await ask(request, "DELETE", f"/v1/calendar-feeds/{number}")
    if not answer.good:
        return await _show(request, where, unsaved(request, answer, None))
    return RedirectResponse(f"/manage/{place}/bookings/calendars?done=feed_ended", 303)


async def _check(request: Request, where: Place, path: str, name: str, number: int) -> None:
    listed = await read(request, path)
    if not any(one["id"] == number and one["place"] == where.code for one in listed.body[name]):
        raise Missing


async def _show(request: Request, where: Place, form: Unsaved | None = None, *, address: str | None = None) -> Response:
    listed, feeds, resources = await asyncio.gather(
        read(request, "/v1/calendars"),
        read(request, "/v1/calendar-feeds"),
        read(request, f"/v1/places/{where.code}/resources"),
    )
    bookable = [one for one in resources.body["resources"] if one["kind"] != "event"]
    units = [
        (f"r:{one['code']}:{unit}", one["name"] if len(one["units"]) == 1 else f"{one['name']} · {unit}")
        for one in bookable
        for unit in one["units"]
    ]
    key = request.query_params.get("done", "")
    return page(
        request,
        "manage/calendars.html",
        **filled(dict.fromkeys(("what", "name", "url", "owner_email"), ""), form),
        place=where,
        zone=where.time_zone,
        calendars=[one for one in listed.body["calendars"] if one["place"] == where.code],
        feeds=[one for one in feeds.body["feeds"] if one["place"] == where.code],
        names={one["code"]: one["name"] for one in resources.body["resources"]},
        units=units,
        resources=[(one["code"], one["name"]) for one in bookable],
        address=address,
        done=say(request, _DONE[key]) if key in _DONE else None,
    )
