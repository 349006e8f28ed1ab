"""``/v1/bookings/{ref}/guests``: named guests, who get in for the time of a booking."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from psycopg.rows import DictRow
from starlette.responses import Response

from api.bookings import guests as rows
from api.bookings.bookings import booking_resource
from api.bookings.guest_credentials import Invited, give_code, give_qr, write_to
from api.bookings.guests import Guest, GuestAdded, GuestMade, Guests, guest_json
from api.bookings.making import now_of
from api.cards.issuing import credential_of, issued_json, put_card, taking
from api.http.answers import json_answer
from api.http.errors import BadField, Conflict, NotFound
from api.http.idempotency import IdempotencyKey, once
from api.http.revisions import read
from api.http.session import Session, guarded, session

router: Final = APIRouter(tags=["bookings"])


@router.get(
    "/v1/bookings/{ref}/guests",
    summary="A booking's guests",
    **guarded("members:read", "own", answers={200: Guests}),
)
async def guests(ref: str, request: Request) -> Response:
    """Oldest first, for all who see the booking."""
    async with session(request, "members:read", "own") as s:
        await read(s, booking_resource(ref))
        found = await s.rows(rows.FIND, {"ref": ref})
    return json_answer({"guests": [guest_json(row) for row in found]})


@router.post(
    "/v1/bookings/{ref}/guests",
    status_code=201,
    summary="Add a guest to a booking",
    **guarded("visitors:write", "own", answers={201: GuestAdded}, problems=(409, 429)),
)
async def add_guest(ref: str, request: Request, body: GuestMade, idempotency_key: IdempotencyKey = None) -> Response:
    """A visitor with a code, a QR or a card, let in for the booking's time and space, with the place's margin.

    The visit moves with the booking and is cancelled with it. A member's own key adds up to `booking_guests` of the
    place's policy, to bookings by which the member gets in.
    """
    given: dict[str, Any] = {"code": None, "path": None, "card": None}
    async with taking(request, "visitors:write", "own", takes=body.card is not None) as s:
        guest = await once(s, request, idempotency_key, lambda: _add(s, request, ref, body, given))
        row = await _guest(s, ref, guest)
    answer = json_answer({**guest_json(row), **given}, status=201)
    answer.headers["Location"] = f"/v1/bookings/{ref}/guests/{guest}"
    return answer


@router.delete(
    "/v1/bookings/{ref}/guests/{guest}",
    summary="Cancel a guest's visit",
    **guarded("visitors:write", "own", answers={200: Guest}),
)
async def cancel_guest(ref: str, guest: str, request: Request) -> Response:
    """The guest is kept, with the status cancelled, and gets in no more."""
    async with session(request, "visitors:write", "own") as s:
        await read(s, booking_resource(ref))
        done = await s.row(rows.CANCEL, {"ref": ref, "guest": guest})
        if done is None or not done["found"]:
            raise _no_guest(guest)
        row = await _guest(s, ref, guest)
    return json_answer(guest_json(row))


async def _add(s: Session, request: Request, ref: str, body: GuestMade, given: dict[str, Any]) -> str:
    booking = await read(s, booking_resource(ref))
    if booking["member"] is None:
        raise Conflict("This is a block, not a member's booking: it has no guests.")
    if booking["status"] not in ("booked", "checked_in") or booking["ends_at"] <= await now_of(s):
        raise Conflict("This booking is over, cancelled or not accepted yet: it lets no guests in.")
    if s.caller.member is not None:
        if body.card is not None:
            raise BadField("card", "only staff give cards; leave it out, and the guest gets a code")
        if booking["pass"] is None and not booking["opens"]:
            why = "You have no pass for this booking, so it opens no doors to guests: ask the front desk."
            raise Conflict(why, field="pass")
    made = await s.row(rows.ADD, {"ref": ref, "name": body.name})
    if made is None or made["guest"] is None:
        raise Conflict("This booking has as many guests as a member may add: ask the front desk.", field="guests")
    guest = str(made["guest"])
    row = await _guest(s, ref, guest)
    invited = Invited(
        ref=guest,
        member=row["member"],
        name=body.name,
        place=booking["place_id"],
        starts=row["starts_at"],
        ends=row["ends_at"],
        email=body.email,
        language=body.language,
    )
    if body.card is None and body.credential == "qr":
        given["path"] = await give_qr(s, request, invited)
    elif body.card is None:
        given["code"] = await give_code(s, request, guest, rows.CODE)
    else:
        credential = await credential_of(s, request, body.card, within="card.")
        kept = {"member": row["member"], "status": body.card.status, "replaces": None}
        bounds = {"valid_from": body.card.valid_from, "valid_until": row["ends_at"]}
        given["card"] = issued_json(await put_card(s, request, credential, **kept, **bounds))
    code = given["code"] or (given["card"] or {}).get("code")
    await write_to(s, request, invited, code=code, path=given["path"])
    return guest


async def _guest(s: Session, ref: str, guest: str) -> DictRow:
    for row in await s.rows(rows.FIND, {"ref": ref}):
        if row["ref"] == guest:
            return row
    raise _no_guest(guest)


def _no_guest(guest: str) -> NotFound:
    return NotFound(f"This booking has no guest {guest!r}.")
