"""``/v1/visitors``: expected visitors, their arrival and departure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from fastapi import APIRouter, Query, Request
from psycopg.rows import DictRow
from pydantic import Field, model_validator
from starlette.responses import Response

from api.audit.entries import note_reading
from api.bookings.guest_credentials import Invited, Kind, give_code, give_qr, write_to
from api.cards.cards import CardMade, IssuedCard
from api.cards.issuing import credential_of, issued_json, put_card, taking
from api.http.answers import json_answer
from api.http.errors import Conflict, NotFound
from api.http.idempotency import IdempotencyKey, once
from api.http.models import Answer, Body, Code, Day, Email, Moment, Name, Question, Ref, time_of
from api.http.references import member_named, place_named
from api.http.revisions import Resource, expected_revisions, explain_refusal, read, read_to_change, with_etag
from api.http.session import Session, guarded, session
from api.members import members as people
from api.passes import passes as rows
from api.passes.passes import PassPlace, VisitorStatus, find_visits
from api.passes.routes import put_places
from api.visits.guest_qr import OF_VISIT, svg_of, text_of

router: Final = APIRouter(tags=["visitors"])

BEFORE: Final[Mapping[VisitorStatus, Sequence[VisitorStatus]]] = {
    "expected": ("expected",),
    "present": ("expected", "present", "left"),
    "left": ("present", "left"),
    "cancelled": ("expected", "cancelled"),
}
"""The states from which a visit may reach each state."""


class VisitorMade(Body):
    """An expected visitor."""

    name: Name
    email: Email | None = None
    host: Ref | None = Field(default=None, description="The member whom they visit.")
    place: Code
    spaces: list[Code] | None = Field(default=None, max_length=50, description="Only these; null: the whole place.")
    starts: Moment = Field(alias="from")
    ends: Moment = Field(alias="until")
    credential: Kind | None = Field(
        default=None,
        description="A keypad code of six digits, or a QR on a page of the visitor's own. It is sent to `email`, "
        "which is then kept with that mail only.",
    )
    language: Literal["fr", "en"] | None = Field(default=None, description="Of that mail; null: the network's.")
    card: CardMade | None = Field(default=None, description="Instead: a card or a keypad code that you choose.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends <= self.starts:
            raise ValueError("until must be after from")
        if self.card is not None and self.credential is not None:
            raise ValueError("send card or credential, not both")
        return self


class VisitChanged(Body):
    """A visit's new status."""

    status: VisitorStatus


class VisitsQuestion(Question):
    """Which visits to list."""

    place: str | None = Field(default=None, max_length=64)
    day: Day | None = Field(default=None, description="Local day of the visit.")
    status: VisitorStatus | None = None


class Visit(Answer):
    """A visit; its reference is that of its pass."""

    ref: Ref
    member: Ref
    name: str | None
    host: str | None
    host_name: str | None = Field(description="Null also where this key doesn't see the host.")
    place: str
    starts: datetime = Field(alias="from")
    ends: datetime = Field(alias="until")
    status: VisitorStatus
    credential: Literal["card", "code", "qr"] | None = Field(description="What opens doors for the visit.")
    card: IssuedCard | None = Field(default=None, description="Only in the answer that creates the visit.")
    code: str | None = Field(default=None, description="Likewise: the keypad code.")
    path: str | None = Field(default=None, description="Likewise: of the page with the QR.")


class Visits(Answer):
    """At most 1,000 visits, latest first."""

    visitors: list[Visit]


def visit_resource(ref: str) -> Resource:
    """Name a visit by the reference of its pass."""
    key = {"ref": ref}
    return Resource(find=find_visits(key), key=key, name=f"visit {ref!r}", subject=f"pass {ref}")


def visit_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``passes.find_visits`` for an answer."""
    return {
        "ref": row["ref"],
        "member": row["member"],
        "name": row["name"],
        "host": row["host"],
        "host_name": row["host_name"],
        "place": row["place"],
        "from": time_of(row["valid_from"]),
        "until": time_of(row["valid_until"]),
        "status": row["visitor"],
        "credential": row["credential"],
    }


_PLAIN_PASS: Final[dict[str, Any]] = {
    **dict.fromkeys(("label", "schedule", "unit", "limit", "rate_id")),
    **dict.fromkeys(("everywhere", "each_month", "booked", "outside_hours", "supervises"), False),
}


@router.get("/v1/visitors", summary="Visits", **guarded("members:read", answers={200: Visits}))
async def visitors(request: Request, question: Annotated[VisitsQuestion, Query()]) -> Response:
    """Latest first. Filter by place, day or status."""
    async with session(request, "members:read") as s:
        given = question.model_dump()
        found = await s.rows(find_visits(given), given)
    return json_answer({"visitors": [visit_json(row) for row in found]})


@router.post(
    "/v1/visitors",
    status_code=201,
    summary="Register an expected visitor",
    **guarded("visitors:write", answers={201: Visit}, problems=(409, 429)),
)
async def expect(request: Request, body: VisitorMade, idempotency_key: IdempotencyKey = None) -> Response:
    """Creates a member for the visit, with a pass for its duration and, if sent, a card, a code or a QR."""
    given: dict[str, Any] = {"card": None, "code": None, "path": None}
    async with taking(request, "visitors:write") as s:
        ref = await once(s, request, idempotency_key, lambda: _expect(s, request, body, given))
        row = await read(s, visit_resource(ref))
    return with_etag({**visit_json(row), **given}, row["revision"], status=201, location=f"/v1/visitors/{ref}")


async def _expect(s: Session, request: Request, body: VisitorMade, given: dict[str, Any]) -> str:
    """Register the visit and return its reference; ``given`` gets what is shown in this answer alone."""
    place, _zone = await place_named(s, body.place)
    host = None if body.host is None else await member_named(s, body.host, "host")
    email = body.email if body.credential is None else None  # else it is kept with the mail alone
    someone = {"name": body.name, "email": email, "organisation": None, "home": place, "status": "active"}
    someone |= {"home_commune": None, "work_commune": None, "minor_until": None, "language": None}
    member = await s.row(people.INSERT, someone)
    assert member is not None
    times = {"valid_from": body.starts, "valid_until": body.ends}
    values = {**_PLAIN_PASS, **times, "member": member["ref"], "visitor": "expected", "host": host}
    made = await s.row(rows.INSERT, values)
    assert made is not None
    await put_places(s, made["ref"], [PassPlace(place=body.place, spaces=body.spaces)])
    if body.card is not None:
        credential = await credential_of(s, request, body.card, within="card.")
        bounds = {"valid_from": body.card.valid_from, "valid_until": body.card.valid_until or body.ends}
        kept = {"member": member["ref"], "status": body.card.status, "replaces": None}
        given["card"] = issued_json(await put_card(s, request, credential, **kept, **bounds))
    if body.credential is not None:
        invited = Invited(
            ref=made["ref"],
            member=member["ref"],
            name=body.name,
            place=place,
            starts=body.starts,
            ends=body.ends,
            email=body.email,
            language=body.language,
        )
        if body.credential == "qr":
            given["path"] = await give_qr(s, request, invited)
        else:
            given["code"] = await give_code(s, request, made["ref"])
        await write_to(s, request, invited, code=given["code"], path=given["path"])
    return str(made["ref"])


@router.get("/v1/visitors/{ref}", summary="One visit", **guarded("members:read", answers={200: Visit}))
async def visitor(ref: str, request: Request) -> Response:
    """By the reference of its pass."""
    async with session(request, "members:read") as s:
        row = await read(s, visit_resource(ref))
    return with_etag(visit_json(row), row["revision"])


@router.get(
    "/v1/visitors/{ref}/qr.svg",
    summary="A visitor's QR",
    **guarded("visitors:write", problems=(409,), svg=True),
)
async def visitor_qr(ref: str, request: Request) -> Response:
    """An SVG. It opens the place's doors for the visit, so that each reading of it is in the audit."""
    async with session(request, "visitors:write") as s:
        row = await s.row(OF_VISIT, {"ref": ref})
        if row is None:
            raise NotFound(f"There is no visit {ref!r} with a QR.")
        text = text_of(request, ref, row["sealed"])
        if text is None:
            raise Conflict("This QR isn't signed yet (ask again in a second), or the visit is over or called off.")
        await note_reading(s, "read qr", f"pass {ref}", place=row["place"])
    return Response(svg_of(text), media_type="image/svg+xml", headers={"Cache-Control": "no-store"})


@router.patch(
    "/v1/visitors/{ref}",
    summary="Record a visitor's arrival, departure or cancellation",
    **guarded("visitors:write", answers={200: Visit}, changes=True),
)
async def change_visit(ref: str, request: Request, body: VisitChanged) -> Response:
    """Expected → present ↔ left, expected → cancelled. The pass of a visitor who left or cancelled opens no door."""
    async with session(request, "visitors:write") as s:
        wanted, resource = expected_revisions(request), visit_resource(ref)
        row = await read_to_change(s, resource, wanted)
        if row["visitor"] not in BEFORE[body.status]:
            raise Conflict(f"A visitor who is {row['visitor']} doesn't become {body.status}.", field="status")
        revisions = [row["revision"]]  # also with `*`: the step was checked against this revision
        if await s.row(rows.VISIT, {"ref": ref, "visitor": body.status, "revisions": revisions}) is None:
            raise await explain_refusal(s, resource, revisions)
        row = await read(s, resource)
    return with_etag(visit_json(row), row["revision"])
