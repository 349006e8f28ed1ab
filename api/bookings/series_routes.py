"""``/v1/booking-series``: bookings that repeat."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.bookings import bookings, series
from api.bookings.bookings import booking_json
from api.bookings.limits import rule_of
from api.bookings.making import now_of
from api.bookings.repeating import confirmed_until, make_series
from api.bookings.series import (
    Confirmed,
    RangeCancelled,
    SeriesBookings,
    SeriesList,
    SeriesMade,
    SeriesQuestion,
    Touched,
    series_json,
    series_resource,
)
from api.http.answers import json_answer
from api.http.errors import BadField
from api.http.idempotency import IdempotencyKey, once
from api.http.revisions import read, with_etag
from api.http.session import Session, guarded, session

router: Final = APIRouter(tags=["bookings"])


@router.get(
    "/v1/booking-series", summary="Series of bookings", **guarded("members:read", "own", answers={200: SeriesList})
)
async def list_series(request: Request, question: Annotated[SeriesQuestion, Query()]) -> Response:
    """The newest first, without their bookings."""
    async with session(request, "members:read", "own") as s:
        found = await s.rows(series.FIND, {"ref": None, **question.model_dump()})
    return json_answer({"series": [series_json(row) for row in found]})


@router.post(
    "/v1/booking-series",
    status_code=201,
    summary="Book what repeats",
    **guarded("visitors:write", "own", answers={201: SeriesBookings}, problems=(409,)),
)
async def make(request: Request, body: SeriesMade, idempotency_key: IdempotencyKey = None) -> Response:
    """All occurrences at once, on the place's clock: 9:00 stays 9:00 when clocks change. At most 400 in two years."""
    async with session(request, "visitors:write", "own") as s:
        ref = await once(s, request, idempotency_key, lambda: make_series(s, body))
        answer, revision = await _whole(s, ref)
    return with_etag(answer, revision, status=201, location=f"/v1/booking-series/{ref}")


@router.get(
    "/v1/booking-series/{ref}",
    summary="One series with its bookings",
    **guarded("members:read", "own", answers={200: SeriesBookings}),
)
async def one(ref: str, request: Request) -> Response:
    """By its reference."""
    async with session(request, "members:read", "own") as s:
        answer, revision = await _whole(s, ref)
    return with_etag(answer, revision)


@router.post(
    "/v1/booking-series/{ref}/cancel",
    summary="Cancel a range of a series",
    **guarded("visitors:write", "own", answers={200: Touched}, problems=(409,)),
)
async def cancel_range(
    ref: str, request: Request, body: RangeCancelled, idempotency_key: IdempotencyKey = None
) -> Response:
    """The occurrences that begin in the range; those that it is too late to cancel are kept."""
    async with session(request, "visitors:write", "own") as s:
        done = await once(s, request, idempotency_key, lambda: _cancel(s, ref, body))
        kept = await s.rows(series.KEPT, {"ref": ref, "starts": body.starts, "ends": body.ends})
    return json_answer({"changed": done.split(), "kept": [row["ref"] for row in kept]})


@router.post(
    "/v1/booking-series/{ref}/confirm",
    summary="Confirm the next week of a series",
    **guarded("visitors:write", "own", answers={200: Touched}, problems=(409,)),
)
async def confirm(ref: str, request: Request, body: Confirmed, idempotency_key: IdempotencyKey = None) -> Response:
    """Occurrences that nobody confirms lapse, `confirm_hours` before they begin."""
    async with session(request, "visitors:write", "own") as s:
        done = await once(s, request, idempotency_key, lambda: _confirm(s, ref, body))
    return json_answer({"changed": done.split(), "kept": []})


async def _whole(s: Session, ref: str) -> tuple[dict[str, object], int]:
    row = await read(s, series_resource(ref))
    found = await s.rows(bookings.find({"series": ref}), {"series": ref})
    return {**series_json(row), "bookings": [booking_json(one) for one in found]}, row["revision"]


async def _cancel(s: Session, ref: str, body: RangeCancelled) -> str:
    row = await read(s, series_resource(ref))
    if body.starts is not None and body.ends is not None and body.ends <= body.starts:
        raise BadField("until", "it must be after from")
    notice_s = 0.0
    if s.caller.member is not None:
        first = await s.rows(bookings.find({"series": ref}), {"series": ref})
        kind = first[0]["kind"] or ("room" if first[0]["one_party"] else "seat") if first else "seat"
        rule = await rule_of(s, row["place_id"], kind)
        notice_s = 0.0 if rule.cancel is None else rule.cancel.total_seconds()
    values = {"ref": ref, "starts": body.starts, "ends": body.ends, "notice_s": notice_s}
    return " ".join(sorted(done["ref"] for done in await s.rows(series.CANCEL, values)))


async def _confirm(s: Session, ref: str, body: Confirmed) -> str:
    row = await read(s, series_resource(ref))
    until = body.ends or confirmed_until(await now_of(s), row["confirm_hours"])
    return " ".join(sorted(done["ref"] for done in await s.rows(series.CONFIRM, {"ref": ref, "until": until})))
