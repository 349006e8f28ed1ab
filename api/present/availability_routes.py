"""``/v1/availability``: the nearest places with free seats, from memory."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.clock import now_us
from api.http.openapi import problem_responses
from api.http.timestamps import rfc3339
from api.present.availability import Offer, offer_of
from api.present.geography import parse_point
from api.present.models import Availability, AvailabilityQuestion
from api.present.search import FoundPlace, nearest
from api.present.state import LoadedBoard

router = APIRouter(tags=["availability"])


@router.get(
    "/v1/availability",
    summary="Places with free seats now, nearest first",
    responses={200: {"model": Availability}, **problem_responses(422, 503)},
    response_class=Response,
)
async def availability(board: LoadedBoard, question: Annotated[AvailabilityQuestion, Query()]) -> Response:
    """`free.low` seats to work at are free with a chance of 95 %: not booked, in open places, in spaces for work.

    Places whose occupancy is unknown are listed separately, as `unknown`, never as free. Places closed by their hours,
    a closure or a lockdown are only counted. If a place's hours are unknown, `open` is null.
    """
    now = now_us()
    board.age(now)
    rows: dict[str, list[dict[str, Any]]] = {"free": [], "unknown": []}
    counts = {"free": 0, "full": 0, "unknown": 0, "closed": 0}
    for found in nearest(board.network.public, parse_point(question.near), question.radius_km):
        view = board.latest(found.place)
        offer = offer_of(view, seats=question.seats, kind=question.kind) if view else None
        if offer is None:
            continue
        counts[offer.state] += 1
        kept = rows.get(offer.state)
        if kept is not None and len(kept) < question.limit:
            kept.append(_row(found, offer))
    body = {"at": rfc3339(now), "seats": question.seats, "places": rows["free"], "unknown": rows["unknown"]}
    return json_answer({**body, "counts": counts})


def _row(found: FoundPlace, offer: Offer) -> dict[str, Any]:
    return {
        "place": found.place.code,
        "name": found.place.name,
        "commune": found.place.commune,
        "distance_km": found.distance_km,
        "space": offer.space.code if offer.space else None,
        "free": {"low": offer.free.low, "high": offer.free.high} if offer.free else None,
        "open": offer.opening.open,
        "changes_at": rfc3339(offer.opening.changes),
        "capacity": offer.occupancy.capacity,
        "quality": offer.occupancy.quality,
        "at": rfc3339(offer.occupancy.at),
        "ttl": offer.occupancy.ttl_s,
    }
