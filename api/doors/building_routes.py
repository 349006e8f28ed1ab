"""``/v1/places/{place}/doors/{door}``: doors as parts of the building."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.doors import building as rows
from api.doors.building import BuiltDoor, DoorChanged, DoorMade, door_json, door_resource
from api.http.errors import BadField
from api.http.fitting import changed_fields
from api.http.models import whole
from api.http.references import place_of_path, space_named
from api.http.revisions import change, expected_revisions, read, read_to_change, with_etag
from api.http.session import guarded, session

router: Final = APIRouter(tags=["fitting"])

_SAME: Final = "a door leads from one space into another: choose two that differ"


@router.post(
    "/v1/places/{place}/doors",
    status_code=201,
    summary="Add a door",
    **guarded("fitting:write", answers={201: BuiltDoor}, problems=(409,)),
)
async def make_door(place: str, request: Request, body: DoorMade) -> Response:
    """It opens once a device that unlocks it is added at it."""
    if body.from_space == body.to_space:
        raise BadField("to_space", _SAME)
    async with session(request, "fitting:write") as s:
        place_id, _ = await place_of_path(s, place)
        from_id = None if body.from_space is None else await space_named(s, place_id, body.from_space, "from_space")
        to_id = await space_named(s, place_id, body.to_space, "to_space")
        await s.row(rows.INSERT, {**whole(body), "place": place_id, "from_id": from_id, "to_id": to_id})
        row = await read(s, door_resource(place, body.code))
    location = f"/v1/places/{place}/doors/{body.code}"
    return with_etag(door_json(row), row["revision"], status=201, location=location)


@router.get("/v1/places/{place}/doors/{door}", summary="One door", **guarded("members:read", answers={200: BuiltDoor}))
async def door(place: str, door: str, request: Request) -> Response:
    """By its code within the place, also once it is out of service. Its rules are at `…/rules`."""
    async with session(request, "members:read") as s:
        row = await read(s, door_resource(place, door))
    return with_etag(door_json(row), row["revision"])


@router.patch(
    "/v1/places/{place}/doors/{door}",
    summary="Change or retire a door",
    **guarded("fitting:write", answers={200: BuiltDoor}, changes=True),
)
async def change_door(place: str, door: str, request: Request, body: DoorChanged) -> Response:
    """It is retired after the devices at it."""
    async with session(request, "fitting:write") as s:
        wanted, resource = expected_revisions(request), door_resource(place, door)
        row = await read_to_change(s, resource, wanted)
        needed = dict.fromkeys(("name", "to_space", "unlock_s", "held_after_s"), "a door has a value here")
        fields = changed_fields(body, row, **needed)
        if fields["from_space"] == fields["to_space"]:
            raise BadField("to_space", _SAME)
        for name, number in (("from_space", "from_id"), ("to_space", "to_id")):
            if fields[name] != row[name]:
                code = fields[name]
                fields[number] = None if code is None else await space_named(s, row["place_id"], code, name)
        await change(s, resource, rows.UPDATE, fields, row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(door_json(row), row["revision"])
