"""``/manage/{place}/hours``: when a place is open, how many people it holds, and its rules at a glance."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from access.holidays import DEPARTMENTS
from access.schedules import DAYS
from api.pages.asking import ask, form_of, read
from api.pages.manage.booking_forms import zone_of
from api.pages.manage.hours_words import DAY_NAMES, HOURS_DONE, HOURS_REFUSED
from api.pages.manage.local_times import today_at
from api.pages.manage.week_form import Unreadable, fields_of, hours_of, rows_in, spans_text
from api.pages.person import managed_place, signed_in
from api.pages.refusals import refusal
from api.pages.rendering import page, say
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/manage/{place}/hours")
async def overview(place: str, request: Request) -> Response:
    """Show the week, the closures to come and how to close tomorrow."""
    where = await managed_place(request, place, "members:read")
    today = today_at(zone_of(where))
    hours, closures = await asyncio.gather(
        read(request, f"/v1/places/{place}/hours"), read(request, f"/v1/closures?place={place}&since={today}")
    )
    given: Mapping[str, Any] | None = hours.body["opening_hours"]
    return page(
        request,
        "manage/hours.html",
        place=where,
        known=given is not None,
        week=[] if given is None else [(say(request, DAY_NAMES[day]), spans_text(given.get(day))) for day in DAYS],
        hours=given or {},
        spans=spans_text,
        closures=closures.body["closures"],
        today=today,
        tomorrow=today + timedelta(days=1),
        monday=_next_monday(today),
        limits=hours.body["limits"],
        writes=signed_in(request).may("rules:write"),
        tries=signed_in(request).may("whatif"),
        done=done_words(request),
    )


@router.get("/manage/{place}/hours/week")
async def week(place: str, request: Request) -> Response:
    """Show the form of the opening hours."""
    where = await managed_place(request, place, "members:read")
    return await _week(request, where)


@router.post("/manage/{place}/hours/week")
async def save_week(place: str, request: Request) -> Response:
    """Save the opening hours."""
    where = await managed_place(request, place, "rules:write")
    typed = {name: value[:300] for name, value in (await form_of(request)).items()}
    if typed.get("more"):
        return await _week(request, where, typed=typed)
    try:
        hours = hours_of(typed) if typed.get("known") else None
    except Unreadable as unread:
        said = say(request, HOURS_REFUSED["unreadable"])
        return await _week(request, where, typed=typed, error=said, wrong=unread.field)
    answer = await ask(
        request, "PATCH", f"/v1/places/{place}/hours", {"opening_hours": hours}, if_match=typed.get("etag") or "*"
    )
    if not answer.good:
        error = refusal(request, answer, HOURS_REFUSED)
        changed = answer.problem == "changed"
        return await _week(request, where, typed=typed, error=error, status=answer.status, changed=changed)
    return RedirectResponse(f"/manage/{place}/hours?done=hours", 303)


async def _week(
    request: Request,
    where: Place,
    *,
    typed: Mapping[str, str] | None = None,
    error: str | None = None,
    wrong: str = "",
    status: int = 422,
    changed: bool = False,
) -> Response:
    answer = await read(request, f"/v1/places/{where.code}/hours")
    saved = fields_of(answer.body["opening_hours"])
    fields = saved if typed is None else dict(typed)
    differ = [name for name in _all(saved, fields) if changed and saved.get(name, "") != fields.get(name, "")]
    return page(
        request,
        "manage/hours_week.html",
        status=200 if error is None else status,
        place=where,
        fields=fields,
        etag=(typed or {}).get("etag") if typed is not None and not changed else answer.etag,
        theirs={name: saved.get(name, "") for name in differ},
        days=[(day, say(request, DAY_NAMES[day])) for day in DAYS],
        special=rows_in(fields, "x"),
        closed=rows_in(fields, "c"),
        departments=[(one, one) for one in sorted(DEPARTMENTS)],
        osm=answer.body["opening_hours_osm"],
        wrong=wrong,
        error=error,
        writes=signed_in(request).may("rules:write"),
    )


def _all(saved: Mapping[str, str], typed: Mapping[str, str]) -> set[str]:
    return {*saved, *(name for name in typed if name not in ("etag", "once", "more"))}


@router.get("/manage/{place}/hours/limits")
async def limits(place: str, request: Request) -> Response:
    """Show how many people may be in each space."""
    where = await managed_place(request, place, "members:read")
    return await _limits(request, where)


@router.post("/manage/{place}/hours/limits")
async def save_limits(place: str, request: Request) -> Response:
    """Save them."""
    where = await managed_place(request, place, "rules:write")
    typed = await form_of(request)
    numbers: dict[str, int | None] = {}
    for name, text in typed.items():
        if not name.startswith("l:"):
            continue
        if text.strip() and not (text.strip().isascii() and text.strip().isdigit() and len(text.strip()) < 7):
            error = say(request, HOURS_REFUSED["number"])
            return await _limits(request, where, typed=typed, error=error, wrong=name)
        numbers[name[2:]] = int(text) if text.strip() else None
    path = f"/v1/places/{place}/hours"
    answer = await ask(request, "PATCH", path, {"limits": numbers}, if_match=typed.get("etag") or "*")
    if not answer.good:
        error = refusal(request, answer, HOURS_REFUSED)
        changed = answer.problem == "changed"
        return await _limits(request, where, typed=typed, error=error, status=answer.status, changed=changed)
    return RedirectResponse(f"/manage/{place}/hours/limits?done=limits", 303)


async def _limits(
    request: Request,
    where: Place,
    *,
    typed: Mapping[str, str] | None = None,
    error: str | None = None,
    wrong: str = "",
    status: int = 422,
    changed: bool = False,
) -> Response:
    answer, spaces = await asyncio.gather(
        read(request, f"/v1/places/{where.code}/hours"), read(request, f"/v1/places/{where.code}/spaces")
    )
    saved = {code: "" if limit is None else str(limit) for code, limit in answer.body["limits"].items()}
    rows = [
        {
            **one,
            "saved": saved.get(one["code"], ""),
            "typed": saved.get(one["code"], "") if typed is None else typed.get(f"l:{one['code']}", ""),
        }
        for one in spaces.body["spaces"]
    ]
    return page(
        request,
        "manage/hours_limits.html",
        status=200 if error is None else status,
        place=where,
        rows=rows,
        etag=answer.etag,
        wrong=wrong,
        changed=changed,
        error=error,
        writes=signed_in(request).may("rules:write"),
        done=done_words(request),
    )


def done_words(request: Request) -> str | None:
    """Return what ``?done=`` says was done to hours, closures or rules."""
    key = request.query_params.get("done", "")
    return say(request, HOURS_DONE[key]) if key in HOURS_DONE else None


def _next_monday(day: date) -> date:
    return day + timedelta(days=7 - day.weekday())
