"""``/manage/{place}/bookings/series`` and ``…/waiting``: bookings that repeat, and who waits for what is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Missing, ask, form_of, read
from api.pages.manage.booking_forms import sent, zone_of
from api.pages.manage.booking_words import REFUSED, STATUS
from api.pages.manage.bookings_grid import names_of, timed
from api.pages.manage.local_times import day_of, midnight
from api.pages.person import managed_place, signed_in
from api.pages.refusals import refusal
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_DONE: Final[Mapping[str, str]] = {
    "made": text("The series is made."),
    "cancelled": text("These bookings of the series are cancelled."),
    "confirmed": text("The bookings of the next week are confirmed."),
    "accepted": text("The offer is accepted: it is booked."),
    "declined": text("The offer goes to the next in line."),
    "joined": text("On the waiting list: who is first gets an offer as soon as it is free."),
    "left": text("This entry is off the list."),
}
_REPEATS: Final = (("FREQ=DAILY", text("every day")), ("FREQ=MONTHLY", text("every month")), ("", text("every week")))


@router.get("/manage/{place}/bookings/series")
async def series(place: str, request: Request) -> Response:
    """List the series of this place, the newest first."""
    where = await managed_place(request, place, "members:read")
    listed, resources = await asyncio.gather(
        read(request, f"/v1/booking-series?place={place}"), read(request, f"/v1/places/{place}/resources?retired=true")
    )
    found = listed.body["series"]
    return page(
        request,
        "manage/series.html",
        place=where,
        series=[{**one, "repeats": _repeats(request, one["rule"])} for one in found],
        names=names_of(where, resources.body["resources"]),
        rules=signed_in(request).may("rules:write"),
        writes=signed_in(request).may("visitors:write"),
    )


@router.get("/manage/{place}/bookings/series/{ref}")
async def one_series(place: str, ref: str, request: Request) -> Response:
    """Show one with its bookings."""
    where = await managed_place(request, place, "members:read")
    return await _one(request, where, ref)


@router.post("/manage/{place}/bookings/series/{ref}/{act}")
async def act_on_series(place: str, ref: str, act: str, request: Request) -> Response:
    """Cancel a range of it, or confirm the next week."""
    where = await managed_place(request, place, "visitors:write")
    typed = await form_of(request)
    await _of_place(request, where, ref)
    body: dict[str, Any] = {}
    if act == "cancel":
        first, last = day_of(typed.get("first")), day_of(typed.get("last"))
        zone = zone_of(where)
        if first is not None:
            body["from"] = sent(midnight(first, zone))
        if last is not None:
            body["until"] = sent(midnight(last, zone).replace(hour=23, minute=59, second=59))
    elif act != "confirm":
        raise Missing
    answer = await ask(request, "POST", f"/v1/booking-series/{quote(ref, safe='')}/{act}", body)
    if not answer.good:
        return await _one(request, where, ref, error=refusal(request, answer, REFUSED), status=answer.status)
    key = "cancelled" if act == "cancel" else "confirmed"
    return RedirectResponse(f"/manage/{place}/bookings/series/{ref}?done={key}", 303)


async def _of_place(request: Request, where: Place, ref: str) -> dict[str, Any]:
    answer = await read(request, f"/v1/booking-series/{quote(ref, safe='')}")
    if answer.body["place"] != where.code:
        raise Missing
    return dict(answer.body)


async def _one(request: Request, where: Place, ref: str, *, error: str | None = None, status: int = 200) -> Response:
    found, resources = await asyncio.gather(
        _of_place(request, where, ref), read(request, f"/v1/places/{where.code}/resources?retired=true")
    )
    bookings = sorted(map(timed, found["bookings"]), key=lambda one: one["starts"])
    key, skipped = request.query_params.get("done", ""), found["skipped"] or []
    return page(
        request,
        "manage/series_one.html",
        status=status,
        place=where,
        zone=where.time_zone,
        one=found,
        bookings=bookings,
        skipped=skipped,
        why={one["rule"]: say(request, REFUSED.get(f"rule {one['rule']}", REFUSED["rule taken"])) for one in skipped},
        repeats=_repeats(request, found["rule"]),
        status_words={name: say(request, words) for name, words in STATUS.items()},
        names=names_of(where, resources.body["resources"]),
        error=error,
        writes=signed_in(request).may("visitors:write"),
        rules=signed_in(request).may("rules:write"),
        done=say(request, _DONE[key]) if key in _DONE else None,
    )


@router.get("/manage/{place}/bookings/waiting")
async def waiting(place: str, request: Request) -> Response:
    """Show who waits, for what, in which order."""
    where = await managed_place(request, place, "members:read")
    return await _waiting(request, where)


@router.post("/manage/{place}/bookings/waiting/{ref}/{act}")
async def act_on_waiting(place: str, ref: str, act: str, request: Request) -> Response:
    """Accept or decline an offer for a member, or take an entry off the list."""
    where = await managed_place(request, place, "visitors:write")
    await form_of(request)
    path = f"/v1/waiting/{quote(ref, safe='')}"
    before = await read(request, path)
    if before.body["place"] != place or act not in ("accept", "decline", "leave"):
        raise Missing
    if act == "leave":
        answer = await ask(request, "DELETE", path, if_match="*")
    else:
        answer = await ask(request, "POST", f"{path}/{act}", {} if act == "accept" else None)
    if not answer.good:
        return await _waiting(request, where, error=refusal(request, answer, REFUSED), status=answer.status)
    key = {"accept": "accepted", "decline": "declined", "leave": "left"}[act]
    return RedirectResponse(f"/manage/{place}/bookings/waiting?done={key}", 303)


async def _waiting(request: Request, where: Place, *, error: str | None = None, status: int = 200) -> Response:
    listed, resources = await asyncio.gather(
        read(request, f"/v1/waiting?place={where.code}"),
        read(request, f"/v1/places/{where.code}/resources?retired=true"),
    )
    key = request.query_params.get("done", "")
    entries = [timed(one) for one in listed.body["waiting"]]
    return page(
        request,
        "manage/waiting.html",
        status=status,
        place=where,
        zone=where.time_zone,
        entries=sorted(entries, key=lambda one: (one["starts"], one["position"] or 0)),
        names=names_of(where, resources.body["resources"]),
        error=error,
        writes=signed_in(request).may("visitors:write"),
        rules=signed_in(request).may("rules:write"),
        done=say(request, _DONE[key]) if key in _DONE else None,
    )


def _repeats(request: Request, rule: str) -> str:
    return say(request, next(words for mark, words in _REPEATS if rule.startswith(mark)))
