"""``/manage/{place}/doors``: the doors of a place, and, for who asks, what happened at them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.page import language_for
from api.pages.asking import Missing, ask, read
from api.pages.person import managed_place, signed_in
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place
from reports.words import REASONS, word_of

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_WHAT: Final[Mapping[str, str]] = {
    "all": text("Everything"),
    "decision": text("Granted and refused"),
    "denied": text("Only refused"),
    "trouble": text("Forced, held open, tampered with"),
}
_REF: Final = re.compile(r"m-[0-9a-z]{1,62}")
_PLAIN: Final = (None, "granted", "unknown_card")
"""Reasons that the table says in another way."""
_LIMIT: Final = 50
_MOST_FOUND: Final = 20


@router.get("/manage/{place}/doors")
async def doors(place: str, request: Request) -> Response:
    """List the doors; with ``what`` in the query also what happened at them."""
    one = await managed_place(request, place, "members:read")
    listed = await read(request, f"/v1/places/{one.code}/doors")
    asked = request.query_params
    values: dict[str, Any] = {
        "place": one,
        "doors": listed.body["doors"],
        "may": signed_in(request).may("events:read"),
        "kinds": [(name, say(request, words)) for name, words in _WHAT.items()],
        "asked": None,
        "error": None,
    }
    if "what" not in asked or not values["may"]:
        return page(request, "manage/doors/doors.html", **values)
    form = {name: asked.get(name, "").strip()[:200] for name in ("what", "door", "day", "member")}
    values["asked"] = form
    question, error, found = await _question(request, one, form)
    if error or found:
        values |= {"error": error, "found": found, "events": None, "status": 422 if error else 200}
        return page(request, "manage/doors/doors.html", **values)
    question |= {"limit": str(_LIMIT)} | ({"cursor": asked["cursor"]} if "cursor" in asked else {})
    answer = await read(request, f"/v1/places/{one.code}/door-events?{urlencode(question)}")
    language = language_for(request)
    events = [
        {**event, "why": None if event["reason"] in _PLAIN else word_of(event["reason"], REASONS, language)}
        for event in answer.body["events"]
    ]
    values |= {"events": events, "found": [], "since": answer.body["since"], "first": "cursor" not in asked}
    again = {name: value for name, value in form.items() if value}
    values["csv"] = f"/manage/{one.code}/doors/events.csv?{urlencode(again)}"
    following = answer.body["next"]
    values["following"] = None if following is None else f"?{urlencode({**again, 'cursor': following})}"
    values["again"] = f"/manage/{one.code}/doors?{urlencode(again)}"
    return page(request, "manage/doors/doors.html", **values)


@router.get("/manage/{place}/doors/events.csv")
async def events_file(place: str, request: Request) -> Response:
    """The same as a table, at most a thousand lines."""
    one = await managed_place(request, place, "events:read")
    form = {name: request.query_params.get(name, "").strip()[:200] for name in ("what", "door", "day", "member")}
    question, error, found = await _question(request, one, form)
    if error or found:
        raise Missing
    question |= {"limit": "1000", "format": "csv"}
    answer = await read(request, f"/v1/places/{one.code}/door-events?{urlencode(question)}")
    headers = {"Content-Disposition": f'attachment; filename="{one.code}-doors.csv"', "Cache-Control": "no-store"}
    return Response(answer.body, media_type="text/csv; charset=utf-8", headers=headers)


async def _question(
    request: Request, place: Place, form: Mapping[str, str]
) -> tuple[dict[str, str], str | None, list[dict[str, Any]]]:
    """Return the API's question, why the form is wrong, and the members among whom to choose."""
    question = {"what": form["what"] if form["what"] in _WHAT else "all"}
    if form["door"]:
        if form["door"] not in {door.code for door in place.doors}:
            return question, say(request, "There is no such door here."), []
        question["door"] = form["door"]
    if form["day"]:
        try:
            question |= _day(form["day"], ZoneInfo(place.time_zone))
        except (ValueError, OverflowError):
            return question, say(request, "This is not a day. Write it like 2026-03-31."), []
    if form["member"]:
        ref, found = await _member(request, form["member"])
        if ref is None:
            error = None if found else say(request, "Nobody of that name is found here.")
            return question, error, found
        question["member"] = ref
    return question, None, []


def _day(text_: str, zone: ZoneInfo) -> dict[str, str]:
    day = date.fromisoformat(text_)
    if not 2000 <= day.year <= 2199:
        raise ValueError(text_)
    start, end = (datetime(one.year, one.month, one.day, tzinfo=zone) for one in (day, day + timedelta(days=1)))
    return {"since": start.isoformat(), "until": end.isoformat()}


async def _member(request: Request, words: str) -> tuple[str | None, list[dict[str, Any]]]:
    """Return the reference of the only member that the words mean; None: with those whom they may mean."""
    if _REF.fullmatch(words):
        return words, []
    answer = await ask(request, "GET", f"/v1/members?q={quote(words, safe='')}&limit={_MOST_FOUND}")
    found = list(answer.body["members"]) if answer.good else []
    return (str(found[0]["ref"]), []) if len(found) == 1 else (None, found)
