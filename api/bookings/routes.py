"""``/v1/bookings``: bookings of places and spaces."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.bookings import bookings as rows
from api.bookings.bookable import check_bookable
from api.bookings.bookings import (
    Booking,
    BookingChanged,
    BookingMade,
    Bookings,
    BookingsQuestion,
    booking_json,
    booking_resource,
)
from api.http.answers import json_answer
from api.http.errors import BadField, Conflict
from api.http.models import sent
from api.http.references import member_named, parts_named, place_named
from api.http.revisions import change, expected_revisions, read, read_to_change, with_etag
from api.http.session import Session, guarded, session

router: Final = APIRouter(tags=["bookings"])


@router.get("/v1/bookings", summary="Bookings", **guarded("members:read", "own", answers={200: Bookings}))
async def bookings(request: Request, question: Annotated[BookingsQuestion, Query()]) -> Response:
    """Latest first. A member's own key sees only that member's bookings."""
    async with session(request, "members:read", "own") as s:
        found = await s.rows(rows.FIND, {"ref": None, **question.model_dump()})
    return json_answer({"bookings": [booking_json(row) for row in found]})


@router.post(
    "/v1/bookings",
    status_code=201,
    summary="Book a place or a space for a member",
    **guarded("visitors:write", answers={201: Booking}, problems=(409,)),
)
async def book(request: Request, body: BookingMade) -> Response:
    """A pass that is `booked` opens only during a booking.

    The place must be open for the whole booking. A meeting room or a phone box has one booking at a time, other spaces
    any number.
    """
    async with session(request, "visitors:write") as s:
        await member_named(s, body.member, "member")
        place, _zone = await place_named(s, body.place)
        values = {
            "member": body.member,
            "place_id": place,
            "space_id": await _space(s, place, body.space),
            "starts": body.starts,
            "ends": body.ends,
        }
        await check_bookable(s, values)
        made = await s.row(rows.INSERT, values)
        assert made is not None
        row = await read(s, booking_resource(made["ref"]))
    return with_etag(booking_json(row), row["revision"], status=201, location=f"/v1/bookings/{row['ref']}")


@router.get("/v1/bookings/{ref}", summary="One booking", **guarded("members:read", "own", answers={200: Booking}))
async def booking(ref: str, request: Request) -> Response:
    """By its reference."""
    async with session(request, "members:read", "own") as s:
        row = await read(s, booking_resource(ref))
    return with_etag(booking_json(row), row["revision"])


@router.patch(
    "/v1/bookings/{ref}",
    summary="Change a booking",
    **guarded("visitors:write", answers={200: Booking}, changes=True),
)
async def change_booking(ref: str, request: Request, body: BookingChanged) -> Response:
    """Another time, or another space of the same place. The rules are those of a new booking."""
    async with session(request, "visitors:write") as s:
        wanted, resource = expected_revisions(request), booking_resource(ref)
        row = await read_to_change(s, resource, wanted)
        if row["cancelled_at"] is not None:
            raise Conflict("This booking is cancelled. Create a new one.")
        fields = sent(body)
        values = {
            "ref": ref,
            "starts": fields.get("starts") or row["starts_at"],
            "ends": fields.get("ends") or row["ends_at"],
            "space_id": await _space(s, row["place_id"], body.space) if "space" in fields else row["space_id"],
        }
        if values["ends"] <= values["starts"]:
            raise BadField("until", "it must be after from")
        await check_bookable(s, {**values, "place_id": row["place_id"]})
        await change(s, resource, rows.UPDATE, values, row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(booking_json(row), row["revision"])


@router.delete(
    "/v1/bookings/{ref}",
    summary="Cancel a booking",
    **guarded("visitors:write", answers={200: Booking}, changes=True),
)
async def cancel(ref: str, request: Request) -> Response:
    """The booking is kept with the status cancelled."""
    async with session(request, "visitors:write") as s:
        wanted, resource = expected_revisions(request), booking_resource(ref)
        row = await read_to_change(s, resource, wanted)
        await change(s, resource, rows.CANCEL, {"ref": ref}, row=row, wanted=wanted)
        row = await read(s, resource)
    return with_etag(booking_json(row), row["revision"])


async def _space(s: Session, place: int, code: str | None) -> int | None:
    found = await parts_named(s, place, "spaces", None if code is None else [code], "space")
    return found[0] if found else None
