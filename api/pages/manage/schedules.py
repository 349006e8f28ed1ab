"""``/manage/{place}/hours/schedules``: named hours that passes and doors follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from access.holidays import DEPARTMENTS
from access.schedules import DAYS
from api.pages.asking import Missing, ask, fields_of, form_of, read
from api.pages.manage.hours import done_words
from api.pages.manage.hours_words import DAY_NAMES, HOURS_REFUSED
from api.pages.manage.resources import code_of
from api.pages.manage.week_form import Unreadable, hours_of, rows_in, spans_text
from api.pages.manage.week_form import fields_of as fields_for
from api.pages.person import managed_place, signed_in
from api.pages.refusals import refusal
from api.pages.rendering import page, say
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/manage/{place}/hours/schedules")
async def schedules(place: str, request: Request) -> Response:
    """List the place's schedules and the network's."""
    where = await managed_place(request, place, "members:read")
    listed = await read(request, f"/v1/schedules?place={place}")
    return page(
        request,
        "manage/schedules.html",
        place=where,
        schedules=listed.body["schedules"],
        days=[(day, say(request, DAY_NAMES[day])) for day in DAYS],
        spans=spans_text,
        writes=signed_in(request).may("rules:write"),
        done=done_words(request),
    )


@router.get("/manage/{place}/hours/schedules/new")
async def new(place: str, request: Request) -> Response:
    """Show the form."""
    where = await managed_place(request, place, "rules:write")
    return await _form(request, where, None)


@router.post("/manage/{place}/hours/schedules/new")
async def make(place: str, request: Request) -> Response:
    """Make a schedule of this place; its code is made of its name."""
    where = await managed_place(request, place, "rules:write")
    return await _save(request, where, None)


@router.get("/manage/{place}/hours/schedules/{code}")
async def schedule(place: str, code: str, request: Request) -> Response:
    """Show one of this place, with the form to change it."""
    where = await managed_place(request, place, "members:read")
    return await _form(request, where, code)


@router.post("/manage/{place}/hours/schedules/{code}")
async def change(place: str, code: str, request: Request) -> Response:
    """Save it."""
    where = await managed_place(request, place, "rules:write")
    return await _save(request, where, code)


@router.post("/manage/{place}/hours/schedules/{code}/remove")
async def remove(place: str, code: str, request: Request) -> Response:
    """Remove it, if nothing uses it."""
    where = await managed_place(request, place, "rules:write")
    typed = await form_of(request)
    answer = await ask(request, "DELETE", _path(where, code), if_match=typed.get("etag") or "*")
    if answer.status == 404:
        raise Missing
    if not answer.good:
        return await _form(request, where, code, error=refusal(request, answer, HOURS_REFUSED), status=answer.status)
    return RedirectResponse(f"/manage/{place}/hours/schedules?done=schedule_gone", 303)


async def _save(request: Request, where: Place, code: str | None) -> Response:
    fields = await fields_of(request)
    typed = {name: value.strip()[:300] for name, value in fields}
    linked = [value for name, value in fields if name == "linked"]
    if typed.get("more"):
        return await _form(request, where, code, typed=typed, linked=linked)
    try:
        body: dict[str, Any] = {"name": typed.get("name", ""), "hours": hours_of(typed), "linked": linked}
    except Unreadable as unread:
        said = say(request, HOURS_REFUSED["unreadable"])
        return await _form(request, where, code, typed=typed, linked=linked, error=said, wrong=unread.field)
    if code is None:
        body |= {"place": where.code, "code": code_of(body["name"])}
        answer = await ask(request, "POST", "/v1/schedules", body)
    else:
        answer = await ask(request, "PUT", _path(where, code), body, if_match=typed.get("etag") or "*")
    if not answer.good:
        error_text, changed = refusal(request, answer, HOURS_REFUSED), answer.problem == "changed"
        status = answer.status
        return await _form(
            request, where, code, typed=typed, linked=linked, error=error_text, status=status, changed=changed
        )
    return RedirectResponse(f"/manage/{where.code}/hours/schedules?done=schedule", 303)


async def _form(
    request: Request,
    where: Place,
    code: str | None,
    *,
    typed: Mapping[str, str] | None = None,
    linked: list[str] | None = None,
    error: str | None = None,
    wrong: str = "",
    status: int = 422,
    changed: bool = False,
) -> Response:
    listed = await read(request, f"/v1/schedules?place={where.code}")
    saved: dict[str, Any] = {"name": "", "hours": {}, "linked": []}
    etag = None
    if code is not None:
        answer = await read(request, _path(where, code))
        saved, etag = answer.body, answer.etag
    was = {"name": saved["name"], **fields_for(saved["hours"])}
    fields = was if typed is None else dict(typed)
    named = [("/".join(filter(None, (one["place"], one["code"]))), one) for one in listed.body["schedules"]]
    names = [name for name in {**was, **fields} if name not in ("etag", "once", "more", "known", "linked")]
    return page(
        request,
        "manage/schedule.html",
        status=200 if error is None else status,
        place=where,
        code=code,
        fields=fields,
        etag=etag,
        linked=saved["linked"] if linked is None else linked,
        others=[(name, one["name"]) for name, one in named if name != f"{where.code}/{code}"],
        days=[(day, say(request, DAY_NAMES[day])) for day in DAYS],
        special=rows_in(fields, "x"),
        closed=rows_in(fields, "c"),
        departments=[(one, one) for one in sorted(DEPARTMENTS)],
        theirs={name: was.get(name, "") for name in names if changed and was.get(name, "") != fields.get(name, "")},
        wrong=wrong,
        error=error,
        writes=signed_in(request).may("rules:write"),
    )


def _path(where: Place, code: str) -> str:
    return f"/v1/places/{where.code}/schedules/{quote(code, safe='')}"
