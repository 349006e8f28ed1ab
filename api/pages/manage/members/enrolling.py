"""A card is given by holding it to a reader: the order to the reader, the wait, what it read, whose it becomes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Missing, ask, form_of, read
from api.pages.manage.members.card_fields import ENROL_S, card_refusal, holder_of
from api.pages.manage.members.cards import card_form, card_of_member, give_card, goes_on
from api.pages.manage.members.fields import member_path
from api.pages.manage.members.member import back, home_of
from api.pages.person import managed_place
from api.pages.refusals import refusal
from api.pages.rendering import page, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_FORMER: Final = ("lost", "returned", "expired")
_WRONG: Final = {
    "bad-field reader": text("Choose a reader of this place."),
    "conflict": text("No gateway serves this reader now."),
}


@router.post("/manage/{place}/members/{ref}/enrol")
async def begin(place: str, ref: str, request: Request) -> Response:
    """Let a reader wait for the card."""
    here = await managed_place(request, place, "enrol")
    fields = await form_of(request)
    await read(request, member_path(ref))
    begun = await begin_at(
        request,
        here,
        ref,
        fields.get("reader", ""),
        replaces=fields.get("replaces", ""),
        old=fields.get("old"),
        then=fields.get("then", ""),
    )
    if isinstance(begun, Response):
        return begun
    values: dict[str, Any] = {"error": begun, "status": 422, "then": fields.get("then") == "pass"}
    return await card_form(request, here, ref, replaces=fields.get("replaces", ""), typed=fields, **values)


async def begin_at(
    request: Request, place: Place, ref: str, reader: str, *, replaces: str = "", old: str | None = None, then: str = ""
) -> Response | str:
    """Give the order to a reader, and go to the page that waits; a sentence: why it isn't given."""
    body = {"place": place.code, "reader": reader, "expires_s": ENROL_S}
    answer = await ask(request, "POST", "/v1/enrolments", body)
    if not answer.good:
        return refusal(request, answer, _WRONG)
    kept = (
        urlencode({"replaces": replaces, "old": old or "lost"}) if replaces else "then=pass" if then == "pass" else ""
    )
    home = home_of(place, ref)
    return RedirectResponse(f"{home}/enrol/{quote(answer.body['id'], safe='')}" + (f"?{kept}" if kept else ""), 303)


@router.get("/manage/{place}/members/{ref}/enrol/{enrolment}")
async def wait(place: str, ref: str, enrolment: str, request: Request) -> Response:
    """Say what the reader does; without a script the page is asked for again every three seconds."""
    here = await managed_place(request, place, "enrol")
    return await _page(request, here, ref, enrolment, dict(request.query_params))


@router.post("/manage/{place}/members/{ref}/enrol/{enrolment}")
async def give(place: str, ref: str, enrolment: str, request: Request) -> Response:
    """Give the card that was read to the member."""
    here = await managed_place(request, place, "cards:write")
    fields = await form_of(request)
    card = {"enrolment": enrolment}
    answer = await give_card(request, ref, card, fields)
    if answer.status == 404:
        raise Missing
    if not answer.good:
        values = {"error": await card_refusal(request, answer, card), "status": answer.status}
        return await _page(request, here, ref, enrolment, fields, **values)
    if goes_on(request, request.query_params):
        return RedirectResponse(f"{home_of(here, ref)}/passes/new", 303)
    return back(here, ref, "card")


async def _page(
    request: Request, place: Place, ref: str, enrolment: str, kept: dict[str, str], **values: Any
) -> Response:
    one, found = await asyncio.gather(
        read(request, member_path(ref)), read(request, f"/v1/enrolments/{quote(enrolment, safe='')}")
    )
    read_card = found.body
    if read_card["place"] != place.code:
        raise Missing
    replaces = kept.get("replaces", "")
    old = await card_of_member(request, ref, replaces) if replaces else None
    left = (datetime.fromisoformat(read_card["expires_at"]) - datetime.now(UTC)).total_seconds()
    state = read_card["state"]
    if state == "waiting" and left <= 0:
        state = "ended"
    known = read_card["card"]
    carried = known is not None and known["status"] not in _FORMER
    shown = {"error": None, "status": 200, **values}
    return page(
        request,
        "manage/members/enrol.html",
        place=place,
        member=one.body,
        read_card=read_card,
        state=state,
        left=max(0, int(left)),
        longest=ENROL_S,
        old=old,
        old_becomes=kept.get("old", "lost"),
        holder=await holder_of(request, known["member"]) if carried else None,
        own=carried and known["member"] == ref,
        **shown,
    )
