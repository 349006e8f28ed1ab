"""``/v1/places/{place}/head-counts``: "I count 7"; ``…/trust``: how near the published numbers were."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.head_counts import head_counts as rows
from api.head_counts.head_counts import (
    HeadCount,
    HeadCountMade,
    HeadCounts,
    HeadCountsQuestion,
    check_number,
    check_time,
    head_count_json,
)
from api.head_counts.trust import Trust, trust_book, trust_json
from api.http.answers import json_answer, no_query
from api.http.cursors import make_cursor, read_cursor
from api.http.errors import BadField, BadQuery, Conflict, NoSuchPlace, NotFound
from api.http.idempotency import IdempotencyKey, once
from api.http.openapi import problem_responses
from api.http.references import reached_place
from api.http.session import Session, guarded, session
from api.present.reach import Reached
from api.present.state import LoadedBoard

router: Final = APIRouter(tags=["head counts"])

Number = Annotated[int, Path(ge=1, le=2**53)]


@router.get(
    "/v1/places/{place}/head-counts",
    summary="A place's head counts",
    **guarded("head_counts:write", "audit:read", answers={200: HeadCounts}),
)
async def head_counts(place: str, request: Request, question: Annotated[HeadCountsQuestion, Query()]) -> Response:
    """Each beside what was published at its time. The latest made first."""
    before = None if question.cursor is None else read_cursor(question.cursor, int)[0]
    async with session(request, "head_counts:write", "audit:read") as s:
        number = await reached_place(s, place, "head_counts:write")
        space = None
        if question.space is not None:
            row = await s.row(rows.SPACE, {"place": number, "space": question.space})
            if row is None:
                raise BadQuery("space", f"this place has no space {question.space!r}; see /v1/places/{place}")
            space = row["id"]
        wanted = {"place": number, "space": space, "id": None, "before": before, "limit": question.limit + 1}
        found = await s.rows(rows.FIND, wanted)
    page = found[: question.limit]
    following = make_cursor(page[-1]["id"]) if len(found) > len(page) else None
    return json_answer({"head_counts": [head_count_json(row) for row in page], "next": following})


@router.post(
    "/v1/places/{place}/head-counts",
    status_code=201,
    summary="Say how many people are there",
    **guarded("head_counts:write", answers={201: HeadCount}, problems=(409,)),
)
async def make_head_count(
    place: str, request: Request, body: HeadCountMade, idempotency_key: IdempotencyKey = None
) -> Response:
    """The head count becomes an event within a second, also if the place's gateways are offline or it has none."""
    async with session(request, "head_counts:write") as s:
        number = await reached_place(s, place, "head_counts:write")
        made = await once(s, request, idempotency_key, lambda: _make(s, place, number, body))
        wanted = {"place": number, "space": None, "id": int(made), "before": None, "limit": 1}
        row = await s.row(rows.FIND, wanted)
    assert row is not None
    return json_answer(head_count_json(row), status=201)


@router.delete(
    "/v1/places/{place}/head-counts/{number}",
    status_code=204,
    summary="Withdraw a head count",
    **guarded("head_counts:write"),
)
async def withdraw(place: str, number: Number, request: Request) -> Response:
    """It was a mistake: it stays on the list and in the events, but isn't compared. Make the right one, too."""
    async with session(request, "head_counts:write") as s:
        place_id = await reached_place(s, place, "head_counts:write")
        if await s.row(rows.WITHDRAW, {"place": place_id, "id": number, "by": s.caller.actor}) is None:
            raise NotFound(f"There is no head count {number} at {place!r}.")
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


async def _make(s: Session, place: str, number: int, body: HeadCountMade) -> str:
    space = await s.row(rows.SPACE, {"place": number, "space": body.space})
    if space is None:
        raise BadField("space", f"this place has no space {body.space!r}; see /v1/places/{place}")
    if space["retired_at"] is not None:
        raise Conflict(f"The space {space['code']!r} is out of service.", field="space")
    check_time(body.at, space["now"])
    check_number(body.present, space["capacity"], confirmed=body.confirm_over_capacity)
    values = {"place": number, "space": space["id"], "at": body.at, "present": body.present}
    row = await s.row(rows.INSERT, values)
    assert row is not None
    return str(row["id"])


@router.get(
    "/v1/places/{place}/trust",
    summary="How near a place's numbers were to its head counts",
    responses={200: {"model": Trust}, **problem_responses(401, 404, 503)},
    response_class=Response,
)
async def trust(place: str, board: LoadedBoard, to: Reached, request: Request) -> Response:
    """Over the last 90 days, by what was published at the time of each head count. At most a minute old.

    Without a key of the place only the number of head counts.
    """
    no_query(request.scope["query_string"])
    one = board.network.by_code.get(place)
    if one is None:
        raise NoSuchPlace(place)
    book = trust_book(request)
    private = to.has(one)
    answer = trust_json(one, await book.of(one.id), public=not private)
    return json_answer(answer, cache="private, max-age=60" if private else "max-age=60")
