"""``/v1/me/unlock``: a member opens a door of a place that allows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from psycopg.rows import DictRow
from pydantic import Field
from starlette.responses import Response

from api.explain.models import Sentence
from api.http.answers import json_answer
from api.http.errors import NotFound, RuleRefused
from api.http.idempotency import IdempotencyKey, once
from api.http.models import Answer, Body, Code, Question, Ref, time_of
from api.http.session import Session, guarded, session
from api.orders.answers import order_answers
from api.orders.orders import outcomes_of
from api.orders.routes import WaitQuestion
from api.own_access.deciding import decided, may_try, own_card, words_of
from api.own_access.words import NOW, WHAT_NOW, WHY

router: Final = APIRouter(tags=["operate"])

_DOOR: Final = """
SELECT d.id, d.place, p.name AS place_name, p.phone, p.email FROM door d JOIN place p ON p.id = d.place
WHERE p.code::text = %(place)s AND d.code::text = %(door)s AND d.retired_at IS NULL
"""
_ORDER: Final = "SELECT id, refused FROM order_own_unlock(%(door)s, %(card)s)"
_FOUND: Final = "SELECT * FROM own_unlock(%(id)s)"
_BY_KEY: Final = "SELECT subject FROM idempotency WHERE key = %(key)s AND holder = caller_holder()"
_REFUSED: Final = {
    "closed": "This place doesn't let members open doors by phone, or you have no pass here. Use your card.",
    "card": "You have no active card that this place knows.",
    "lockdown": "The door is in lockdown.",
    "often": "You opened this door five times within ten minutes. Use your card, or wait.",
}


class Unlock(Body):
    """Which door."""

    place: Code
    door: Code
    card: Ref | None = Field(default=None, description="One of their own cards; default: the one in use.")


class OwnUnlock(Answer):
    """A member's order to open a door, and what became of it."""

    id: str
    place: str
    door: str
    name: str
    ordered_at: datetime
    expires_at: datetime = Field(description="Not carried out later than this.")
    sent_at: datetime | None
    outcome: Literal["done", "refused", "expired", "unknown_door", "failed", "undelivered"] | None = Field(
        description="`done`: the door is open for `open_s` seconds; null: not known yet."
    )
    outcome_at: datetime | None
    open_s: float
    online: bool = Field(description="Whether the door's gateway can be reached.")
    line_since: datetime | None
    reason: str | None = Field(description="Why the gateway refused it, as of a card read.")
    words: Sentence | None
    what_now: Sentence | None


class KeyQuestion(Question):
    """By which key it was sent."""

    key: str = Field(min_length=1, max_length=100, description="The `Idempotency-Key` of the order.")


@router.post(
    "/v1/me/unlock",
    status_code=202,
    summary="Open a door as a member",
    **guarded("own", answers={200: OwnUnlock, 202: OwnUnlock}, problems=(409,)),
)
async def unlock(
    request: Request, body: Unlock, question: Annotated[WaitQuestion, Query()], key: IdempotencyKey = None
) -> Response:
    """Where the place's policy has `members_open`, and the member's card would open it now; 5 times in 10 minutes.

    The gateway decides as on the card read outside: the event names the member. The order expires after 10 seconds.
    """

    async def ordered() -> str:
        return await _order(s, body)

    async with session(request, "own") as s:
        if s.caller.member is None:
            raise NotFound("This is not a member's own key.")
        made = await once(s, request, key, ordered)
    return await _told(request, made, question.wait)


@router.get(
    "/v1/me/unlocks",
    summary="What became of an order, by its key",
    **guarded("own", answers={200: OwnUnlock, 202: OwnUnlock}),
)
async def by_key(request: Request, question: Annotated[KeyQuestion, Query()]) -> Response:
    """For a client that lost the answer: 404 says that the order never came, so that nothing was opened."""
    async with session(request, "own") as s:
        row = await s.row(_BY_KEY, {"key": question.key})
    if row is None or row["subject"] is None:
        raise NotFound("There is no order with this key.")
    return await _told(request, str(row["subject"]), 0)


@router.get(
    "/v1/me/unlocks/{id}",
    summary="What became of a member's order",
    **guarded("own", answers={200: OwnUnlock, 202: OwnUnlock}),
)
async def one(id: str, request: Request, question: Annotated[WaitQuestion, Query()]) -> Response:  # noqa: A002
    """With `wait`, the answer is sent as soon as the outcome is known."""
    return await _told(request, id, question.wait)


async def _order(s: Session, body: Unlock) -> str:
    door = await s.row(_DOOR, body.model_dump())
    if door is None:
        raise NotFound(f"There is no door {body.door!r} at {body.place!r}.")
    contact = {"name": door["place_name"], "phone": door["phone"], "email": door["email"]}
    card = await own_card(s, door["place"], body.card)
    if card is None:
        raise RuleRefused(_REFUSED["closed"], rule="closed", field=None, contact=contact)
    decision = decided(card, body.door, datetime.now(UTC))
    if not may_try(decision):
        raise RuleRefused(NOW[decision.reason].en, rule=decision.reason, field=None, contact=contact)
    made = await s.row(_ORDER, {"door": door["id"], "card": card.ref})
    assert made is not None
    if made["id"] is None:
        rule = str(made["refused"])
        raise RuleRefused(_REFUSED[rule], rule=rule, field=None, contact=contact)
    return str(made["id"])


async def _told(request: Request, number: str, wait_s: float) -> Response:
    async def look() -> list[DictRow]:
        async with session(request, "own") as s:
            return await s.rows(_FOUND, {"id": number})

    with order_answers(request).expecting([number]) as waiting:
        rows = await look()
        if rows and rows[0]["outcome"] is None and wait_s:
            rows = await outcomes_of(look, waiting, wait_s)
    if not rows:
        raise NotFound("There is no such order of yours.")
    return json_answer(_json(rows[0]), status=202 if rows[0]["outcome"] is None else 200)


def _json(row: DictRow) -> dict[str, Any]:
    denied = row["reason"]
    return {
        **{name: row[name] for name in ("id", "place", "door", "name", "outcome", "online", "reason")},
        **{name: time_of(row[name]) for name in ("ordered_at", "expires_at", "sent_at", "outcome_at", "line_since")},
        "open_s": row["unlock_s"],
        "words": words_of(WHY, denied) if denied else None,
        "what_now": words_of(WHAT_NOW, denied) if denied else None,
    }
