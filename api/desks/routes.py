"""``/v1/places/{place}/desks``: the desks of a place."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.desks import desks as rows
from api.desks.desks import Desk, DeskChanged, DeskMade, Desks, desk_json, desk_resource
from api.http.answers import json_answer
from api.http.fitting import FittingQuestion, changed_fields
from api.http.models import whole
from api.http.references import place_of_path, space_named
from api.http.revisions import change, expected_revisions, read, read_to_change, with_etag
from api.http.session import guarded, session

router: Final = APIRouter(tags=["fitting"])


@router.get("/v1/places/{place}/desks", summary="A place's desks", **guarded("members:read", answers={200: Desks}))
async def desks(place: str, request: Request, question: Annotated[FittingQuestion, Query()]) -> Response:
    """By space."""
    async with session(request, "members:read") as s:
        await place_of_path(s, place)
        found = await s.rows(rows.FIND, {"place": place, "code": None, "retired": question.retired})
    return json_answer({"desks": [desk_json(row) for row in found]})


@router.post(
    "/v1/places/{place}/desks",
    status_code=201,
    summary="Add a desk",
    **guarded("fitting:write", answers={201: Desk}, problems=(409,)),
)
async def make_desk(place: str, request: Request, body: DeskMade) -> Response:
    """The space's capacity must be enough for it."""
    async with session(request, "fitting:write") as s:
        place_id, _ = await place_of_path(s, place)
        space = await space_named(s, place_id, body.space)
        await s.row(rows.INSERT, {**whole(body), "place": place_id, "space_id": space})
        row = await read(s, desk_resource(place, body.code))
    location = f"/v1/places/{place}/desks/{body.code}"
    return with_etag(desk_json(row), row["revision"], status=201, location=location)


@router.get("/v1/places/{place}/desks/{desk}", summary="One desk", **guarded("members:read", answers={200: Desk}))
async def desk(place: str, desk: str, request: Request) -> Response:
    """By its code within the place, also once it is out of service."""
    async with session(request, "members:read") as s:
        row = await read(s, desk_resource(place, desk))
    return with_etag(desk_json(row), row["revision"])


@router.patch(
    "/v1/places/{place}/desks/{desk}",
    summary="Rename, move or retire a desk",
    **guarded("fitting:write", answers={200: Desk}, changes=True),
)
async def change_desk(place: str, desk: str, request: Request, body: DeskChanged) -> Response:
    """To another space it takes the devices at it along; it is retired after these."""
    async with session(request, "fitting:write") as s:
        wanted, resource = expected_revisions(request), desk_resource(place, desk)
        row = await read_to_change(s, resource, wanted)
        fields = changed_fields(body, row, name="a desk has a name", space="a desk stands in a space")
        if fields["space"] != row["space"]:
            fields["space_id"] = await space_named(s, row["place_id"], fields["space"])
        await change(s, resource, rows.UPDATE, fields, row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(desk_json(row), row["revision"])
