"""``/v1/places/{place}/hours`` and ``…/policy``: what a place says beside who."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from psycopg.types.json import Jsonb
from starlette.responses import Response

from api.http.errors import BadField
from api.http.models import whole
from api.http.references import parts_named
from api.http.revisions import expected, explain_refusal, held_to, read, read_to_change, told
from api.http.session import guarded, session
from api.places import hours as rows
from api.places.hours import (
    Hours,
    HoursChanged,
    Policy,
    PolicyFields,
    hours_json,
    hours_thing,
    policy_json,
    policy_thing,
)
from api.schedules.schedules import checked_hours

router: Final = APIRouter(tags=["place rules"])


@router.get(
    "/v1/places/{place}/hours",
    summary="Opening hours and capacity limits of a place",
    **guarded("members:read", answers={200: Hours}),
)
async def hours(place: str, request: Request) -> Response:
    """Its opening hours and the capacity of each space."""
    async with session(request, "members:read") as s:
        row = await read(s, hours_thing(place))
    return told(hours_json(row), row["revision"])


@router.patch(
    "/v1/places/{place}/hours",
    summary="Change opening hours and capacity limits",
    **guarded("rules:write", answers={200: Hours}, changes=True),
)
async def change_hours(place: str, request: Request, body: HoursChanged) -> Response:
    """Fields not sent, and spaces not named in `limits`, keep their value."""
    given = body.opening_hours
    values = {
        "has_hours": "opening_hours" in body.model_fields_set,
        "hours": None if given is None else Jsonb(checked_hours(given, "opening_hours")),
    }
    for code, limit in body.limits.items():
        if limit is not None and not 0 <= limit <= 100_000:
            raise BadField(f"limits.{code}", "expected a number of people from 0 to 100,000, or null")
    async with session(request, "rules:write") as s:
        wanted, thing = expected(request), hours_thing(place)
        row = await read_to_change(s, thing, wanted)
        if await s.row(rows.UPDATE, {**values, "id": row["id"], "revisions": held_to(row, wanted)}) is None:
            raise await explain_refusal(s, thing, wanted)
        for code, limit in body.limits.items():
            space = await parts_named(s, row["id"], "spaces", [code], f"limits.{code}")
            assert space
            if await s.row(rows.LIMIT, {"space": space[0], "limit": limit}) is None:
                raise await explain_refusal(s, thing, None)
        row = await read(s, thing)
    return told(hours_json(row), row["revision"])


@router.get("/v1/places/{place}/policy", summary="A place's policy", **guarded("members:read", answers={200: Policy}))
async def policy(place: str, request: Request) -> Response:
    """How gateways treat an outdated access list and wrong PINs. The ETag of the defaults is `"0"`."""
    async with session(request, "members:read") as s:
        row = await read(s, policy_thing(place))
    return told(policy_json(row), row["revision"])


@router.put(
    "/v1/places/{place}/policy",
    summary="Replace a place's policy",
    **guarded("rules:write", answers={200: Policy}, changes=True),
)
async def put_policy(place: str, request: Request, body: PolicyFields) -> Response:
    """Fields not sent get their default."""
    async with session(request, "rules:write") as s:
        wanted, thing = expected(request), policy_thing(place)
        row = await read_to_change(s, thing, wanted)
        if await s.row(rows.PUT_POLICY, {**whole(body), "id": row["id"], "revisions": held_to(row, wanted)}) is None:
            raise await explain_refusal(s, thing, wanted)
        row = await read(s, thing)
    return told(policy_json(row), row["revision"])
