"""Export and erasure of the data about a member, by an administrator or by the member with an own key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from api.audit.entries import note_reading
from api.http.answers import json_answer
from api.http.errors import NotFound
from api.http.key_text import digest_of, random_key
from api.http.models import Answer, Body, Ref, time_of
from api.http.revisions import Resource, expected_revisions, read, read_to_change, with_etag
from api.http.roles import PERMISSIONS, Permission, Role
from api.http.session import Session, guarded, session
from api.keys import keys as key_rows
from api.members.members import FIND, Member, member_json
from api.privacy.personal_data import ERASE, personal_data

router: Final = APIRouter(tags=["privacy"])

# Whose own key it is, and the codes of its places; null: all.
_PLACES: Final = """
SELECT
  (SELECT jsonb_build_object('ref', o.ref, 'name', o.name) FROM operator o
   WHERE o.ref = %(operator)s::text) AS operator,
  CASE WHEN %(places)s::integer[] IS NOT NULL THEN
  ARRAY(SELECT code::text FROM place WHERE id = ANY(%(places)s::integer[]) ORDER BY code)
END AS places
"""
_LONGEST_H: Final = 72


class PersonalData(Answer):
    """All data about a member."""

    exported_at: datetime
    member: Member
    organisation_name: str | None
    cards: list[dict[str, Any]]
    card_changes: list[dict[str, Any]]
    passes: list[dict[str, Any]]
    uses: list[dict[str, Any]]
    categories: list[dict[str, Any]]
    consent: list[dict[str, Any]]
    statement_lines: list[dict[str, Any]]
    manages: list[dict[str, Any]]
    bookings: list[dict[str, Any]]
    attendance: list[dict[str, Any]] = Field(description="When they were seen at their bookings.")
    booking_steps: list[dict[str, Any]]
    guest_of: list[dict[str, Any]] = Field(
        description="Bookings whose guest they are, and visits by a host's pass (`booking` is null)."
    )
    booking_series: list[dict[str, Any]]
    waiting: list[dict[str, Any]]
    booking_quotas: list[dict[str, Any]] = Field(description="Of their passes.")
    events: list[dict[str, Any]] = Field(description="Of the last three months; older ones are deleted.")
    unlocks: list[dict[str, Any]] = Field(description="Doors that they had opened by an order, of three months.")
    audit: list[dict[str, Any]] = Field(description="As far as the key sees the audit.")
    keys: list[dict[str, Any]]
    sessions: list[dict[str, Any]] = Field(description="Browsers in which they signed in.")
    passkeys: list[dict[str, Any]] = Field(description="By name, with dates.")
    password: list[dict[str, Any]] = Field(description="When a password and a second factor were set.")
    mail: list[dict[str, Any]] = Field(
        description="Of the last three months; without codes and links that are still of use."
    )
    calendar_feeds: list[dict[str, Any]]
    member_calendars: list[dict[str, Any]]
    invitations: list[dict[str, Any]] = Field(description="What their calendars asked for.")
    appointments: list[dict[str, Any]] = Field(description="What became of it.")


class OperatorNamed(Answer):
    """An operator."""

    ref: Ref
    name: str


class Caller(Answer):
    """A key and its permissions."""

    key: int = Field(description="Its number, as in the audit.")
    name: str
    role: Role | None
    scopes: list[str] = Field(description="Of keys without a role.")
    operator: OperatorNamed | None = Field(description="The person whose own key it is.")
    permissions: list[Permission]
    places: list[str] | None = Field(description="The only places it has access to; null: all.")


class Erased(Answer):
    """Erased rows by table."""

    erased: dict[str, int]


class OwnKeyMade(Body):
    """How long the key is valid."""

    hours: int = Field(default=24, ge=1, le=_LONGEST_H)


class OwnKey(Answer):
    """A member's own key."""

    key: str = Field(description="Shown only once; only its hash is stored.")
    member: str
    expires_at: datetime


@router.get(
    "/v1/members/{ref}/export",
    summary="All data about a member",
    **guarded("privacy", answers={200: PersonalData}),
)
async def export(ref: str, request: Request) -> Response:
    """As JSON, for a subject access request. Each export is recorded in the audit."""
    async with session(request, "privacy") as s:
        return await _export(s, ref)


@router.delete(
    "/v1/members/{ref}",
    summary="Erase a member",
    **guarded("privacy", answers={200: Erased}, changes=True),
)
async def erase(ref: str, request: Request) -> Response:
    """Permanently deletes name, cards, passes and traces. Counts remain, and the audit chain stays valid."""
    async with session(request, "privacy") as s:
        return await _erase(s, ref, request)


@router.post(
    "/v1/members/{ref}/key",
    status_code=201,
    summary="Create a temporary key for a member",
    **guarded("privacy", answers={201: OwnKey}),
)
async def make_own_key(ref: str, request: Request, body: OwnKeyMade | None = None) -> Response:
    """With it the member can see, export and erase their own data (`/v1/me`), and nothing else.

    It reads the member's data at every place, so that only network administrators, who can read that anyway, may create
    it. The audit records it, and the member sees that line.
    """
    expires_at = datetime.now(UTC) + timedelta(hours=(body or OwnKeyMade()).hours)
    async with session(request, "privacy") as s:
        await read(s, _resource(ref))
        key = random_key()
        values = {"name": f"own {ref}", "digest": digest_of(key), "expires_at": expires_at, "role": "member"}
        await s.row(
            key_rows.INSERT, {**values, "scopes": [], "places": None, "member": ref, "gateway": None, "operator": None}
        )
    return json_answer({"key": key, "member": ref, "expires_at": time_of(expires_at)}, status=201)


@router.get("/v1/me", summary="Who or what this key belongs to", **guarded(answers={200: Member | Caller}))
async def me(request: Request) -> Response:
    """For a member's own key the member, with an `ETag`; for any other key its role and permissions."""
    async with session(request) as s:
        if s.caller.member is None:
            reached = await s.row(_PLACES, {"places": s.caller.places, "operator": s.caller.operator})
            assert reached is not None
            return json_answer({**_caller(s), **reached})
        row = await read(s, _resource(s.caller.member))
    return with_etag(member_json(row), row["revision"])


@router.get(
    "/v1/me/export",
    summary="All data about the member that this key belongs to",
    **guarded("own", answers={200: PersonalData}),
)
async def export_me(request: Request) -> Response:
    """As JSON."""
    async with session(request, "own") as s:
        return await _export(s, _own(s))


@router.delete(
    "/v1/me", summary="Erase the member that this key belongs to", **guarded("own", answers={200: Erased}, changes=True)
)
async def erase_me(request: Request) -> Response:
    """Permanent; the key ends too. Send the ETag of `/v1/me` in `If-Match`, against erasure by mistake."""
    async with session(request, "own") as s:
        return await _erase(s, _own(s), request)


def _caller(s: Session) -> dict[str, Any]:
    caller = s.caller
    permissions = [one for one in PERMISSIONS if one in caller.permissions]
    who = {"key": caller.id, "name": caller.name, "role": caller.role, "scopes": list(caller.scopes or ())}
    return {**who, "permissions": permissions}


def _own(s: Session) -> str:
    """Return the member whose own key this is.

    Raises:
        NotFound: it isn't a member's own key.
    """
    if s.caller.member is None:
        raise NotFound("This is not a member's own key. POST /v1/members/…/key creates one.")
    return s.caller.member


async def _export(s: Session, ref: str) -> Response:
    row = await read(s, _resource(ref))
    held = await personal_data(s, ref)
    await note_reading(s, "exported", f"member {ref}")
    answer = json_answer({"exported_at": time_of(datetime.now(UTC)), "member": member_json(row), **held})
    answer.headers["Content-Disposition"] = f'attachment; filename="{ref}.json"'
    return answer


async def _erase(s: Session, ref: str, request: Request) -> Response:
    await read_to_change(s, _resource(ref), expected_revisions(request))
    row = await s.row(ERASE, {"ref": ref})
    assert row is not None
    return json_answer({"erased": row["erased"]})


def _resource(ref: str) -> Resource:
    return Resource(find=FIND, key={"ref": ref}, name=f"member {ref!r}", subject=f"member {ref}")
