"""``/manage/{place}/bookings/new``: book for a member, once or every week."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.pages.asking import Answer, ask, form_of, read
from api.pages.manage.booking_forms import (
    choices_of,
    chosen_member,
    found_members,
    may_override,
    sent,
    target_of,
    times_of,
    usual_times,
    zone_of,
)
from api.pages.manage.booking_words import REFUSED
from api.pages.manage.local_times import day_of, today_at
from api.pages.person import managed_place
from api.pages.refusals import Unsaved, filled, unsaved
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_NAMES: Final = (
    "what",
    "day",
    "from",
    "until",
    "until_day",
    "q",
    "member",
    "opens",
    "repeat",
    "count",
    "skip",
    "reason",
)
_REPEATS: Final[Mapping[str, tuple[str, str]]] = {
    "": (text("Only this once"), ""),
    "daily": (text("Every day"), "FREQ=DAILY"),
    "workdays": (text("Monday to Friday"), "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
    "weekly": (text("Every week"), "FREQ=WEEKLY"),
    "fortnight": (text("Every two weeks"), "FREQ=WEEKLY;INTERVAL=2"),
    "monthly": (text("Every month, on the same date"), "FREQ=MONTHLY"),
}
_ANY: Final = text("any that is free")
_NO_MEMBER: Final = text("Choose the member.")
_NO_COUNT: Final = text("How many times? A number from 2 to 400.")


@router.get("/manage/{place}/bookings/new")
async def new(place: str, request: Request) -> Response:
    """Show the form, with what was given; it also looks for members."""
    where = await managed_place(request, place, "visitors:write")
    given = {name: request.query_params.get(name, "")[:200] for name in _NAMES}
    zone = zone_of(where)
    times = usual_times(given, day_of(given["day"]) or today_at(zone), zone)
    if given["q"]:  # it was sent from this form: what was typed stays as it is
        times = {name: given[name] for name in times}
    return await _form(request, where, {**given, **times})


@router.post("/manage/{place}/bookings/new")
async def book(place: str, request: Request) -> Response:
    """Make the booking, or the series."""
    where = await managed_place(request, place, "visitors:write")
    given = await form_of(request)
    fields = {name: given.get(name, "")[:200] for name in _NAMES}
    zone = zone_of(where)
    if not fields["member"]:
        return await _wrong(request, where, fields, "member", _NO_MEMBER)
    body: dict[str, Any] = {"member": fields["member"], "place": place, **target_of(fields["what"])}
    if not await _is_event(request, place, body):
        times = times_of(fields, zone)
        if times is None:
            return await _wrong(request, where, fields, "from", REFUSED["bad-field from"])
        body |= {"from": sent(times[0]), "until": sent(times[1])}
    if fields["opens"]:
        body["opens"] = True
    if given.get("override"):
        body |= {"override": True, **({"reason": fields["reason"]} if fields["reason"].strip() else {})}
    rule = _REPEATS.get(fields["repeat"], _REPEATS[""])[1]
    if given.get("wait"):
        answer = await ask(request, "POST", "/v1/waiting", body)
        if answer.good:
            return RedirectResponse(f"/manage/{place}/bookings/waiting?done=joined", 303)
    elif not rule:
        answer = await ask(request, "POST", "/v1/bookings", body)
    else:
        if not (fields["count"].isascii() and fields["count"].isdigit() and 2 <= int(fields["count"]) <= 400):
            return await _wrong(request, where, fields, "count", _NO_COUNT)
        body |= {"rule": f"{rule};COUNT={int(fields['count'])}", "conflicts": "skip" if fields["skip"] else "refuse"}
        answer = await ask(request, "POST", "/v1/booking-series", body)
    if not answer.good:
        return await _refused(request, where, fields, answer)
    if rule:
        return RedirectResponse(f"/manage/{place}/bookings/series/{answer.body['ref']}?done=made", 303)
    day = usual_times(answer.body, today_at(zone), zone)["day"]
    return RedirectResponse(
        f"/manage/{place}/bookings?{urlencode({'day': day, 'done': 'made', 'ref': answer.body['ref']})}", 303
    )


async def _is_event(request: Request, place: str, body: Mapping[str, Any]) -> bool:
    if "resource" not in body:
        return False
    answer = await ask(request, "GET", f"/v1/places/{place}/resources?kind=event")
    return answer.good and any(one["code"] == body["resource"] for one in answer.body["resources"])


async def _refused(request: Request, where: Place, fields: Mapping[str, str], answer: Answer) -> Response:
    form = unsaved(request, answer, fields, REFUSED)
    override, full = await may_override(request, where.code, answer), answer.body.get("rule") in ("taken", "full")
    return await _form(request, where, fields, form, override=override, full=full)


async def _wrong(request: Request, where: Place, fields: Mapping[str, str], name: str, words: str) -> Response:
    form = Unsaved(typed=fields, error=say(request, words), wrong=frozenset((name,)))
    return await _form(request, where, fields, form)


async def _form(
    request: Request,
    where: Place,
    fields: Mapping[str, str],
    form: Unsaved | None = None,
    *,
    override: bool = False,
    full: bool = False,
) -> Response:
    resources, found, member = await asyncio.gather(
        read(request, f"/v1/places/{where.code}/resources"),
        found_members(request, fields["q"]),
        chosen_member(request, fields["member"]),
    )
    return page(
        request,
        "manage/new_booking.html",
        **filled(fields, form),
        place=where,
        found=found,
        member=member,
        choices=choices_of(where, resources.body["resources"], say(request, _ANY)),
        repeats=[(name, say(request, words)) for name, (words, _rule) in _REPEATS.items()],
        override=override,
        full=full,
    )
