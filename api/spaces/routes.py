"""``/v1/places/{place}/spaces``: the parts of a place."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.errors import BadField
from api.http.fitting import FittingQuestion, changed_fields
from api.http.models import whole
from api.http.references import place_of_path, space_named
from api.http.revisions import change, expected_revisions, read, read_to_change, with_etag
from api.http.session import Session, guarded, session
from api.spaces import spaces as rows
from api.spaces.spaces import Space, SpaceChanged, SpaceMade, Spaces, space_json, space_resource

router: Final = APIRouter(tags=["fitting"])

# The space that stands for the place itself.
_ROOT: Final = "SELECT id FROM space WHERE place = %s AND parent IS NULL"


@router.get("/v1/places/{place}/spaces", summary="A place's spaces", **guarded("members:read", answers={200: Spaces}))
async def spaces(place: str, request: Request, question: Annotated[FittingQuestion, Query()]) -> Response:
    """The root first, which stands for the place itself."""
    async with session(request, "members:read") as s:
        await place_of_path(s, place)
        found = await s.rows(rows.FIND, {"place": place, "code": None, "retired": question.retired})
    return json_answer({"spaces": [space_json(row) for row in found]})


@router.post(
    "/v1/places/{place}/spaces",
    status_code=201,
    summary="Add a space",
    **guarded("fitting:write", answers={201: Space}, problems=(409,)),
)
async def make_space(place: str, request: Request, body: SpaceMade) -> Response:
    """Its kind says whether its seats are for work, unless `for_work` does."""
    if body.kind == "place":
        raise BadField("kind", "the place has its root space already; choose the kind of a room")
    async with session(request, "fitting:write") as s:
        place_id, _ = await place_of_path(s, place)
        parent = await _parent(s, place_id, body.parent)
        await s.row(rows.INSERT, {**whole(body), "place": place_id, "parent_id": parent})
        row = await read(s, space_resource(place, body.code))
    location = f"/v1/places/{place}/spaces/{body.code}"
    return with_etag(space_json(row), row["revision"], status=201, location=location)


@router.get("/v1/places/{place}/spaces/{space}", summary="One space", **guarded("members:read", answers={200: Space}))
async def space(place: str, space: str, request: Request) -> Response:
    """By its code within the place, also once it is out of service."""
    async with session(request, "members:read") as s:
        row = await read(s, space_resource(place, space))
    return with_etag(space_json(row), row["revision"])


@router.patch(
    "/v1/places/{place}/spaces/{space}",
    summary="Change, move or retire a space",
    **guarded("fitting:write", answers={200: Space}, changes=True),
)
async def change_space(place: str, space: str, request: Request, body: SpaceChanged) -> Response:
    """Its capacity isn't below its desks; it is retired after all that it holds. History keeps it."""
    async with session(request, "fitting:write") as s:
        wanted, resource = expected_revisions(request), space_resource(place, space)
        row = await read_to_change(s, resource, wanted)
        fields = changed_fields(body, row, name="a space has a name", kind="a space has a kind")
        if (fields["kind"] == "place") != (row["kind"] == "place"):
            raise BadField("kind", "only the root space is of the kind 'place', and it stays so")
        if "parent" in body.model_fields_set and body.parent != row["parent"]:
            if row["parent"] is None:
                raise BadField("parent", "the root space stands for the place itself and lies in no other")
            fields["parent_id"] = await _parent(s, row["place_id"], body.parent)
        await change(s, resource, rows.UPDATE, fields, row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(space_json(row), row["revision"])


async def _parent(s: Session, place: int, code: str | None) -> int:
    """Return the id of the space that another lies in; without a code the root's."""
    if code is not None:
        return await space_named(s, place, code, "parent")
    root = await s.row(_ROOT, (place,))
    if root is None:
        raise BadField("parent", "this place has no root space: add one with `maillage place apply`")
    return int(root["id"])
