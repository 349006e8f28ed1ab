"""``/v1/closures``: days on which a place, or the network, is closed."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Path, Query, Request
from psycopg.rows import DictRow
from pydantic import Field, model_validator
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.models import Answer, Body, Code, Day, Question, whole
from api.http.references import place_named
from api.http.revisions import Resource, change, expected_revisions, read, read_to_change, with_etag
from api.http.session import guarded, session

router: Final = APIRouter(tags=["closures"])

# One closure, or those of a place and the network (or all that the caller sees) that end on or after a day.
FIND: Final = """
SELECT c.id, p.code::text AS place, c.first, c.last, c.reason, c.revision
FROM closure c LEFT JOIN place p ON p.id = c.place
WHERE (%(id)s::integer IS NULL OR c.id = %(id)s)
  AND (%(place)s::text IS NULL OR p.code IS NULL OR p.code::text = %(place)s)
  AND (%(since)s::date IS NULL OR c.last >= %(since)s)
ORDER BY c.first, c.id
LIMIT 5000
"""
INSERT: Final = """
INSERT INTO closure (place, first, last, reason) VALUES (%(place)s, %(first)s, %(last)s, %(reason)s) RETURNING id
"""
UPDATE: Final = """
UPDATE closure SET first = %(first)s, last = %(last)s, reason = %(reason)s
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""
DELETE: Final = """
DELETE FROM closure
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING id
"""


class ClosureFields(Body):
    """Local days, both included."""

    first: Day
    last: Day
    reason: str = Field(default="", max_length=200, examples=["Fermeture de fin d'année"])

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError("last must not be before first")
        return self


class ClosureMade(ClosureFields):
    """A new closure; without `place`, of the whole network."""

    place: Code | None = None


class ClosuresQuestion(Question):
    """Which closures to list."""

    place: str | None = Field(
        default=None, max_length=64, description="Those of this place and of the network; without it, all."
    )
    since: Day | None = Field(default=None, description="Only those that end on this day or later.")


class Closure(Answer):
    """Local days on which a place (null: every place) is closed, both included."""

    id: int
    place: str | None
    first: date
    last: date
    reason: str


class Closures(Answer):
    """Closures by their first day, at most 5,000."""

    closures: list[Closure]


def closure_resource(number: int) -> Resource:
    """Name a closure by its number."""
    key = {"id": number, "place": None, "since": None}
    return Resource(find=FIND, key=key, name=f"closure {number}", subject=f"closure {number}")


def closure_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    days = {name: row[name].isoformat() for name in ("first", "last")}
    return {"id": row["id"], "place": row["place"], **days, "reason": row["reason"]}


Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("/v1/closures", summary="Closures", **guarded("members:read", answers={200: Closures}))
async def closures(request: Request, question: Annotated[ClosuresQuestion, Query()]) -> Response:
    """Closures of places and of the network, by first day."""
    async with session(request, "members:read") as s:
        found = await s.rows(FIND, {"id": None, **question.model_dump()})
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
        made = await s.row(INSERT, {**whole(body), "place": place})
        assert made is not None
        row = await read(s, closure_resource(made["id"]))
    return with_etag(closure_json(row), row["revision"], status=201, location=f"/v1/closures/{row['id']}")


@router.get("/v1/closures/{number}", summary="One closure", **guarded("members:read", answers={200: Closure}))
async def closure(number: Number, request: Request) -> Response:
    """By its number."""
    async with session(request, "members:read") as s:
        row = await read(s, closure_resource(number))
    return with_etag(closure_json(row), row["revision"])


@router.put(
    "/v1/closures/{number}",
    summary="Replace a closure",
    **guarded("rules:write", answers={200: Closure}, changes=True),
)
async def put_closure(number: Number, request: Request, body: ClosureFields) -> Response:
    """Changes its days or its reason."""
    async with session(request, "rules:write") as s:
        wanted, resource = expected_revisions(request), closure_resource(number)
        row = await read_to_change(s, resource, wanted)
        await change(s, resource, UPDATE, {**whole(body), "id": number}, row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(closure_json(row), row["revision"])


@router.delete(
    "/v1/closures/{number}", status_code=204, summary="Cancel a closure", **guarded("rules:write", changes=True)
)
async def remove_closure(number: Number, request: Request) -> Response:
    """The place's opening hours apply again."""
    async with session(request, "rules:write") as s:
        wanted, resource = expected_revisions(request), closure_resource(number)
        row = await read_to_change(s, resource, wanted)
        await change(s, resource, DELETE, {"id": number}, row=row, wanted=wanted)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})
