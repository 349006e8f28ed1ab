"""``/v1/places/{place}/door-events``: what happened at a place's doors, with names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.audit.entries import note_reading, recent_entries
from api.events import door_events as rows
from api.events.door_events import DoorEvent, DoorEvents, DoorEventsQuestion, event_json
from api.http.answers import json_answer
from api.http.csv_cells import as_csv
from api.http.cursors import make_cursor, read_cursor
from api.http.errors import BadQuery
from api.http.models import time_of
from api.http.references import reached_place
from api.http.session import Session, guarded, session
from api.http.timestamps import to_datetime, to_us

router: Final = APIRouter(tags=["events"])
_LAST: Final = 2**31 - 1, 2**62
"""A stream and a number after all others."""
# A door of the place, in service or not.
_DOOR: Final = "SELECT id FROM door WHERE place = %s AND code = %s"


@router.get(
    "/v1/places/{place}/door-events",
    summary="What happened at a place's doors",
    **guarded("events:read", answers={200: DoorEvents}, csv=True),
)
async def door_events(place: str, request: Request, question: Annotated[DoorEventsQuestion, Query()]) -> Response:
    """Who was granted or denied and why, and doors that were forced or held open; the newest first.

    Each reading is recorded in the audit, at most once a minute for each key and question.
    """
    now = datetime.now(UTC)
    until, (stream, seq) = question.until or now + timedelta(minutes=1), (-1, -1)
    if question.cursor is not None:
        at, stream, seq = read_cursor(question.cursor, int, int, int)
        until, stream, seq = _time(at), max(-1, min(stream, _LAST[0])), max(-1, min(seq, _LAST[1]))
    since = question.since or until - timedelta(days=rows.DAYS)
    recent = recent_entries(request)
    async with session(request, "events:read") as s:
        number = await reached_place(s, place, "events:read")
        door = None if question.door is None else await _door(s, number, question.door)
        asked = {"place": number, "since": since, "until": until, "stream": stream, "seq": seq, "door": door}
        asked |= {"what": question.what, "member": question.member, "limit": question.limit + 1}
        found = await s.rows(rows.LIST, asked)
        what = (s.caller.id, "read door events", place, question.member, question.door)
        if due := recent.due(*what):
            subject = f"place {place}" if question.member is None else f"member {question.member}"
            detail = {"place": place, "door": question.door, "what": question.what}
            await note_reading(s, "read door events", subject, place=number, detail=detail)
    if due:
        recent.written(*what)
    page = found[: question.limit]
    last = page[-1] if len(found) > len(page) else None
    following = None if last is None else make_cursor(to_us(last["at"]), last["stream"], last["seq"])
    events = [event_json(row) for row in page]
    if question.format == "csv":
        headers = {"Content-Disposition": f'attachment; filename="{place}-doors.csv"', "Cache-Control": "no-store"}
        headers |= {} if following is None else {"X-Next-Cursor": following}
        names = list(DoorEvent.model_fields)
        return Response(as_csv(names, events), media_type="text/csv; charset=utf-8", headers=headers)
    return json_answer({"events": events, "since": time_of(since), "next": following})


async def _door(s: Session, place: int, code: str) -> int:
    row = await s.row(_DOOR, (place, code))
    if row is None:
        raise BadQuery("door", f"this place has no door {code!r}; see /v1/places/…/doors")
    return int(row["id"])


def _time(us: int) -> datetime:
    try:
        return to_datetime(us)
    except (ValueError, OverflowError) as error:
        raise BadQuery("cursor", "expected `next` of an earlier page of the same question") from error
