"""``/manage``: the places that a manager reaches, those with something wrong first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.http.clock import now_us
from api.page import language_for
from api.pages.asking import Missing, ask, read
from api.pages.person import managed_places, signed_in
from api.pages.rendering import page
from api.pages.routing import PageRoute
from api.present.board import Board
from api.present.network import Place, unaccented
from api.present.occupancy import Occupancy
from api.present.state import loaded_board
from reports.month import Month
from reports.words import month_name

router: Final = APIRouter(include_in_schema=False, route_class=PageRoute)

_PAGE: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A place, how many are in it, and what is wrong."""

    place: Place
    present: int | None
    low: int | None
    high: int | None
    capacity: int | None
    alarms: int
    offline: int
    """Gateways that aren't connected."""
    unknown: bool
    """It has a gateway, and still no number."""


@router.get("/manage")
async def places(request: Request) -> Response:
    """List the places; with one only, go there."""
    person = signed_in(request)
    if not person.manages:
        raise Missing
    if person.may("alarms:write", "audit:read"):
        answer = await ask(request, "GET", "/v1/alarms/places")
        alarms = {one["place"]: one["open"] for one in answer.body["places"]} if answer.good else {}
    else:
        await read(request, "/v1/me")  # the session holds, and not only in the cache of keys
        alarms = {}
    found = await managed_places(request)
    if len(found) == 1:
        return RedirectResponse(f"/manage/{found[0].code}", 303)
    asked = request.query_params
    words, only_wrong = asked.get("q", "").strip()[:100], asked.get("wrong") == "yes"
    board, now, starts = await loaded_board(request), now_us(), unaccented(words).split()
    wrong = {one.id: _wrong(one, board, alarms, now) for one in found}  # of all: they are counted, and stand first
    shown = [one for one in found if (wrong[one.id] or not only_wrong) and _fits(one, starts)]
    shown.sort(key=lambda one: -wrong[one.id])  # stable: by name among equals
    first = _first(asked.get("from", ""), len(shown))
    whole, language = person.places is None, language_for(request)
    last = Month.of(datetime.now(UTC).astimezone(ZoneInfo("Europe/Paris")).date()).before
    stored = await ask(request, "GET", f"/v1/reports?scope=network&month={last}") if whole else None
    values: dict[str, Any] = {
        "lines": [_line(one, board, alarms, now) for one in shown[first : first + _PAGE]],
        "count": len(shown),
        "all": len(found),
        "wrong_count": sum(map(bool, wrong.values())),
        "words": words,
        "only_wrong": only_wrong,
        "before": _link(words, only_wrong, max(0, first - _PAGE)) if first else None,
        "after": _link(words, only_wrong, first + _PAGE) if first + _PAGE < len(shown) else None,
        "whole": whole,
        "reported": stored is not None and stored.good and bool(stored.body["reports"]),
        "month": str(last),
        "month_name": month_name(last.first, language),
    }
    return page(request, "manage/places.html", **values)


@router.get("/manage/clearing/{month}.csv")
async def clearing(month: str, request: Request) -> Response:
    """What places owe each other for a month, for who settles the network's accounts."""
    person = signed_in(request)
    if not person.manages or person.places is not None or not person.may("statements:read"):
        raise Missing
    try:
        of = Month.parsed(month)
    except ValueError:
        raise Missing from None
    answer = await read(request, f"/v1/clearing?month={of}&format=csv")
    headers = {"Content-Disposition": f'attachment; filename="clearing-{of}.csv"', "Cache-Control": "no-store"}
    return Response(answer.body, media_type="text/csv; charset=utf-8", headers=headers)


def _root(place: Place, board: Board, now: int) -> Occupancy | None:
    """Return the number of a place as a whole; None: it isn't known."""
    view = board.view(place.code, now)
    root = None if view is None else view.root
    return None if root is None or root.present is None else root


def _wrong(place: Place, board: Board, alarms: Mapping[str, int], now: int) -> int:
    """Return how much is wrong at a place: the order of the list."""
    unknown = bool(place.gateways) and _root(place, board, now) is None
    return 4 * bool(alarms.get(place.code)) + 2 * bool(board.offline(place)) + unknown


def _line(place: Place, board: Board, alarms: Mapping[str, int], now: int) -> Line:
    known = _root(place, board, now)
    return Line(
        place=place,
        present=None if known is None else known.present,
        low=None if known is None else known.low,
        high=None if known is None else known.high,
        capacity=None if place.root is None else place.root.capacity,
        alarms=alarms.get(place.code, 0),
        offline=board.offline(place),
        unknown=bool(place.gateways) and known is None,
    )


def _fits(place: Place, starts: Sequence[str]) -> bool:
    return all(f" {word}" in place.search or word == place.code for word in starts)


def _first(text: str, count: int) -> int:
    given = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    return min(given, max(0, count - 1)) // _PAGE * _PAGE


def _link(words: str, only_wrong: object, first: int) -> str:
    asked = {"q": words, "wrong": "yes" if only_wrong else "", "from": str(first or "")}
    return "?" + urlencode({name: value for name, value in asked.items() if value})
