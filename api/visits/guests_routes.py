"""``/v1/guests``: a member's own guests, by a booking or, for a day, by the member's pass."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal, Self

from fastapi import APIRouter, Request
from psycopg.rows import DictRow
from pydantic import Field, model_validator
from starlette.responses import Response

from api.bookings.guest_credentials import Invited, Kind, give_code, give_qr, write_to
from api.bookings.making import now_of
from api.cards.issuing import taking
from api.http.answers import json_answer
from api.http.errors import BadField, Conflict, NotFound
from api.http.idempotency import IdempotencyKey, once
from api.http.models import Answer, Body, Code, Email, Moment, Name, Ref, time_of
from api.http.references import place_named
from api.http.session import Session, guarded, session
from api.passes.passes import VisitorStatus

router: Final = APIRouter(tags=["visitors"])

_LONGEST: Final = timedelta(hours=24)
_AHEAD: Final = timedelta(days=60)
_FIND: Final = "SELECT ref, member, name, visitor, starts_at, ends_at, booking, place, credential FROM own_guests()"
_ADD: Final = "SELECT guest, refused FROM own_guest_add(%(place)s, %(name)s, %(starts)s, %(ends)s)"
_CANCEL: Final = "SELECT own_guest_cancel(%(guest)s) AS found"
_REFUSED: Final = {
    "no_pass": "No pass of yours holds at this place for that time; with a booking you can invite to the booking.",
    "too_many": "You have as many guests on that day as a member may have here: ask the front desk.",
}


class OwnGuestMade(Body):
    """A guest of one's own, for some hours of a day."""

    place: Code
    starts: Moment = Field(alias="from")
    ends: Moment = Field(alias="until")
    name: Name
    email: Email | None = Field(default=None, description="Sent the place, the time and the code, or the link.")
    language: Literal["fr", "en"] | None = Field(default=None, description="Of the mail; null: the network's.")
    credential: Kind = "code"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends <= self.starts:
            raise ValueError("until must be after from")
        return self


class OwnGuest(Answer):
    """A guest of one's own."""

    ref: Ref
    name: str | None
    place: str
    booking: str | None = Field(description="By which the guest comes; null: by a pass.")
    starts: datetime = Field(alias="from", description="From when doors open.")
    ends: datetime = Field(alias="until")
    status: VisitorStatus
    credential: Literal["card", "code", "qr"] | None


class OwnGuestAdded(OwnGuest):
    """A new guest."""

    code: str | None = Field(description="Only in the answer that adds the guest.")
    path: str | None = Field(description="Of the page with the guest's QR: only in this answer, and in the mail.")


class OwnGuests(Answer):
    """At most 200 guests, the next first, until a day after their visit."""

    guests: list[OwnGuest]


@router.get("/v1/guests", summary="My guests", **guarded("own", answers={200: OwnGuests}))
async def own_guests(request: Request) -> Response:
    """Of a member's own key: the guests of that member."""
    async with session(request, "own") as s:
        found = await s.rows(_FIND)
    return json_answer({"guests": [_json(row) for row in found]})


@router.post(
    "/v1/guests",
    status_code=201,
    summary="Invite a guest for some hours, by one's own pass",
    **guarded("own", answers={201: OwnGuestAdded}, problems=(409, 429)),
)
async def invite(request: Request, body: OwnGuestMade, idempotency_key: IdempotencyKey = None) -> Response:
    """For 24 hours at most, as far as the pass reaches; at most `booking_guests` of the place's policy for a day."""
    given: dict[str, Any] = {"code": None, "path": None}
    async with taking(request, "own", takes=False) as s:
        guest = await once(s, request, idempotency_key, lambda: _invite(s, request, body, given))
        row = await _own(s, guest)
    answer = json_answer({**_json(row), **given}, status=201)
    answer.headers["Location"] = f"/v1/guests/{guest}"
    return answer


@router.delete("/v1/guests/{guest}", summary="Call a guest's visit off", **guarded("own", answers={200: OwnGuest}))
async def call_off(guest: str, request: Request) -> Response:
    """The guest is kept, with the status cancelled, and gets in no more; a QR where there is no line, until its end."""
    async with session(request, "own") as s:
        done = await s.row(_CANCEL, {"guest": guest})
        if done is None or not done["found"]:
            raise _no_guest(guest)
        row = await _own(s, guest)
    return json_answer(_json(row))


async def _invite(s: Session, request: Request, body: OwnGuestMade, given: dict[str, Any]) -> str:
    now = await now_of(s)
    if body.ends - body.starts > _LONGEST:
        raise BadField("until", "a guest comes for 24 hours at most")
    if body.ends <= now or body.starts > now + _AHEAD:
        raise BadField("from", f"invite for a time to come, {_AHEAD.days} days ahead at most")
    place, _zone = await place_named(s, body.place)
    values = {"place": body.place, "name": body.name, "starts": body.starts, "ends": body.ends}
    made = await s.row(_ADD, values)
    assert made is not None
    if made["guest"] is None:
        raise Conflict(_REFUSED[made["refused"]], field="place" if made["refused"] == "no_pass" else "from")
    guest = str(made["guest"])
    row = await _own(s, guest)
    invited = Invited(
        ref=guest,
        member=row["member"],
        name=body.name,
        place=place,
        starts=body.starts,
        ends=body.ends,
        email=body.email,
        language=body.language,
    )
    if body.credential == "qr":
        given["path"] = await give_qr(s, request, invited)
    else:
        given["code"] = await give_code(s, request, guest)
    await write_to(s, request, invited, code=given["code"], path=given["path"])
    return guest


async def _own(s: Session, ref: str) -> DictRow:
    for row in await s.rows(_FIND):
        if row["ref"] == ref:
            return row
    raise _no_guest(ref)


def _json(row: DictRow) -> dict[str, Any]:
    return {
        "ref": row["ref"],
        "name": row["name"],
        "place": row["place"],
        "booking": row["booking"],
        "from": time_of(row["starts_at"]),
        "until": time_of(row["ends_at"]),
        "status": row["visitor"],
        "credential": row["credential"],
    }


def _no_guest(ref: str) -> NotFound:
    return NotFound(f"You have no guest {ref!r}.")
