"""``/v1/places/{place}/bookable``: what can be booked at a place and is free next, for everybody."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.clock import now_us
from api.http.errors import NoSuchPlace
from api.http.models import Answer, time_of
from api.http.openapi import problem_responses
from api.http.public_rows import public_rows
from api.http.state import shared
from api.http.timestamps import to_datetime
from api.present.opening import opening_of
from api.present.state import LoadedBoard
from api.resources.resources import Kind
from booking.next_free import next_free
from booking.slots import Window

router: Final = APIRouter(tags=["bookings"])
_CACHE: Final = "public, max-age=30"
# The resources of a place that are bookable, an event until sign-up for it closes.
_RESOURCES: Final = """
SELECT id, code::text AS code, name, kind, starts_at, ends_at FROM resource
WHERE place = %s AND retired_at IS NULL AND (kind <> 'event' OR coalesce(sign_up_until, starts_at) > now())
ORDER BY kind, starts_at, name
"""
_UNITS: Final = "SELECT resource, unit, starts_at, ends_at FROM public_units(%s)"


class BookableThing(Answer):
    """Something that can be booked."""

    resource: str
    name: str
    kind: Kind
    units: int
    free: int = Field(description="Units that are free at `at`.")
    changes_at: datetime | None = Field(
        description="Until when one stays free, or from when on one is; null: not within a week."
    )


class BookableEvent(Answer):
    """Something to sign up for."""

    resource: str
    name: str
    starts: datetime = Field(alias="from")
    ends: datetime = Field(alias="until")
    full: bool


class Bookable(Answer):
    """What can be booked at a place."""

    place: str
    at: datetime = Field(description="The time that it is about: now, or when the place opens next.")
    resources: list[BookableThing]
    events: list[BookableEvent]


@router.get(
    "/v1/places/{place}/bookable",
    summary="What can be booked at a place, and when it is free next",
    responses={200: {"model": Bookable}, **problem_responses(404, 422, 503)},
    response_class=Response,
)
async def bookable(place: str, board: LoadedBoard, request: Request) -> Response:
    """When something is booked is public, by whom isn't, nor how many signed up for an event. The same with any key."""
    one = board.network.by_code.get(place)
    if one is None:
        raise NoSuchPlace(place)
    resources: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    now = now_us()
    opening = opening_of(one, now)
    at = to_datetime(opening.changes if opening.open is False and opening.changes is not None else now)
    if one.status == "open":
        pool = shared(request).pool
        units: dict[int, dict[int, list[Window]]] = defaultdict(dict)
        for row in await public_rows(pool, _UNITS, (one.id,)):
            booked = units[row["resource"]].setdefault(row["unit"], [])
            if row["starts_at"] is not None:
                booked.append((row["starts_at"], row["ends_at"]))
        for row in await public_rows(pool, _RESOURCES, (one.id,)):
            if row["kind"] == "event":
                events.append(_event(row, units[row["id"]]))
            else:
                resources.append(_thing(row, units[row["id"]], at))
    body = {"place": one.code, "at": time_of(at), "resources": resources, "events": events}
    return json_answer(body, cache=_CACHE)


def _thing(row: dict[str, Any], units: dict[int, list[Window]], at: datetime) -> dict[str, Any]:
    found = next_free(units.values(), at)
    about = {"resource": row["code"], "name": row["name"], "kind": row["kind"], "units": len(units)}
    return {**about, "free": found.free, "changes_at": time_of(found.changes)}


def _event(row: dict[str, Any], units: dict[int, list[Window]]) -> dict[str, Any]:
    window = row["starts_at"], row["ends_at"]
    full = all(any(one[0] < window[1] and one[1] > window[0] for one in booked) for booked in units.values())
    when = {"from": time_of(window[0]), "until": time_of(window[1])}
    return {"resource": row["code"], "name": row["name"], **when, "full": full}
