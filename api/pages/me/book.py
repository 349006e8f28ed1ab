"""``/me/bookings/new``: what can be booked at a place, and when; ``/me/bookings/confirm``: book it, or wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, Missing, ask, form_of
from api.pages.me.booking_words import FULL, why, why_not, wrong_fields
from api.pages.me.limits import cancel_until, limits_for
from api.pages.me.mine import asked_of_late, places_used
from api.pages.me.things import SHORTEST, Thing, free_at, named, next_free
from api.pages.me.where import own_ref, places_known, rows
from api.pages.me.windows import Typed, typed, typed_of
from api.pages.rendering import page
from api.pages.routing import PageRoute
from api.present.network import Place
from booking.slots import Window

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

KINDS: Final = ("seat", "desk", "room", "machine", "equipment")
"""In the order in which they are listed."""
_WEEKS: Final = range(2, 53)


@router.get("/me/bookings/new")
async def new(request: Request) -> Response:
    """Choose a place; then what to book there, and when."""
    member = own_ref(request)
    known, code = await places_known(request), request.query_params.get("place")
    if not code:
        me, passes, bookings = await asked_of_late(request, member)
        mine = places_used(me.body.get("home"), rows(passes, "passes"), rows(bookings, "bookings"), known)
        return page(request, "me/book_where.html", places=mine)
    place, zone = _place(known, code)
    when = typed(request.query_params, zone, datetime.now(UTC))
    path = f"/v1/places/{quote(place.code, safe='')}"
    things, rules, bookable = await asyncio.gather(
        free_at(request, place.code, zone, when),
        ask(request, "GET", f"{path}/booking-rules"),
        ask(request, "GET", f"{path}/bookable"),
    )
    kind = request.query_params.get("kind", "")
    kind = kind if kind in KINDS else ""
    found = [one for one in things or [] if kind in ("", one.kind)]
    return page(
        request,
        "me/book.html",
        place=place,
        zone=zone.key,
        when=when,
        wrong=wrong_fields(request, when.wrong),
        kind=kind,
        kinds=[(name, [one for one in found if one.kind == name]) for name in KINDS],
        links={one.key: _links(request, place, one, when, zone) for one in found},
        events=rows(bookable, "events"),
        rules=rows(rules, "rules"),
        bookable=things is not None,
    )


@router.get("/me/bookings/confirm")
async def confirm(request: Request) -> Response:
    """Show what will be booked, with the times to change, and how it repeats."""
    own_ref(request)
    return await _confirm(request, request.query_params)


@router.post("/me/bookings/confirm")
async def book(request: Request) -> Response:
    """Book it, once or every week; or wait for it."""
    fields = await form_of(request)
    own_ref(request)
    place, zone = _place(await places_known(request), fields.get("place", ""))
    key = fields.get("thing", "")
    event = key.startswith("event:")
    when = typed(fields, zone, datetime.now(UTC))
    if when.window is None and not event:
        return await _confirm(request, fields, status=422)
    body: dict[str, Any] = {"place": place.code, **named(key)}
    if when.window is not None and not event:
        body |= {"from": when.window[0].isoformat(), "until": when.window[1].isoformat()}
    weeks = _weeks(fields)
    if fields.get("wait"):
        answer = await ask(request, "POST", "/v1/waiting", body)
        to = "/me/bookings?done=waiting"
    elif weeks and not event:
        more = {"rule": f"FREQ=WEEKLY;COUNT={weeks}", "conflicts": "skip" if fields.get("skip") else "refuse"}
        answer = await ask(request, "POST", "/v1/booking-series", {**body, **more})
        to = f"/me/bookings/series/{answer.body['ref']}?done=booked" if answer.good else ""
    else:
        answer = await ask(request, "POST", "/v1/bookings", body)
        to = f"/me/bookings/{answer.body['ref']}?done=booked" if answer.good else ""
    if not answer.good:
        return await _confirm(request, fields, refused=answer)
    return RedirectResponse(to, 303)


async def _confirm(
    request: Request, fields: Mapping[str, str], *, refused: Answer | None = None, status: int = 200
) -> Response:
    place, zone = _place(await places_known(request), fields.get("place", ""))
    thing, when, rules = await _looked_up(request, place, zone, fields)
    now = datetime.now(UTC)
    window = when.window or (now, now)
    reason = None if refused is None else why(request, refused)
    others = thing.others
    if reason is not None and reason["rule"] in (*FULL, "opening_hours") and thing.kind != "event":
        others = await next_free(request, place.code, thing.key, when) or others
    return page(
        request,
        "me/book_confirm.html",
        status=refused.status if refused is not None else status,
        place=place,
        zone=zone.key,
        thing=thing,
        when=when,
        window=window,
        wrong={} if thing.kind == "event" else wrong_fields(request, when.wrong),
        weeks=_weeks(fields),
        skip=bool(fields.get("skip")),
        rules=limits_for(rules, thing.kind),
        cancel_until=cancel_until(rules, thing.kind, window[0]),
        reason=reason,
        full=reason["rule"] in FULL if reason is not None else thing.full and not when.wrong,
        why_not=why_not(request, thing.rule) if not when.wrong else "",
        others=[_confirm_link(place, thing.key, one, zone) for one in others],
        back=f"/me/bookings/new?{urlencode({'place': place.code, **when.query})}",
    )


async def _looked_up(
    request: Request, place: Place, zone: ZoneInfo, fields: Mapping[str, str]
) -> tuple[Thing, Typed, list[dict[str, Any]]]:
    """Return what is to be booked, when, and the place's rules.

    Raises:
        Missing: there is no such thing.
    """
    key, path = fields.get("thing", ""), f"/v1/places/{quote(place.code, safe='')}"
    named(key)
    rules = ask(request, "GET", f"{path}/booking-rules")
    if key.startswith("event:"):
        asked, told = await asyncio.gather(ask(request, "GET", f"{path}/bookable"), rules)
        event = next((one for one in rows(asked, "events") if f"event:{one['resource']}" == key), None)
        if event is None:
            raise Missing
        when = typed_of((datetime.fromisoformat(event["from"]), datetime.fromisoformat(event["until"])), zone)
        thing = Thing(key=key, kind="event", name=event["name"], free=0 if event["full"] else 1)
        return thing, when, rows(told, "rules")
    now = datetime.now(UTC)
    when = typed(fields, zone, now)
    day = when if when.window is not None else typed({}, zone, now)
    things, told = await asyncio.gather(free_at(request, place.code, zone, day), rules)
    found = next((one for one in things or [] if one.key == key), None)
    if things and found is None:
        raise Missing
    rule = _rule_of(things, when, now) if found is None else None
    return found or _nameless(place, key, rule), when, rows(told, "rules")


def _place(known: Mapping[str, Place], code: str) -> tuple[Place, ZoneInfo]:
    place = known.get(code)
    zone = None if place is None else place.zone
    if place is None or zone is None:
        raise Missing
    return place, zone


def _rule_of(things: list[Thing] | None, when: Typed, now: datetime) -> str:
    """Return the rule for which nothing at all was found."""
    if things is None:
        return "place_status"
    if when.window is not None and when.window[1] <= now:
        return "past"
    return "shortest" if when.minutes < SHORTEST else "longest"


def _nameless(place: Place, key: str, rule: str | None) -> Thing:
    """Return a thing of a place that can't be booked now, or for so long: only its code or its space is known."""
    code = key.partition(":")[2]
    space = next((one for one in place.spaces if key.startswith("space:") and one.code == code), None)
    kind = "seat" if space is None or not space.one_party else "room"
    return Thing(key=key, kind=kind, name=code if space is None else space.name, rule=rule)


def _weeks(fields: Mapping[str, str]) -> int:
    text = fields.get("weeks", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 and int(text) in _WEEKS else 0


def _links(request: Request, place: Place, thing: Thing, when: Typed, zone: ZoneInfo) -> dict[str, Any]:
    """Return the addresses at which a thing is booked: at the time that is looked at, and at others."""
    own = {"place": place.code, "thing": thing.key, **when.query}
    others = [_confirm_link(place, thing.key, one, zone) for one in thing.others]
    this = f"/me/bookings/confirm?{urlencode(own)}"
    return {"this": this, "others": others, "why_not": why_not(request, thing.rule)}


def _confirm_link(place: Place, key: str, window: Window, zone: ZoneInfo) -> dict[str, Any]:
    query = {"place": place.code, "thing": key, **typed_of(window, zone).query}
    return {"href": f"/me/bookings/confirm?{urlencode(query)}", "from": window[0], "until": window[1]}
