"""``/manage/{place}/doors/what-if``: other hours or rules, tried on the last weeks. Changes nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from access.schedules import DAYS
from api.explain.words import REASONS
from api.page import language_for
from api.pages.asking import Answer, ask, read
from api.pages.manage.now import path_of, words_of
from api.pages.person import managed_place
from api.pages.refusals import refusal, wrong_fields
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_SPAN: Final = re.compile(r"([0-2]?[0-9])(?:[:hH]([0-5][0-9])?)?\s*[-–]\s*([0-2]?[0-9])(?:[:hH]([0-5][0-9])?)?")
_REFUSED: Final = {
    "bad-field": text("Something in this form can't be read. Write hours like 09:00-12:30, and days in their order."),
}
_HOURS: Final = text("Write hours like 09:00-12:30, 14:00-18:00; leave the field empty for a closed day.")
_SETS: Final = ("opening_hours", "closure", "door_rules", "space_limit")


class _Unreadable(ValueError):
    """Hours that aren't written as hours; its text is the day."""


@router.get("/manage/{place}/doors/what-if")
async def what_if(place: str, request: Request) -> Response:
    """The form, with today's hours; and what the change would have done."""
    where = await managed_place(request, place, "whatif")
    hours = (await read(request, f"{path_of(where)}/hours")).body["opening_hours"] or {}
    asked = dict(request.query_params)
    wanted = asked.get("set") if asked.get("set") in _SETS else None
    days = {day: asked.get(day, _written(hours.get(day, ()))) for day in DAYS}
    answer: Answer | None = None
    error, wrong = None, frozenset[str]()
    if wanted is not None:
        try:
            change = _change(wanted, asked, hours, days)
        except _Unreadable as unreadable:
            error, wrong = say(request, _HOURS), frozenset((str(unreadable),))
        else:
            body = {"place": where.code, "weeks": _number(asked.get("weeks"), 4), "changes": [change]}
            answer = await ask(request, "POST", "/v1/what-if", body)
    if answer is not None and not answer.good:
        error, wrong = refusal(request, answer, _REFUSED), wrong_fields(answer)
    language = language_for(request)
    return page(
        request,
        "manage/what_if.html",
        status=422 if error and answer is None else 200 if answer is None else answer.status,
        place=where,
        asked=asked,
        wanted=wanted or "opening_hours",
        days=days,
        error=error,
        wrong=wrong,
        found=answer.body if answer is not None and answer.good else None,
        reasons={name: getattr(words, language) for name, words in REASONS.items()},
        **words_of(request, where),
    )


def _change(wanted: str, asked: Mapping[str, str], hours: Mapping[str, Any], days: Mapping[str, str]) -> dict[str, Any]:
    """Return a change for the API.

    Raises:
        _Unreadable: hours.
    """
    match wanted:
        case "opening_hours":
            kept = {name: value for name, value in hours.items() if name not in DAYS}
            read_days = {day: _spans(day, written) for day, written in days.items()}
            return {"set": wanted, "hours": {**kept, **{day: spans for day, spans in read_days.items() if spans}}}
        case "closure":
            return {"set": wanted, "first": asked.get("first"), "last": asked.get("last") or asked.get("first")}
        case "door_rules":
            change: dict[str, Any] = {"set": wanted, "door": asked.get("door", "")}
            if asked.get("pin") in ("yes", "no"):
                change["pin"] = asked["pin"] == "yes"
            if asked.get("passback"):
                change["passback"] = asked["passback"]
            return change
        case _:
            limit = asked.get("limit", "").strip()
            return {
                "set": wanted,
                "space": asked.get("space", ""),
                "person_limit": _number(limit, -1) if limit else None,
            }


def _spans(day: str, written: str) -> list[list[str]]:
    spans = []
    for part in written.replace(";", ",").split(","):
        if not part.strip():
            continue
        found = _SPAN.fullmatch(part.strip())
        if found is None:
            raise _Unreadable(day)
        spans.append([f"{int(found[1]):02}:{found[2] or '00'}", f"{int(found[3]):02}:{found[4] or '00'}"])
    return spans


def _written(spans: Any) -> str:
    return ", ".join(f"{first}-{last}" for first, last in spans)


def _number(value: str | None, otherwise: int) -> int:
    return int(value) if value and value.isascii() and value.isdecimal() and len(value) < 7 else otherwise
