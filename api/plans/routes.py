"""``/v1/places/{place}/plan``: where the spaces and desks of a place stand."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from psycopg.types.json import Jsonb
from starlette.responses import Response

from api.http.answers import no_query
from api.http.errors import BadField
from api.http.references import reached_place
from api.http.revisions import change, expected_revisions, read, read_to_change, with_etag
from api.http.session import Session, guarded, session
from api.plans import plans as rows
from api.plans.layout import completed
from api.plans.plans import Plan, PlanDrawn, drawn_of, plan_json, plan_resource

router: Final = APIRouter(tags=["fitting"])


@router.get("/v1/places/{place}/plan", summary="A place's plan", **guarded("members:read", answers={200: Plan}))
async def plan(place: str, request: Request) -> Response:
    """As it was drawn; spaces and desks that nobody has drawn are laid out below, in rows."""
    no_query(request.scope["query_string"])
    async with session(request, "members:read") as s:
        await reached_place(s, place, "members:read")
        return await _answer(s, place)


@router.put(
    "/v1/places/{place}/plan",
    summary="Draw a place's plan",
    **guarded("fitting:write", answers={200: Plan}, changes=True),
)
async def draw(place: str, request: Request, body: PlanDrawn) -> Response:
    """Replaces it. It moves nothing but the drawing: a desk stays in its space."""
    async with session(request, "fitting:write") as s:
        wanted, resource = expected_revisions(request), plan_resource(place)
        await reached_place(s, place, "fitting:write")
        row = await read_to_change(s, resource, wanted)
        _check([one.space for one in body.spaces], {one["code"] for one in row["spaces_in_service"]}, "spaces")
        _check([one.desk for one in body.desks], {one["code"] for one in row["desks_in_service"]}, "desks")
        values = {
            "place": row["place"],
            "width": body.width,
            "height": body.height,
            "spaces": Jsonb({one.space: [one.x, one.y, one.width, one.height] for one in body.spaces}),
            "desks": Jsonb({one.desk: [one.x, one.y, one.width, one.height, one.rotation] for one in body.desks}),
        }
        await change(s, resource, rows.SAVE, values, row=row, wanted=wanted)
        return await _answer(s, place)


async def _answer(s: Session, place: str) -> Response:
    row = await read(s, plan_resource(place))
    seats: dict[str, list[str]] = {one["code"]: [] for one in row["spaces_in_service"]}
    for desk in row["desks_in_service"]:
        seats[desk["space"]].append(desk["code"])
    body: dict[str, Any] = plan_json(place, completed(drawn_of(row), list(seats), seats), row)
    return with_etag(body, row["revision"])


def _check(codes: list[str], known: set[str], field: str) -> None:
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise BadField(field, f"this place has no {unknown[0]!r} in service among its {field}")
