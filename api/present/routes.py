"""``/v1/places/{id}/occupancy``, ``/v1/occupancy`` and ``/v1/stream``: the current occupancy, from memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from api.http.answers import Bytes, known, no_query, unless_current
from api.http.clock import now_us
from api.http.errors import BadQuery, NoSuchPlace, Unavailable
from api.http.openapi import problem_responses
from api.http.state import shared
from api.http.timestamps import parse_rfc3339
from api.present.board import Board
from api.present.geography import parse_box
from api.present.models import NetworkOccupancy, OccupancyQuestion, PlaceOccupancy, StreamQuestion
from api.present.reach import NOBODY, Published, Reached, published_for, reach
from api.present.state import LOADING, LoadedBoard, present
from api.present.stream import HEARTBEAT_S, EventStream
from api.present.view import View
from api.present.why import why

router = APIRouter(tags=["occupancy"])
_EXPLAIN: Final = b"explain=true"
_NOT_EXPLAINED: Final = frozenset((b"", b"explain=false"))
"""Read by hand: nearly every request has no query, and this route is the one that is asked most."""
_PARAMETER: Final = {
    "name": "explain",
    "in": "query",
    "required": False,
    "schema": {"type": "boolean", "default": False},
    "description": "Say too what made each number: `why`, by the space's code.",
}


@router.get(
    "/v1/places/{place}/occupancy",
    summary="Current occupancy of a place and its spaces",
    responses={200: {"model": PlaceOccupancy}, **problem_responses(401, 404, 422, 503)},
    response_class=Response,
    openapi_extra={"parameters": [_PARAMETER]},
)
async def place_occupancy(place: str, request: Request) -> Response:
    """For the place and each space: an estimate, its interval, its quality and the time it applies to.

    `low` and `high` are the 5 and 95 % quantiles: with a chance of 95 % there are at least `low` people, and with as
    much at most `high`. With `explain=true` the answer says too what made each number. Without a key of the place,
    small numbers are a `band` and nothing is explained.
    """
    now = present(request)
    to = await reach(request)
    view = now.board.view(place, now_us())
    if view is None:
        if not now.listener.loaded:
            raise Unavailable(LOADING)
        raise NoSuchPlace(place)
    private = to.has(view.place)
    if not private:
        view = now.board.public.latest(view.place) or view
    query = request.scope["query_string"]
    if query not in _NOT_EXPLAINED:
        if query != _EXPLAIN:
            if query.startswith(b"explain=") and b"&" not in query:
                raise BadQuery("explain", "is true or false")
            no_query(query)
        reasons = await why(request, view.place.id) if private else None
        return JSONResponse({**json.loads(view.body), "why": reasons})
    return unless_current(request.headers, view.body, etag=view.etag, private=private)


@router.get(
    "/v1/occupancy",
    summary="Current occupancy of every place",
    responses={200: {"model": NetworkOccupancy}, **problem_responses(401, 422, 503)},
    response_class=Response,
)
async def network_occupancy(
    board: LoadedBoard, to: Reached, request: Request, question: Annotated[OccupancyQuestion, Query()]
) -> Response:
    """All places, or those that changed since a cursor or time. With the ETag, 304 while nothing changed."""
    board.age(now_us())
    published, private = published_for(board, to), to != NOBODY
    etag = b'W/"%016x%s"' % (published.digest, b"" if question.spaces else b"-lean")
    if known(request.headers, etag):
        return Bytes(b"", etag=etag, status=304, private=private)
    if question.changed_since is None:
        body = _network(published, published.joined(lean=not question.spaces))
        key = b"full" if to.places is None else b"public" if not private else repr(to).encode()
        return await shared(request).packer.answer(request.headers, body, etag=etag, key=key, private=private)
    views = _changed(published, question.changed_since)
    places = b",".join([view.body if question.spaces else view.lean for view in views])
    return Bytes(_network(published, places), etag=etag, private=private)


def _network(published: Published, places: bytes) -> bytes:
    return b'{"cursor":"%s","places":[%s]}' % (published.cursor().encode(), places)


def _changed(published: Published, since: str) -> list[View]:
    try:
        return published.since(published.number_of(since))
    except ValueError:
        pass
    try:
        moment = parse_rfc3339(since)
    except ValueError as error:
        raise BadQuery(
            "changed_since", "expected a `cursor` of an earlier answer or an RFC 3339 time such as 2026-11-21T20:37:53Z"
        ) from error
    return published.changed_since(moment)


@router.get(
    "/v1/stream",
    summary="Every change of occupancy, live",
    responses={
        200: {
            "description": "Server-sent events named `occupancy`; `data` is the answer of "
            "`/v1/places/{place}/occupancy`. An event named `heartbeat` (data `{}`) after 15 s of silence shows "
            "that the connection is alive.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": "id: …\nevent: occupancy\n…"}},
        },
        **problem_responses(401, 422, 503),
    },
    response_class=Response,
)
async def stream(
    board: LoadedBoard, to: Reached, request: Request, question: Annotated[StreamQuestion, Query()]
) -> Response:
    """Sends the whole current state, or what changed since `Last-Event-ID` (or `since`), then each change.

    Each event is a place's full current state, not a difference, so a slow client may skip states. After a
    restart of the server, or on another replica, the whole current state is sent again.
    """
    since = request.headers.get("last-event-id") or question.since
    published = published_for(board, to)
    number = 0
    if since:
        try:
            number = published.number_of(since)
        except ValueError as error:
            if question.since:
                raise BadQuery("since", "expected a `cursor` of /v1/occupancy") from error
            # a foreign Last-Event-ID: send the whole current state
    wanted = _wanted(board, question)
    return EventStream(
        board,
        published,
        present(request).streams,
        host=request.client.host if request.client else "",
        number=number,
        wanted=wanted,
        heartbeat_s=HEARTBEAT_S,
    )


def _wanted(board: Board, question: StreamQuestion) -> Callable[[View], bool] | None:
    if not question.place and question.bbox is None:
        return None
    unknown = [code for code in question.place if code not in board.network.by_code]
    if unknown:
        raise BadQuery("place", f"there is no place {unknown[0]!r}; find places with /v1/places?q=…")
    codes = frozenset(question.place)
    box = parse_box(question.bbox) if question.bbox else None

    def wanted(view: View) -> bool:
        return (not codes or view.place.code in codes) and (box is None or box.holds(view.place.point))

    return wanted
