"""``/manage/{place}/bookings/resources``: what can be booked at a place: added, changed, out of service."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import ask, form_of, read
from api.pages.manage.booking_forms import sent, times_of, typed_times, zone_of
from api.pages.manage.booking_words import KINDS, REFUSED
from api.pages.manage.bookings_grid import rows_of
from api.pages.person import managed_place, signed_in
from api.pages.refusals import Unsaved, filled, unsaved
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_KINDS: Final = ("desk", "room", "machine", "equipment", "event")
_REFUSED: Final[Mapping[str, str]] = {
    "bad-field name": text("Give it a name."),
    "bad-field desks": text("This space has no desk. Choose the space whose desks they are."),
    "bad-field space": text("Choose the space."),
    "bad-field units": text("How many are there? A whole number from 1."),
    "bad-field hour_cents": text("Write a price like 12.50, or nothing."),
    "bad-field from": REFUSED["bad-field from"],
    "bad-field until": REFUSED["bad-field until"],
    "bad-field rate": text("It has prices of its own and a rate: leave one of them out."),
    "conflict code": text("There is something of this name already."),
    "conflict units": text("So many have bookings to come: cancel these first."),
    "conflict retired": text("It has bookings to come: cancel these first."),
    "conflict": text("It has bookings to come at this time: cancel these first."),
}
_DONE: Final[Mapping[str, str]] = {
    "added": text("It can be booked now."),
    "saved": text("The change is saved."),
    "retired": text("It can't be booked any more."),
    "back": text("It can be booked again."),
}
_TYPED: Final = ("name", "kind", "space", "units", "price", "rate", "day", "from", "until", "until_day")


@router.get("/manage/{place}/bookings/resources")
async def resources(place: str, request: Request) -> Response:
    """List what can be booked, and what is out of service."""
    where = await managed_place(request, place, "members:read")
    listed = await read(request, f"/v1/places/{place}/resources?retired=true")
    given = request.query_params
    key, code = given.get("done", ""), given.get("code", "")
    undo = None
    if key in ("retired", "back", "added") and code in {one["code"] for one in listed.body["resources"]}:
        undo = f"/manage/{place}/bookings/resources/{code}/{'back' if key == 'retired' else 'retire'}"
    return page(
        request,
        "manage/resources.html",
        place=where,
        zone=where.time_zone,
        resources=listed.body["resources"],
        kinds={kind: say(request, KINDS[kind]) for kind in _KINDS},
        spaces={space.code: space.name for space in where.spaces},
        writes=signed_in(request).may("fitting:write"),
        rules=signed_in(request).may("rules:write"),
        done=say(request, _DONE[key]) if key in _DONE else None,
        undo=undo,
    )


@router.get("/manage/{place}/bookings/resources/new")
async def new(place: str, request: Request) -> Response:
    """Show the form."""
    where = await managed_place(request, place, "fitting:write")
    return await _new(request, where)


@router.post("/manage/{place}/bookings/resources/new")
async def add(place: str, request: Request) -> Response:
    """Add what can be booked; its code is made of its name."""
    where = await managed_place(request, place, "fitting:write")
    typed = {name: value.strip()[:200] for name, value in (await form_of(request)).items()}
    kind = typed.get("kind", "")
    body: dict[str, Any] = {"name": typed.get("name", ""), "kind": kind, "code": code_of(typed.get("name", ""))}
    if typed.get("space"):
        body["space"] = typed["space"]
    if kind in ("machine", "equipment", "event"):
        body["units"] = _number(typed.get("units", ""))
    problem = _priced(body, typed)
    if kind == "event" and problem is None:
        times = times_of(typed, zone_of(where))
        if times is None:
            problem = "from"
        else:
            body |= {"from": sent(times[0]), "until": sent(times[1])}
    if problem is not None:
        said = say(request, _REFUSED[f"bad-field {problem}"])
        return await _new(request, where, Unsaved(typed=typed, error=said, wrong=frozenset((problem,))))
    answer = await ask(request, "POST", f"/v1/places/{place}/resources", body)
    if not answer.good:
        detail = str(answer.body.get("detail", "")) if isinstance(answer.body, dict) else ""
        field = next((name for name in ("desks", "space", "units", "from") if f"{name}:" in detail), None)
        form = unsaved(request, answer, typed, _REFUSED)
        if field is not None:
            error = say(request, _REFUSED[f"bad-field {field}"]) if answer.status == 422 else form.error
            form = replace(form, error=error, wrong=form.wrong | {field})
        return await _new(request, where, form)
    return RedirectResponse(f"/manage/{place}/bookings/resources?done=added&code={answer.body['code']}", 303)


@router.get("/manage/{place}/bookings/resources/{code}")
async def resource(place: str, code: str, request: Request) -> Response:
    """Show one, with the form to change it."""
    where = await managed_place(request, place, "fitting:write")
    return await _one(request, where, code)


@router.post("/manage/{place}/bookings/resources/{code}")
async def change(place: str, code: str, request: Request) -> Response:
    """Change its name, how many there are, its price, an event's time."""
    where = await managed_place(request, place, "fitting:write")
    typed = {name: value.strip()[:200] for name, value in (await form_of(request)).items()}
    before = (await read(request, _path(where, code))).body
    body: dict[str, Any] = {"name": typed.get("name", "")}
    if before["kind"] in ("machine", "equipment", "event"):
        body["units"] = _number(typed.get("units", ""))
    problem = _priced(body, typed)
    body.setdefault("hour_cents", None)
    body.setdefault("rate", None)
    if before["kind"] == "event" and problem is None:
        times = times_of(typed, zone_of(where))
        if times is None:
            problem = "from"
        else:
            body |= {"from": sent(times[0]), "until": sent(times[1])}
    if problem is not None:
        said = say(request, _REFUSED[f"bad-field {problem}"])
        return await _one(request, where, code, Unsaved(typed=typed, error=said, wrong=frozenset((problem,))))
    answer = await ask(request, "PATCH", _path(where, code), body, if_match=typed.get("etag") or "*")
    if not answer.good:
        return await _one(request, where, code, unsaved(request, answer, typed, _REFUSED))
    return RedirectResponse(f"/manage/{place}/bookings/resources?done=saved", 303)


@router.post("/manage/{place}/bookings/resources/{code}/{act}")
async def retire(place: str, code: str, act: str, request: Request) -> Response:
    """Take it out of service, or back into it."""
    where = await managed_place(request, place, "fitting:write")
    await form_of(request)
    if act not in ("retire", "back"):
        return await _one(request, where, code)
    answer = await ask(request, "PATCH", _path(where, code), {"retired": act == "retire"}, if_match="*")
    if not answer.good:
        return await _one(request, where, code, unsaved(request, answer, None, _REFUSED))
    values = {"done": "retired" if act == "retire" else "back", "code": answer.body["code"]}
    return RedirectResponse(f"/manage/{place}/bookings/resources?{urlencode(values)}", 303)


async def _new(request: Request, where: Place, form: Unsaved | None = None) -> Response:
    rates = await ask(request, "GET", "/v1/rates")
    await read(request, "/v1/me")
    return page(
        request,
        "manage/resource_new.html",
        **filled(dict.fromkeys(_TYPED, ""), form),
        place=where,
        kinds=[(kind, say(request, KINDS[kind])) for kind in _KINDS],
        spaces=[("", "–"), *((space.code, space.name) for space in where.spaces if space.parent is not None)],
        rates=_rates(rows_of(rates, "rates")),
    )


async def _one(request: Request, where: Place, code: str, form: Unsaved | None = None) -> Response:
    answer, rates = await asyncio.gather(read(request, _path(where, code)), ask(request, "GET", "/v1/rates"))
    one = answer.body
    cents = one["hour_cents"]
    saved = dict.fromkeys(_TYPED, "")
    saved |= {"name": one["name"], "units": str(len(one["units"])), "rate": one["rate"] or ""}
    saved["price"] = "" if cents is None else f"{cents // 100}.{cents % 100:02}"
    if one["kind"] == "event":
        starts, ends = datetime.fromisoformat(one["from"]), datetime.fromisoformat(one["until"])
        saved |= typed_times(starts, ends, zone_of(where))
    return page(
        request,
        "manage/resource.html",
        **filled(saved, form),
        place=where,
        one=one,
        kind=say(request, KINDS[one["kind"]]),
        etag=answer.etag,
        rates=_rates(rows_of(rates, "rates")),
    )


def _rates(rates: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [("", "–"), *((one["code"], one["name"]) for one in rates if one.get("billed") == "booking")]


def _path(where: Place, code: str) -> str:
    return f"/v1/places/{where.code}/resources/{quote(code, safe='')}"


def _priced(body: dict[str, Any], typed: Mapping[str, str]) -> str | None:
    """Add the price or the rate to ``body``; return the field that can't be read."""
    price = typed.get("price", "").replace(",", ".").replace("€", "").replace(" ", "")
    if price:
        if not re.fullmatch(r"\d{1,5}(\.\d{1,2})?", price, re.ASCII):
            return "hour_cents"
        whole, _, part = price.partition(".")
        body["hour_cents"] = int(whole) * 100 + int(part.ljust(2, "0") or 0)
    if typed.get("rate"):
        if price:
            return "rate"
        body["rate"] = typed["rate"]
    return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def code_of(name: str) -> str:
    """Return a code made of a name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64] or "a"
