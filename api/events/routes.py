"""``/v1/events``: the stored events as a feed, for whoever has a key."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from psycopg.rows import DictRow
from starlette.responses import Response

from api.audit.audited import note_reading
from api.events.feed import Mark, read_page
from api.events.feed_before import Before
from api.http.answers import json_answer
from api.http.cursors import make_cursor, read_cursor
from api.http.errors import BadQuery, NotFound, ScopeMissing
from api.http.models import Events
from api.http.questions import EventsQuestion
from api.http.session import Entered, guarded, session
from api.http.state import LoadedBoard, parts_of
from api.http.times import rfc3339, to_us
from api.present.board import Board

router = APIRouter(tags=["events"])

_DOOR: Final = ("closed", "open", "forced", "held", "tamper")
_DESK: Final = (False, True)
_PERSONAL: Final = frozenset((None, "access", "access_taken", "access_not_taken", "audit"))
"""Kinds (None: all) that tell of persons."""
_FINGERPRINT_DIGITS: Final = 12
# What never leaves by the feed, wherever it may stand.
_PRIVATE: Final = frozenset(("card", "token", "payload"))


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
    once = parts_of(request).once
    async with session(request, "events:read") as s:
        places = s.caller.places if question.place is None else _only(board, question.place, s.caller)
        page = await read_page(s.conn, mark, limit=question.limit, places=places, kind=question.kind)
        what = (s.caller.id, "read events", question.place)
        due = bool(page.rows) and question.kind in _PERSONAL and once.due(*what)
        if due:
            subject = f"place {question.place}" if question.place else "network"
            place = places[0] if question.place and places else None
            await note_reading(s, "read events", subject, place=place, detail={"kind": question.kind})
    if due:
        once.told(*what)
    before = page.mark.before
    following = make_cursor(page.mark.n, page.mark.seq)
    if before is not None:
        following = make_cursor(before.tx, before.stream, before.seq)
    return json_answer({"events": [_event(row) for row in page.rows], "next": following, "more": page.more})


def _mark(cursor: str | None) -> Mark:
    """Read a cursor; one of three numbers lies among the events from before the ledger, and may have been kept long."""
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


def _only(board: Board, code: str, caller: Entered) -> list[int]:
    place = board.network.by_code.get(code)
    if place is None:
        raise NotFound(f"There is no place {code!r}. Find places with /v1/places?q=…")
    if caller.places is not None and place.id not in caller.places:
        raise ScopeMissing("events:read", of=code)
    return [place.id]


def _event(row: DictRow) -> dict[str, Any]:
    told: dict[str, Any] = {
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
        told["edge_at"] = rfc3339(to_us(row["edge_at"]))
    for name in ("space", "desk", "door"):
        if row[name] is not None:
            told[name] = row[name]
    detail = {name: value for name, value in (row["detail"] or {}).items() if name not in _PRIVATE}
    return {**told, **_of_kind(row), **{name: value for name, value in detail.items() if name not in told}}


def _of_kind(row: DictRow) -> dict[str, Any]:
    state = row["state"]
    match row["kind"]:
        case "access":
            return {
                "side": row["side"],
                "decision": "granted" if state == 1 else "denied",
                "reason": row["reason"],
                "card": sha256(row["card"]).hexdigest()[:_FINGERPRINT_DIGITS] if row["card"] else None,
                "member": row["member"],
                "list_version": row["a"],
                "list_age_s": row["b"],
            }
        case "door":
            return {"state": _DOOR[state] if state is not None and 0 <= state < len(_DOOR) else None}
        case "desk":
            return {"occupied": _DESK[state] if state in (0, 1) else None}
        case "count" if state == 1:
            return {"entered": row["a"], "left": row["b"]}
        case "count":
            return {"present": row["a"]}
        case "measure" | "device" | "gateway" if row["value"] is not None:
            return {"value": row["value"]}
        case _:
            return {}
