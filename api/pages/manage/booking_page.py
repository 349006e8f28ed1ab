"""``/manage/{place}/bookings/{ref}``: one booking with its guests, its history and who waits for the same."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, Missing, ask, form_of, read
from api.pages.manage.booking_forms import target_named, typed_times, zone_of
from api.pages.manage.booking_words import DONE, KINDS, STATUS
from api.pages.manage.bookings_grid import done, names_of, rows_of, timed
from api.pages.person import managed_place, signed_in
from api.pages.refusals import refusal
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_ACTS: Final[Mapping[str, str]] = {
    "booking created": text("made"),
    "booking changed": text("changed"),
    "booking overridden": text("beyond the rules"),
    "booking guest created": text("guest added"),
    "booking guest changed": text("guest changed"),
}
_GUEST: Final[Mapping[str, str]] = {
    "bad-field name": text("Give the guest's name."),
    "bad-field email": text("This is not an e-mail address. Write it like name@example.org."),
    "conflict": text("No guest can be added to this booking."),
}


@router.get("/manage/{place}/bookings/{ref}")
async def booking(place: str, ref: str, request: Request) -> Response:
    """Show it, with the form to change it."""
    where = await managed_place(request, place, "members:read")
    return await show(request, where, ref)


@router.post("/manage/{place}/bookings/{ref}/guests")
async def add_guest(place: str, ref: str, request: Request) -> Response:
    """Add a guest; the code is shown once, on the page that answers."""
    where = await managed_place(request, place, "visitors:write")
    fields = await form_of(request)
    body = {"name": fields.get("name", ""), **({"email": fields["email"].strip()} if fields.get("email") else {})}
    answer = await ask(request, "POST", f"{path_of(ref)}/guests", body)
    if not answer.good:
        error = refusal(request, answer, _GUEST)
        return await show(request, where, ref, error=error, status=answer.status, guest=fields)
    if answer.body["code"] is None:
        return RedirectResponse(f"/manage/{place}/bookings/{ref}", 303)
    return await show(request, where, ref, code=answer.body, status=200)


@router.post("/manage/{place}/bookings/{ref}/guests/{guest}/cancel")
async def cancel_guest(place: str, ref: str, guest: str, request: Request) -> Response:
    """Call off one guest's visit."""
    where = await managed_place(request, place, "visitors:write")
    await form_of(request)
    answer = await ask(request, "DELETE", f"{path_of(ref)}/guests/{quote(guest, safe='')}")
    if not answer.good:
        return await show(request, where, ref, error=refusal(request, answer, _GUEST), status=answer.status)
    return RedirectResponse(f"/manage/{place}/bookings/{ref}", 303)


def path_of(ref: str) -> str:
    """Return the API's path of a booking."""
    return f"/v1/bookings/{quote(ref, safe='')}"


async def booking_at(request: Request, where: Place, ref: str) -> Answer:
    """Read a booking of this place.

    Raises:
        Missing: there is none, or it is another place's.
    """
    answer = await read(request, path_of(ref))
    if answer.body["place"] != where.code:
        raise Missing
    return answer


async def show(
    request: Request,
    where: Place,
    ref: str,
    *,
    typed: Mapping[str, str] | None = None,
    error: str | None = None,
    wrong: frozenset[str] = frozenset(),
    status: int = 200,
    override: bool = False,
    changed: bool = False,
    guest: Mapping[str, str] | None = None,
    code: Mapping[str, Any] | None = None,
) -> Response:
    """Return the page of a booking; ``typed``: what stays in the form, ``changed``: somebody else saved meanwhile."""
    person = signed_in(request)
    answer, guests, history, resources, waiting = await asyncio.gather(
        booking_at(request, where, ref),
        ask(request, "GET", f"{path_of(ref)}/guests"),
        ask(request, "GET", f"{path_of(ref)}/history"),
        read(request, f"/v1/places/{where.code}/resources?retired=true"),
        ask(request, "GET", f"/v1/waiting?place={where.code}"),
    )
    one = timed(answer.body)
    listed = resources.body["resources"]
    resource = next((each for each in listed if each["code"] == one["resource"]), None)
    zone = zone_of(where)
    saved = {
        **typed_times(one["starts"], one["ends"], zone),
        "what": _choice(one),
        "opens": "yes" if one["opens"] else "",
    }
    words = {name: say(request, english) for name, english in STATUS.items()}
    return page(
        request,
        "manage/booking.html",
        status=status,
        place=where,
        zone=where.time_zone,
        one=one,
        etag=answer.etag,
        resource=resource,
        kind=say(request, KINDS[resource["kind"] if resource else "seat"]),
        names=names_of(where, listed),
        status_words=words,
        fields={**saved, "reason": "", **(typed or {})},
        theirs={
            name: saved[name] for name in saved if changed and typed is not None and typed.get(name, "") != saved[name]
        },
        choices=_choices(where, one, resource),
        guests=rows_of(guests, "guests"),
        guest=guest or {"name": "", "email": ""},
        code=code,
        history=[_act(request, each) for each in rows_of(history, "history")],
        waiting=_waiting(rows_of(waiting, "waiting"), one),
        error=error,
        wrong=wrong,
        override=override,
        writes=person.may("visitors:write"),
        rules=person.may("rules:write"),
        open=one["member"] is not None and one["status"] in ("booked", "checked_in"),
        again=target_named(one),
        **(done(request, where.code) if request.query_params.get("done") in DONE else {"done": None, "undo": None}),
    )


def _choice(one: Mapping[str, Any]) -> str:
    return str(one["unit"] or "") if one["resource"] else str(one["space"] or "")


def _choices(where: Place, one: Mapping[str, Any], resource: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Return where a booking can move to: the units of its resource, or the spaces of the place."""
    if resource is not None:
        units = [*resource["units"], *([] if one["unit"] in resource["units"] else [one["unit"]])]
        return [(unit, unit) for unit in units]
    spaces = [(space.code, space.name) for space in where.spaces if space.one_party or space.for_work]
    if one["space"] and one["space"] not in dict(spaces):
        spaces.append((one["space"], one["space"]))
    return [*([] if one["space"] else [("", where.name)]), *spaces]


def _act(request: Request, act: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line of the history: when, who, what, and the times before and after."""
    detail = act["detail"] or {}
    what = say(request, _ACTS.get(act["action"], "")) if act["action"] in _ACTS else act["action"]
    changes = detail.get("changed", {})
    if "cancelled_at" in changes and changes["cancelled_at"][-1]:
        what = say(request, DONE["cancelled"]).rstrip(".")
    elif "status" in changes and str(changes["status"][-1]) in STATUS:
        what = say(request, STATUS[str(changes["status"][-1])])
    moved = {
        name: [datetime.fromisoformat(each) if each else None for each in changes[name]]
        for name in ("starts_at", "ends_at")
        if len(changes.get(name, ())) == 2
    }
    return {"at": act["at"], "actor": act["actor"], "what": what, "moved": moved, "reason": detail.get("reason")}


def _waiting(entries: Sequence[Mapping[str, Any]], one: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return who waits for what this booking holds, in order."""
    same = [
        each
        for each in map(timed, entries)
        if each["starts"] < one["ends"]
        and each["ends"] > one["starts"]
        and each["resource"] == one["resource"]
        and (one["resource"] is not None or each["space"] == one["space"])
        and each["unit"] in (None, one["unit"])
    ]
    return sorted(same, key=lambda each: (each["position"] is None, each["position"] or 0, each["joined_at"]))
