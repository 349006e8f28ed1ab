"""``/v1/members/{ref}/consent``: a guardian's consent to a minor's passes."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from fastapi import APIRouter, Request
from psycopg.rows import DictRow
from pydantic import Field
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.errors import NotFound
from api.http.models import Answer, Body, Day, Name, Ref, day_of
from api.http.references import member_of_path
from api.http.session import guarded, session

router: Final = APIRouter(tags=["rates"])

# A member's consent, and whether one is needed.
FIND: Final = """
SELECT m.ref AS member, m.minor_until, c.guardian, c.given_on, c.seen_by
FROM member m LEFT JOIN consent c ON c.member = m.ref WHERE m.ref = %(member)s
"""
# The consent, in place of the one before.
NOTE: Final = """
INSERT INTO consent (member, guardian, given_on) VALUES (%(member)s, %(guardian)s, coalesce(%(given_on)s, current_date))
ON CONFLICT (member) DO UPDATE SET guardian = excluded.guardian, given_on = excluded.given_on,
  seen_by = excluded.seen_by
"""
WITHDRAW: Final = "DELETE FROM consent WHERE member = %(member)s RETURNING member"


class ConsentSeen(Body):
    """A consent that was seen on paper."""

    guardian: Name = Field(description="Who gave it.")
    given_on: Day | None = Field(default=None, description="null: today.")


class Consent(Answer):
    """A member's consent; null: there is none."""

    member: Ref
    minor_until: date | None
    guardian: str | None
    given_on: date | None
    seen_by: str | None


def _json(row: DictRow) -> dict[str, Any]:
    days = {name: day_of(row[name]) for name in ("minor_until", "given_on")}
    return {**{name: row[name] for name in ("member", "guardian", "seen_by")}, **days}


@router.get(
    "/v1/members/{ref}/consent",
    summary="A guardian's consent",
    **guarded("members:read", "own", answers={200: Consent}),
)
async def consent(ref: str, request: Request) -> Response:
    """Needed while the member is a minor."""
    async with session(request, "members:read", "own") as s:
        await member_of_path(s, ref)
        row = await s.row(FIND, {"member": ref})
    assert row is not None
    return json_answer(_json(row))


@router.put(
    "/v1/members/{ref}/consent",
    summary="Note a guardian's consent",
    **guarded("members:write", answers={200: Consent}),
)
async def note_consent(ref: str, request: Request, body: ConsentSeen) -> Response:
    """From now on the minor may have passes. The one before is replaced."""
    async with session(request, "members:write") as s:
        await member_of_path(s, ref)
        values = {"member": ref, **body.model_dump()}
        await s.run(NOTE, values)
        row = await s.row(FIND, {"member": ref})
    assert row is not None
    return json_answer(_json(row))


@router.delete(
    "/v1/members/{ref}/consent",
    summary="Withdraw a guardian's consent",
    **guarded("members:write", answers={200: Consent}),
)
async def withdraw(ref: str, request: Request) -> Response:
    """A minor's passes are revoked with it."""
    async with session(request, "members:write") as s:
        await member_of_path(s, ref)
        if await s.row(WITHDRAW, {"member": ref}) is None:
            raise NotFound("There is no consent for this member that this key reaches.")
        row = await s.row(FIND, {"member": ref})
    assert row is not None
    return json_answer(_json(row))
