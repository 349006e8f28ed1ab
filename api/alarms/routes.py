"""``/v1/alarms``: what needs attention, and its acknowledgement."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request
from psycopg.rows import DictRow
from pydantic import Field
from starlette.responses import Response

from api.audit.entries import note_reading
from api.http.answers import json_answer
from api.http.cursors import Cursor, make_cursor, read_cursor
from api.http.errors import NotFound, NotYours
from api.http.models import Answer, Body, Question, time_of
from api.http.references import reached_place
from api.http.session import guarded, session
from database.alarm_kinds import KINDS, InBoth

router: Final = APIRouter(tags=["operate"])

# Alarms, newest first.
_LIST: Final = """
SELECT a.id, a.raised_at, a.kind, p.code::text AS place, g.code::text AS gateway, d.code::text AS door, a.from_at,
       a.until_at, a.text, a.times, coalesce(a.last_at, a.until_at, a.raised_at) AS last_at,
       a.acknowledged_at, a.acknowledged_by
FROM alarm a LEFT JOIN place p ON p.id = a.place LEFT JOIN gateway g ON g.id = a.gateway
LEFT JOIN door d ON d.id = a.door
WHERE (%(id)s::bigint IS NULL OR a.id = %(id)s) AND (%(all)s OR a.acknowledged_at IS NULL)
  AND (%(place)s::integer IS NULL OR a.place = %(place)s) AND (%(kind)s::text IS NULL OR a.kind = %(kind)s)
  AND (%(before)s::bigint IS NULL OR a.id < %(before)s)
ORDER BY a.id DESC LIMIT %(limit)s
"""
# How many are open at each place.
_COUNTS: Final = """
SELECT p.code::text AS place, count(*)::integer AS open FROM alarm a JOIN place p ON p.id = a.place
WHERE a.acknowledged_at IS NULL GROUP BY p.code ORDER BY p.code
"""
_ACKNOWLEDGE: Final = """
UPDATE alarm SET acknowledged_at = now(), acknowledged_by = %(by)s WHERE id = %(id)s AND acknowledged_at IS NULL
RETURNING place
"""
_NO_FILTER: Final = {"all": True, "place": None, "kind": None, "before": None, "limit": 1}


class AlarmsQuestion(Question):
    """Which alarms to list."""

    state: Literal["open", "all"] = Field(default="open", description="`open`: not acknowledged yet.")
    place: str | None = Field(default=None, max_length=64)
    kind: str | None = Field(default=None, max_length=64, examples=["door_forced"])
    limit: int = Field(default=100, ge=1, le=1000)
    cursor: Cursor | None = None


class Acknowledged(Body):
    """An acknowledgement."""

    comment: str | None = Field(default=None, min_length=1, max_length=1000, description="Kept in the audit.")


class InLanguages(Answer):
    """A text in both languages."""

    en: str
    fr: str


class Alarm(Answer):
    """Something that needs attention."""

    id: int
    raised_at: datetime
    kind: str
    words: InLanguages = Field(description="The kind, in a few words.")
    advice: InLanguages | None = Field(description="What that means for the place, and what to do.")
    place: str | None
    gateway: str | None
    door: str | None
    from_: datetime | None = Field(alias="from", description="Events may be missing from …")
    until: datetime | None = Field(description="… to.")
    text: str = Field(description="What was found, for engineers, in English.")
    times: int = Field(description="How often it happened until it was acknowledged.", ge=1)
    last_at: datetime = Field(description="When it last happened.")
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class Alarms(Answer):
    """A page of alarms, newest first."""

    alarms: list[Alarm]
    next: str | None = Field(description="`cursor` of the next page; null: this is the last.")


class OpenAlarms(Answer):
    """Open alarms of one place."""

    place: str
    open: int


class AlarmCounts(Answer):
    """The places with open alarms."""

    places: list[OpenAlarms]


@router.get("/v1/alarms", summary="Alarms", **guarded("alarms:write", "audit:read", answers={200: Alarms}))
async def alarms(request: Request, question: Annotated[AlarmsQuestion, Query()]) -> Response:
    """Open alarms, or all."""
    before = None if question.cursor is None else read_cursor(question.cursor, int)[0]
    async with session(request, "alarms:write", "audit:read") as s:
        place = None if question.place is None else await reached_place(s, question.place, "alarms:write")
        values = {"id": None, "all": question.state == "all", "place": place, "kind": question.kind}
        rows = await s.rows(_LIST, {**values, "before": before, "limit": question.limit + 1})
    page = rows[: question.limit]
    following = make_cursor(page[-1]["id"]) if len(rows) > len(page) else None
    return json_answer({"alarms": [_alarm(row) for row in page], "next": following})


@router.get(
    "/v1/alarms/places",
    summary="How many alarms are open at each place",
    **guarded("alarms:write", "audit:read", answers={200: AlarmCounts}),
)
async def counts(request: Request) -> Response:
    """Of the places that the key reaches; those without open alarms are left out."""
    async with session(request, "alarms:write", "audit:read") as s:
        rows = await s.rows(_COUNTS)
    return json_answer({"places": rows})


@router.post(
    "/v1/alarms/{number}/acknowledge",
    summary="Acknowledge an alarm",
    **guarded("alarms:write", answers={200: Alarm}),
)
async def acknowledge(
    number: Annotated[int, Path(ge=1, le=2**62)], request: Request, body: Acknowledged | None = None
) -> Response:
    """Only the first acknowledgement counts; repeating it changes nothing. The comment is kept in the audit."""
    async with session(request, "alarms:write") as s:
        done = await s.row(_ACKNOWLEDGE, {"id": number, "by": s.caller.actor})
        if done is not None and body is not None and body.comment is not None:
            detail = {"comment": body.comment}
            await note_reading(s, "alarm commented", f"alarm {number}", place=done["place"], detail=detail)
        row = await s.row(_LIST, {**_NO_FILTER, "id": number})
        if row is None:
            raise NotFound(f"There is no alarm {number}, or this key has no access to it.")
        if row["acknowledged_at"] is None:
            raise NotYours("This key may see the alarm, but not acknowledge it: it belongs to another place.")
    return json_answer(_alarm(row))


def _alarm(row: DictRow) -> dict[str, Any]:
    kept = {name: row[name] for name in ("id", "kind", "place", "gateway", "door", "text", "times", "acknowledged_by")}
    kind = KINDS.get(row["kind"])
    return {
        **kept,
        "words": (InBoth(row["kind"], row["kind"]) if kind is None else kind.words)._asdict(),
        "advice": None if kind is None else kind.advice._asdict(),
        "raised_at": time_of(row["raised_at"]),
        "from": time_of(row["from_at"]),
        "until": time_of(row["until_at"]),
        "last_at": time_of(row["last_at"]),
        "acknowledged_at": time_of(row["acknowledged_at"]),
    }
