"""``/v1/enrolments``: enrol a card by presenting it at a chosen reader."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from access.formats import is_random
from access.readings import number_of
from api.cards.enrolments import (
    ASK,
    BEGIN,
    CARDS,
    FIND,
    READER,
    Enrol,
    Enrolment,
    bits_of,
    enrolment_json,
    likely,
)
from api.http.answers import json_answer
from api.http.errors import BadField, NotFound
from api.http.references import reached_place
from api.http.session import Session, guarded, session
from api.http.state import card_keys, shared
from api.orders.answers import order_answers
from api.orders.orders import found, order, order_json, outcomes
from api.orders.routes import WaitQuestion
from rights.sealing import public_bytes, reply_key

router: Final = APIRouter(tags=["operate"])


@router.post(
    "/v1/enrolments",
    status_code=202,
    summary="Enrol a card at a reader",
    **guarded("enrol", answers={202: Enrolment}, problems=(409,)),
)
async def begin(request: Request, body: Enrol) -> Response:
    """The next card at this reader opens nothing; `GET /v1/enrolments/{id}?wait=30` returns it."""
    async with session(request, "enrol") as s:
        place = await reached_place(s, body.place, "enrol", field="place")
        reader = await s.row(READER, {"place": place, "reader": body.reader})
        if reader is None:
            raise BadField("reader", f"this place has no reader {body.reader!r} at a gateway in service")
        ids = await order(
            s, "enrol", place=place, door=None, expires_s=body.expires_s, device=reader["id"], gateway=reader["gateway"]
        )
        await s.run(BEGIN, {"id": ids[0], "place": place, "key": s.caller.id})
        keys = shared(request).settings.card_keys
        if keys is not None:
            await s.run(ASK, {"id": ids[0], "reply_key": public_bytes(reply_key(keys.lookup))})
        found_card = await _enrolment(s, request, ids[0])
    answer = json_answer(found_card, status=202)
    answer.headers["Location"] = f"/v1/enrolments/{ids[0]}"
    return answer


@router.get(
    "/v1/enrolments/{id}", summary="The card read for an enrolment", **guarded("enrol", answers={200: Enrolment})
)
async def enrolment(id: str, request: Request, question: Annotated[WaitQuestion, Query()]) -> Response:  # noqa: A002
    """With `wait`, the answer comes as soon as a card is read. Only the key that started it sees the raw bits."""
    with order_answers(request).expecting([id]) as waiting:
        async with session(request, "enrol") as s:
            found_card = await _enrolment(s, request, id)
        if found_card["outcome"] is None and question.wait:
            await outcomes(request, [id], waiting, question.wait, "enrol")
            async with session(request, "enrol") as s:
                found_card = await _enrolment(s, request, id)
    return json_answer(found_card)


async def _enrolment(s: Session, request: Request, enrolment_id: str) -> dict[str, Any]:
    orders = await found(s, [enrolment_id])  # first, so that a card read before the order was done is seen too
    row = await s.row(FIND, {"id": enrolment_id})
    if row is None or not orders:
        raise NotFound(f"There is no enrolment {enrolment_id!r}, or this key has no access to it.")
    raw = None if row["sealed"] is None else bits_of(card_keys(request).lookup, enrolment_id, row["sealed"])
    alike: list[dict[str, Any]] = []
    random = False
    if raw is not None and row["lookup"] is not None and row["card"] is None:
        key = card_keys(request).lookup
        number = number_of(key, row["lookup"], raw)
        random = number is not None and is_random(number)
        found_by = likely(key, row["lookup"], raw)
        cards = await s.rows(CARDS, {"lookups": [bytes.fromhex(lookup) for lookup in found_by]})
        alike = [{"how": found_by[card.pop("lookup")], "card": card} for card in cards]
    return enrolment_json(row, order_json(orders[0]), raw if row["key"] == s.caller.id else None, alike, random=random)
