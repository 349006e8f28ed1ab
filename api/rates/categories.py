"""``/v1/categories`` and ``/v1/members/{ref}/categories``: whom prices are for, and who has shown a proof."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from psycopg.rows import DictRow
from pydantic import Field
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.errors import BadField, NotFound
from api.http.models import Answer, Body, Code, Day, Name, Ref, day_of, time_of
from api.http.references import member_of_path
from api.http.revisions import Resource, change, expected_revisions, read, read_to_change, with_etag
from api.http.session import Session, guarded, session

router: Final = APIRouter(tags=["rates"])

# One category, or all.
FIND: Final = """
SELECT id, code::text AS code, name, needs_proof, revision FROM category
WHERE %(code)s::text IS NULL OR code::text = %(code)s ORDER BY name, code
"""
INSERT: Final = (
    "INSERT INTO category (code, name, needs_proof) VALUES (%(code)s, %(name)s, %(needs_proof)s) RETURNING id"
)
UPDATE: Final = """
UPDATE category SET name = %(name)s, needs_proof = %(needs_proof)s
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""
# A member's categories with what was seen, latest first.
OF_MEMBER: Final = """
SELECT k.ref, k.member, c.code::text AS category, k.first, k.last, k.seen, k.seen_by, k.seen_at
FROM member_category k JOIN category c ON c.id = k.category
WHERE k.member = %(member)s AND (%(ref)s::text IS NULL OR k.ref = %(ref)s) ORDER BY k.first DESC, k.seen_at DESC
"""
NOTE: Final = """
INSERT INTO member_category (member, category, first, last, seen)
VALUES (%(member)s, %(category)s, coalesce(%(first)s, current_date), %(last)s, %(seen)s) RETURNING ref
"""
END: Final = """
UPDATE member_category SET last = least(last, greatest(first, %(last)s)) WHERE ref = %(ref)s AND member = %(member)s
RETURNING ref
"""


class CategoryFields(Body):
    """A category of members that prices may be for, such as students."""

    name: Name
    needs_proof: bool = Field(default=True, description="A member belongs to it only with a proof that has an end.")


class CategoryMade(CategoryFields):
    """A category to create."""

    code: Code


class Category(CategoryMade, Answer):
    """A category."""


class Categories(Answer):
    """All categories by name."""

    categories: list[Category]


class ProofSeen(Body):
    """A proof that was seen: it is not stored itself."""

    category: Code
    seen: Name | None = Field(default=None, description="What was shown.", examples=["carte étudiante"])
    first: Day | None = Field(default=None, description="The first day; null: today.")
    last: Day | None = Field(default=None, description="The last day on which it holds.")


class ProofEnded(Body):
    """The last day of a category that ends before its proof does."""

    last: Day


class MemberCategory(Answer):
    """A member's category, with the proof that was seen."""

    ref: Ref
    member: Ref
    category: str
    first: date
    last: date | None
    seen: str | None
    seen_by: str
    seen_at: datetime


class MemberCategories(Answer):
    """A member's categories, latest first."""

    categories: list[MemberCategory]


def category_resource(code: str) -> Resource:
    """Name a category by its code."""
    return Resource(find=FIND, key={"code": code}, name=f"category {code!r}", subject=f"category {code}")


def category_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    return {name: row[name] for name in ("code", "name", "needs_proof")}


def proof_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``OF_MEMBER`` for an answer."""
    days = {name: day_of(row[name]) for name in ("first", "last")}
    kept = {name: row[name] for name in ("ref", "member", "category", "seen", "seen_by")}
    return {**kept, **days, "seen_at": time_of(row["seen_at"])}


async def category_named(s: Session, code: str, field: str = "category") -> int:
    """Return the id of the category in ``field``.

    Raises:
        BadField: it doesn't exist.
    """
    row = await s.row(FIND, {"code": code})
    if row is None:
        raise BadField(field, f"there is no category {code!r}; see /v1/categories")
    return int(row["id"])


@router.get("/v1/categories", summary="Categories of members", **guarded("members:read", answers={200: Categories}))
async def categories(request: Request) -> Response:
    """All, by name."""
    async with session(request, "members:read") as s:
        found = await s.rows(FIND, {"code": None})
    return json_answer({"categories": [category_json(row) for row in found]})


@router.post(
    "/v1/categories",
    status_code=201,
    summary="Create a category",
    **guarded("rates:write", answers={201: Category}, problems=(409,)),
)
async def make_category(request: Request, body: CategoryMade) -> Response:
    """Prices for it are set with `POST /v1/rates/{code}/prices`."""
    async with session(request, "rates:write") as s:
        await s.row(INSERT, body.model_dump())
        row = await read(s, category_resource(body.code))
    return with_etag(category_json(row), row["revision"], status=201, location=f"/v1/categories/{body.code}")


@router.get("/v1/categories/{code}", summary="One category", **guarded("members:read", answers={200: Category}))
async def category(code: str, request: Request) -> Response:
    """By its code."""
    async with session(request, "members:read") as s:
        row = await read(s, category_resource(code))
    return with_etag(category_json(row), row["revision"])


@router.put(
    "/v1/categories/{code}",
    summary="Rename a category",
    **guarded("rates:write", answers={200: Category}, changes=True),
)
async def put_category(code: str, request: Request, body: CategoryFields) -> Response:
    """Its code stays."""
    async with session(request, "rates:write") as s:
        wanted, resource = expected_revisions(request), category_resource(code)
        row = await read_to_change(s, resource, wanted)
        await change(s, resource, UPDATE, {"id": row["id"], **body.model_dump()}, row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(category_json(row), row["revision"])


@router.get(
    "/v1/members/{ref}/categories",
    summary="A member's categories",
    **guarded("members:read", "own", answers={200: MemberCategories}),
)
async def categories_of_member(ref: str, request: Request) -> Response:
    """What was seen, by whom, and until when it holds."""
    async with session(request, "members:read", "own") as s:
        await member_of_path(s, ref)
        found = await s.rows(OF_MEMBER, {"member": ref, "ref": None})
    return json_answer({"categories": [proof_json(row) for row in found]})


@router.post(
    "/v1/members/{ref}/categories",
    status_code=201,
    summary="Note a proof that was seen",
    **guarded("members:write", answers={201: MemberCategory}),
)
async def note_proof(ref: str, request: Request, body: ProofSeen) -> Response:
    """The category's prices hold from its first to its last day; the member gets a mail before it ends."""
    async with session(request, "members:write") as s:
        await member_of_path(s, ref)
        row = await s.row(FIND, {"code": body.category})
        if row is None:
            raise BadField("category", f"there is no category {body.category!r}; see /v1/categories")
        if row["needs_proof"]:
            for field in ("seen", "last"):
                if getattr(body, field) is None:
                    raise BadField(field, f"{row['name']} needs a proof: send what was seen and its last day")
        values = {"member": ref, "category": row["id"], "first": body.first, "last": body.last, "seen": body.seen}
        made = await s.row(NOTE, values)
        assert made is not None
        found = await s.row(OF_MEMBER, {"member": ref, "ref": made["ref"]})
        assert found is not None
    return json_answer(proof_json(found), status=201)


@router.post(
    "/v1/members/{ref}/categories/{proof}/end",
    summary="End a member's category early",
    **guarded("members:write", answers={200: MemberCategory}),
)
async def end_proof(ref: str, proof: str, request: Request, body: ProofEnded) -> Response:
    """The normal rate holds from the day after `last`. It is never prolonged: note a new proof instead."""
    async with session(request, "members:write") as s:
        await member_of_path(s, ref)
        if await s.row(END, {"member": ref, "ref": proof, "last": body.last}) is None:
            raise NotFound(f"There is no category {proof!r} of this member that this key reaches.")
        found = await s.row(OF_MEMBER, {"member": ref, "ref": proof})
        assert found is not None
    return json_answer(proof_json(found))
