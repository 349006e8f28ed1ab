"""``/v1/places/{place}/booking-rules``: what a place allows of bookings."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from fastapi import APIRouter, Path, Request
from psycopg.rows import DictRow
from pydantic import Field, model_validator
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.idempotency import IdempotencyKey, once
from api.http.models import Answer, Body, whole
from api.http.references import place_of_path
from api.http.revisions import Resource, change, expected_revisions, read, read_to_change, with_etag
from api.http.session import Session, guarded, session

router: Final = APIRouter(tags=["bookings"])

Kind = Literal["seat", "desk", "room", "machine", "equipment", "event"]
_Minutes = Annotated[int, Field(ge=0, le=44_640)]
_LIMITS: Final = (
    "notice_minutes", "ahead_days", "shortest_minutes", "longest_minutes", "cancel_minutes", "open_bookings", "at_once",
    "rolling_days", "rolling_minutes", "without_pass", "staff_may_override",
    "no_show_minutes", "leave_minutes", "offer_minutes",
)  # fmt: skip

# The rules of a place for one kind, or for all; without a row none, and revision 0.
_FIND: Final = """
SELECT p.id AS place_id, k.kind, r.notice_minutes, r.ahead_days, r.shortest_minutes, r.longest_minutes,
       r.cancel_minutes, r.open_bookings, r.at_once, r.rolling_days, r.rolling_minutes, r.without_pass,
       r.staff_may_override, r.no_show_minutes, r.leave_minutes, r.offer_minutes,
       coalesce(r.revision, 0) AS revision
FROM place p
CROSS JOIN unnest('{all,seat,desk,room,machine,equipment,event}'::text[]) WITH ORDINALITY AS k (kind, number)
LEFT JOIN booking_rule r ON r.place = p.id AND coalesce(r.kind, 'all') = k.kind
WHERE p.code = %(place)s AND CASE WHEN %(kind)s::text IS NULL THEN r.id IS NOT NULL ELSE k.kind = %(kind)s END
ORDER BY k.number
"""
_PUT: Final = """
INSERT INTO booking_rule AS r (place, kind, notice_minutes, ahead_days, shortest_minutes, longest_minutes,
  cancel_minutes, open_bookings, at_once, rolling_days, rolling_minutes, without_pass, staff_may_override,
  no_show_minutes, leave_minutes, offer_minutes)
VALUES (%(place_id)s, nullif(%(kind)s, 'all'), %(notice_minutes)s, %(ahead_days)s, %(shortest_minutes)s,
  %(longest_minutes)s, %(cancel_minutes)s, %(open_bookings)s, %(at_once)s, %(rolling_days)s, %(rolling_minutes)s,
  %(without_pass)s, %(staff_may_override)s, %(no_show_minutes)s, %(leave_minutes)s,
  %(offer_minutes)s)
ON CONFLICT ON CONSTRAINT booking_rule_once DO UPDATE SET notice_minutes = excluded.notice_minutes,
  ahead_days = excluded.ahead_days, shortest_minutes = excluded.shortest_minutes,
  longest_minutes = excluded.longest_minutes, cancel_minutes = excluded.cancel_minutes,
  open_bookings = excluded.open_bookings, at_once = excluded.at_once, rolling_days = excluded.rolling_days,
  rolling_minutes = excluded.rolling_minutes, without_pass = excluded.without_pass,
  staff_may_override = excluded.staff_may_override, no_show_minutes = excluded.no_show_minutes,
  leave_minutes = excluded.leave_minutes, offer_minutes = excluded.offer_minutes
WHERE %(revisions)s::integer[] IS NULL OR r.revision = ANY(%(revisions)s)
RETURNING revision
"""


class RuleFields(Body):
    """A place's limits; null: no limit, or (of one kind) that of `all`."""

    notice_minutes: _Minutes | None = Field(default=None, description="At least so long before it begins.")
    ahead_days: int | None = Field(default=None, ge=1, le=731, description="At most so far ahead.")
    shortest_minutes: Annotated[int, Field(ge=1, le=44_640)] | None = None
    longest_minutes: Annotated[int, Field(ge=1, le=44_640)] | None = None
    cancel_minutes: _Minutes | None = Field(
        default=None, description="Members cancel at least so long before it begins, or not at all."
    )
    open_bookings: int | None = Field(default=None, ge=0, le=1000, description="Of a member, not over yet.")
    at_once: int | None = Field(default=None, ge=0, le=1000, description="Of a member, at the same time.")
    rolling_days: int | None = Field(default=None, ge=1, le=366)
    rolling_minutes: int | None = Field(
        default=None, ge=0, le=10_000_000, description="Of a member, within any `rolling_days` days in a row."
    )
    without_pass: bool | None = Field(default=None, description="Members without a pass for the place book too.")
    staff_may_override: bool | None = Field(default=None, description="Staff may send `override` with a booking.")
    no_show_minutes: int | None = Field(
        default=None,
        ge=2,
        le=1440,
        description="Minutes after which an unused booking is released, if doors and sensors confirm it; null: never.",
    )
    leave_minutes: int | None = Field(
        default=None,
        ge=0,
        le=1440,
        description="Free again where its holder left and was not back for so long; null: 15.",
    )
    offer_minutes: int | None = Field(
        default=None, ge=5, le=10_080, description="How long an offer of a waiting list holds; null: 60."
    )

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.rolling_days is None) != (self.rolling_minutes is None):
            raise ValueError("rolling_days and rolling_minutes go together")
        if (self.shortest_minutes or 0) > (self.longest_minutes or 44_640):
            raise ValueError("shortest_minutes must not be more than longest_minutes")
        return self


class BookingRules(Answer):
    """A place's limits for one kind of booking, or for all."""

    kind: Literal["all"] | Kind
    notice_minutes: int | None
    ahead_days: int | None
    shortest_minutes: int | None
    longest_minutes: int | None
    cancel_minutes: int | None
    open_bookings: int | None
    at_once: int | None
    rolling_days: int | None
    rolling_minutes: int | None
    without_pass: bool | None
    staff_may_override: bool | None
    no_show_minutes: int | None
    leave_minutes: int | None
    offer_minutes: int | None


class AllRules(Answer):
    """A place's limits, those for all kinds first."""

    rules: list[BookingRules]


KindOfPath = Annotated[Literal["all"] | Kind, Path()]


@router.get(
    "/v1/places/{place}/booking-rules", summary="A place's rules of booking", **guarded(answers={200: AllRules})
)
async def rules(place: str, request: Request) -> Response:
    """Those of one kind count before those for all."""
    async with session(request) as s:
        await place_of_path(s, place)
        found = await s.rows(_FIND, {"place": place, "kind": None})
    return json_answer({"rules": [_rule_json(row) for row in found]})


@router.get(
    "/v1/places/{place}/booking-rules/{kind}",
    summary="A place's rules for one kind",
    **guarded(answers={200: BookingRules}),
)
async def rule(place: str, kind: KindOfPath, request: Request) -> Response:
    """`all`, or a kind. Where none are set its ETag is `"0"`."""
    async with session(request) as s:
        row = await read(s, _rule_resource(place, kind))
    return with_etag(_rule_json(row), row["revision"])


@router.put(
    "/v1/places/{place}/booking-rules/{kind}",
    summary="Replace a place's rules for one kind",
    **guarded("rules:write", answers={200: BookingRules}, changes=True),
)
async def put_rule(
    place: str, kind: KindOfPath, request: Request, body: RuleFields, idempotency_key: IdempotencyKey = None
) -> Response:
    """They hold for bookings that are made or changed from now on."""
    async with session(request, "rules:write") as s:
        await once(s, request, idempotency_key, lambda: _put(s, request, place, kind, body))
        row = await read(s, _rule_resource(place, kind))
    return with_etag(_rule_json(row), row["revision"])


def _rule_resource(place: str, kind: str) -> Resource:
    name = f"the booking rules of {place!r}"
    return Resource(find=_FIND, key={"place": place, "kind": kind}, name=name, subject="")


def _rule_json(row: DictRow) -> dict[str, Any]:
    return {"kind": row["kind"], **{name: row[name] for name in _LIMITS}}


async def _put(s: Session, request: Request, place: str, kind: str, body: RuleFields) -> str:
    wanted, resource = expected_revisions(request), _rule_resource(place, kind)
    row = await read_to_change(s, resource, wanted)
    values = {**whole(body), "place_id": row["place_id"], "kind": kind}
    await change(s, resource, _PUT, values, row=row, wanted=wanted)
    return kind
