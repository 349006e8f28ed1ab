"""``/manage/{place}/members/new``: register a member, and in one go give a card and a pass, each on its own page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import ask, form_of
from api.pages.manage.members.editing import FIELDS, WRONG, choices, member_fields
from api.pages.manage.members.fields import marked
from api.pages.manage.members.member import back, home_of
from api.pages.person import managed_place, signed_in
from api.pages.refusals import refusal, wrong_fields
from api.pages.rendering import page
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/manage/{place}/members/new")
async def form(place: str, request: Request) -> Response:
    """An empty form, at home here."""
    here = await managed_place(request, place, "members:write")
    return await _form(request, here, {"home": here.code})


@router.post("/manage/{place}/members/new")
async def make(place: str, request: Request) -> Response:
    """Register the member, and go to their page."""
    here = await managed_place(request, place, "members:write")
    fields = await form_of(request)
    answer = await ask(request, "POST", "/v1/members", member_fields(fields))
    if answer.good:
        ref = answer.body["ref"]
        if fields.get("then") == "card" and signed_in(request).may("cards:write"):
            return RedirectResponse(f"{home_of(here, ref)}/cards/new?then=pass", 303)
        return back(here, ref, "made")
    sentence = refusal(request, answer, WRONG)
    values = {"error": sentence, "errors": marked(request, wrong_fields(answer), sentence), "status": answer.status}
    return await _form(request, here, fields, **values)


async def _form(request: Request, place: Place, typed: Mapping[str, str], **values: Any) -> Response:
    shown = {"errors": {}, "error": None, **await choices(request, place), **values}
    kept = {name: typed.get(name, "") for name in FIELDS}
    return page(request, "manage/members/new.html", place=place, typed=kept, **shown)
