"""``/v1/organisations``: the companies and councils that members belong to."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from psycopg.rows import DictRow
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.models import Answer, Body, Code, Name
from api.http.references import member_of_path
from api.http.revisions import Resource, change, expected_revisions, read, read_to_change, with_etag
from api.http.session import Session, guarded, session

router: Final = APIRouter(tags=["members"])

# One organisation.
FIND: Final = """
SELECT id, code::text AS code, name, revision FROM organisation WHERE code::text = %(code)s
"""
# All of them by name, as the answer has them: a network has thousands, and forms ask for them each time.
_LISTED: Final = """
SELECT coalesce(string_agg('{"code":' || to_json(code::text) || ',"name":' || to_json(name) || '}', ','
  ORDER BY name, code), '') AS listed FROM organisation
"""
INSERT: Final = "INSERT INTO organisation (code, name) VALUES (%(code)s, %(name)s) RETURNING id"
UPDATE: Final = """
UPDATE organisation SET name = %(name)s
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""
DELETE: Final = """
DELETE FROM organisation
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING id
"""


# The members who manage an organisation: they see its statements.
MANAGERS: Final = """
SELECT g.member FROM organisation_manager g WHERE g.organisation = %(id)s ORDER BY g.member
"""
ADD_MANAGER: Final = """
INSERT INTO organisation_manager (organisation, member) VALUES (%(id)s, %(member)s) ON CONFLICT DO NOTHING
"""
REMOVE_MANAGER: Final = "DELETE FROM organisation_manager WHERE organisation = %(id)s AND member = %(member)s"


class OrganisationFields(Body):
    """An organisation's name."""

    name: Name


class OrganisationMade(OrganisationFields):
    """An organisation to create."""

    code: Code


class Organisation(OrganisationMade, Answer):
    """An organisation."""


class Organisations(Answer):
    """All organisations by name."""

    organisations: list[Organisation]


class Managers(Answer):
    """The members who manage an organisation, by reference."""

    managers: list[str]


def organisation_resource(code: str) -> Resource:
    """Name an organisation by its code."""
    return Resource(find=FIND, key={"code": code}, name=f"organisation {code!r}", subject=f"organisation {code}")


def organisation_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    return {"code": row["code"], "name": row["name"]}


@router.get("/v1/organisations", summary="Organisations", **guarded("members:read", answers={200: Organisations}))
async def organisations(request: Request) -> Response:
    """All organisations of the network, by name."""
    async with session(request, "members:read") as s:
        found = await s.row(_LISTED)
    assert found is not None
    body = f'{{"organisations":[{found["listed"]}]}}'
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


@router.post(
    "/v1/organisations",
    status_code=201,
    summary="Create an organisation",
    **guarded("members:write", answers={201: Organisation}, problems=(409,)),
)
async def make_organisation(request: Request, body: OrganisationMade) -> Response:
    """Place managers may create one; only network administrators may rename or remove it."""
    async with session(request, "members:write") as s:
        await s.row(INSERT, body.model_dump())
        row = await read(s, organisation_resource(body.code))
    return with_etag(organisation_json(row), row["revision"], status=201, location=f"/v1/organisations/{body.code}")


@router.get(
    "/v1/organisations/{code}", summary="One organisation", **guarded("members:read", answers={200: Organisation})
)
async def organisation(code: str, request: Request) -> Response:
    """By its code."""
    async with session(request, "members:read") as s:
        row = await read(s, organisation_resource(code))
    return with_etag(organisation_json(row), row["revision"])


@router.put(
    "/v1/organisations/{code}",
    summary="Rename an organisation",
    **guarded("members:write", answers={200: Organisation}, changes=True),
)
async def put_organisation(code: str, request: Request, body: OrganisationFields) -> Response:
    """For network administrators."""
    async with session(request, "members:write") as s:
        wanted, resource = expected_revisions(request), organisation_resource(code)
        row = await read_to_change(s, resource, wanted)
        values = {"name": body.name, "id": row["id"]}
        await change(s, resource, UPDATE, values, row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(organisation_json(row), row["revision"])


@router.delete(
    "/v1/organisations/{code}",
    status_code=204,
    summary="Remove an organisation",
    **guarded("members:write", changes=True),
)
async def remove_organisation(code: str, request: Request) -> Response:
    """For network administrators. Its members stay, without an organisation."""
    async with session(request, "members:write") as s:
        wanted, resource = expected_revisions(request), organisation_resource(code)
        row = await read_to_change(s, resource, wanted)
        await change(s, resource, DELETE, {"id": row["id"]}, row=row, wanted=wanted)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


@router.get(
    "/v1/organisations/{code}/managers",
    summary="Who manages an organisation",
    **guarded("members:read", answers={200: Managers}),
)
async def managers(code: str, request: Request) -> Response:
    """Members whose own key sees the organisation's statements."""
    async with session(request, "members:read") as s:
        row = await read(s, organisation_resource(code))
        return await _managers(s, row["id"])


@router.put(
    "/v1/organisations/{code}/managers/{member}",
    summary="Let a member manage an organisation",
    **guarded("rates:write", answers={200: Managers}),
)
async def add_manager(code: str, member: str, request: Request) -> Response:
    """The member's own key sees the organisation's statements from now on."""
    async with session(request, "rates:write") as s:
        row = await read(s, organisation_resource(code))
        await member_of_path(s, member)
        await s.run(ADD_MANAGER, {"id": row["id"], "member": member})
        return await _managers(s, row["id"])


@router.delete(
    "/v1/organisations/{code}/managers/{member}",
    summary="A member no longer manages an organisation",
    **guarded("rates:write", answers={200: Managers}),
)
async def remove_manager(code: str, member: str, request: Request) -> Response:
    """Repeating it changes nothing."""
    async with session(request, "rates:write") as s:
        row = await read(s, organisation_resource(code))
        await s.run(REMOVE_MANAGER, {"id": row["id"], "member": member})
        return await _managers(s, row["id"])


async def _managers(s: Session, organisation: int) -> Response:
    return json_answer({"managers": [row["member"] for row in await s.rows(MANAGERS, {"id": organisation})]})
