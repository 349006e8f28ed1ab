"""``/v1/schedules`` and ``/v1/places/{place}/schedules``: named hours."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from psycopg.types.json import Jsonb
from pydantic import Field
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.errors import Conflict
from api.http.models import Question
from api.http.references import place_named, place_of_path
from api.http.revisions import Resource, change, expected_revisions, read, read_to_change, with_etag
from api.http.session import Session, guarded, session
from api.schedules import schedules as rows
from api.schedules.schedules import (
    Schedule,
    ScheduleFields,
    ScheduleMade,
    Schedules,
    checked_hours,
    links,
    schedule_json,
    schedule_resource,
)

router: Final = APIRouter(tags=["schedules"])


class SchedulesQuestion(Question):
    """Which schedules to list."""

    place: str | None = Field(
        default=None, max_length=64, description="Those of this place and of the network; without it, all."
    )


@router.get("/v1/schedules", summary="Schedules", **guarded("members:read", answers={200: Schedules}))
async def schedules(request: Request, question: Annotated[SchedulesQuestion, Query()]) -> Response:
    """Schedules of the network and of places. References to a place's schedule have the form `place/code`."""
    async with session(request, "members:read") as s:
        key = {"code": None, "place": question.place, "also_network": True, "everywhere": question.place is None}
        found = await s.rows(rows.FIND, key)
    return json_answer({"schedules": [schedule_json(row) for row in found]})


@router.post(
    "/v1/schedules",
    status_code=201,
    summary="Create a schedule",
    **guarded("rules:write", answers={201: Schedule}, problems=(409,)),
)
async def make_schedule(request: Request, body: ScheduleMade) -> Response:
    """For a place, or without `place` for the network (network administrators only)."""
    async with session(request, "rules:write") as s:
        place = None if body.place is None else (await place_named(s, body.place))[0]
        values = {
            "place": place,
            "code": body.code,
            "name": body.name,
            "hours": Jsonb(checked_hours(body.hours)),
            "linked": await links(s, body.linked, own=None, place=place),
        }
        await s.row(rows.INSERT, values)
        row = await read(s, schedule_resource(body.code, body.place))
    where = "/v1/schedules/" if body.place is None else f"/v1/places/{body.place}/schedules/"
    return with_etag(schedule_json(row), row["revision"], status=201, location=where + body.code)


@router.get(
    "/v1/schedules/{code}", summary="One schedule of the network", **guarded("members:read", answers={200: Schedule})
)
async def schedule(code: str, request: Request) -> Response:
    """By its code."""
    async with session(request, "members:read") as s:
        return await _one(s, schedule_resource(code, None))


@router.put(
    "/v1/schedules/{code}",
    summary="Replace a schedule of the network",
    **guarded("rules:write", answers={200: Schedule}, changes=True),
)
async def put_schedule(code: str, request: Request, body: ScheduleFields) -> Response:
    """Passes, doors and schedules that use it change as soon as the gateways have it."""
    async with session(request, "rules:write") as s:
        return await _put(s, request, schedule_resource(code, None), body, place=None)


@router.delete(
    "/v1/schedules/{code}",
    status_code=204,
    summary="Remove a schedule of the network",
    **guarded("rules:write", changes=True),
)
async def remove_schedule(code: str, request: Request) -> Response:
    """Refused while a pass, a door or another schedule uses it."""
    async with session(request, "rules:write") as s:
        return await _remove(s, request, schedule_resource(code, None))


@router.get(
    "/v1/places/{place}/schedules/{code}",
    summary="One schedule of a place",
    **guarded("members:read", answers={200: Schedule}),
)
async def schedule_of_place(place: str, code: str, request: Request) -> Response:
    """By its code within the place."""
    async with session(request, "members:read") as s:
        return await _one(s, schedule_resource(code, place))


@router.put(
    "/v1/places/{place}/schedules/{code}",
    summary="Replace a schedule of a place",
    **guarded("rules:write", answers={200: Schedule}, changes=True),
)
async def put_schedule_of_place(place: str, code: str, request: Request, body: ScheduleFields) -> Response:
    """Passes, doors and schedules that use it change as soon as the gateways have it."""
    async with session(request, "rules:write") as s:
        place_id, _zone = await place_of_path(s, place)
        return await _put(s, request, schedule_resource(code, place), body, place=place_id)


@router.delete(
    "/v1/places/{place}/schedules/{code}",
    status_code=204,
    summary="Remove a schedule of a place",
    **guarded("rules:write", changes=True),
)
async def remove_schedule_of_place(place: str, code: str, request: Request) -> Response:
    """Refused while a pass, a door or another schedule uses it."""
    async with session(request, "rules:write") as s:
        return await _remove(s, request, schedule_resource(code, place))


async def _one(s: Session, resource: Resource) -> Response:
    row = await read(s, resource)
    return with_etag(schedule_json(row), row["revision"])


async def _put(
    s: Session, request: Request, resource: Resource, body: ScheduleFields, *, place: int | None
) -> Response:
    wanted = expected_revisions(request)
    row = await read_to_change(s, resource, wanted)
    values = {
        "id": row["id"],
        "name": body.name,
        "hours": Jsonb(checked_hours(body.hours)),
        "linked": await links(s, body.linked, own=row["id"], place=place),
    }
    await change(s, resource, rows.UPDATE, values, row=row, wanted=wanted)
    return await _one(s, resource)


async def _remove(s: Session, request: Request, resource: Resource) -> Response:
    wanted = expected_revisions(request)
    row = await read_to_change(s, resource, wanted)
    await s.run(rows.LOCK)
    linking = await s.row(rows.LINKING, {"id": row["id"]})
    if linking is not None:
        raise Conflict(f"It is still in use: schedule {linking['code']!r} links to it. Change that first.")
    await change(s, resource, rows.DELETE, {"id": row["id"]}, row=row, wanted=wanted)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})
