"""``/me/bookings``: what is booked and what it was; change, cancel, book again; series."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, Missing, ask, form_of, read
from api.pages.me.booking_words import FULL, REFUSED, done, why, wrong_fields
from api.pages.me.limits import cancel_until, limits_for
from api.pages.me.things import next_free
from api.pages.me.where import named, own_ref, places_known, rows
from api.pages.me.windows import Typed, typed, typed_of
from api.pages.rendering import page, say
from api.pages.routing import PageRoute

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_RECENT: Final = timedelta(days=90)
_SHOWN: Final = 20
_ANY: Final = {"if_match": "*"}
_STALE: Final = '"0"'
"""An ETag that nothing has: in place of one that no page of ours sent."""


@router.get("/me/bookings")
async def bookings(request: Request) -> Response:
    """What is to come, the waiting lists, what was."""
    return await bookings_page(request)


@router.get("/me/bookings/{ref}")
async def booking(ref: str, request: Request) -> Response:
    """One booking, with the form that changes it."""
    own_ref(request)
    return await _booking(request, await read(request, _path(ref)))


@router.post("/me/bookings/{ref}")
async def change(ref: str, request: Request) -> Response:
    """Move it to another time."""
    fields = await form_of(request)
    own_ref(request)
    before = await read(request, _path(ref))
    when = typed(fields, await _zone(request, before.body["place"]), datetime.now(UTC))
    etag = fields.get("etag", "")
    if when.window is None:
        return await _booking(request, before, when=when, etag=etag, status=422)
    body = {"from": when.window[0].isoformat(), "until": when.window[1].isoformat()}
    answer = await ask(request, "PATCH", _path(ref), body, if_match=_etag(etag))
    if answer.problem == "changed":
        return await _booking(request, await read(request, _path(ref)), when=when, refused=answer)
    if not answer.good:
        return await _booking(request, before, when=when, refused=answer, etag=etag)
    return RedirectResponse(f"/me/bookings/{quote(ref, safe='')}?done=changed", 303)


@router.post("/me/bookings/{ref}/cancel")
async def cancel(ref: str, request: Request) -> Response:
    """Cancel it; it can be booked again while it is free."""
    await form_of(request)
    own_ref(request)
    answer = await ask(request, "DELETE", _path(ref), **_ANY)
    return await acted(request, answer, f"/me/bookings?{urlencode({'done': 'cancelled', 'ref': ref})}")


@router.post("/me/bookings/{ref}/again")
async def again(ref: str, request: Request) -> Response:
    """Book once more what was cancelled."""
    await form_of(request)
    own_ref(request)
    one = (await read(request, _path(ref))).body
    thing = {"resource": one["resource"], "unit": one["unit"]} if one["resource"] else {"space": one["space"]}
    times = {} if one["kind"] == "event" else {"from": one["from"], "until": one["until"]}
    answer = await ask(request, "POST", "/v1/bookings", {"place": one["place"], **thing, **times})
    to = f"/me/bookings/{quote(answer.body['ref'], safe='')}?done=again" if answer.good else ""
    return await acted(request, answer, to)


@router.get("/me/bookings/series/{ref}")
async def series(ref: str, request: Request) -> Response:
    """The bookings of a series, and what could not be booked."""
    own_ref(request)
    return await _series(request, await read(request, _series_path(ref)))


@router.post("/me/bookings/series/{ref}/cancel")
async def cancel_series(ref: str, request: Request) -> Response:
    """Cancel all that is to come."""
    await form_of(request)
    own_ref(request)
    answer = await ask(request, "POST", f"{_series_path(ref)}/cancel", {})
    if answer.status in (403, 404):
        raise Missing
    if not answer.good:
        return await _series(request, await read(request, _series_path(ref)), refused=answer)
    return RedirectResponse(f"/me/bookings/series/{quote(ref, safe='')}?done=cancelled", 303)


async def acted(request: Request, answer: Answer, to: str) -> Response:
    """Go on to ``to``; where the API refused it, show the bookings and why.

    Raises:
        Missing: there is no such thing, or it isn't theirs.
    """
    if answer.status in (403, 404):
        raise Missing
    if not answer.good:
        return await bookings_page(request, refused=answer)
    return RedirectResponse(to, 303)


async def bookings_page(request: Request, *, refused: Answer | None = None) -> Response:
    """Return the page of all bookings; ``refused``: what could not be done, and why."""
    own_ref(request)
    now = datetime.now(UTC)
    everything = request.query_params.get("past") == "all"
    since = "" if everything else "?" + urlencode({"from": (now - _RECENT).isoformat()})
    booked, waiting = await asyncio.gather(
        ask(request, "GET", f"/v1/bookings{since}"), ask(request, "GET", "/v1/waiting")
    )
    known = await places_known(request)
    found = rows(booked, "bookings", known)
    to_come = [one for one in found if holds(one, now)]
    past = [one for one in found if not holds(one, now) and one["status"] != "offered"]
    cancelled = request.query_params.get("ref", "")
    undo = next((one["ref"] for one in past if one["ref"] == cancelled and may_again(one, now)), None)
    return page(
        request,
        "me/bookings.html",
        status=200 if refused is None else refused.status,
        to_come=sorted(to_come, key=lambda one: str(one["from"])),
        waiting=[{**one, **left(one, now)} for one in rows(waiting, "waiting", known)],
        past=past if everything else past[:_SHOWN],
        more=not everything,
        again={one["ref"] for one in past if may_again(one, now)},
        done=done(request),
        undo=None if undo is None else f"/me/bookings/{quote(undo, safe='')}/again",
        reason=None if refused is None else why(request, refused),
    )


def holds(one: dict[str, Any], now: datetime) -> bool:
    """Whether a booking is to come or under way."""
    return one["cancelled_at"] is None and one["status"] != "offered" and datetime.fromisoformat(one["until"]) > now


def may_again(one: dict[str, Any], now: datetime) -> bool:
    """Whether a booking that was cancelled may be booked again: its time is to come."""
    return one["status"] == "cancelled" and datetime.fromisoformat(one["from"]) > now


def left(entry: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return how many minutes an offer of a waiting list can still be accepted."""
    until = entry["offered_until"]
    if until is None:
        return {"minutes_left": None}
    return {"minutes_left": max(0, (datetime.fromisoformat(until) - now) // timedelta(minutes=1))}


async def _booking(
    request: Request,
    answer: Answer,
    *,
    when: Typed | None = None,
    refused: Answer | None = None,
    etag: str | None = None,
    status: int = 200,
) -> Response:
    one = answer.body
    asked = await ask(request, "GET", f"/v1/places/{quote(one['place'], safe='')}/booking-rules")
    rules, now, zone = rows(asked, "rules"), datetime.now(UTC), await _zone(request, one["place"])
    starts, ends = datetime.fromisoformat(one["from"]), datetime.fromisoformat(one["until"])
    saved, deadline = typed_of((starts, ends), zone), cancel_until(rules, one["kind"], starts)
    reason = None if refused is None else why(request, refused)
    others = [] if when is None or reason is None else await _others(request, one, when, reason["rule"], zone)
    if when is None:
        when = typed(request.query_params if "day" in request.query_params else saved.query, zone, now)
    return page(
        request,
        "me/booking.html",
        status=status if refused is None else refused.status,
        one={**one, **named(await places_known(request), one["place"])},
        holds=holds(one, now),
        changes=holds(one, now) and one["kind"] != "event" and not saved.wrong and starts > now,
        again=may_again(one, now),
        saved=saved,
        when=when,
        wrong=wrong_fields(request, when.wrong),
        etag=etag or answer.etag,
        differs=refused is not None and refused.problem == "changed",
        reason=reason,
        others=others,
        limits=limits_for(rules, one["kind"]),
        cancel_until=deadline,
        cancels=holds(one, now) and (deadline is None or now <= deadline),
        done=done(request),
    )


async def _others(
    request: Request, one: dict[str, Any], when: Typed, rule: str, zone: ZoneInfo
) -> list[dict[str, Any]]:
    """Return the next times at which a booking's thing is free, each with the address of its form."""
    if rule not in (*FULL, "opening_hours"):
        return []
    key = f"resource:{one['resource']}" if one["resource"] else f"space:{one['space'] or ''}"
    found = await next_free(request, one["place"], key, when)
    path = f"/me/bookings/{quote(one['ref'], safe='')}"
    return [
        {"from": window[0], "until": window[1], "href": f"{path}?{urlencode(typed_of(window, zone).query)}"}
        for window in found
    ]


async def _series(request: Request, answer: Answer, *, refused: Answer | None = None) -> Response:
    known, now = await places_known(request), datetime.now(UTC)
    skipped = [
        {**one, "why": say(request, REFUSED.get(f"rule {one['rule']}", REFUSED["rule taken"]))}
        for one in answer.body["skipped"]
    ]
    found = sorted(answer.body["bookings"], key=lambda one: str(one["from"]))
    return page(
        request,
        "me/series.html",
        status=200 if refused is None else refused.status,
        series={**answer.body, **named(known, answer.body["place"])},
        bookings=found,
        to_come=[one for one in found if holds(one, now)],
        skipped=skipped,
        done=done(request),
        reason=None if refused is None else why(request, refused),
    )


async def _zone(request: Request, code: str) -> ZoneInfo:
    return ZoneInfo(named(await places_known(request), code)["zone"])


def _etag(text: str) -> str:
    return text if text.isascii() and text.isprintable() and 0 < len(text) <= 80 else _STALE


def _path(ref: str) -> str:
    return f"/v1/bookings/{quote(ref, safe='')}"


def _series_path(ref: str) -> str:
    return f"/v1/booking-series/{quote(ref, safe='')}"
