"""``/v1/booking-quotas``: how much one pass, or all members of an organisation together, may book."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from fastapi import APIRouter, Query, Request
from pydantic import Field, model_validator
from starlette.responses import Response

from api.bookings.rules_routes import Kind
from api.http.answers import json_answer
from api.http.errors import BadField, NotFound
from api.http.idempotency import IdempotencyKey, once
from api.http.models import Answer, Body, Code, Question, Ref
from api.http.references import organisation_named, place_named
from api.http.session import Session, guarded, session

router: Final = APIRouter(tags=["bookings"])

_QUOTAS: Final = """
SELECT q.ref, p.code::text AS place, q.pass, o.code::text AS organisation, q.kind, q.per, q.bookings, q.minutes
FROM booking_quota q LEFT JOIN place p ON p.id = q.place LEFT JOIN organisation o ON o.id = q.organisation
WHERE (%(ref)s::text IS NULL OR q.ref = %(ref)s) AND (%(place)s::text IS NULL OR p.code::text = %(place)s)
  AND (%(at)s::text IS NULL OR p.code::text = %(at)s OR q.place IS NULL)
  AND (%(pass)s::text IS NULL OR q.pass = %(pass)s)
  AND (%(organisation)s::text IS NULL OR o.code::text = %(organisation)s)
ORDER BY q.ref LIMIT 5000
"""
_ADD_QUOTA: Final = """
INSERT INTO booking_quota (place, pass, organisation, kind, per, bookings, minutes)
VALUES (%(place_id)s, %(pass)s, %(organisation_id)s, %(kind)s, %(per)s, %(bookings)s, %(minutes)s) RETURNING ref
"""
_REMOVE_QUOTA: Final = "DELETE FROM booking_quota WHERE ref = %(ref)s RETURNING ref"
_BY_REF: Final = "SELECT ref FROM pass WHERE ref = %(pass)s"


class QuotaMade(Body):
    """A new quota: of one pass, or of all members of an organisation together."""

    place: Code | None = Field(default=None, description="null: at all places together.")
    passed: Ref | None = Field(default=None, alias="pass")
    organisation: Code | None = None
    kind: Kind | None = None
    per: Literal["at_once", "day", "week", "month"]
    bookings: int | None = Field(default=None, ge=0, le=100_000)
    minutes: int | None = Field(default=None, ge=0, le=10_000_000)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.passed is None) == (self.organisation is None):
            raise ValueError("send a pass or an organisation, and not both")
        if (self.bookings is None) == (self.minutes is None):
            raise ValueError("send bookings or minutes, and not both")
        if self.per == "at_once" and self.bookings is None:
            raise ValueError("at_once counts bookings")
        return self


class QuotasQuestion(Question):
    """Which quotas to list."""

    place: str | None = Field(default=None, max_length=64)
    at: str | None = Field(
        default=None, max_length=64, description="A place: its quotas, and those of all places together."
    )
    passed: str | None = Field(default=None, max_length=64, alias="pass")
    organisation: str | None = Field(default=None, max_length=64)


class QuotaAnswer(Answer):
    """How much a pass or an organisation may book."""

    ref: Ref
    place: str | None
    passed: Ref | None = Field(alias="pass")
    organisation: str | None
    kind: Kind | None
    per: Literal["at_once", "day", "week", "month"]
    bookings: int | None
    minutes: int | None


class Quotas(Answer):
    """At most 5,000 quotas."""

    quotas: list[QuotaAnswer]


@router.get("/v1/booking-quotas", summary="Quotas of bookings", **guarded("members:read", "own", answers={200: Quotas}))
async def quotas(request: Request, question: Annotated[QuotasQuestion, Query()]) -> Response:
    """A member's own key sees those of their passes and of their organisation."""
    async with session(request, "members:read", "own") as s:
        found = await s.rows(_QUOTAS, {"ref": None, **question.model_dump(by_alias=True)})
    return json_answer({"quotas": found})


@router.post(
    "/v1/booking-quotas",
    status_code=201,
    summary="Set a quota",
    **guarded("passes:write", answers={201: QuotaAnswer}, problems=(409,)),
)
async def make_quota(request: Request, body: QuotaMade, idempotency_key: IdempotencyKey = None) -> Response:
    """Of a network administrator for all places together, of a manager for a place of theirs."""
    async with session(request, "passes:write") as s:
        ref = await once(s, request, idempotency_key, lambda: _add_quota(s, body))
        (row,) = await s.rows(_QUOTAS, {"ref": ref, "place": None, "at": None, "pass": None, "organisation": None})
    return json_answer(row, status=201)


@router.delete("/v1/booking-quotas/{ref}", status_code=204, summary="Remove a quota", **guarded("passes:write"))
async def remove_quota(ref: str, request: Request) -> Response:
    """Bookings that are made from now on don't count against it."""
    async with session(request, "passes:write") as s:
        if await s.row(_REMOVE_QUOTA, {"ref": ref}) is None:
            raise NotFound(f"There is no quota {ref!r} that this key may remove.")
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


async def _add_quota(s: Session, body: QuotaMade) -> str:
    place = None if body.place is None else (await place_named(s, body.place))[0]
    organisation = await organisation_named(s, body.organisation)
    if body.passed is not None and await s.row(_BY_REF, {"pass": body.passed}) is None:
        raise BadField("pass", f"there is no pass {body.passed!r} that this key reaches")
    values = {**body.model_dump(by_alias=True), "place_id": place, "organisation_id": organisation}
    made = await s.row(_ADD_QUOTA, values)
    assert made is not None
    return str(made["ref"])
