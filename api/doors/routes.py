"""``/v1/places/{place}/doors`` and ``…/door-groups``: doors' rules and door groups."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.doors import doors as rows
from api.doors.doors import (
    DoorRules,
    Doors,
    Group,
    GroupFields,
    GroupMade,
    Groups,
    Rules,
    group_json,
    group_resource,
    listed_json,
    rules_json,
    rules_resource,
)
from api.http.answers import json_answer
from api.http.errors import BadField, Conflict
from api.http.models import whole
from api.http.references import parts_named, place_of_path, schedule_named
from api.http.revisions import change, expected_revisions, read, read_to_change, with_etag
from api.http.session import guarded, session

router: Final = APIRouter(tags=["doors"])


@router.get("/v1/places/{place}/doors", summary="A place's doors", **guarded("members:read", answers={200: Doors}))
async def doors(place: str, request: Request) -> Response:
    """Those in service, each with where it leads and its rules."""
    async with session(request, "members:read") as s:
        await place_of_path(s, place)
        found = await s.rows(rows.RULES, {"place": place, "door": None})
    return json_answer({"doors": [listed_json(row) for row in found]})


@router.get(
    "/v1/places/{place}/doors/{door}/rules",
    summary="A door's rules",
    **guarded("members:read", answers={200: DoorRules}),
)
async def door_rules(place: str, door: str, request: Request) -> Response:
    """A door without rules has the defaults; its ETag is `"0"`."""
    async with session(request, "members:read") as s:
        row = await read(s, rules_resource(place, door))
    return with_etag(rules_json(row), row["revision"])


@router.put(
    "/v1/places/{place}/doors/{door}/rules",
    summary="Replace a door's rules",
    **guarded("rules:write", answers={200: DoorRules}, changes=True),
)
async def put_rules(place: str, door: str, request: Request, body: Rules) -> Response:
    """PIN, anti-passback, supervision, first card. Egress always stays free."""
    if body.passback == "timed" and not body.passback_s:
        raise BadField("passback_s", "a timed anti-passback needs its seconds")
    async with session(request, "rules:write") as s:
        wanted, resource = expected_revisions(request), rules_resource(place, door)
        row = await read_to_change(s, resource, wanted)
        values = {
            **whole(body),
            "id": row["id"],
            "place_id": row["place_id"],
        }
        for name in ("pin_while", "supervised", "first_card"):
            values[name] = await schedule_named(s, getattr(body, name), name, place=row["place_id"])
        await change(s, resource, rows.PUT_RULES, values, row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(rules_json(row), row["revision"])


@router.get(
    "/v1/places/{place}/door-groups",
    summary="A place's door groups",
    **guarded("members:read", answers={200: Groups}),
)
async def door_groups(place: str, request: Request) -> Response:
    """Named groups of doors, for use in passes."""
    async with session(request, "members:read") as s:
        await place_of_path(s, place)
        found = await s.rows(rows.GROUPS, {"place": place, "code": None})
    return json_answer({"door_groups": [group_json(row) for row in found]})


@router.post(
    "/v1/places/{place}/door-groups",
    status_code=201,
    summary="Create a door group",
    **guarded("rules:write", answers={201: Group}, problems=(409,)),
)
async def make_group(place: str, request: Request, body: GroupMade) -> Response:
    """All doors must be of this place."""
    async with session(request, "rules:write") as s:
        place_id, _zone = await place_of_path(s, place)
        doors = await parts_named(s, place_id, "doors", body.doors, "doors")
        await s.row(rows.INSERT_GROUP, {**whole(body), "doors": doors, "place": place_id})
        row = await read(s, group_resource(place, body.code))
    location = f"/v1/places/{place}/door-groups/{body.code}"
    return with_etag(group_json(row), row["revision"], status=201, location=location)


@router.get(
    "/v1/places/{place}/door-groups/{code}",
    summary="One door group",
    **guarded("members:read", answers={200: Group}),
)
async def door_group(place: str, code: str, request: Request) -> Response:
    """By its code within the place."""
    async with session(request, "members:read") as s:
        row = await read(s, group_resource(place, code))
    return with_etag(group_json(row), row["revision"])


@router.put(
    "/v1/places/{place}/door-groups/{code}",
    summary="Replace a door group",
    **guarded("rules:write", answers={200: Group}, changes=True),
)
async def put_group(place: str, code: str, request: Request, body: GroupFields) -> Response:
    """Passes for the group open its new doors as soon as the gateways have the change."""
    async with session(request, "rules:write") as s:
        wanted, resource = expected_revisions(request), group_resource(place, code)
        row = await read_to_change(s, resource, wanted)
        doors = await parts_named(s, row["place_id"], "doors", body.doors, "doors")
        values = {"id": row["id"], "name": body.name, "doors": doors}
        await change(s, resource, rows.UPDATE_GROUP, values, row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(group_json(row), row["revision"])


@router.delete(
    "/v1/places/{place}/door-groups/{code}",
    status_code=204,
    summary="Remove a door group",
    **guarded("rules:write", changes=True),
)
async def remove_group(place: str, code: str, request: Request) -> Response:
    """Refused while a valid pass uses it."""
    async with session(request, "rules:write") as s:
        wanted, resource = expected_revisions(request), group_resource(place, code)
        row = await read_to_change(s, resource, wanted)
        used = await s.row(rows.GROUP_IN_USE, {"id": row["id"]})
        if used is not None:
            raise Conflict(f"It is still in use: pass {used['pass']!r} uses it. Change that first.")
        await change(s, resource, rows.DELETE_GROUP, {"id": row["id"]}, row=row, wanted=wanted)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})
