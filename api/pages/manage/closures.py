"""``/manage/{place}/hours/closures``: days on which a place is closed, with what falls into them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Missing, ask, fields_of, read
from api.pages.manage.booking_forms import zone_of
from api.pages.manage.bookings_grid import names_of, rows_of, timed
from api.pages.manage.hours import done_words
from api.pages.manage.hours_words import HOURS_REFUSED
from api.pages.manage.local_times import day_of, midnight, today_at
from api.pages.person import managed_place, signed_in
from api.pages.refusals import Unsaved, filled, unsaved
from api.pages.rendering import page, say
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_MOST_DAYS: Final = 366
_FIELDS: Final = ("first", "last", "reason")
_HOLDS: Final = ("offered", "booked", "checked_in")


@router.get("/manage/{place}/hours/closures")
async def closures(place: str, request: Request) -> Response:
    """List the closures to come, the place's and the network's."""
    where = await managed_place(request, place, "members:read")
    today = today_at(zone_of(where))
    listed = await read(request, f"/v1/closures?place={place}&since={today}")
    return page(
        request,
        "manage/closures.html",
        place=where,
        closures=listed.body["closures"],
        writes=signed_in(request).may("rules:write"),
        done=done_words(request),
        undo=_undo(request, place),
        again=_again(request, place),
    )


@router.get("/manage/{place}/hours/closures/new")
async def new(place: str, request: Request) -> Response:
    """Ask which days; with days, show what falls into them and ask to close."""
    where = await managed_place(request, place, "rules:write")
    given = {name: request.query_params.get(name, "")[:200] for name in _FIELDS}
    return await _form(request, where, given)


@router.post("/manage/{place}/hours/closures/new")
async def close(place: str, request: Request) -> Response:
    """Close, and cancel the bookings that were chosen."""
    where = await managed_place(request, place, "rules:write")
    fields = await fields_of(request)
    typed = {name: value[:200] for name, value in fields}
    days = _days(typed)
    if days is None:
        return await _form(request, where, typed, _no_days(request, typed))
    answer = await ask(request, "POST", "/v1/closures", {"place": place, **_body(days, typed)})
    if not answer.good:
        return await _form(request, where, typed, unsaved(request, answer, typed, HOURS_REFUSED))
    mail = "?mail=true" if typed.get("mail") else ""
    done = "closed"
    for name, ref in fields:
        if name == "cancel":
            ended = await ask(request, "DELETE", f"/v1/bookings/{quote(ref, safe='')}{mail}", if_match="*")
            if not ended.good:
                done = "closed_some_stay"
    values = {"done": done, "closure": answer.body["id"]}
    return RedirectResponse(f"/manage/{place}/hours/closures?{urlencode(values)}", 303)


@router.get("/manage/{place}/hours/closures/{number}")
async def closure(place: str, number: int, request: Request) -> Response:
    """Show one, with the form to change it."""
    where = await managed_place(request, place, "members:read")
    return await _one(request, where, number)


@router.post("/manage/{place}/hours/closures/{number}")
async def change(place: str, number: int, request: Request) -> Response:
    """Change its days or its reason."""
    where = await managed_place(request, place, "rules:write")
    typed = {name: value[:200] for name, value in await fields_of(request)}
    await _of_place(request, where, number)
    days = _days(typed)
    if days is None:
        return await _one(request, where, number, _no_days(request, typed))
    answer = await ask(request, "PUT", f"/v1/closures/{number}", _body(days, typed), if_match=typed.get("etag") or "*")
    if not answer.good:
        return await _one(request, where, number, unsaved(request, answer, typed, HOURS_REFUSED))
    return RedirectResponse(f"/manage/{place}/hours/closures?done=closed", 303)


@router.post("/manage/{place}/hours/closures/{number}/cancel")
async def cancel(place: str, number: int, request: Request) -> Response:
    """Cancel it; the page that follows offers to close again."""
    where = await managed_place(request, place, "rules:write")
    typed = dict(await fields_of(request))
    before = await _of_place(request, where, number)
    answer = await ask(request, "DELETE", f"/v1/closures/{number}", if_match=typed.get("etag") or "*")
    if not answer.good:
        return await _one(request, where, number, unsaved(request, answer, None, HOURS_REFUSED))
    values = {"done": "reopened", **{name: before[name] for name in _FIELDS}}
    return RedirectResponse(f"/manage/{place}/hours/closures?{urlencode(values)}", 303)


async def _of_place(request: Request, where: Place, number: int) -> Mapping[str, Any]:
    answer = await read(request, f"/v1/closures/{number}")
    if answer.body["place"] != where.code:
        raise Missing
    return {**answer.body, "etag": answer.etag}


async def _one(request: Request, where: Place, number: int, form: Unsaved | None = None) -> Response:
    saved = await _of_place(request, where, number)
    return page(
        request,
        "manage/closure.html",
        **filled({name: saved[name] for name in _FIELDS}, form),
        place=where,
        zone=where.time_zone,
        number=number,
        etag=saved["etag"],
        saved=saved,
        writes=signed_in(request).may("rules:write"),
        **await _affected(request, where, _days(saved)),
    )


async def _form(request: Request, where: Place, typed: Mapping[str, str], form: Unsaved | None = None) -> Response:
    days = _days(typed)
    return page(
        request,
        "manage/closure_new.html",
        **filled({name: typed.get(name, "") for name in _FIELDS}, form),
        place=where,
        zone=where.time_zone,
        days=days,
        **await _affected(request, where, days),
    )


async def _affected(request: Request, where: Place, days: tuple[date, date] | None) -> dict[str, Any]:
    """Return the bookings and visits that fall into these days."""
    if days is None:
        await read(request, "/v1/me")
        return {"bookings": [], "visits": [], "names": {}}
    zone = zone_of(where)
    starts, ends = midnight(days[0], zone), midnight(days[1] + timedelta(days=1), zone)
    starts = max(starts.astimezone(UTC), datetime.now(UTC))
    window = {"place": where.code, "from": starts.isoformat(), "until": ends.astimezone(UTC).isoformat()}
    held, visits, resources = await asyncio.gather(
        read(request, f"/v1/bookings?{urlencode(window)}"),
        ask(request, "GET", f"/v1/visitors?{urlencode({'place': where.code, 'status': 'expected'})}"),
        read(request, f"/v1/places/{where.code}/resources"),
    )
    bookings = [timed(one) for one in held.body["bookings"] if one["status"] in _HOLDS and one["member"] is not None]
    within = [one for one in map(timed, rows_of(visits, "visitors")) if one["starts"] < ends and one["ends"] > starts]
    return {
        "bookings": sorted(bookings, key=lambda one: one["starts"]),
        "visits": sorted(within, key=lambda one: one["starts"]),
        "names": names_of(where, resources.body["resources"]),
    }


def _no_days(request: Request, typed: Mapping[str, str]) -> Unsaved:
    return Unsaved(typed=typed, error=say(request, HOURS_REFUSED["bad-field first"]))


def _days(fields: Mapping[str, Any]) -> tuple[date, date] | None:
    first = day_of(fields.get("first"))
    last = day_of(fields.get("last") or fields.get("first"))
    if first is None or last is None or not 0 <= (last - first).days <= _MOST_DAYS:
        return None
    return first, last


def _body(days: tuple[date, date], fields: Mapping[str, str]) -> dict[str, str]:
    return {"first": days[0].isoformat(), "last": days[1].isoformat(), "reason": fields.get("reason", "").strip()}


def _undo(request: Request, place: str) -> str | None:
    """Return the path of the form that opens again what was just closed."""
    given = request.query_params
    if given.get("done", "").startswith("closed") and given.get("closure", "").isdecimal():
        return f"/manage/{place}/hours/closures/{int(given['closure'])}/cancel"
    return None


def _again(request: Request, place: str) -> str | None:
    """Return the page that asks whether to close again what was just opened: it shows the days before it does so."""
    given = request.query_params
    if given.get("done") != "reopened" or _days(given) is None:
        return None
    values = {name: given.get(name, "")[:200] for name in _FIELDS}
    return f"/manage/{place}/hours/closures/new?{urlencode(values)}"
