"""``/v1/places`` and ``/v1/places/{id}``: the places of the network, from memory."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.http.answers import Bytes, known, no_query, unless_current
from api.http.compact_json import compact
from api.http.cursors import make_cursor, read_cursor
from api.http.errors import BadQuery, NoSuchPlace
from api.http.openapi import problem_responses
from api.http.state import shared
from api.places.models import PlaceDetail, Places, PlacesQuestion
from api.present.search import FoundPlace, find_places, page_after
from api.present.state import LoadedBoard

router = APIRouter(tags=["places"])


@router.get(
    "/v1/places",
    summary="The places of the network",
    responses={200: {"model": Places}, **problem_responses(422, 503)},
    response_class=Response,
)
async def places(board: LoadedBoard, request: Request, question: Annotated[PlacesQuestion, Query()]) -> Response:
    """Filter by box, distance from a point (nearest first), department, words or kind of space. Paged."""
    network = board.network
    etag = b'W/"%s"' % network.fingerprint.encode()
    if known(request.headers, etag):
        return Bytes(b"", etag=etag, status=304)
    if question.radius_km is not None and question.near is None:
        raise BadQuery("radius_km", "is the distance from `near`, which is missing")
    after = None if question.cursor is None else read_cursor(question.cursor, float, str)
    found = find_places(
        network,
        box=question.box,
        point=question.point,
        radius_km=question.radius_km,
        department=question.department,
        words=question.q,
        kind=question.kind,
        status=question.status,
    )
    page, more = page_after(found, None if after is None else (after[0], after[1]), question.limit)
    following = compact(make_cursor(*page[-1].key)) if more else b"null"
    rows = b",".join([_row(one) for one in page])
    body = b'{"total":%d,"next":%s,"places":[%s]}' % (len(found), following, rows)
    return await shared(request).packer.answer(request.headers, body, etag=etag, key=request.scope["query_string"])


def _row(found: FoundPlace) -> bytes:
    if found.distance_km is None:
        return found.place.summary
    return b'%s,"distance_km":%s}' % (found.place.summary[:-1], str(found.distance_km).encode())


@router.get(
    "/v1/places/{place}",
    summary="One place with its spaces and doors",
    responses={200: {"model": PlaceDetail}, **problem_responses(404, 503)},
    response_class=Response,
)
async def place_detail(place: str, board: LoadedBoard, request: Request) -> Response:
    """Data of the inventory; what it lacks is generated from a seed and marked `generated`."""
    no_query(request.scope["query_string"])
    one = board.network.by_code.get(place)
    if one is None:
        raise NoSuchPlace(place)
    return unless_current(request.headers, one.detail, etag=one.etag)
