"""``/v1/closures``: days on which a place, or the network, is closed."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.models import whole
from api.http.references import place_named
from api.http.revisions import expected, explain_refusal, held_to, read, read_to_change, told
from api.http.session import guarded, session
from api.schedules import closures as rows
from api.schedules.closures import (
    Closure,
    ClosureFields,
    ClosureMade,
    Closures,
    ClosuresQuestion,
    closure_json,
    closure_thing,
)

router: Final = APIRouter(tags=["closures"])
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("/v1/closures", summary="Closures", **guarded("members:read", answers={200: Closures}))
async def closures(request: Request, question: Annotated[ClosuresQuestion, Query()]) -> Response:
    """Closures of places and of the network, by first day."""
    async with session(request, "members:read") as s:
        found = await s.rows(rows.FIND, {"id": None, **question.model_dump()})
    return json_answer({"closures": [closure_json(row) for row in found]})


@router.post(
    "/v1/closures",
    status_code=201,
    summary="Close a place",
    **guarded("rules:write", answers={201: Closure}, problems=(409,)),
)
async def make_closure(request: Request, body: ClosureMade) -> Response:
    """Without `place`, closes every place (network administrators only)."""
    async with session(request, "rules:write") as s:
        place = None if body.place is None else (await place_named(s, body.place))[0]
        made = await s.row(rows.INSERT, {**whole(body), "place": place})
        assert made is not None
        row = await read(s, closure_thing(made["id"]))
    return told(closure_json(row), row["revision"], status=201, location=f"/v1/closures/{row['id']}")


@router.get("/v1/closures/{number}", summary="One closure", **guarded("members:read", answers={200: Closure}))
async def closure(number: Number, request: Request) -> Response:
    """By its number."""
    async with session(request, "members:read") as s:
        row = await read(s, closure_thing(number))
    return told(closure_json(row), row["revision"])


@router.put(
    "/v1/closures/{number}",
    summary="Replace a closure",
    **guarded("rules:write", answers={200: Closure}, changes=True),
)
async def put_closure(number: Number, request: Request, body: ClosureFields) -> Response:
    """Changes its days or its reason."""
    async with session(request, "rules:write") as s:
        wanted, thing = expected(request), closure_thing(number)
        row = await read_to_change(s, thing, wanted)
        if await s.row(rows.UPDATE, {**whole(body), "id": number, "revisions": held_to(row, wanted)}) is None:
            raise await explain_refusal(s, thing, wanted)
        row = await read(s, thing)
    return told(closure_json(row), row["revision"])


@router.delete(
    "/v1/closures/{number}", status_code=204, summary="Cancel a closure", **guarded("rules:write", changes=True)
)
async def remove_closure(number: Number, request: Request) -> Response:
    """The place's opening hours apply again."""
    async with session(request, "rules:write") as s:
        wanted, thing = expected(request), closure_thing(number)
        row = await read_to_change(s, thing, wanted)
        if await s.row(rows.DELETE, {"id": number, "revisions": held_to(row, wanted)}) is None:
            raise await explain_refusal(s, thing, wanted)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})
