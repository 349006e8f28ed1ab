"""``/manage/{place}/hours/doors`` and ``…/policy``: the rules of doors, and how a place's gateways behave."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import ask, form_of, read
from api.pages.manage.hours import done_words
from api.pages.manage.hours_words import HOURS_REFUSED
from api.pages.person import managed_place, signed_in
from api.pages.refusals import Unsaved, filled, unsaved
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.places.hours import PolicyFields
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_PASSBACK: Final[Mapping[str, str]] = {
    "off": text("is let in"),
    "soft": text("is let in, and it is noted"),
    "hard": text("is refused until it has left"),
    "timed": text("is refused for some time"),
}
_SCHEDULES: Final = ("pin_while", "supervised", "first_card")
_FLAGS: Final = frozenset(("hosts_open_when_old", "members_open"))
_POLICY: Final[Mapping[str, tuple[str, int]]] = {
    "list_max_age_s": (text("Doors open without news from the server for so many days"), 86_400),
    "hosts_open_when_old": (text("After that, hosts still get in"), 1),
    "tries": (text("Wrong PINs or codes in a row before a pause"), 1),
    "pause_s": (text("The first pause, in seconds"), 1),
    "longest_pause_s": (text("The longest pause, in seconds"), 1),
    "overuse": (text("Entries let in beyond what a pass allows, and billed"), 1),
    "booking_before_s": (text("A booking opens doors so many minutes before it begins"), 60),
    "booking_after_s": (text("… and so many minutes after its end"), 60),
    "booking_guests": (text("Guests that a member may add to a booking"), 1),
    "members_open": (text("Members may open doors with their phone"), 1),
}
"""The words of each field of the policy, and how many of the API's units make one of the form's."""


@router.get("/manage/{place}/hours/doors")
async def doors(place: str, request: Request) -> Response:
    """List the doors with their rules."""
    where = await managed_place(request, place, "members:read")
    listed, schedules = await asyncio.gather(
        read(request, f"/v1/places/{place}/doors"), read(request, f"/v1/schedules?place={place}")
    )
    return page(
        request,
        "manage/door_rules.html",
        place=where,
        doors=listed.body["doors"],
        passback={name: say(request, words) for name, words in _PASSBACK.items()},
        schedules=dict(_schedules(schedules.body["schedules"])),
        writes=signed_in(request).may("rules:write"),
        done=done_words(request),
    )


@router.get("/manage/{place}/hours/doors/{door}")
async def door(place: str, door: str, request: Request) -> Response:
    """Show the form of one door's rules."""
    where = await managed_place(request, place, "members:read")
    return await _door(request, where, door)


@router.post("/manage/{place}/hours/doors/{door}")
async def save_door(place: str, door: str, request: Request) -> Response:
    """Save them."""
    where = await managed_place(request, place, "rules:write")
    typed = {name: value.strip()[:200] for name, value in (await form_of(request)).items()}
    seconds = typed.get("passback_s") or "0"
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 6):
        said = say(request, HOURS_REFUSED["number"])
        return await _door(request, where, door, Unsaved(typed=typed, error=said, wrong=frozenset(("passback_s",))))
    body: dict[str, Any] = {"pin": bool(typed.get("pin")), "passback_s": int(seconds)}
    body |= {"passback": typed.get("passback", "off"), **{name: typed.get(name) or None for name in _SCHEDULES}}
    answer = await ask(request, "PUT", _rules(where, door), body, if_match=typed.get("etag") or "*")
    if not answer.good:
        return await _door(request, where, door, unsaved(request, answer, typed, HOURS_REFUSED))
    return RedirectResponse(f"/manage/{place}/hours/doors?done=door", 303)


async def _door(request: Request, where: Place, door: str, form: Unsaved | None = None) -> Response:
    answer, schedules = await asyncio.gather(
        read(request, _rules(where, door)), read(request, f"/v1/schedules?place={where.code}")
    )
    one = answer.body
    saved = {name: one[name] or "" for name in ("passback", *_SCHEDULES)}
    saved |= {"pin": "yes" if one["pin"] else "", "passback_s": str(one["passback_s"] or "")}
    return page(
        request,
        "manage/door_rule.html",
        **filled(saved, form),
        place=where,
        one=one,
        passback=[(name, say(request, words)) for name, words in _PASSBACK.items()],
        schedules=_schedules(schedules.body["schedules"]),
        etag=answer.etag,
        writes=signed_in(request).may("rules:write"),
    )


@router.get("/manage/{place}/hours/policy")
async def policy(place: str, request: Request) -> Response:
    """Show the form of the place's rules."""
    where = await managed_place(request, place, "members:read")
    return await _policy(request, where)


@router.post("/manage/{place}/hours/policy")
async def save_policy(place: str, request: Request) -> Response:
    """Save them; fields of the API that the form doesn't have keep their value."""
    where = await managed_place(request, place, "rules:write")
    typed = {name: value.strip()[:20] for name, value in (await form_of(request)).items()}
    before = (await read(request, f"/v1/places/{place}/policy")).body
    body = {name: before[name] for name in PolicyFields.model_fields}
    for name in _known():
        value = typed.get(name, "")
        if name in _FLAGS:
            body[name] = bool(value)
        elif value == _typed(name, before[name]):  # as it was shown, in whole days or minutes: it stays exact
            continue
        elif not value and name == "list_max_age_s":
            body[name] = None
        elif value.isascii() and value.isdigit() and len(value) < 8:
            body[name] = int(value) * _POLICY[name][1]
        else:
            said = say(request, HOURS_REFUSED["number"])
            return await _policy(request, where, Unsaved(typed=typed, error=said, wrong=frozenset((name,))))
    answer = await ask(request, "PUT", f"/v1/places/{place}/policy", body, if_match=typed.get("etag") or "*")
    if not answer.good:
        return await _policy(request, where, unsaved(request, answer, typed, HOURS_REFUSED))
    return RedirectResponse(f"/manage/{place}/hours/policy?done=policy", 303)


async def _policy(request: Request, where: Place, form: Unsaved | None = None) -> Response:
    answer = await read(request, f"/v1/places/{where.code}/policy")
    return page(
        request,
        "manage/policy.html",
        **filled({name: _typed(name, answer.body[name]) for name in _known()}, form),
        place=where,
        labels=[(name, say(request, _POLICY[name][0]), name in _FLAGS) for name in _known()],
        etag=answer.etag,
        writes=signed_in(request).may("rules:write"),
        done=done_words(request),
    )


def _known() -> list[str]:
    """Return the fields of the form: those that the API has."""
    return [name for name in _POLICY if name in PolicyFields.model_fields]


def _typed(name: str, value: Any) -> str:
    if name in _FLAGS:
        return "yes" if value else ""
    return "" if value is None else str(value // _POLICY[name][1])


def _schedules(listed: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["code"] if one["place"] is None else f"{one['place']}/{one['code']}", one["name"]) for one in listed]


def _rules(where: Place, door: str) -> str:
    return f"/v1/places/{where.code}/doors/{quote(door, safe='')}/rules"
