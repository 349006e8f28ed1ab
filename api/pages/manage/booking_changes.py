"""Changes of one booking: another time or unit, cancelled, made again; by forms, and by the script of the calendar."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from api.pages.asking import Answer, ask, form_of, read
from api.pages.manage.booking_forms import may_override, sent, times_of, typed_times, zone_of
from api.pages.manage.booking_page import booking_at, path_of, show
from api.pages.manage.booking_words import DONE, REFUSED
from api.pages.manage.bookings_grid import timed
from api.pages.person import managed_place
from api.pages.refusals import refusal, wrong_fields
from api.pages.rendering import page, say
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_TYPED: Final = ("what", "day", "from", "until", "until_day", "opens", "reason")


@router.post("/manage/{place}/bookings/{ref}/change")
async def change(place: str, ref: str, request: Request) -> Response:
    """Save the form of the booking's page."""
    where = await managed_place(request, place, "visitors:write")
    given = await form_of(request)
    typed = {name: given.get(name, "")[:200] for name in _TYPED}
    before = await booking_at(request, where, ref)
    times = times_of(typed, zone_of(where))
    if times is None:
        error = say(request, REFUSED["bad-field from"])
        return await show(request, where, ref, typed=typed, error=error, wrong=frozenset(("from",)), status=422)
    body: dict[str, Any] = {"from": sent(times[0]), "until": sent(times[1]), "opens": bool(typed["opens"])}
    body |= _moved_to(before.body, typed["what"])
    if given.get("override"):
        body |= {"override": True, **({"reason": typed["reason"]} if typed["reason"].strip() else {})}
    answer = await ask(request, "PATCH", path_of(ref), body, if_match=given.get("etag") or "*")
    if not answer.good:
        return await show(
            request,
            where,
            ref,
            typed=typed,
            error=refusal(request, answer, REFUSED),
            wrong=wrong_fields(answer),
            status=answer.status,
            override=await may_override(request, place, answer),
            changed=answer.problem == "changed",
        )
    return _back_to_day(where, before, answer, "moved")


@router.post("/manage/{place}/bookings/{ref}/move")
async def move(place: str, ref: str, request: Request) -> Response:
    """Move a booking that was dragged: what the calendar's script asks; answers in JSON, with the words to show."""
    where = await managed_place(request, place, "visitors:write")
    given = await form_of(request)
    before = await booking_at(request, where, ref)
    zone = zone_of(where)
    times = times_of(given, zone)
    days = given.get("days", "")
    if times is not None and days.lstrip("-").isdigit() and abs(int(days)) < 32:  # in a week: the hours stay
        by = timedelta(days=int(days))  # on the clock of the wall
        times = times[0].astimezone(zone) + by, times[1].astimezone(zone) + by
    if times is None:
        return JSONResponse({"text": say(request, REFUSED["bad-field from"])}, 422)
    body = {"from": sent(times[0]), "until": sent(times[1]), **_moved_to(before.body, given.get("to", ""))}
    answer = await ask(request, "PATCH", path_of(ref), body, if_match=given.get("etag") or "*")
    if not answer.good:
        return JSONResponse({"text": refusal(request, answer, REFUSED)}, answer.status)
    key = "back" if given.get("back") else "moved"
    was = {name: before.body[name] for name in ("from", "until")}
    return JSONResponse(
        {"text": say(request, DONE[key]), "etag": answer.etag, "was": {**was, "to": _place_of(before.body)}}
    )


@router.post("/manage/{place}/bookings/{ref}/back")
async def move_back(place: str, ref: str, request: Request) -> Response:
    """Undo the last change, if it is the one of the address: the times of before stand in the history."""
    where = await managed_place(request, place, "visitors:write")
    await form_of(request)
    given = request.query_params
    before, history = await asyncio.gather(booking_at(request, where, ref), read(request, f"{path_of(ref)}/history"))
    body: dict[str, Any] = _times_before(history.body["history"])
    body |= _moved_to(before.body, given.get("unit") or given.get("space") or "")
    answer = await ask(request, "PATCH", path_of(ref), body, if_match=given.get("etag") or '"0"')
    if not answer.good:
        return await show(request, where, ref, error=refusal(request, answer, REFUSED), status=answer.status)
    return _back_to_day(where, answer, answer, "back")


@router.get("/manage/{place}/bookings/{ref}/cancel")
async def ask_to_cancel(place: str, ref: str, request: Request) -> Response:
    """Ask, and say who learns of it."""
    where = await managed_place(request, place, "visitors:write")
    answer = await booking_at(request, where, ref)
    return page(
        request,
        "manage/booking_cancel.html",
        place=where,
        zone=where.time_zone,
        one=timed(answer.body),
        etag=answer.etag,
    )


@router.post("/manage/{place}/bookings/{ref}/cancel")
async def cancel(place: str, ref: str, request: Request) -> Response:
    """Cancel it."""
    where = await managed_place(request, place, "visitors:write")
    given = await form_of(request)
    before = await booking_at(request, where, ref)
    mail = "?mail=true" if given.get("mail") else ""
    answer = await ask(request, "DELETE", f"{path_of(ref)}{mail}", if_match=given.get("etag") or "*")
    if not answer.good:
        return await show(request, where, ref, error=refusal(request, answer, REFUSED), status=answer.status)
    return _back_to_day(where, before, answer, "cancelled")


@router.post("/manage/{place}/bookings/{ref}/again")
async def again(place: str, ref: str, request: Request) -> Response:
    """Undo a cancellation: book the same again, if it is still free."""
    where = await managed_place(request, place, "visitors:write")
    await form_of(request)
    before = (await booking_at(request, where, ref)).body
    names = ("member", "place", "resource", "unit", "from", "until", "opens")
    body = {name: before[name] for name in names if before[name] is not None}
    if before["resource"] is None and before["space"] is not None:
        body["space"] = before["space"]
    answer = await ask(request, "POST", "/v1/bookings", body)
    if not answer.good:
        return await show(request, where, ref, error=refusal(request, answer, REFUSED), status=answer.status)
    return _back_to_day(where, answer, answer, "again")


def _times_before(history: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the times that the last change replaced; those that it left are left out."""
    last = next((one for one in reversed(history) if one["action"] == "booking changed"), {"detail": None})
    changes = (last["detail"] or {}).get("changed", {})
    names = (("starts_at", "from"), ("ends_at", "until"))
    return {field: changes[name][0] for name, field in names if len(changes.get(name, ())) == 2}


def _place_of(booking: Mapping[str, Any]) -> str:
    return str((booking["unit"] if booking["resource"] else booking["space"]) or "")


def _moved_to(booking: Mapping[str, Any], to: str) -> dict[str, str]:
    """Return the field of the API for another unit or space; none where it stays."""
    if not to or to == _place_of(booking):
        return {}
    return {"unit" if booking["resource"] else "space": to}


def _back_to_day(where: Place, before: Answer, after: Answer, key: str) -> Response:
    """Go back to the calendar; what undoes the change is in the address."""
    now, was = timed(after.body), timed(before.body)
    times = typed_times(now["starts"], now["ends"], zone_of(where))
    values = {"day": times["day"], "done": key, "ref": after.body["ref"]}
    if key == "moved":
        to = {"unit": was["unit"]} if was["resource"] else {"space": was["space"]}
        values["etag"] = after.etag or ""
        values |= {name: value for name, value in to.items() if value}
    return RedirectResponse(f"/manage/{where.code}/bookings?{urlencode(values)}", 303)
