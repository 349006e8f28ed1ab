"""``/v1/organisations``: whom members belong to."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.revisions import expected, explain_refusal, held_to, read, read_to_change, told
from api.http.session import guarded, session
from api.members import organisations as rows
from api.members.organisations import (
    Organisation,
    OrganisationFields,
    OrganisationMade,
    Organisations,
    organisation_json,
    organisation_thing,
)

router: Final = APIRouter(tags=["members"])


@router.get("/v1/organisations", summary="Organisations", **guarded("members:read", answers={200: Organisations}))
async def organisations(request: Request) -> Response:
    """All organisations of the network, by name."""
    async with session(request, "members:read") as s:
        found = await s.rows(rows.FIND, {"code": None})
    return json_answer({"organisations": [organisation_json(row) for row in found]})


@router.post(
    "/v1/organisations",
    status_code=201,
    summary="Create an organisation",
    **guarded("members:write", answers={201: Organisation}, problems=(409,)),
)
async def make_organisation(request: Request, body: OrganisationMade) -> Response:
    """Place managers may create one; only network administrators may rename or remove it."""
    async with session(request, "members:write") as s:
        await s.row(rows.INSERT, body.model_dump())
        row = await read(s, organisation_thing(body.code))
    return told(organisation_json(row), row["revision"], status=201, location=f"/v1/organisations/{body.code}")


@router.get(
    "/v1/organisations/{code}", summary="One organisation", **guarded("members:read", answers={200: Organisation})
)
async def organisation(code: str, request: Request) -> Response:
    """By its code."""
    async with session(request, "members:read") as s:
        row = await read(s, organisation_thing(code))
    return told(organisation_json(row), row["revision"])


@router.put(
    "/v1/organisations/{code}",
    summary="Rename an organisation",
    **guarded("members:write", answers={200: Organisation}, changes=True),
)
async def put_organisation(code: str, request: Request, body: OrganisationFields) -> Response:
    """For network administrators."""
    async with session(request, "members:write") as s:
        wanted, thing = expected(request), organisation_thing(code)
        row = await read_to_change(s, thing, wanted)
        values = {"name": body.name, "id": row["id"], "revisions": held_to(row, wanted)}
        if await s.row(rows.UPDATE, values) is None:
            raise await explain_refusal(s, thing, wanted)
        row = await read(s, thing)
    return told(organisation_json(row), row["revision"])


@router.delete(
    "/v1/organisations/{code}",
    status_code=204,
    summary="Remove an organisation",
    **guarded("members:write", changes=True),
)
async def remove_organisation(code: str, request: Request) -> Response:
    """For network administrators. Its members stay, without an organisation."""
    async with session(request, "members:write") as s:
        wanted, thing = expected(request), organisation_thing(code)
        row = await read_to_change(s, thing, wanted)
        if await s.row(rows.DELETE, {"id": row["id"], "revisions": held_to(row, wanted)}) is None:
            raise await explain_refusal(s, thing, wanted)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})
