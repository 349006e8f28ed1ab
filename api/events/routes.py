"""``/v1/events``: the stored events as a feed."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from psycopg.rows import DictRow
from pydantic import ConfigDict, Field
from starlette.responses import Response

from api.audit.entries import note_reading, recent_entries
from api.events.feed import Mark, read_page
from api.events.feed_before import Before
from api.http.answers import json_answer
from api.http.cursors import Cursor, make_cursor, read_cursor
from api.http.errors import BadQuery, NoSuchPlace, ScopeMissing
from api.http.models import Answer, Question
from api.http.session import Caller, guarded, session
from api.http.timestamps import rfc3339, to_us
from api.present.board import Board
from api.present.state import LoadedBoard
from gateway.contract.stored_events import fields

router = APIRouter(tags=["events"])

_PERSONAL: Final = frozenset((None, "access", "access_taken", "access_not_taken", "audit"))
"""Kinds (None: all) with personal data."""
_FINGERPRINT_DIGITS: Final = 12
# Fields that the feed never includes, in any kind of event.
_PRIVATE: Final = frozenset(("card", "token", "payload"))


class Event(Answer):
    """A stored event; its fields depend on its kind."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "stream": 12,
                    "seq": 4711,
                    "kind": "access",
                    "at": "2026-11-21T09:12:30.512Z",
                    "received_at": "2026-11-21T09:12:30.655Z",
                    "place": "ecosysteme-coworking-limoges",
                    "gateway": "ecosysteme-coworking-limoges-1",
                    "device": "door-entry-in",
                    "door": "entry",
                    "side": "in",
                    "decision": "denied",
                    "reason": "outside_schedule",
                    "card": "9f2c41d07be5",
                    "member": "m-4k2p9",
                    "list_version": 7,
                    "list_age_s": 310,
                }
            ]
        },
    )

    stream: int = Field(
        description="Identifies one spool of a gateway; within it `seq` counts without gaps. 0: head counts."
    )
    seq: int
    kind: str
    at: datetime
    received_at: datetime
    place: str | None
    gateway: str | None
    device: str | None = Field(description="null: the gateway, or a head count.")


class Events(Answer):
    """A page of events in the order in which they were stored."""

    events: list[Event]
    next: str = Field(description="`cursor` of the next page; keep it even if there are no more events yet.")
    more: bool = Field(description="Whether more events are available now.")


class EventsQuestion(Question):
    """Which events to read."""

    cursor: Cursor | None = None
    limit: int = Field(default=500, ge=1, le=1000, description="Events on a page.")
    place: str | None = Field(default=None, max_length=64, description="Only events of this place.")
    kind: (
        Literal[
            "access",
            "access_taken",
            "access_not_taken",
            "door",
            "desk",
            "count",
            "measure",
            "device",
            "gateway",
            "audit",
            "head_count",
            "booking",
        ]
        | None
    ) = Field(default=None, description="Only events of this kind.")


@router.get(
    "/v1/events",
    summary="Every stored event, once and in order",
    **guarded("events:read", answers={200: Events}),
)
async def events(board: LoadedBoard, request: Request, question: Annotated[EventsQuestion, Query()]) -> Response:
    """Continue with `cursor` = `next`. No event is skipped or repeated, even under concurrent writes.

    A page may be short or empty while `more` is true. Cards are short fingerprints. Reading personal events is
    recorded in the audit, at most once a minute for each key.
    """
    mark = _mark(question.cursor)
    recent = recent_entries(request)
    async with session(request, "events:read") as s:
        places = s.caller.places if question.place is None else _only(board, question.place, s.caller)
        page = await read_page(s.conn, mark, limit=question.limit, places=places, kind=question.kind)
        what = (s.caller.id, "read events", question.place)
        due = bool(page.rows) and question.kind in _PERSONAL and recent.due(*what)
        if due:
            subject = f"place {question.place}" if question.place else "network"
            place = places[0] if question.place and places else None
            await note_reading(s, "read events", subject, place=place, detail={"kind": question.kind})
    if due:
        recent.written(*what)
    before = page.mark.before
    following = make_cursor(page.mark.n, page.mark.seq)
    if before is not None:
        following = make_cursor(before.tx, before.stream, before.seq)
    return json_answer({"events": [_event(row) for row in page.rows], "next": following, "more": page.more})


def _mark(cursor: str | None) -> Mark:
    """Parse a cursor; one with three numbers points to events from before the ledger."""
    if cursor is None:
        return Mark(before=Before())
    try:
        n, seq = read_cursor(cursor, int, int)
        return Mark(n=_within(n), seq=_within(seq))
    except BadQuery:
        tx, stream, seq = read_cursor(cursor, int, int, int)
        return Mark(before=Before(tx=_within(tx), stream=_within(stream, 2**31), seq=_within(seq)))


def _within(value: int, limit: int = 2**62) -> int:
    return max(0, min(value, limit - 1))


def _only(board: Board, code: str, caller: Caller) -> list[int]:
    place = board.network.by_code.get(code)
    if place is None:
        raise NoSuchPlace(code)
    if caller.places is not None and place.id not in caller.places:
        raise ScopeMissing("events:read", of=code)
    return [place.id]


def _event(row: DictRow) -> dict[str, Any]:
    event: dict[str, Any] = {
        "stream": row["stream"],
        "seq": row["seq"],
        "kind": row["kind"],
        "at": rfc3339(to_us(row["at"])),
        "received_at": rfc3339(to_us(row["received_at"])),
        "place": row["place"],
        "gateway": row["gateway"],
        "device": row["device"],
    }
    if row["edge_at"] is not None:
        event["edge_at"] = rfc3339(to_us(row["edge_at"]))
    for name in ("space", "desk", "door"):
        if row[name] is not None:
            event[name] = row[name]
    detail = {name: value for name, value in (row["detail"] or {}).items() if name not in _PRIVATE}
    if row["kind"] == "booking":
        detail |= {edge: rfc3339(detail[edge]) for edge in ("starts", "ends")}
        del detail["booking"]  # a number for the estimate, of no use elsewhere
    return {**event, **_of_kind(row), **{name: value for name, value in detail.items() if name not in event}}


def _of_kind(row: DictRow) -> dict[str, Any]:
    found = fields(row["kind"], row["state"], row["a"], row["b"], row["value"])
    if row["kind"] == "head_count":
        return {"present": found["present"]}  # its space is told by its code
    if row["kind"] == "booking":
        return {"held": found["held"]}
    if row["kind"] != "access":
        return found
    card = sha256(row["card"]).hexdigest()[:_FINGERPRINT_DIGITS] if row["card"] else None
    return {"side": row["side"], "reason": row["reason"], "card": card, "member": row["member"], **found}
