"""``/v1/operators``: the people who manage places, and their roles."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from psycopg.rows import DictRow
from pydantic import Field
from starlette.responses import Response

from api.audit.entries import note_reading
from api.http.answers import json_answer
from api.http.errors import BadField, Conflict
from api.http.models import Answer, time_of
from api.http.references import member_named
from api.http.revisions import change, expected_revisions, read, read_to_change, with_etag
from api.http.session import Session, guarded, session
from api.operators import operators as rows
from api.operators.operators import (
    Operator,
    OperatorData,
    OperatorFields,
    Operators,
    RoleHeld,
    operator_json,
    operator_resource,
)

router: Final = APIRouter(tags=["operators"])


class Erased(Answer):
    """What was erased."""

    erased: dict[str, int] = Field(description="Their keys, which have ended.")


@router.get("/v1/operators", summary="Operators", **guarded("audit:read", answers={200: Operators}))
async def operators(request: Request) -> Response:
    """By name. Managers and auditors of places see those who have a role at their places."""
    async with session(request, "audit:read") as s:
        found = await s.rows(rows.FIND, {"ref": None})
    return json_answer({"operators": [operator_json(row) for row in found]})


@router.post(
    "/v1/operators",
    status_code=201,
    summary="Create an operator",
    **guarded("operators:write", answers={201: Operator}, problems=(409,)),
)
async def make_operator(request: Request, body: OperatorFields) -> Response:
    """For network administrators. `POST /v1/keys` with `operator` makes a key for one of their roles."""
    async with session(request, "operators:write") as s:
        await _check_member(s, body)
        roles = await _roles(s, body.roles)
        made = await s.row(rows.INSERT, body.model_dump(exclude={"roles"}))
        assert made is not None
        await s.run(rows.GIVE, {"ref": made["ref"], "roles": roles})
        row = await read(s, operator_resource(made["ref"]))
    return with_etag(operator_json(row), row["revision"], status=201, location=f"/v1/operators/{row['ref']}")


@router.get("/v1/operators/{ref}", summary="One operator", **guarded("audit:read", answers={200: Operator}))
async def operator(ref: str, request: Request) -> Response:
    """By reference, as the audit names them."""
    async with session(request, "audit:read") as s:
        row = await read(s, operator_resource(ref))
    return with_etag(operator_json(row), row["revision"])


@router.put(
    "/v1/operators/{ref}",
    summary="Change an operator",
    **guarded("operators:write", answers={200: Operator}, changes=True),
)
async def put_operator(ref: str, request: Request, body: OperatorFields) -> Response:
    """A role that is taken away ends at once: their keys reach what they have now. APIs may show it 10 s later."""
    async with session(request, "operators:write") as s:
        wanted, resource = expected_revisions(request), operator_resource(ref)
        row = await read_to_change(s, resource, wanted)
        if row["ended_at"] is not None:
            raise Conflict("This operator has ended. Create a new one.")
        await _check_member(s, body)
        values = {"ref": ref, "roles": await _roles(s, body.roles)}
        await change(
            s, resource, rows.UPDATE, {**body.model_dump(exclude={"roles"}), "ref": ref}, row=row, wanted=wanted
        )
        await s.run(rows.TAKE, values)
        await s.run(rows.GIVE, values)
        row = await read(s, resource)
    return with_etag(operator_json(row), row["revision"])


@router.post(
    "/v1/operators/{ref}/end",
    summary="End an operator",
    **guarded("operators:write", answers={200: Operator}, changes=True),
)
async def end(ref: str, request: Request) -> Response:
    """For good, with their keys and what these made. The audit still names them, until they are erased."""
    async with session(request, "operators:write") as s:
        wanted, resource = expected_revisions(request), operator_resource(ref)
        row = await read_to_change(s, resource, wanted)
        await change(s, resource, rows.END, {"ref": ref}, row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(operator_json(row), row["revision"])


@router.get(
    "/v1/operators/{ref}/export",
    summary="All data about an operator",
    **guarded("privacy", answers={200: OperatorData}),
)
async def export(ref: str, request: Request) -> Response:
    """As JSON, for a subject access request. Each export is recorded in the audit."""
    async with session(request, "privacy") as s:
        row = await read(s, operator_resource(ref))
        keys, audit = await s.rows(rows.KEYS, {"ref": ref}), await s.rows(rows.AUDIT, {"ref": ref})
        sessions, mail = await s.rows(rows.SESSIONS, {"ref": ref}), await s.rows(rows.MAIL, {"ref": ref})
        passkeys, password = await s.rows(rows.PASSKEYS, {"ref": ref}), await s.rows(rows.SECRETS_SET, {"ref": ref})
        await note_reading(s, "exported", f"operator {ref}")
    held = {"keys": [_plain(one) for one in keys], "audit": [_plain(one) for one in audit]}
    held["sessions"] = [_plain(one) for one in sessions]
    held["passkeys"], held["password"] = [_plain(one) for one in passkeys], [_plain(one) for one in password]
    held["mail"] = [_plain(one) for one in mail]
    return json_answer({"exported_at": time_of(datetime.now(UTC)), "operator": operator_json(row), **held})


@router.delete(
    "/v1/operators/{ref}", summary="Erase an operator", **guarded("privacy", answers={200: Erased}, changes=True)
)
async def erase(ref: str, request: Request) -> Response:
    """Name, address and keys, for good. The audit's lines keep the reference, which then names nobody."""
    async with session(request, "privacy") as s:
        await read_to_change(s, operator_resource(ref), expected_revisions(request))
        row = await s.row(rows.ERASE, {"ref": ref})
    assert row is not None
    return json_answer({"erased": row["erased"]})


async def _check_member(s: Session, body: OperatorFields) -> None:
    if body.member is not None:
        await member_named(s, body.member, "member")


async def _roles(s: Session, roles: list[RoleHeld]) -> str:
    codes = sorted({code for one in roles for code in one.places or ()})
    known = {row["code"]: row["id"] for row in await s.rows(rows.PLACES, {"codes": codes})}
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise BadField("roles", f"there is no place {unknown[0]!r}")
    pairs: list[dict[str, Any]] = []
    for one in roles:
        places = [None] if one.places is None else [known[code] for code in one.places]
        pairs += [{"role": one.role, "place": place} for place in places]
    return json.dumps(pairs)


def _plain(row: DictRow) -> dict[str, Any]:
    return {name: time_of(value) if isinstance(value, datetime) else value for name, value in row.items()}
