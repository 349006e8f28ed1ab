"""``/v1/passes``: what members are entitled to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.errors import BadField
from api.http.idempotency import IdempotencyKey, once
from api.http.models import sent, whole
from api.http.references import member_of_path, parts_named, place_named, rate_named, schedule_named
from api.http.revisions import change, expected_revisions, explain_refusal, read, read_to_change, with_etag
from api.http.session import Session, guarded, session
from api.passes import passes as rows
from api.passes.passes import (
    HIDDEN,
    Pass,
    PassChanged,
    Passes,
    PassMade,
    PassPlace,
    columns,
    local_day,
    named_parts,
    pass_json,
    pass_resource,
)

router: Final = APIRouter(tags=["passes"])
_COMMON_ZONE: Final = "Europe/Paris"


@router.get(
    "/v1/members/{ref}/passes", summary="A member's passes", **guarded("members:read", "own", answers={200: Passes})
)
async def passes_of_member(ref: str, request: Request) -> Response:
    """Newest first, with the used and remaining allowance."""
    async with session(request, "members:read", "own") as s:
        await member_of_path(s, ref)
        found = await s.rows(rows.OF_MEMBER, {"member": ref})
    now = datetime.now(UTC)
    return json_answer({"passes": [pass_json(row, now) for row in found]})


@router.post(
    "/v1/members/{ref}/passes",
    status_code=201,
    summary="Give a member a pass",
    **guarded("passes:write", answers={201: Pass}, problems=(409,)),
)
async def make_pass(ref: str, request: Request, body: PassMade, idempotency_key: IdempotencyKey = None) -> Response:
    """For all or some places, with an optional schedule, period and allowance. `day` creates a day pass."""
    async with session(request, "passes:write") as s:
        await member_of_path(s, ref)
        return await _told(s, await once(s, request, idempotency_key, lambda: _make(s, ref, body)), made=True)


@router.get("/v1/passes/{ref}", summary="One pass", **guarded("members:read", "own", answers={200: Pass}))
async def one_pass(ref: str, request: Request) -> Response:
    """With the used and remaining allowance."""
    async with session(request, "members:read", "own") as s:
        return await _told(s, ref)


@router.patch("/v1/passes/{ref}", summary="Change a pass", **guarded("passes:write", answers={200: Pass}, changes=True))
async def change_pass(ref: str, request: Request, body: PassChanged) -> Response:
    """Fields not sent keep their value; `places` and `allowance` are replaced as a whole."""
    async with session(request, "passes:write") as s:
        wanted, resource = expected_revisions(request), pass_resource(ref)
        row = await read_to_change(s, resource, wanted)
        fields = sent(body)
        moved = "places" in fields or "everywhere" in fields
        if moved and fields.get("everywhere", row["everywhere"]) == bool(fields.get("places", [])):
            raise BadField("places", "a pass is valid either everywhere or at some places: send both fields")
        values = columns(fields, row)
        values["schedule"] = row["schedule_id"]
        if "schedule" in fields and fields["schedule"] != HIDDEN:
            values["schedule"] = await schedule_named(s, fields["schedule"], "schedule")
        if {"rate", "allowance"} & fields.keys():
            values["rate_id"] = await rate_named(s, fields.get("rate", row["rate"]), values["unit"])
        await change(s, resource, rows.UPDATE, values, row=row, wanted=wanted)
        if moved:
            await put_places(s, ref, body.places)
        return await _told(s, ref)


@router.post("/v1/passes/{ref}/revoke", summary="Revoke a pass", **guarded("passes:write", answers={200: Pass}))
async def revoke(ref: str, request: Request) -> Response:
    """Immediate and final. Repeating it changes nothing, so no `If-Match` is needed."""
    async with session(request, "passes:write") as s:
        if await s.row(rows.REVOKE, {"ref": ref}) is None:
            raise await explain_refusal(s, pass_resource(ref), None)
        return await _told(s, ref)


async def _make(s: Session, member: str, body: PassMade) -> str:
    values = columns(whole(body)) | {"visitor": None, "host": None, "member": member}
    zone = await _zone_of(s, body.places)
    if body.day is not None:
        values["valid_from"], values["valid_until"] = local_day(body.day, zone)
    values["schedule"] = await schedule_named(s, body.schedule, "schedule")
    values["rate_id"] = await rate_named(s, body.rate, values["unit"])
    made = await s.row(rows.INSERT, values)
    assert made is not None
    await put_places(s, made["ref"], body.places)
    return str(made["ref"])


async def put_places(s: Session, ref: str, places: Sequence[PassPlace]) -> None:
    """Make a pass valid at exactly ``places``.

    Raises:
        BadField: a place, space, door or group doesn't exist, or a place appears twice.
    """
    ids: list[int] = []
    for number, place in enumerate(places):
        field = f"places.{number}"
        place_id, _zone = await place_named(s, place.place, f"{field}.place")
        if place_id in ids:
            raise BadField(f"{field}.place", f"{place.place!r} appears twice")
        ids.append(place_id)
        parts = {
            kind: await parts_named(s, place_id, kind, codes, f"{field}.{kind}") for kind, codes in named_parts(place)
        }
        await s.run(rows.PUT_PLACE, {"pass": ref, "place": place_id, **parts})
    await s.run(rows.LEAVE_PLACES, {"ref": ref, "places": ids})


async def _zone_of(s: Session, places: Sequence[PassPlace]) -> str:
    if not places:
        return _COMMON_ZONE
    return (await place_named(s, places[0].place, "places.0.place"))[1]


async def _told(s: Session, ref: str, *, made: bool = False) -> Response:
    row = await read(s, pass_resource(ref))
    body = pass_json(row, datetime.now(UTC))
    if made:
        return with_etag(body, row["revision"], status=201, location=f"/v1/passes/{ref}")
    return with_etag(body, row["revision"])
