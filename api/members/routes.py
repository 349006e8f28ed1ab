"""``/v1/members``: people, and their PINs."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from access.errors import CardError
from access.tokens import hard_pin
from api.cards.issuing import taking
from api.http.answers import json_answer
from api.http.cursors import make_cursor, read_cursor
from api.http.errors import BadField
from api.http.idempotency import IdempotencyKey, once
from api.http.models import sent
from api.http.references import communes_named, organisation_named, place_named
from api.http.revisions import change, expected_revisions, explain_refusal, read, read_to_change, with_etag
from api.http.session import Session, guarded, session
from api.members import members as rows
from api.members.members import (
    Member,
    MemberChanged,
    MemberMade,
    Members,
    MembersQuestion,
    PinSet,
    listed_json,
    member_json,
    member_resource,
)

router: Final = APIRouter(tags=["members"])
_COMMUNES: Final = ("home_commune", "work_commune")


@router.get(
    "/v1/members",
    summary="Members",
    **guarded("members:read", answers={200: Members}),
)
async def members(request: Request, question: Annotated[MembersQuestion, Query()]) -> Response:
    """By name: those of the key's places, or of the whole network."""
    after = None if question.cursor is None else read_cursor(question.cursor, str, str)
    async with session(request, "members:read") as s:
        given = {
            "words": question.q.split() if question.q else None,
            "place": question.place,
            "organisation": question.organisation,
            "status": question.status,
            "card": question.card,
            "ends_within_days": question.ends_within_days,
            "no_visitors": None if question.visitors else True,
            "after": after and after[0],
            "after_ref": after and after[1],
            "limit": question.limit + 1,
        }
        found = await s.rows(rows.find_page(given), given)
    page = found[: question.limit]
    more = len(found) > question.limit
    following = make_cursor(page[-1]["sorted"], page[-1]["ref"]) if more else None
    return json_answer({"members": [listed_json(row) for row in page], "next": following})


@router.post(
    "/v1/members",
    status_code=201,
    summary="Create a member",
    **guarded("members:write", answers={201: Member}, problems=(409, 429)),
)
async def make_member(request: Request, body: MemberMade, idempotency_key: IdempotencyKey = None) -> Response:
    """A new member has no card and no pass yet."""
    async with taking(request, "members:write", takes=body.email is not None) as s:
        ref = await once(s, request, idempotency_key, lambda: _make(s, body))
        row = await read(s, member_resource(ref))
    return with_etag(member_json(row), row["revision"], status=201, location=f"/v1/members/{row['ref']}")


@router.get("/v1/members/{ref}", summary="One member", **guarded("members:read", "own", answers={200: Member}))
async def member(ref: str, request: Request) -> Response:
    """A member's own key sees only that member."""
    async with session(request, "members:read", "own") as s:
        row = await read(s, member_resource(ref))
    return with_etag(member_json(row), row["revision"])


@router.patch(
    "/v1/members/{ref}",
    summary="Change a member",
    **guarded("members:write", answers={200: Member}, problems=(429,), changes=True),
)
async def change_member(ref: str, request: Request, body: MemberChanged) -> Response:
    """Fields not sent keep their value. A suspension takes effect when it reaches the gateways."""
    async with taking(request, "members:write", takes=body.email is not None) as s:
        wanted, resource = expected_revisions(request), member_resource(ref)
        row = await read_to_change(s, resource, wanted)
        fields = sent(body)
        await organisation_named(s, fields.get("organisation"))
        if fields.get("home") is not None:
            await place_named(s, fields["home"], "home")
        await communes_named(s, {name: fields.get(name) for name in _COMMUNES})
        await change(s, resource, rows.UPDATE, {**row, **fields}, row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(member_json(row), row["revision"])


@router.put(
    "/v1/members/{ref}/pin",
    summary="Set a member's PIN",
    **guarded("members:write", answers={200: Member}, changes=True),
)
async def set_pin(ref: str, request: Request, body: PinSet) -> Response:
    """4 to 12 digits, six are usual; stored as a memory-hard hash."""
    try:
        hashed = await asyncio.to_thread(hard_pin, ref, body.pin)
    except CardError as error:
        raise BadField("pin", str(error)) from None
    return await _write_pin(ref, request, hashed)


@router.delete(
    "/v1/members/{ref}/pin",
    summary="Remove a member's PIN",
    **guarded("members:write", answers={200: Member}, changes=True),
)
async def clear_pin(ref: str, request: Request) -> Response:
    """Doors that ask for a PIN no longer open for this member."""
    return await _write_pin(ref, request, None)


async def _make(s: Session, body: MemberMade) -> str:
    if body.home is None and s.caller.places is not None:
        raise BadField("home", "a key that is limited to places creates members with one of them as their home")
    values = body.model_dump()
    values["organisation"] = await organisation_named(s, body.organisation)
    values["home"] = None if body.home is None else (await place_named(s, body.home, "home"))[0]
    await communes_named(s, {name: values[name] for name in _COMMUNES})
    made = await s.row(rows.INSERT, values)
    assert made is not None
    return str(made["ref"])


async def _write_pin(ref: str, request: Request, hashed: str | None) -> Response:
    async with session(request, "members:write") as s:
        wanted, resource = expected_revisions(request), member_resource(ref)
        if await s.row(rows.SET_PIN, {"ref": ref, "pin": hashed, "revisions": wanted}) is None:
            raise await explain_refusal(s, resource, wanted)
        row = await read(s, resource)
    return with_etag(member_json(row), row["revision"])
