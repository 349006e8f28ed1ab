"""``/v1/waiting``: waiting lists of what is taken, and the offers that come of them."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.bookings.bookable import check_seats
from api.bookings.bookings import booking_resource
from api.bookings.limits import limits_of
from api.bookings.making import booked_for, check_limits, now_of, price_of
from api.bookings.refusing import refused
from api.bookings.targets import Target, target_of, window_of
from api.http.answers import json_answer
from api.http.errors import Conflict, RuleRefused
from api.http.idempotency import IdempotencyKey, once
from api.http.revisions import change, expected_revisions, read, read_to_change, with_etag
from api.http.session import Session, guarded, session
from api.waiting import waiting as rows
from api.waiting.waiting import (
    Accepted,
    Waiting,
    WaitingJoined,
    WaitingList,
    WaitingQuestion,
    waiting_json,
    waiting_resource,
)
from booking.slots import Window
from booking.waiting import refused_answer, refused_joining

router: Final = APIRouter(tags=["bookings"])


@router.get("/v1/waiting", summary="Waiting lists", **guarded("members:read", "own", answers={200: WaitingList}))
async def entries(request: Request, question: Annotated[WaitingQuestion, Query()]) -> Response:
    """Who waits for what, with the position. A member's own key sees only that member's entries."""
    async with session(request, "members:read", "own") as s:
        found = await s.rows(rows.FIND, {"ref": None, **question.model_dump()})
    return json_answer({"waiting": [waiting_json(row) for row in found]})


@router.post(
    "/v1/waiting",
    status_code=201,
    summary="Wait for what is taken",
    **guarded("visitors:write", "own", answers={201: Waiting}, problems=(409,)),
)
async def join(request: Request, body: WaitingJoined, idempotency_key: IdempotencyKey = None) -> Response:
    """For a seat, a room or a unit, as a booking; the place's rules and quotas hold. Refused where it is free.

    What becomes free is offered to the first in line, by mail, and held for them until `offered_until`.
    """
    async with session(request, "visitors:write", "own") as s:
        ref = await once(s, request, idempotency_key, lambda: _join(s, body))
        row = await read(s, waiting_resource(ref))
    return with_etag(waiting_json(row), row["revision"], status=201, location=f"/v1/waiting/{ref}")


@router.get(
    "/v1/waiting/{ref}",
    summary="One entry of a waiting list",
    **guarded("members:read", "own", answers={200: Waiting}),
)
async def entry(ref: str, request: Request) -> Response:
    """By its reference."""
    async with session(request, "members:read", "own") as s:
        row = await read(s, waiting_resource(ref))
    return with_etag(waiting_json(row), row["revision"])


@router.post(
    "/v1/waiting/{ref}/accept",
    summary="Accept an offer",
    **guarded("visitors:write", "own", answers={200: Waiting}, problems=(409,)),
)
async def accept(ref: str, request: Request, body: Accepted, idempotency_key: IdempotencyKey = None) -> Response:
    """It becomes a booking; the place's rules and quotas hold as for a new one."""
    async with session(request, "visitors:write", "own") as s:
        await once(s, request, idempotency_key, lambda: _accept(s, ref, body))
        row = await read(s, waiting_resource(ref))
    return with_etag(waiting_json(row), row["revision"])


@router.post(
    "/v1/waiting/{ref}/decline",
    summary="Decline an offer",
    **guarded("visitors:write", "own", answers={200: Waiting}, problems=(409,)),
)
async def decline(ref: str, request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """It goes to the next in line at once."""
    async with session(request, "visitors:write", "own") as s:
        await once(s, request, idempotency_key, lambda: _decline(s, ref))
        row = await read(s, waiting_resource(ref))
    return with_etag(waiting_json(row), row["revision"])


@router.delete(
    "/v1/waiting/{ref}",
    summary="Leave a waiting list",
    **guarded("visitors:write", "own", answers={200: Waiting}, changes=True),
)
async def leave(ref: str, request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """An entry that has an offer declines it."""
    async with session(request, "visitors:write", "own") as s:
        await once(s, request, idempotency_key, lambda: _leave(s, request, ref))
        row = await read(s, waiting_resource(ref))
    return with_etag(waiting_json(row), row["revision"])


async def _join(s: Session, body: WaitingJoined) -> str:
    member = await booked_for(s, body.member)
    target = await target_of(s, body.place, body.space, body.resource, body.unit)
    window = window_of(target, body.starts, body.ends)
    limits = await limits_of(s, target, member, [window], override=body.override)
    await check_limits(s, target, member, window, limits)
    counted = await s.row(rows.OPEN, {"member": member})
    assert counted is not None
    if refusal := refused_joining(counted["open"], free=await _free(s, target, window)):
        raise await refused(s, target.place_id, refusal)
    made = await s.row(rows.INSERT, {**_values(target, window), "member": member})
    if made is None:
        raise Conflict("This member is on this waiting list already; see /v1/waiting.")
    return str(made["ref"])


def _values(target: Target, window: Window) -> dict[str, object]:
    """Return what the entry waits for; a unit's space is where the unit is, and isn't noted."""
    return {
        "place_id": target.place_id,
        "space_id": target.space_id if target.resource is None else None,
        "resource_id": None if target.resource is None else target.resource["id"],
        "unit_id": target.unit,
        "kind": target.kind,
        "starts": window[0],
        "ends": window[1],
    }


async def _free(s: Session, target: Target, window: Window) -> bool:
    if target.kind == "room" or target.resource is not None:
        query = rows.ROOM_FREE if target.resource is None else rows.FREE
        row = await s.row(query, _values(target, window))
        return row is not None and bool(row["free"])
    try:
        await check_seats(s, target, *window, None)
    except RuleRefused:
        return False
    return True


async def _accept(s: Session, ref: str, body: Accepted) -> str:
    row = await read(s, waiting_resource(ref))
    if why := refused_answer(row["status"], row["offered_until"], await now_of(s)):
        raise Conflict(why)
    offer = await read(s, booking_resource(row["booking"]))
    target = await target_of(
        s, offer["place"], offer["space"] if offer["resource"] is None else None, offer["resource"], offer["unit"]
    )
    window = (offer["starts_at"], offer["ends_at"])
    limits = await limits_of(s, target, row["member"], [window], override=body.override, changed=offer)
    held = await check_limits(s, target, row["member"], window, limits)
    price = await price_of(s, target, row["member"], window)
    values = {"booking": row["booking"], "pass": held.under, "price_cents": price}
    if await s.row(rows.ACCEPT, values) is None:
        raise Conflict("This offer has just lapsed. Join the list again.")
    return ref


async def _decline(s: Session, ref: str) -> str:
    row = await read(s, waiting_resource(ref))
    if why := refused_answer(row["status"], row["offered_until"], await now_of(s)):
        raise Conflict(why)
    if await s.row(rows.DECLINE, {"booking": row["booking"]}) is None:
        raise Conflict("This offer has just lapsed.")
    return ref


async def _leave(s: Session, request: Request, ref: str) -> str:
    wanted, resource = expected_revisions(request), waiting_resource(ref)
    row = await read_to_change(s, resource, wanted)
    if row["status"] == "offered":
        return await _decline(s, ref)
    if row["closed_at"] is None:
        await change(s, resource, rows.LEAVE, {"ref": ref}, row=row, wanted=wanted)
    return ref
