"""``/manage/{place}/doors/why``: why a door opens or not for a member or card at a time, step by step."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages.asking import Answer, ask, read
from api.pages.manage.now import words_of
from api.pages.person import managed_place
from api.pages.refusals import refusal
from api.pages.rendering import page, say, text
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_SHOWN: Final = 20
_REF: Final = re.compile(r"[a-z]-[0-9a-z]{1,62}")
_CALLS: Final = re.compile(r"\s*\((?:GET|POST|PUT|PATCH) /v1[^)]*\)")
"""In hints: which route of the API does it, which says nothing on a page."""
_REFUSED: Final = {
    "conflict": text("The access list of that time is no longer kept, so this can't be explained."),
    "not-found": text("This event is no longer kept, or it isn't a card read at a door."),
    "bad-field member": text("This member has no card."),
    "bad-field card": text("There is no such card."),
    "bad-field door": text("There is no such door at this place any more."),
    "bad-field at": text("This time can't be read."),
}


@router.get("/manage/{place}/doors/why")
async def why(place: str, request: Request) -> Response:
    """The form, whom it may mean, and the explanation."""
    where = await managed_place(request, place, "explain")
    asked = {name: request.query_params.get(name, "").strip()[:200] for name in _FIELDS}
    if not asked["door"] and where.doors:
        asked["door"] = where.doors[0].code
    await read(request, f"/v1/lockdowns?place={quote(place)}")
    people: list[dict[str, Any]] | None = None
    answer: Answer | None = None
    if asked["stream"] and asked["seq"]:
        answer = await _explain(request, _event(asked))
    elif asked["member"] or asked["card"] or asked["who"]:
        member, card = asked["member"], asked["card"]
        if not (member or card):
            member, card, people = await _meant(request, where, asked["who"])
        if member or card:
            asked["member"], asked["card"] = member, card
            answer = await _explain(request, _at_door(where, asked))
    wrong = answer is not None and not answer.good
    error = refusal(request, answer, _REFUSED) if answer is not None and wrong else None
    explained = None if answer is None or wrong else answer.body
    if explained is not None and explained["place"] != where.code:
        explained, error, wrong = None, say(request, _REFUSED["not-found"]), True
    return page(
        request,
        "manage/door_why.html",
        status=answer.status if answer is not None and not answer.good else 200,
        place=where,
        asked=asked,
        people=people,
        error=error,
        explained=explained,
        hints=[] if explained is None else [_plain(one) for one in explained["hints"]],
        who=None if explained is None else await _name(request, explained),
        **words_of(request, where),
    )


_FIELDS: Final = ("who", "member", "card", "door", "side", "at", "stream", "seq", "moment")


async def _meant(request: Request, place: Place, who: str) -> tuple[str, str, list[dict[str, Any]] | None]:
    """Return the member or card that is meant; where it may be several members, these instead."""
    if _REF.fullmatch(who):
        return ("", who, None) if who.startswith("c-") else (who, "", None)
    found = await read(request, f"/v1/members?q={quote(who)}&place={quote(place.code)}&limit={_SHOWN}")
    people: list[dict[str, Any]] = found.body["members"]
    return (str(people[0]["ref"]), "", None) if len(people) == 1 else ("", "", people)


async def _explain(request: Request, body: dict[str, Any]) -> Answer:
    return await ask(request, "POST", "/v1/decisions/explain", body)


def _event(asked: dict[str, str]) -> dict[str, Any]:
    event: dict[str, Any] = {name: _number(asked[name]) for name in ("stream", "seq")}
    if asked["moment"]:
        event["at"] = asked["moment"]
    return {"event": event}


def _at_door(place: Place, asked: dict[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {"place": place.code, "door": asked["door"]}
    body["side"] = "out" if asked["side"] == "out" else "in"
    body |= {"member": asked["member"]} if asked["member"] else {"card": asked["card"]}
    if asked["at"]:
        try:
            local = datetime.fromisoformat(asked["at"])
            body["at"] = (local if local.tzinfo else local.replace(tzinfo=ZoneInfo(place.time_zone))).astimezone(UTC)
            body["at"] = body["at"].isoformat()
        except (ValueError, OverflowError):
            body["at"] = asked["at"]
    return body


def _number(value: str) -> int:
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else 0


def _plain(hint: dict[str, str]) -> dict[str, str]:
    return {language: _CALLS.sub("", words) for language, words in hint.items()}


async def _name(request: Request, explained: dict[str, Any]) -> str | None:
    """Return the name of the member of an explanation; None: nobody's, or one whom the person doesn't reach."""
    ref = explained["member"] or (explained["card"] or {}).get("member")
    if ref is None:
        return None
    answer = await ask(request, "GET", f"/v1/members/{quote(ref, safe='')}")
    return str(answer.body["name"] or ref) if answer.good else str(ref)
