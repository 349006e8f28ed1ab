"""A member's passes: give, change until when, revoke. A new pass is for this place; others' places are the API's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages.asking import Missing, ask, fields_of, form_of, read
from api.pages.manage.members.fields import changed_since, end_of, given, last_day, marked, member_path, start_of, today
from api.pages.manage.members.member import back
from api.pages.person import managed_place
from api.pages.refusals import refusal, wrong_fields
from api.pages.rendering import page, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_UNITS: Final = ("half_day", "day", "hour", "entry")
_WRONG: Final = {
    "bad-field": text("Something of this pass can't be read. Check days and numbers."),
    "conflict": text("This pass can't be given like that. Check its days: the end comes after the beginning."),
}


@router.get("/manage/{place}/members/{ref}/passes/new")
async def form(place: str, ref: str, request: Request) -> Response:
    """An empty form: this place, from today on."""
    here = await managed_place(request, place, "passes:write")
    return await _form(request, here, ref, {"first": today(here.time_zone).isoformat()}, [])


@router.post("/manage/{place}/members/{ref}/passes/new")
async def give(place: str, ref: str, request: Request) -> Response:
    """Give the pass."""
    here = await managed_place(request, place, "passes:write")
    sent = await fields_of(request)
    fields, spaces = dict(sent), [value for name, value in sent if name == "space"]
    answer = await ask(request, "POST", f"{member_path(ref)}/passes", pass_of(fields, spaces, here))
    if answer.status == 404:
        raise Missing
    if answer.good:
        return back(here, ref, "pass")
    sentence = refusal(request, answer, _WRONG)
    errors = marked(request, wrong_fields(answer), sentence)
    return await _form(request, here, ref, fields, spaces, error=sentence, errors=errors, status=answer.status)


@router.get("/manage/{place}/members/{ref}/passes/{of}")
async def change_form(place: str, ref: str, of: str, request: Request) -> Response:
    """Ask until when the pass holds, and how it is called."""
    here = await managed_place(request, place, "passes:write")
    one, etag = await _pass(request, ref, of)
    typed = {"label": one["label"] or "", "last": last_day(one["valid_until"], here.time_zone)}
    return await _change_form(request, here, one, typed, etag)


@router.post("/manage/{place}/members/{ref}/passes/{of}")
async def change(place: str, ref: str, of: str, request: Request) -> Response:
    """Change it, unless somebody else has meanwhile: then show what they saved beside what was typed."""
    here = await managed_place(request, place, "passes:write")
    fields = await form_of(request)
    await _pass(request, ref, of)
    body = {"label": given(fields, "label"), "valid_until": end_of(given(fields, "last"), here.time_zone)}
    answer = await ask(request, "PATCH", _path(of), body, if_match=fields.get("etag", ""))
    if answer.good:
        return back(here, ref, "saved")
    one, etag = await _pass(request, ref, of)
    saved = {"label": one["label"] or "", "last": last_day(one["valid_until"], here.time_zone)}
    sentence = refusal(request, answer, _WRONG)
    errors = marked(request, wrong_fields(answer), sentence)
    if answer.problem == "changed":
        errors = changed_since(request, fields, saved)
    values = {"error": sentence, "errors": errors, "status": answer.status}
    return await _change_form(request, here, one, fields, etag, **values)


@router.post("/manage/{place}/members/{ref}/passes/{of}/revoke")
async def revoke(place: str, ref: str, of: str, request: Request) -> Response:
    """Revoke it: it can't be put back into force, a new one can be given."""
    here = await managed_place(request, place, "passes:write")
    await form_of(request)
    await _pass(request, ref, of)
    answer = await ask(request, "POST", f"{_path(of)}/revoke")
    if not answer.good:
        one, etag = await _pass(request, ref, of)
        return await _change_form(request, here, one, {}, etag, error=refusal(request, answer), status=answer.status)
    return back(here, ref, "revoked")


def pass_of(fields: Mapping[str, str], spaces: list[str], place: Place) -> dict[str, Any]:
    """Return what the API takes as a pass, of the fields of the form."""
    limit = given(fields, "limit")
    allowance: dict[str, Any] | None = None
    if limit is not None:
        unit = fields.get("unit", "")
        allowance = {
            "unit": unit if unit in _UNITS else "half_day",
            "limit": int(limit) if limit.isdecimal() and limit.isascii() else limit,
            "each_month": bool(fields.get("each_month")),
        }
    return {
        "label": given(fields, "label"),
        "places": [{"place": place.code, **({"spaces": spaces} if spaces else {})}],
        "schedule": given(fields, "schedule"),
        "valid_from": start_of(given(fields, "first"), place.time_zone),
        "valid_until": end_of(given(fields, "last"), place.time_zone),
        "allowance": allowance,
        "booked": bool(fields.get("booked")),
        "outside_hours": bool(fields.get("outside_hours")),
        "rate": given(fields, "rate"),
    }


async def _pass(request: Request, ref: str, of: str) -> tuple[dict[str, Any], str | None]:
    found = await read(request, _path(of))
    if found.body["member"] != ref or found.body["visitor"] is not None:
        raise Missing
    return dict(found.body), found.etag


def _path(of: str) -> str:
    return f"/v1/passes/{quote(of, safe='')}"


async def _form(
    request: Request, place: Place, ref: str, typed: Mapping[str, str], spaces: list[str], **values: Any
) -> Response:
    one, schedules, rates = await asyncio.gather(
        read(request, member_path(ref)),
        ask(request, "GET", f"/v1/schedules?place={quote(place.code, safe='')}"),
        ask(request, "GET", "/v1/rates"),
    )
    names = ("label", "schedule", "first", "last", "limit", "unit", "each_month", "booked", "outside_hours", "rate")
    shown = {
        "typed": {**dict.fromkeys(names, ""), **typed},
        "spaces": [space for space in place.spaces if space.parent is not None],
        "chosen": spaces,
        "schedules": _named(schedules.body["schedules"]) if schedules.good else [],
        "rates": [(rate["code"], rate["name"]) for rate in rates.body["rates"]] if rates.good else [],
        "error": None,
        "errors": {},
        **values,
    }
    return page(request, "manage/members/pass_new.html", place=place, member=one.body, **shown)


def _named(schedules: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the schedules as the API names them in a pass (``weekdays``, ``limoges/evenings``), with their names."""
    return [(f"{one['place']}/{one['code']}" if one.get("place") else one["code"], one["name"]) for one in schedules]


async def _change_form(
    request: Request, place: Place, one: Mapping[str, Any], typed: Mapping[str, str], etag: str | None, **values: Any
) -> Response:
    shown = {"typed": {"label": "", "last": "", **typed}, "etag": etag, "error": None, "errors": {}, **values}
    return page(request, "manage/members/pass_edit.html", place=place, one=one, **shown)
