"""``/manage/{place}/members/{ref}/edit``: change a member's name, address, organisation, home and language."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages.asking import Missing, ask, form_of, read
from api.pages.manage.members.fields import changed_since, given, marked, member_path, organisations_of
from api.pages.manage.members.member import REFUSED, back
from api.pages.person import managed_place, managed_places
from api.pages.refusals import refusal, wrong_fields
from api.pages.rendering import page, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

FIELDS: Final = ("name", "email", "organisation", "home", "home_commune", "work_commune", "minor_until", "language")
MANY_PLACES: Final = 200
"""More places than this are no list to choose from: the home is typed as a code."""
WRONG: Final[Mapping[str, str]] = {
    **REFUSED,
    "conflict email": text("Another member has this e-mail address."),
    "bad-field email": text("This is not an e-mail address."),
    "bad-field name": text("A member needs a name."),
    "bad-field home": text("There is no such place, or it isn't one of yours."),
    "bad-field organisation": text("There is no such organisation."),
    "bad-field home_commune": text("This is no INSEE code of a commune, such as 87085. A postcode is another number."),
    "bad-field work_commune": text("This is no INSEE code of a commune, such as 87085. A postcode is another number."),
    "bad-field minor_until": text("This is no day."),
}


def member_fields(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return a member's fields as the API takes them."""
    return {name: given(fields, name) for name in FIELDS if name in fields}


async def choices(request: Request, place: Place) -> dict[str, Any]:
    """Return what the fields of a member choose from: organisations and homes."""
    organisations, places = await asyncio.gather(organisations_of(request), managed_places(request))
    homes = [(one.code, one.name) for one in places] if len(places) <= MANY_PLACES else None
    return {"organisations": [(one["code"], one["name"]) for one in organisations], "homes": homes}


@router.get("/manage/{place}/members/{ref}/edit")
async def form(place: str, ref: str, request: Request) -> Response:
    """The form, as the member is now."""
    here = await managed_place(request, place, "members:write")
    one = await read(request, member_path(ref))
    return await _form(request, here, one.body, str(one.etag), _typed(one.body))


@router.post("/manage/{place}/members/{ref}/edit")
async def save(place: str, ref: str, request: Request) -> Response:
    """Save it, unless somebody else has in the meantime."""
    here = await managed_place(request, place, "members:write")
    fields = await form_of(request)
    answer = await ask(request, "PATCH", member_path(ref), member_fields(fields), if_match=fields.get("etag") or '"0"')
    if answer.good:
        return back(here, ref, "saved")
    if answer.status == 404:
        raise Missing
    one = await read(request, member_path(ref))
    sentence, wrong = refusal(request, answer, WRONG), marked(request, wrong_fields(answer), "")
    errors = dict.fromkeys(wrong, sentence)
    if answer.status == 412:
        errors = changed_since(request, fields, _typed(one.body))
    values = {"error": sentence, "errors": errors, "status": answer.status}
    return await _form(request, here, one.body, str(one.etag), {**_typed(one.body), **fields}, **values)


async def _form(
    request: Request, place: Place, member: Mapping[str, Any], etag: str, typed: Mapping[str, str], **values: Any
) -> Response:
    shown = {"errors": {}, "error": None, **await choices(request, place), **values}
    return page(request, "manage/members/edit.html", place=place, member=member, etag=etag, typed=typed, **shown)


def _typed(member: Mapping[str, Any]) -> dict[str, str]:
    return {name: member[name] or "" for name in FIELDS}
