"""``/v1/rates``: what passes and resources are charged by, with prices by category and day."""

from __future__ import annotations

from datetime import date
from typing import Any, Final, Literal, Self

from fastapi import APIRouter, Request
from psycopg.rows import DictRow
from pydantic import Field, model_validator
from starlette.responses import Response

from access.rules import Unit
from api.http.answers import json_answer
from api.http.errors import BadField
from api.http.models import Answer, Body, Code, Day, Name
from api.http.references import organisation_named
from api.http.revisions import Resource, change, expected_revisions, read, read_to_change, with_etag
from api.http.session import guarded, session
from api.rates.categories import category_named

router: Final = APIRouter(tags=["rates"])
Billing = Literal["use", "month", "once", "booking"]

# One rate, or all, with its prices: latest first.
FIND: Final = """
SELECT r.id, r.code::text AS code, r.name, r.billed, r.unit, r.revision, coalesce((SELECT jsonb_agg(jsonb_build_object(
    'category', c.code, 'first', p.first, 'cents', p.cents, 'overuse_cents', p.overuse_cents,
    'clearing_cents', p.clearing_cents, 'vat_permille', p.vat_permille, 'funder', o.code,
    'funder_permille', p.funder_permille) ORDER BY c.code NULLS FIRST, p.first DESC)
  FROM rate_price p LEFT JOIN category c ON c.id = p.category LEFT JOIN organisation o ON o.id = p.funder
  WHERE p.rate = r.id), '[]') AS prices
FROM rate r WHERE %(code)s::text IS NULL OR r.code::text = %(code)s ORDER BY r.name, r.code
"""
INSERT: Final = """
INSERT INTO rate (code, name, billed, unit) VALUES (%(code)s, %(name)s, %(billed)s, %(unit)s) RETURNING id
"""
UPDATE: Final = """
UPDATE rate SET name = %(name)s
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""
ADD_PRICE: Final = """
INSERT INTO rate_price (rate, category, first, cents, overuse_cents, clearing_cents, vat_permille, funder,
                        funder_permille)
VALUES (%(rate)s, %(category)s, %(first)s, %(cents)s, %(overuse_cents)s, %(clearing_cents)s, %(vat_permille)s,
        %(funder)s, %(funder_permille)s) RETURNING id
"""
# Whether a day lies in a month that is closed already.
CLOSED: Final = """
SELECT (done_until AT TIME ZONE 'UTC')::date AS until FROM maintenance
WHERE task = 'statements' AND (done_until AT TIME ZONE 'UTC')::date > %(first)s
"""
_MOST: Final = 100_000_000


class RateFields(Body):
    """A rate's name."""

    name: Name


class RateMade(RateFields):
    """A rate to create."""

    code: Code
    billed: Billing = Field(description="Asked for each use, each month, once for the pass, or a booking.")
    unit: Unit = Field(description="What is counted; of bookings `hour`, or `entry`: each the same.")

    @model_validator(mode="after")
    def _of_bookings(self) -> Self:
        if self.billed == "booking" and self.unit not in ("hour", "entry"):
            raise ValueError("unit: a booking costs by the hour (hour) or each the same (entry)")
        return self


class PriceFields(Body):
    """What a rate costs from a day on, in euro cents without VAT."""

    category: Code | None = Field(default=None, description="Whom it is for; null: everyone.")
    first: Day
    cents: int = Field(ge=0, le=_MOST, description="Of each use, each month or the pass, as the rate is billed.")
    overuse_cents: int = Field(default=0, ge=0, le=_MOST, description="Of a unit beyond the pass's allowance.")
    clearing_cents: int = Field(
        default=0, ge=0, le=_MOST, description="What a member's home owes another place for a unit used there."
    )
    vat_permille: int = Field(ge=0, le=1000, description="200 is 20 %.")
    funder: Code | None = Field(default=None, description="An organisation that pays a part.")
    funder_permille: int | None = Field(default=None, ge=1, le=1000, description="500 is half.")

    @model_validator(mode="after")
    def _funded(self) -> Self:
        if (self.funder is None) != (self.funder_permille is None):
            raise ValueError("send both funder and funder_permille, or neither")
        return self


class Price(Answer):
    """What a rate costs from a day on."""

    category: str | None
    first: date
    cents: int
    overuse_cents: int
    clearing_cents: int
    vat_permille: int
    funder: str | None
    funder_permille: int | None


class Rate(Answer):
    """A rate with its prices, latest first."""

    code: str
    name: str
    billed: Billing
    unit: Unit
    prices: list[Price]


class Rates(Answer):
    """All rates by name."""

    rates: list[Rate]


def rate_resource(code: str) -> Resource:
    """Name a rate by its code."""
    return Resource(find=FIND, key={"code": code}, name=f"rate {code!r}", subject=f"rate {code}")


def rate_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    return {name: row[name] for name in ("code", "name", "billed", "unit", "prices")}


@router.get("/v1/rates", summary="Rates", **guarded("members:read", "own", answers={200: Rates}))
async def rates(request: Request) -> Response:
    """All with their prices, by name."""
    async with session(request, "members:read", "own") as s:
        found = await s.rows(FIND, {"code": None})
    return json_answer({"rates": [rate_json(row) for row in found]})


@router.post(
    "/v1/rates",
    status_code=201,
    summary="Create a rate",
    **guarded("rates:write", answers={201: Rate}, problems=(409,)),
)
async def make_rate(request: Request, body: RateMade) -> Response:
    """It has no price yet. What it is billed for and what it counts never change."""
    async with session(request, "rates:write") as s:
        await s.row(INSERT, body.model_dump())
        row = await read(s, rate_resource(body.code))
    return with_etag(rate_json(row), row["revision"], status=201, location=f"/v1/rates/{body.code}")


@router.get("/v1/rates/{code}", summary="One rate", **guarded("members:read", "own", answers={200: Rate}))
async def rate(code: str, request: Request) -> Response:
    """By its code."""
    async with session(request, "members:read", "own") as s:
        row = await read(s, rate_resource(code))
    return with_etag(rate_json(row), row["revision"])


@router.put("/v1/rates/{code}", summary="Rename a rate", **guarded("rates:write", answers={200: Rate}, changes=True))
async def put_rate(code: str, request: Request, body: RateFields) -> Response:
    """Its code stays."""
    async with session(request, "rates:write") as s:
        wanted, resource = expected_revisions(request), rate_resource(code)
        row = await read_to_change(s, resource, wanted)
        await change(s, resource, UPDATE, {"id": row["id"], "name": body.name}, row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(rate_json(row), row["revision"])


@router.post(
    "/v1/rates/{code}/prices",
    status_code=201,
    summary="Set a price from a day on",
    **guarded("rates:write", answers={201: Rate}, problems=(409,)),
)
async def set_price(code: str, request: Request, body: PriceFields) -> Response:
    """The price before it holds until the day before. A price is never changed, and none begins in a closed month."""
    async with session(request, "rates:write") as s:
        row = await read(s, rate_resource(code))
        closed = await s.row(CLOSED, {"first": body.first})
        if closed is not None:
            raise BadField("first", f"the months before {closed['until']} are closed: begin then or later")
        values = {
            **body.model_dump(),
            "rate": row["id"],
            "category": None if body.category is None else await category_named(s, body.category),
            "funder": await organisation_named(s, body.funder, "funder"),
        }
        await s.row(ADD_PRICE, values)
        row = await read(s, rate_resource(code))
    return json_answer(rate_json(row), status=201)
