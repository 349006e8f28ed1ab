"""A member's PIN, categories with the proofs that were seen, and the consent of a minor's guardian."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages.asking import Answer, Missing, ask, form_of, read
from api.pages.manage.members.fields import given, marked, member_path, today
from api.pages.manage.members.member import REFUSED, back, member_page
from api.pages.person import managed_place
from api.pages.refusals import refusal, wrong_fields
from api.pages.rendering import page, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_ANY: Final = {"if_match": "*"}
WRONG: Final[Mapping[str, str]] = {
    **REFUSED,
    "bad-field pin": text("A PIN is 4 to 12 digits; six are usual."),
    "bad-field category": text("There is no such category."),
    "bad-field seen": text("Say what was shown: this category needs a proof."),
    "bad-field last": text("Say until when the proof holds: this category needs an end."),
    "bad-field guardian": text("Say who gave the consent."),
    "bad-field given_on": text("This is no day."),
    "bad-field first": text("This is no day."),
}


@router.get("/manage/{place}/members/{ref}/pin")
async def pin_form(place: str, ref: str, request: Request) -> Response:
    """Ask for a PIN."""
    here = await managed_place(request, place, "members:write")
    return await _form(request, here, ref, "pin")


@router.post("/manage/{place}/members/{ref}/pin")
async def set_pin(place: str, ref: str, request: Request) -> Response:
    """Set it; what was typed is not shown again."""
    here = await managed_place(request, place, "members:write")
    fields = await form_of(request)
    answer = await ask(request, "PUT", f"{member_path(ref)}/pin", {"pin": fields.get("pin", "").strip()}, **_ANY)
    return await _done(request, here, ref, answer, template="pin", done="pin", fields={})


@router.post("/manage/{place}/members/{ref}/pin/remove")
async def remove_pin(place: str, ref: str, request: Request) -> Response:
    """Remove it: doors that ask for one stay shut."""
    here = await managed_place(request, place, "members:write")
    await form_of(request)
    answer = await ask(request, "DELETE", f"{member_path(ref)}/pin", **_ANY)
    return await _done(request, here, ref, answer, template="pin", done="no-pin", fields={})


@router.get("/manage/{place}/members/{ref}/proofs")
async def proofs(place: str, ref: str, request: Request) -> Response:
    """The categories, and a form for another proof."""
    here = await managed_place(request, place, "members:write")
    return await _form(request, here, ref, "proofs")


@router.post("/manage/{place}/members/{ref}/proofs")
async def note_proof(place: str, ref: str, request: Request) -> Response:
    """Note a proof that was seen."""
    here = await managed_place(request, place, "members:write")
    fields = await form_of(request)
    answer = await ask(request, "POST", f"{member_path(ref)}/categories", proof_of(fields))
    return await _done(request, here, ref, answer, template="proofs", done="proof", fields=fields)


@router.post("/manage/{place}/members/{ref}/proofs/{proof}/end")
async def end_proof(place: str, ref: str, proof: str, request: Request) -> Response:
    """End a category today."""
    here = await managed_place(request, place, "members:write")
    await form_of(request)
    path = f"{member_path(ref)}/categories/{quote(proof, safe='')}/end"
    answer = await ask(request, "POST", path, {"last": today(here.time_zone).isoformat()})
    return await _done(request, here, ref, answer, template="proofs", done="proof-ended", fields={})


@router.get("/manage/{place}/members/{ref}/consent")
async def consent(place: str, ref: str, request: Request) -> Response:
    """The consent, and a form for one."""
    here = await managed_place(request, place, "members:write")
    return await _form(request, here, ref, "consent")


@router.post("/manage/{place}/members/{ref}/consent")
async def note_consent(place: str, ref: str, request: Request) -> Response:
    """Note a consent that was seen on paper."""
    here = await managed_place(request, place, "members:write")
    fields = await form_of(request)
    answer = await ask(request, "PUT", f"{member_path(ref)}/consent", consent_of(fields))
    return await _done(request, here, ref, answer, template="consent", done="consent", fields=fields)


@router.post("/manage/{place}/members/{ref}/consent/withdraw")
async def withdraw(place: str, ref: str, request: Request) -> Response:
    """Withdraw it: a minor's passes go with it."""
    here = await managed_place(request, place, "members:write")
    await form_of(request)
    answer = await ask(request, "DELETE", f"{member_path(ref)}/consent")
    return await _done(request, here, ref, answer, template="consent", done="no-consent", fields={})


def proof_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return a proof as the API takes it."""
    return {"category": fields.get("category", ""), "seen": given(fields, "seen"), "last": given(fields, "last")}


def consent_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return a consent as the API takes it."""
    return {"guardian": fields.get("guardian", ""), "given_on": given(fields, "given_on")}


async def _done(
    request: Request, place: Place, ref: str, answer: Answer, *, template: str, done: str, fields: Mapping[str, str]
) -> Response:
    if answer.good:
        return back(place, ref, done)
    if answer.status == 404:
        raise Missing
    sentence = refusal(request, answer, WRONG)
    if answer.status == 403:
        return await member_page(request, place, ref, error=sentence, status=403)
    errors = marked(request, wrong_fields(answer), sentence)
    values = {"error": sentence, "errors": errors, "status": answer.status}
    return await _form(request, place, ref, template, typed=fields, **values)


async def _form(request: Request, place: Place, ref: str, template: str, **values: Any) -> Response:
    one, held, known, consent = await asyncio.gather(
        read(request, member_path(ref)),
        ask(request, "GET", f"{member_path(ref)}/categories"),
        ask(request, "GET", "/v1/categories"),
        ask(request, "GET", f"{member_path(ref)}/consent"),
    )
    shown = {"typed": {}, "errors": {}, "error": None, "status": 200, **values}
    return page(
        request,
        f"manage/members/{template}.html",
        place=place,
        member=one.body,
        held=held.body["categories"] if held.good else [],
        categories=[(one["code"], one["name"]) for one in known.body["categories"]] if known.good else [],
        consent=consent.body if consent.good else None,
        today=today(place.time_zone).isoformat(),
        **shown,
    )
