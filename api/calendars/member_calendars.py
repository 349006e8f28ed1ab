"""``/v1/member-calendars``: a member's own calendars elsewhere, whose appointments become bookings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from api.calendars.calendars import plain
from api.http.answers import json_answer
from api.http.errors import BadField, Conflict
from api.http.models import Answer, Body
from api.http.revisions import Resource, read
from api.http.session import Session, guarded, session

router: Final = APIRouter(tags=["calendars"])
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
_MOST: Final = 5

# A member's calendars; a caller sees their own.
_FIND: Final = """
SELECT id, member, made_at, read_at, failures, error, next_at FROM member_calendar
WHERE member = %(member)s AND (%(id)s::integer IS NULL OR id = %(id)s) ORDER BY id
"""
_ADD: Final = "INSERT INTO member_calendar (member, url) VALUES (%(member)s, %(url)s) RETURNING id"
_END: Final = "DELETE FROM member_calendar WHERE id = %(id)s"


class MemberCalendarMade(Body):
    """A calendar of the member whose own key this is."""

    url: str = Field(max_length=2000, pattern=r"^https?://[^\s]+$", description="Never shown again.")


class MemberCalendar(Answer):
    """A member's calendar elsewhere, and how reading it went."""

    id: int
    member: str
    made_at: datetime
    read_at: datetime | None = Field(description="Its last success.")
    failures: int = Field(description="Since then.")
    error: str | None
    next_at: datetime


class MemberCalendars(Answer):
    """A member's calendars elsewhere."""

    calendars: list[MemberCalendar]


@router.get("/v1/member-calendars", summary="A member's calendars", **guarded("own", answers={200: MemberCalendars}))
async def member_calendars(request: Request) -> Response:
    """Those of the member whose own key this is, and how reading them went."""
    async with session(request, "own") as s:
        found = await s.rows(_FIND, {"member": s.caller.member, "id": None})
    return json_answer({"calendars": [plain(row) for row in found]})


@router.post(
    "/v1/member-calendars",
    status_code=201,
    summary="Subscribe to a member's own calendar",
    **guarded("own", answers={201: MemberCalendar}, problems=(409,)),
)
async def make_member_calendar(request: Request, body: MemberCalendarMade) -> Response:
    """Appointments that name an address of ours, as attendee or in their location, become bookings."""
    async with session(request, "own") as s:
        if s.caller.member is None:
            raise BadField("url", "only a member's own key subscribes to that member's calendar")
        if len(await s.rows(_FIND, {"member": s.caller.member, "id": None})) >= _MOST:
            raise Conflict(f"A member has at most {_MOST} calendars: end one first.")
        made = await s.row(_ADD, {"member": s.caller.member, "url": body.url})
        assert made is not None
        row = await read(s, _calendar(s, made["id"]))
    return json_answer(plain(row), status=201)


@router.delete(
    "/v1/member-calendars/{number}",
    summary="End the subscription of a member's own calendar",
    **guarded("own", answers={200: MemberCalendar}),
)
async def end_member_calendar(number: Number, request: Request) -> Response:
    """Bookings that it made stay."""
    async with session(request, "own") as s:
        row = await read(s, _calendar(s, number))
        await s.run(_END, {"id": number})
    return json_answer(plain(row))


def _calendar(s: Session, number: int) -> Resource:
    name = f"calendar {number}"
    return Resource(find=_FIND, key={"id": number, "member": s.caller.member}, name=name, subject=name)
