"""``/v1/inventory``: every place, those in preparation, and buildings that could become one, from memory."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.http.answers import json_answer, known
from api.http.clock import now_us
from api.http.models import Answer, Question
from api.http.openapi import problem_responses
from api.http.timestamps import to_datetime
from api.inventory.formats import as_csv, as_geojson, as_mednum, row_of
from api.present.geography import parse_box
from api.present.models import Bbox
from api.present.state import LoadedBoard

router: Final = APIRouter(tags=["places"])
Status = Literal["building", "preparation", "open", "closed"]
_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "mednum": "text/csv; charset=utf-8",
    "geojson": "application/geo+json",
}


class InventoryQuestion(Question):
    """Which places, and how."""

    status: list[Status] = Field(
        default=["building", "preparation", "open"], max_length=4, description="Of the house itself (repeatable)."
    )
    department: str | None = Field(default=None, max_length=3, examples=["87"])
    bbox: Bbox | None = None
    format: Literal["json", "csv", "geojson", "mednum"] = Field(
        default="json", description="`mednum`: CSV of open places in the schema of digital mediation places, 1.0.2."
    )


class InventoryPlace(Answer):
    """One place of the inventory."""

    id: str
    name: str
    status: Status
    latitude: float
    longitude: float
    address: str | None
    postcode: str | None
    commune: str | None
    commune_code: str | None
    department: str | None
    region: str | None
    typology: str | None
    website: str | None
    capacity: int | None
    kinds: list[str]
    equipment: list[str]
    accessibility: list[str]
    opening_hours: str | None = Field(description="In OpenStreetMap's syntax.")
    source: str


class Inventory(Answer):
    """The places asked for, by code."""

    places: list[InventoryPlace]


@router.get(
    "/v1/inventory",
    summary="The inventory: open places, those in preparation, buildings that could become one",
    responses={
        200: {
            "model": Inventory,
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/geo+json": {"schema": {"type": "object"}},
            },
        },
        **problem_responses(422, 503),
    },
    response_class=Response,
)
async def inventory(board: LoadedBoard, request: Request, question: Annotated[InventoryQuestion, Query()]) -> Response:
    """What isn't open is never available; /v1/availability says so of it."""
    network = board.network
    etag = b'W/"%s"' % network.fingerprint.encode()
    headers = {"ETag": etag.decode(), "Cache-Control": "no-cache"}
    if known(request.headers, etag):
        return Response(status_code=304, headers=headers)
    box = None if question.bbox is None else parse_box(question.bbox)
    department = None if question.department is None else question.department.upper()
    places = [
        place
        for place in network.places
        if place.status in question.status
        and (department is None or place.department == department)
        and (box is None or box.holds(place.point))
    ]
    if question.format == "json":
        body: dict[str, Any] = {"places": [row_of(place) for place in places]}
        answer = json_answer(body)
        answer.headers.update(headers)
        return answer
    if question.format == "geojson":
        content = as_geojson(places)
    elif question.format == "csv":
        content = as_csv(places)
    else:
        content = as_mednum(places, to_datetime(now_us()).date())
    return Response(content, media_type=_TYPES[question.format], headers=headers)
