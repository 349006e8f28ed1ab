"""``/v1/bookings``: bookings of places, spaces and units."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from psycopg.rows import DictRow
from starlette.responses import Response

from api.bookings import bookings as rows
from api.bookings.bookings import (
    Booking,
    BookingChanged,
    BookingMade,
    Bookings,
    BookingsQuestion,
    CancelQuestion,
    History,
    act_json,
    booking_json,
    booking_resource,
)
from api.bookings.cancel_mail import write_to_holder
from api.bookings.changing import changed
from api.bookings.limits import check_cancelling
from api.bookings.making import booked_for, make, now_of
from api.bookings.targets import Target, target_of, window_of
from api.http.answers import json_answer
from api.http.errors import BadField, Conflict
from api.http.idempotency import IdempotencyKey, once
from api.http.models import sent
from api.http.revisions import change, expected_revisions, read, read_to_change, with_etag
from api.http.session import Session, guarded, session

router: Final = APIRouter(tags=["bookings"])


@router.get("/v1/bookings", summary="Bookings", **guarded("members:read", "own", answers={200: Bookings}))
async def bookings(request: Request, question: Annotated[BookingsQuestion, Query()]) -> Response:
    """Latest first. A member's own key sees only that member's bookings."""
    async with session(request, "members:read", "own") as s:
        given = {"own": s.caller.member if s.caller.role == "member" else None, **question.model_dump()}
        found = await s.rows(rows.find(given), given)
    return json_answer({"bookings": [booking_json(row) for row in found]})


@router.post(
    "/v1/bookings",
    status_code=201,
    summary="Book a seat, a room or a unit for a member",
    **guarded("visitors:write", "own", answers={201: Booking}, problems=(409,)),
)
async def book(request: Request, body: BookingMade, idempotency_key: IdempotencyKey = None) -> Response:
    """With a member's own key: for that member, under one of their passes.

    The place must be open for the whole booking; its rules, the quotas of the pass and of the organisation hold
    (docs/bookings.md). A room or a unit has one booking at a time. A pass that is `booked` opens only during a booking.
    """
    async with session(request, "visitors:write", "own") as s:
        ref = await once(s, request, idempotency_key, lambda: _book(s, body))
        row = await read(s, booking_resource(ref))
    return with_etag(booking_json(row), row["revision"], status=201, location=f"/v1/bookings/{ref}")


@router.get("/v1/bookings/{ref}", summary="One booking", **guarded("members:read", "own", answers={200: Booking}))
async def booking(ref: str, request: Request) -> Response:
    """By its reference."""
    async with session(request, "members:read", "own") as s:
        row = await read(s, booking_resource(ref))
    return with_etag(booking_json(row), row["revision"])


@router.get(
    "/v1/bookings/{ref}/history",
    summary="A booking's history",
    **guarded("members:read", "own", answers={200: History}),
)
async def history(ref: str, request: Request) -> Response:
    """Who did what with it, when: from the audit, for all who see the booking."""
    async with session(request, "members:read", "own") as s:
        await read(s, booking_resource(ref))
        found = await s.rows(rows.HISTORY, {"ref": ref})
    return json_answer({"history": [act_json(row) for row in found]})


@router.patch(
    "/v1/bookings/{ref}",
    summary="Change a booking",
    **guarded("visitors:write", "own", answers={200: Booking}, changes=True),
)
async def change_booking(
    ref: str, request: Request, body: BookingChanged, idempotency_key: IdempotencyKey = None
) -> Response:
    """Another time, another space of the place, or another unit of the resource. The rules are those of a new one."""
    async with session(request, "visitors:write", "own") as s:
        await once(s, request, idempotency_key, lambda: _change(s, request, ref, body))
        row = await read(s, booking_resource(ref))
    return with_etag(booking_json(row), row["revision"])


@router.delete(
    "/v1/bookings/{ref}",
    summary="Cancel a booking",
    **guarded("visitors:write", "own", answers={200: Booking}, changes=True),
)
async def cancel(
    ref: str,
    request: Request,
    question: Annotated[CancelQuestion, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """The booking is kept with the status cancelled. Members cancel as early as the place asks."""
    async with session(request, "visitors:write", "own") as s:
        await once(s, request, idempotency_key, lambda: _cancel(s, request, ref, by_mail=question.mail))
        row = await read(s, booking_resource(ref))
    return with_etag(booking_json(row), row["revision"])


async def _book(s: Session, body: BookingMade) -> str:
    member = await booked_for(s, body.member)
    target = await target_of(s, body.place, body.space, body.resource, body.unit)
    _check_opens(s, opens=body.opens)
    window = window_of(target, body.starts, body.ends)
    ref = await make(s, target, member, window, override=body.override, opens=body.opens)
    await _note_reason(s, ref, body)
    return ref


async def _change(s: Session, request: Request, ref: str, body: BookingChanged) -> str:
    wanted, resource = expected_revisions(request), booking_resource(ref)
    row = await read_to_change(s, resource, wanted)
    if row["cancelled_at"] is not None:
        raise Conflict("This booking is cancelled. Create a new one.")
    if row["member"] is None:
        raise Conflict("This is a block, not a member's booking: change the event or the calendar that it comes from.")
    if row["status"] == "offered":
        raise Conflict("This is an offer of a waiting list: accept it first (/v1/waiting).")
    _check_opens(s, opens=body.opens)
    target = await _target_of(s, row, body)
    fields = sent(body)
    starts, ends = fields.get("starts") or row["starts_at"], fields.get("ends") or row["ends_at"]
    if ends <= starts:
        raise BadField("until", "it must be after from")
    starts, ends = window_of(target, starts, ends)
    values = await changed(s, row, target, (starts, ends), override=body.override, opens=body.opens)
    await change(s, resource, rows.UPDATE, values, row=row, wanted=wanted)
    await _note_reason(s, ref, body)
    return ref


async def _note_reason(s: Session, ref: str, body: BookingMade | BookingChanged) -> None:
    if body.override and body.reason is not None:
        await s.run(rows.OVERRIDDEN, {"ref": ref, "reason": body.reason})


def _check_opens(s: Session, *, opens: bool | None) -> None:
    if opens and s.caller.member is not None:
        raise BadField("opens", "only staff let a booking open doors without a pass")


async def _target_of(s: Session, row: DictRow, body: BookingChanged) -> Target:
    """Return what a booking is of after its change."""
    if row["resource"] is None:
        if body.unit is not None:
            raise BadField("unit", "this is a booking of a space: book a resource instead")
        space = body.space if "space" in body.model_fields_set else row["space"]
        return await target_of(s, row["place"], space, None, None)
    if body.space is not None:
        raise BadField("space", "this is a booking of a resource, which has its own space")
    return await target_of(s, row["place"], None, row["resource"], body.unit or row["unit"])


async def _cancel(s: Session, request: Request, ref: str, *, by_mail: bool) -> str:
    wanted, resource = expected_revisions(request), booking_resource(ref)
    row = await read_to_change(s, resource, wanted)
    if row["cancelled_at"] is None and row["member"] is not None and row["status"] != "offered":
        await check_cancelling(s, row, await now_of(s))
    await change(s, resource, rows.CANCEL, {"ref": ref}, row=row, wanted=wanted)
    if by_mail and row["cancelled_at"] is None and row["member"] is not None and s.caller.member is None:
        await write_to_holder(s, row)
    return ref
