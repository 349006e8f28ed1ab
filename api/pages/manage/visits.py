"""``/manage/{place}/visitors``: who is expected, here and gone on a day; arrival and departure in one tap."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Missing, ask, form_of, read
from api.pages.manage.local_times import day_of, today_at
from api.pages.person import managed_place, signed_in
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_STEPS: Final = {"arrive": "present", "leave": "left", "back": "present", "cancel": "cancelled"}
"""What a button does, as the API's status."""
_FROM: Final = {"arrive": ("expected",), "leave": ("present",), "back": ("left",), "cancel": ("expected",)}
_DONE: Final[Mapping[str, str]] = {
    "arrive": text("The visitor has arrived."),
    "leave": text("The visitor has left. What the visitor was given opens no door any more."),
    "back": text("The visitor is here again, and the doors open again."),
    "cancel": text("The visit is cancelled."),
    "registered": text("The visitor is registered."),
    "here": text("The visitor is registered and has arrived."),
}
_OTHERWISE: Final = text("Somebody else was quicker: this is how it stands now.")


def visitors_url(here: Place, day: str = "", **more: str) -> str:
    """Return the address of the list, today's without ``day``."""
    asked = urlencode({name: value for name, value in {"day": day, **more}.items() if value})
    return f"/manage/{here.code}/visitors" + (f"?{asked}" if asked else "")


@router.get("/manage/{place}/visitors")
async def visitors(place: str, request: Request) -> Response:
    """The visits of a day, today's first of all."""
    here = await managed_place(request, place, "members:read")
    return await _list(request, here, done=request.query_params.get("done", ""))


@router.get("/manage/{place}/visitors/{ref}/cancel")
async def ask_to_cancel(place: str, ref: str, request: Request) -> Response:
    """Ask whether the visit is really off."""
    here = await managed_place(request, place, "visitors:write")
    visit = await _visit(request, here, ref)
    if visit["status"] != "expected":
        raise Missing
    return page(request, "manage/visitors/cancel.html", place=here, visit=visit, day=_asked_day(request))


@router.get("/manage/{place}/visitors/{ref}/qr")
async def qr(place: str, ref: str, request: Request) -> Response:
    """Show the QR, to be printed or held before a phone's camera; the audit notes each reading."""
    here = await managed_place(request, place, "visitors:write")
    visit = await _visit(request, here, ref)
    answer = await ask(request, "GET", f"/v1/visitors/{quote(ref, safe='')}/qr.svg")
    if not answer.good and answer.status != 409:
        raise Missing
    picture = None
    if answer.good:
        drawn = answer.body.decode()
        picture = Markup(drawn[drawn.index("<svg") :].replace("<svg ", '<svg role="img" aria-labelledby="qr-of" ', 1))  # noqa: S704 made by segno
    over = visit["status"] not in ("expected", "present") or datetime.fromisoformat(visit["until"]) <= datetime.now(UTC)
    return page(
        request,
        "manage/visitors/qr.html",
        place=here,
        visit=visit,
        picture=picture,
        over=over,
    )


@router.post("/manage/{place}/visitors/{ref}/{step}")
async def change(place: str, ref: str, step: str, request: Request) -> Response:
    """Record an arrival, a departure, that somebody is back, or that nobody comes."""
    here = await managed_place(request, place, "visitors:write")
    await form_of(request)
    if step not in _STEPS:
        raise Missing
    visit = await _visit(request, here, ref)
    if visit["status"] == _STEPS[step]:  # a colleague did the same
        return RedirectResponse(visitors_url(here, _asked_day(request), done=step, of=ref), 303)
    if visit["status"] not in _FROM[step]:
        return await _list(request, here, error=_OTHERWISE, status=409)
    path, body = f"/v1/visitors/{quote(ref, safe='')}", {"status": _STEPS[step]}
    answer = await ask(request, "PATCH", path, body, if_match=visit["etag"])
    if answer.status in (409, 412):
        return await _list(request, here, error=_OTHERWISE, status=409)
    if not answer.good:
        raise Missing
    return RedirectResponse(visitors_url(here, _asked_day(request), done=step, of=ref), 303)


async def _visit(request: Request, here: Place, ref: str) -> dict[str, Any]:
    """Return a visit at this place, with its ETag."""
    answer = await read(request, f"/v1/visitors/{quote(ref, safe='')}")
    if answer.body["place"] != here.code:
        raise Missing
    return {**answer.body, "etag": answer.etag or "*"}


def _asked_day(request: Request) -> str:
    day = day_of(request.query_params.get("day"))
    return "" if day is None else day.isoformat()


async def _list(
    request: Request, here: Place, *, done: str = "", error: str | None = None, status: int = 200
) -> Response:
    zone = ZoneInfo(here.time_zone)
    today = today_at(zone)
    day = day_of(request.query_params.get("day")) or today
    found = await _visits(request, here, day, today)
    now = datetime.now(UTC)
    visits = [
        {
            **one,
            "late": one["status"] == "expected" and datetime.fromisoformat(one["from"]) < now,
            "over": datetime.fromisoformat(one["until"]) <= now,
            "one_day": _day(one["from"], zone) == _day(one["until"], zone) == day,
        }
        for one in found
    ]
    of = next((one for one in visits if one["ref"] == request.query_params.get("of")), None)
    undo = None
    if done == "leave" and of is not None and of["status"] == "left":
        undo = f"/manage/{here.code}/visitors/{quote(of['ref'], safe='')}/back"
        undo += "" if day == today else f"?day={day.isoformat()}"
    return page(
        request,
        "manage/visitors/visitors.html",
        status=status,
        place=here,
        day=day,
        is_today=day == today,
        asked="" if day == today else day.isoformat(),
        before=(day - timedelta(days=1)).isoformat(),
        after=(day + timedelta(days=1)).isoformat(),
        expected=[one for one in visits if one["status"] == "expected"],
        present=[one for one in visits if one["status"] == "present"],
        gone=[one for one in visits if one["status"] in ("left", "cancelled")],
        writes=signed_in(request).may("visitors:write"),
        notice=say(request, _DONE[done]) if done in _DONE else None,
        notice_of=of["name"] if of is not None else None,
        undo=undo,
        error=say(request, error) if error else None,
    )


async def _visits(request: Request, here: Place, day: date, today: date) -> list[dict[str, Any]]:
    """Return the visits of a day by their time; today also who came on another day and hasn't left."""
    questions = [{"place": here.code, "day": day.isoformat()}]
    if day == today:
        questions.append({"place": here.code, "status": "present"})
    answers = await asyncio.gather(*(read(request, f"/v1/visitors?{urlencode(one)}") for one in questions))
    by_ref = {one["ref"]: one for answer in answers for one in answer.body["visitors"]}
    return sorted(by_ref.values(), key=lambda one: (one["from"], one["name"] or "", one["ref"]))


def _day(moment: str, zone: ZoneInfo) -> date:
    return datetime.fromisoformat(moment).astimezone(zone).date()
