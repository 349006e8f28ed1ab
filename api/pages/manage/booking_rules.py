"""``/manage/{place}/bookings/rules`` and ``…/quotas``: what a place allows of bookings, by kind, and quotas."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, get_args
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.bookings.rules_routes import Kind, RuleFields
from api.pages.asking import Missing, ask, form_of, read
from api.pages.manage.booking_words import KINDS
from api.pages.manage.bookings_grid import rows_of
from api.pages.person import managed_place, signed_in
from api.pages.refusals import Unsaved, filled, unsaved
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_KINDS: Final = ("all", *get_args(Kind))
_FLAGS: Final = ("without_pass", "staff_may_override")
_LABELS: Final[Mapping[str, str]] = {
    "notice_minutes": text("At the latest so many minutes before it begins"),
    "ahead_days": text("At the earliest so many days ahead"),
    "shortest_minutes": text("At least so many minutes long"),
    "longest_minutes": text("At most so many minutes long"),
    "cancel_minutes": text("Members cancel until so many minutes before it begins"),
    "open_bookings": text("So many bookings to come of one member"),
    "at_once": text("So many bookings of one member at the same time"),
    "rolling_days": text("Within so many days in a row …"),
    "rolling_minutes": text("… so many minutes of one member"),
    "no_show_minutes": text("Released so many minutes after the beginning if nobody came"),
    "leave_minutes": text("Free again so many minutes after its holder left"),
    "offer_minutes": text("An offer of the waiting list holds so many minutes"),
    "without_pass": text("Members without a pass book too"),
    "staff_may_override": text("The team may go beyond these rules"),
}
_CHOICES: Final = (("", text("as for everything")), ("yes", text("yes")), ("no", text("no")))
_REFUSED: Final[Mapping[str, str]] = {
    "bad-field": text("A number is too large or too small, or two numbers don't fit together."),
    "not-a-number": text("Write a whole number, or nothing for no limit."),
    "bad-field pass": text("Name a pass or an organisation, and not both."),
    "bad-field organisation": text("There is no organisation with this code."),
    "bad-field bookings": text("Name a number of bookings or of minutes, and not both."),
}
_DONE: Final[Mapping[str, str]] = {
    "saved": text("The rules are saved: they hold for bookings from now on."),
    "quota": text("The quota is saved."),
    "gone": text("The quota is removed."),
}
_PER: Final[Mapping[str, str]] = {
    "day": text("each day"),
    "week": text("each week"),
    "month": text("each month"),
    "at_once": text("at the same time"),
}


@router.get("/manage/{place}/bookings/rules")
async def rules(place: str, request: Request) -> Response:
    """Show the rules of all kinds side by side."""
    where = await managed_place(request, place, "members:read")
    answer = await read(request, f"/v1/places/{place}/booking-rules")
    set_ = {one["kind"]: one for one in answer.body["rules"]}
    return page(
        request,
        "manage/booking_rules.html",
        place=where,
        kinds=[(kind, say(request, KINDS[kind])) for kind in _KINDS],
        labels={name: say(request, words) for name, words in _LABELS.items()},
        given=set_,
        rules=signed_in(request).may("rules:write"),
        done=_said(request),
    )


@router.get("/manage/{place}/bookings/rules/{kind}")
async def rule(place: str, kind: str, request: Request) -> Response:
    """Show the form of one kind."""
    where = await managed_place(request, place, "members:read")
    return await _rule(request, where, kind)


@router.post("/manage/{place}/bookings/rules/{kind}")
async def save_rule(place: str, kind: str, request: Request) -> Response:
    """Save the rules of one kind."""
    where = await managed_place(request, place, "rules:write")
    typed = {name: value.strip()[:20] for name, value in (await form_of(request)).items()}
    body: dict[str, Any] = {}
    for name in RuleFields.model_fields:
        value = typed.get(name, "")
        if name in _FLAGS:
            body[name] = {"yes": True, "no": False}.get(value)
        elif not value:
            body[name] = None
        elif value.isascii() and value.isdigit():
            body[name] = int(value)
        else:
            said = say(request, _REFUSED["not-a-number"])
            return await _rule(request, where, kind, Unsaved(typed=typed, error=said, wrong=frozenset((name,))))
    if kind not in _KINDS:
        raise Missing
    path = f"/v1/places/{place}/booking-rules/{kind}"
    answer = await ask(request, "PUT", path, body, if_match=typed.get("etag") or "*")
    if not answer.good:
        return await _rule(request, where, kind, unsaved(request, answer, typed, _REFUSED))
    return RedirectResponse(f"/manage/{place}/bookings/rules?done=saved", 303)


async def _rule(request: Request, where: Place, kind: str, form: Unsaved | None = None) -> Response:
    if kind not in _KINDS:
        raise Missing
    answer = await read(request, f"/v1/places/{where.code}/booking-rules/{kind}")
    return page(
        request,
        "manage/booking_rule.html",
        **filled({name: _field(answer.body[name]) for name in _LABELS}, form),
        place=where,
        kind=kind,
        name=say(request, KINDS[kind]),
        labels=[(name, say(request, words), name in _FLAGS) for name, words in _LABELS.items()],
        choices=[(value, say(request, words)) for value, words in _CHOICES],
        etag=answer.etag,
        rules=signed_in(request).may("rules:write"),
    )


def _field(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


@router.get("/manage/{place}/bookings/quotas")
async def quotas(place: str, request: Request) -> Response:
    """List the quotas that hold here."""
    where = await managed_place(request, place, "members:read")
    return await _quotas(request, where)


@router.post("/manage/{place}/bookings/quotas")
async def add_quota(place: str, request: Request) -> Response:
    """Set one, of a pass or of an organisation."""
    where = await managed_place(request, place, "passes:write")
    typed = {name: value.strip()[:80] for name, value in (await form_of(request)).items()}
    number = typed.get("number", "")
    if not (number.isascii() and number.isdigit()):
        return await _quotas(request, where, Unsaved(typed=typed, error=say(request, _REFUSED["not-a-number"])))
    unit = "minutes" if typed.get("unit") == "minutes" else "bookings"
    body: dict[str, Any] = {"place": place, "per": typed.get("per"), unit: int(number)}
    body |= {name: typed[name] for name in ("pass", "organisation", "kind") if typed.get(name)}
    answer = await ask(request, "POST", "/v1/booking-quotas", body)
    if not answer.good:
        more = {"bad-field body": _REFUSED["bad-field pass"], **_REFUSED}
        return await _quotas(request, where, unsaved(request, answer, typed, more))
    return RedirectResponse(f"/manage/{place}/bookings/quotas?done=quota", 303)


@router.post("/manage/{place}/bookings/quotas/{ref}/remove")
async def remove_quota(place: str, ref: str, request: Request) -> Response:
    """Remove one of this place."""
    where = await managed_place(request, place, "passes:write")
    await form_of(request)
    known = await read(request, f"/v1/booking-quotas?{urlencode({'place': place})}")
    if ref not in {one["ref"] for one in known.body["quotas"]}:
        raise Missing
    answer = await ask(request, "DELETE", f"/v1/booking-quotas/{quote(ref, safe='')}")
    if not answer.good:
        return await _quotas(request, where, unsaved(request, answer, None, _REFUSED))
    return RedirectResponse(f"/manage/{place}/bookings/quotas?done=gone", 303)


async def _quotas(request: Request, where: Place, form: Unsaved | None = None) -> Response:
    listed, organisations = await asyncio.gather(
        read(request, f"/v1/booking-quotas?{urlencode({'at': where.code})}"), ask(request, "GET", "/v1/organisations")
    )
    known = rows_of(organisations, "organisations")
    return page(
        request,
        "manage/booking_quotas.html",
        **filled(dict.fromkeys(("pass", "organisation", "kind", "per", "number", "unit"), ""), form),
        place=where,
        quotas=listed.body["quotas"],
        organisations=[(one["code"], one["name"]) for one in known],
        kinds={kind: say(request, KINDS[kind]) for kind in _KINDS},
        per={name: say(request, words) for name, words in _PER.items()},
        writes=signed_in(request).may("passes:write"),
        rules=signed_in(request).may("rules:write"),
        done=_said(request),
    )


def _said(request: Request) -> str | None:
    key = request.query_params.get("done", "")
    return say(request, _DONE[key]) if key in _DONE else None
