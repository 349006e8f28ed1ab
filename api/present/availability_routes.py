"""``/v1/availability``: the nearest places with free seats, from memory."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.clock import now_us
from api.http.errors import BadQuery
from api.http.openapi import problem_responses
from api.http.state import shared
from api.http.timestamps import parse_rfc3339, rfc3339
from api.present.ahead import Ahead, Curves, ahead_of, curves_at, rule_of
from api.present.availability import Offer, offer_of
from api.present.board import Board
from api.present.geography import parse_point
from api.present.models import Availability, AvailabilityQuestion
from api.present.reach import Reach, Reached, published_for
from api.present.search import FoundPlace, nearest
from api.present.state import LoadedBoard

router = APIRouter(tags=["availability"])
_AHEAD: Final = 24 * 3600 * 1_000_000
_LATE: Final = 120 * 1_000_000
"""A client's clock may be late by so much."""


@router.get(
    "/v1/availability",
    summary="Places with free seats now, nearest first",
    responses={200: {"model": Availability}, **problem_responses(401, 422, 503)},
    response_class=Response,
)
async def availability(
    board: LoadedBoard, request: Request, to: Reached, question: Annotated[AvailabilityQuestion, Query()]
) -> Response:
    """`free.low` seats to work at are free with a chance of 95 %: not booked, in open places, in spaces for work.

    Places whose occupancy is unknown are listed separately, as `unknown`, never as free. Places closed by their hours,
    a closure or a lockdown are only counted. If a place's hours are unknown, `open` is null.

    With `at` it is about an arrival within 24 hours: each place has the `chance` that the seats are free then, by its
    forecast and its bookings. A place counts as `free` from a chance of one half, as `full` below.
    """
    now = now_us()
    board.age(now)
    if question.at is not None:
        return await _then(board, request, to, question, now)
    published = published_for(board, to)
    rows: dict[str, list[dict[str, Any]]] = {"free": [], "unknown": []}
    counts = {"free": 0, "full": 0, "unknown": 0, "closed": 0}
    for found in nearest(board.network.public, parse_point(question.near), question.radius_km):
        view = published.latest(found.place)
        offer = offer_of(view, seats=question.seats, kind=question.kind) if view else None
        if offer is None:
            continue
        counts[offer.state] += 1
        kept = rows.get(offer.state)
        if kept is not None and len(kept) < question.limit:
            kept.append(_row(found, offer))
    body = {"at": rfc3339(now), "seats": question.seats, "places": rows["free"], "unknown": rows["unknown"]}
    return json_answer({**body, "counts": counts})


async def _then(board: Board, request: Request, to: Reach, question: AvailabilityQuestion, now: int) -> Response:
    """Answer for an arrival time."""
    at = parse_rfc3339(question.at or "")
    if not now - _LATE <= at <= now + _AHEAD:
        raise BadQuery("at", "expected a time from now to 24 hours ahead")
    around = nearest(board.network.public, parse_point(question.near), question.radius_km)
    rules = {one.place.id: rule_of(one.place, to) for one in around}
    pool = shared(request).pool
    curves: dict[bool, Curves] = {}
    for public in (False, True):
        asked = [number for number, rule in rules.items() if (rule is not None) == public]
        curves[public] = await curves_at(pool, asked, at, public=public) if asked else {}
    found, unknown, counts = [], [], {"free": 0, "full": 0, "unknown": 0, "closed": 0}
    for one in around:
        rule = rules[one.place.id]
        offer = ahead_of(
            one.place, curves[rule is not None], board.booked(one.place), at,
            seats=question.seats, kind=question.kind, rule=rule,
        )  # fmt: skip
        if offer is None:
            continue
        if offer.open is False:
            counts["closed"] += 1
        elif offer.chance is None:
            counts["unknown"] += 1
            unknown.append(_ahead(one, offer, at))
        else:
            counts["free" if offer.chance >= 0.5 else "full"] += 1
            found.append(_ahead(one, offer, at))
    found.sort(key=lambda row: -row["chance"])  # stable: the nearest first among equals
    limit = question.limit
    body = {"at": rfc3339(at), "seats": question.seats, "places": found[:limit], "unknown": unknown[:limit]}
    return json_answer({**body, "counts": counts})


def _ahead(found: FoundPlace, offer: Ahead, at: int) -> dict[str, Any]:
    return {
        **_where(found, offer),
        "open": offer.open,
        "changes_at": rfc3339(offer.changes),
        "capacity": offer.capacity,
        "quality": "unknown" if offer.chance is None else "degraded",
        "at": rfc3339(at),
        "ttl": 900,
        "chance": None if offer.chance is None else round(20 * offer.chance) / 20,
    }


def _row(found: FoundPlace, offer: Offer) -> dict[str, Any]:
    return {
        **_where(found, offer),
        "open": offer.opening.open,
        "changes_at": rfc3339(offer.opening.changes),
        "capacity": offer.occupancy.capacity,
        "quality": offer.occupancy.quality,
        "at": rfc3339(offer.occupancy.at),
        "ttl": offer.occupancy.ttl_s,
    }


def _where(found: FoundPlace, offer: Offer | Ahead) -> dict[str, Any]:
    return {
        "place": found.place.code,
        "name": found.place.name,
        "commune": found.place.commune,
        "distance_km": found.distance_km,
        "space": offer.space.code if offer.space else None,
        "free": {"low": offer.free.low, "high": offer.free.high} if offer.free else None,
    }
