"""A member's cards: give, suspend, take back, replace; lost in two steps, with the doors that know of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, Missing, ask, form_of, read
from api.pages.manage.members.card_fields import WRONG, card_of, card_refusal, formats_of, readers_of
from api.pages.manage.members.fields import member_path
from api.pages.manage.members.member import back, home_of, member_page
from api.pages.person import managed_place, signed_in
from api.pages.refusals import refusal
from api.pages.rendering import page
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_ANY: Final = {"if_match": "*"}
_FINAL: Final = ("lost", "returned")
_FIELDS: Final = ("how", "number", "format", "reader", "old")
_OVER: Final = ("lost", "returned", "expired")


@router.get("/manage/{place}/members/{ref}/cards/new")
async def form(place: str, ref: str, request: Request) -> Response:
    """Ask how the card is given: at a reader, by its number, or as a code; ``?replaces=`` another card."""
    here = await managed_place(request, place, "cards:write")
    asked = request.query_params
    return await card_form(request, here, ref, replaces=asked.get("replaces", ""), then=asked.get("then") == "pass")


@router.post("/manage/{place}/members/{ref}/cards/new")
async def give(place: str, ref: str, request: Request) -> Response:
    """Give a card by its number, or a code, which is shown once."""
    here = await managed_place(request, place, "cards:write")
    fields = await form_of(request)
    card = {} if fields.get("how") == "same" else card_of(fields)
    answer = await give_card(request, ref, card, fields)
    if answer.status == 404:
        raise Missing
    if not answer.good:
        sentence = await card_refusal(request, answer, card)
        values: dict[str, Any] = {"error": sentence, "formats": formats_of(answer), "status": answer.status}
        values["then"] = fields.get("then") == "pass"
        return await card_form(request, here, ref, replaces=fields.get("replaces", ""), typed=fields, **values)
    if answer.body.get("code"):
        return await code_page(request, here, ref, answer.body, then=goes_on(request, fields))
    if goes_on(request, fields):
        return RedirectResponse(f"{home_of(here, ref)}/passes/new", 303)
    return back(here, ref, "card")


def goes_on(request: Request, fields: Mapping[str, str]) -> bool:
    """Whether a pass comes after this card: a new member gets both in one go."""
    return fields.get("then") == "pass" and signed_in(request).may("passes:write")


async def give_card(request: Request, ref: str, card: Mapping[str, Any], fields: Mapping[str, str]) -> Answer:
    """Issue a card, in the place of another where ``fields`` name one."""
    replaced = fields.get("replaces", "")
    if not replaced:
        return await ask(request, "POST", f"{member_path(ref)}/cards", dict(card))
    await card_of_member(request, ref, replaced)
    old = fields.get("old", "lost")
    body = {**card, "old": old if old in _FINAL else "lost"}
    return await ask(request, "POST", f"{_path(replaced)}/reissue", body)


async def card_form(
    request: Request,
    place: Place,
    ref: str,
    *,
    replaces: str = "",
    typed: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    """Return the form that gives a card."""
    one, readers = await asyncio.gather(read(request, member_path(ref)), readers_of(request, place))
    old = await card_of_member(request, ref, replaces) if replaces else None
    typed = {**dict.fromkeys(_FIELDS, ""), **(typed or {})}
    shown = {
        "typed": typed,
        "error": None,
        "formats": [],
        "readers": readers,
        "old": old,
        "over": _OVER,
        "then": False,
        **values,
    }
    return page(request, "manage/members/card_new.html", place=place, member=one.body, **shown)


async def code_page(
    request: Request, place: Place, ref: str, card: Mapping[str, Any], *, then: bool = False
) -> Response:
    """Return the page that shows a new code, once."""
    one = await read(request, member_path(ref))
    return page(request, "manage/members/code.html", status=201, place=place, member=one.body, card=card, then=then)


async def card_of_member(request: Request, ref: str, card: str) -> dict[str, Any]:
    """Return a card of this member.

    Raises:
        Missing: there is none, or it is another member's.
    """
    found = await read(request, _path(card))
    if found.body["member"] != ref:
        raise Missing
    return dict(found.body)


@router.post("/manage/{place}/members/{ref}/cards/{card}/suspend")
async def suspend(place: str, ref: str, card: str, request: Request) -> Response:
    """Suspend one card; the member's others open as before."""
    return await _set_status(request, place, ref, card, "suspended")


@router.post("/manage/{place}/members/{ref}/cards/{card}/activate")
async def activate(place: str, ref: str, card: str, request: Request) -> Response:
    """Put it into use."""
    return await _set_status(request, place, ref, card, "active")


@router.get("/manage/{place}/members/{ref}/cards/{card}/doors")
async def doors(place: str, ref: str, card: str, request: Request) -> Response:
    """Say which doors know of a lost card; waits for those that are online, at most three seconds."""
    here = await managed_place(request, place, "members:read")
    one, found, spread = await asyncio.gather(
        read(request, member_path(ref)),
        card_of_member(request, ref, card),
        read(request, f"{_path(card)}/spread?wait=3"),
    )
    values = {"member": one.body, "card": found, "undo": None, "home": home_of(here, ref)}
    return page(request, "manage/members/doors.html", place=here, spread=spread.body, **values)


@router.get("/manage/{place}/members/{ref}/cards/{card}/{status}")
async def ask_first(place: str, ref: str, card: str, status: str, request: Request) -> Response:
    """Ask whether a card is lost or given back: neither can be undone."""
    here = await managed_place(request, place, "cards:write")
    if status not in _FINAL:
        raise Missing
    one, found = await asyncio.gather(read(request, member_path(ref)), card_of_member(request, ref, card))
    return page(request, "manage/members/card_over.html", place=here, member=one.body, card=found, status_of=status)


@router.post("/manage/{place}/members/{ref}/cards/{card}/{status}")
async def end(place: str, ref: str, card: str, status: str, request: Request) -> Response:
    """Report it lost, or note that it was given back."""
    if status not in _FINAL:
        raise Missing
    return await _set_status(request, place, ref, card, status)


async def _set_status(request: Request, place: str, ref: str, card: str, status: str) -> Response:
    here = await managed_place(request, place, "cards:write")
    await form_of(request)
    await card_of_member(request, ref, card)
    answer = await ask(request, "PATCH", _path(card), {"status": status}, **_ANY)
    if not answer.good:
        return await member_page(request, here, ref, error=refusal(request, answer, WRONG), status=answer.status)
    home = home_of(here, ref)
    if status == "lost":
        return RedirectResponse(f"{home}/cards/{quote(card, safe='')}/doors", 303)
    if status == "returned":
        return back(here, ref, "returned")
    return RedirectResponse(f"{home}?done=card-{status}&card={quote(card, safe='')}", 303)


def _path(ref: str) -> str:
    return f"/v1/cards/{quote(ref, safe='')}"
