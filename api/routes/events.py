"""``/v1/events``: the stored events as a feed, for whoever has a key."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, Final

import psycopg
from fastapi import APIRouter, Depends, Query, Request
from fastapi.security import HTTPBearer
from psycopg.rows import DictRow
from psycopg_pool import PoolTimeout, TooManyRequests
from starlette.responses import Response

from api.answers import json_answer
from api.auth import Caller
from api.board import Board
from api.errors import NotFound, ScopeMissing, Unavailable
from api.feed import Mark, read_page
from api.models import Events, problem_responses
from api.pages import make_cursor, read_cursor
from api.questions import EventsQuestion
from api.state import LoadedBoard, parts_of
from api.times import rfc3339, to_us

router = APIRouter(tags=["events"])

_DOOR: Final = ("closed", "open", "forced", "held", "tamper")
_DESK: Final = (False, True)
_FINGERPRINT_DIGITS: Final = 12
# What never leaves by the feed, wherever it may stand.
_PRIVATE: Final = frozenset(("card", "token", "payload"))


@router.get(
    "/v1/events",
    summary="Every stored event, once and in order",
    responses={200: {"model": Events}, **problem_responses(401, 403, 404, 422, 503)},
    response_class=Response,
    # only for OpenAPI: the key itself is checked below, where the error can say more
    dependencies=[Depends(HTTPBearer(auto_error=False, description="A key with the scope `events:read`."))],
)
async def events(board: LoadedBoard, request: Request, question: Annotated[EventsQuestion, Query()]) -> Response:
    """Read on with `cursor` = `next`: nothing is skipped or told twice, however many write at once.

    A page may be short or empty while `more` is true. Cards appear as short fingerprints only.
    """
    parts = parts_of(request)
    caller = await parts.keys.caller(request, "events:read")
    mark = Mark()
    if question.cursor is not None:
        tx, stream, seq = read_cursor(question.cursor, int, int, int)
        mark = Mark(tx=_within(tx), stream=_within(stream, 2**31), seq=_within(seq))
    places = caller.places if question.place is None else _only(board, question.place, caller)
    try:
        async with parts.pool.connection() as conn:
            page = await read_page(conn, mark, limit=question.limit, places=places, kind=question.kind)
    except (psycopg.Error, PoolTimeout, TooManyRequests, OSError) as error:
        raise Unavailable("The events can't be read: the database is away or too busy.") from error
    following = make_cursor(page.mark.tx, page.mark.stream, page.mark.seq)
    return json_answer({"events": [_event(row) for row in page.rows], "next": following, "more": page.more})


def _within(value: int, limit: int = 2**62) -> int:
    return max(0, min(value, limit - 1))


def _only(board: Board, code: str, caller: Caller) -> list[int]:
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
