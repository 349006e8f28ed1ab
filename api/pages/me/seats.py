"""``/me/seats``: free seats now, in the next hours and at a time to come, at the member's places and near them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages.asking import Answer, ask
from api.pages.me.booking_words import wrong_fields
from api.pages.me.mine import asked_of_late, places_used
from api.pages.me.offers import Line, in_order, lines_of
from api.pages.me.where import named, own_ref, places_known, rows
from api.pages.me.windows import Typed, typed
from api.pages.rendering import page
from api.pages.routing import PageRoute
from api.present.network import Place

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

SPACES: Final = {"": None, "room": "meeting_room", "booth": "phone_box", "machine": "fab_lab"}
"""The kind of space that is looked for, by the form's value; None: seats to work at."""
_BOOKED_AS: Final = {"room": "room", "booth": "room", "machine": "machine"}
_HOURS: Final = (1, 3)
"""For so many hours ahead the chance is shown beside what is free now."""
_SHOWN: Final = 20
_ASKED: Final = 60
_LONGEST: Final = timedelta(days=14)
_WITH_POSITION: Final = "geolocation=(self), camera=(), microphone=()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for."""

    near: str
    seats: int
    kind: str
    when: Typed | None
    """None: now."""
    is_open: bool
    step_free: bool

    def question(self, now: datetime) -> dict[str, Any]:
        """Return the parameters of the API, without the area."""
        asked: dict[str, Any] = {"seats": self.seats, "limit": _ASKED}
        if SPACES[self.kind]:
            asked["kind"] = SPACES[self.kind]
        if self.when is not None and self.when.window is not None:
            starts, ends = self.when.window
            asked |= {"from": max(starts, now).isoformat(), "until": ends.isoformat()}
        return asked

    def keeps(self, line: Line) -> bool:
        """Whether a place is shown."""
        return (line.open is True or not self.is_open) and (line.step_free or not self.step_free)


@router.get("/me/seats")
async def seats(request: Request) -> Response:
    """The member's places, and those near a town or the phone's position."""
    member = own_ref(request)
    known, now = await places_known(request), datetime.now(UTC)
    me, passes, bookings = await asked_of_late(request, member)
    mine = places_used(me.body.get("home"), rows(passes, "passes"), rows(bookings, "bookings"), known)
    zone = ZoneInfo(named(known, me.body.get("home"))["zone"])
    search = _search(request.query_params, zone, now)
    wrong = frozenset[str]() if search.when is None else search.when.wrong
    late = not wrong and search.when is not None and _refused(search.when, now)
    own, near, hours = (None, None, []) if wrong or late else await _found(request, search, mine, now)
    at = now if search.when is None or search.when.window is None else max(search.when.window[0], now)
    around = _lines(near, known, at, search)
    answer = page(
        request,
        "me/seats.html",
        search=search,
        mine=mine,
        lines=in_order(_lines(own, known, at, search), mine),
        ahead=_ahead(hours, known, now),
        near=near.body if near is not None and near.good else None,
        around=around[:_SHOWN],
        meant=_candidates(near, request.query_params),
        unknown_area=near is not None and not near.good,
        fields=search.when or typed({}, zone, now),
        zone=zone.key,
        wrong=wrong_fields(request, wrong),
        late=late,
        book=_book_query(search),
    )
    answer.headers["Permissions-Policy"] = _WITH_POSITION
    return answer


async def _found(
    request: Request, search: Search, mine: list[Place], now: datetime
) -> tuple[Answer | None, Answer | None, list[Answer]]:
    """Ask about the member's places, about those near, and about the member's in the next hours."""
    question, only = search.question(now), {"only": [place.code for place in mine]}
    asked = []
    if mine:
        asked.append(_availability(request, {**question, **only}))
        if search.when is None:
            for after in _HOURS:
                then = {"at": (now + timedelta(hours=after)).isoformat()}
                asked.append(_availability(request, {**question, **only, **then}))
    if search.near:
        asked.append(_availability(request, {**question, "near": search.near}))
    found = list(await asyncio.gather(*asked))
    near = found.pop() if search.near else None
    return (found[0] if mine else None), near, found[1:]


async def _availability(request: Request, question: Mapping[str, Any]) -> Answer:
    return await ask(request, "GET", f"/v1/availability?{urlencode(question, doseq=True)}")


def _lines(answer: Answer | None, known: Mapping[str, Place], at: datetime, search: Search) -> list[Line]:
    if answer is None or not answer.good:
        return []
    return [one for one in lines_of(answer.body, known, at) if search.keeps(one)]


def _ahead(answers: list[Answer], known: Mapping[str, Place], now: datetime) -> dict[str, list[tuple[datetime, Line]]]:
    """Return what the next hours will bring, by place."""
    found: dict[str, list[tuple[datetime, Line]]] = {}
    for after, answer in zip(_HOURS, answers, strict=False):
        at = now + timedelta(hours=after)
        for line in lines_of(answer.body, known, at) if answer.good else ():
            found.setdefault(line.place.code, []).append((at, line))
    return found


def _search(fields: Mapping[str, str], zone: ZoneInfo, now: datetime) -> Search:
    seats, kind = fields.get("seats", "1"), fields.get("kind", "")
    return Search(
        near=fields.get("near", "").strip()[:100],
        seats=min(max(int(seats), 1), 1000) if seats.isascii() and seats.isdigit() and len(seats) < 5 else 1,
        kind=kind if kind in SPACES else "",
        when=typed(fields, zone, now) if fields.get("when") == "then" else None,
        is_open=bool(fields.get("open")),
        step_free=bool(fields.get("step_free")),
    )


def _refused(when: Typed, now: datetime) -> bool:
    """Whether a window is past, too long or too far ahead to be asked for."""
    assert when.window is not None
    starts, ends = when.window
    return ends <= now or ends - starts > _LONGEST or starts > now + timedelta(days=365)


def _candidates(near: Answer | None, fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the communes that may be meant, each with the address of its search."""
    if near is None or near.good or not isinstance(near.body, dict):
        return []
    kept = {name: value for name, value in fields.items() if name != "near"}
    names = [str(one["near"]) for one in near.body.get("candidates", ())]
    return [(name, f"/me/seats?{urlencode({**kept, 'near': name})}") for name in names]


def _book_query(search: Search) -> str:
    """Return what the address of a booking page has beside the place."""
    query = {} if search.when is None or search.when.window is None else search.when.query
    kind = _BOOKED_AS.get(search.kind)
    return urlencode({**query, **({"kind": kind} if kind else {})})
