"""``/v1/me/access`` and ``/v1/me/doors``: what doors decided on a member's own cards, and what they would open now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from psycopg.rows import DictRow
from pydantic import Field
from starlette.responses import Response

from api.explain.models import Sentence
from api.http.answers import json_answer
from api.http.errors import NotFound
from api.http.models import Answer, Question, time_of
from api.http.session import Session, guarded, session
from api.own_access.deciding import OwnCard, decided, may_try, opens_at, own_card, words_of
from api.own_access.words import NOW, WHAT_NOW, WHY

router: Final = APIRouter(tags=["privacy"])

_READS: Final = "SELECT * FROM own_card_reads(%(limit)s)"
OWN_DOORS: Final = "SELECT * FROM own_doors(%(place)s)"
_PLACE: Final = "SELECT id FROM place WHERE code::text = %(place)s"
_DOOR: Final = """
SELECT d.id AS door_id, d.code::text AS door, d.name FROM door d
WHERE d.place = %(place)s AND d.code::text = %(door)s AND d.retired_at IS NULL
"""


class ReadsQuestion(Question):
    """How many."""

    limit: int = Field(default=20, ge=1, le=200)


class OwnRead(Answer):
    """A decision on one of the member's cards."""

    at: datetime
    place: str
    door: str
    door_name: str
    side: Literal["in", "out"]
    granted: bool
    reason: str | None
    by: Literal["card", "code", "order"]
    words: Sentence
    what_now: Sentence


class OwnReads(Answer):
    """Decisions of the last three months, latest first."""

    reads: list[OwnRead]


class DoorsQuestion(Question):
    """Where."""

    place: str | None = Field(default=None, max_length=64, description="Default: their own places.")


class OwnDoor(Answer):
    """A door, and what it would do for the member's card now."""

    place: str
    door: str
    name: str
    opens_by_order: bool = Field(description="Whether the place lets members open it with `POST /v1/me/unlock`.")
    online: bool = Field(description="Whether its gateway can be reached.")
    line_since: datetime | None
    card: str | None = Field(description="The card that was looked at.")
    granted: bool = Field(description="As far as the centre knows; the gateway decides.")
    reason: str
    words: Sentence
    what_now: Sentence
    opens_at: datetime | None = Field(
        description="When a refusal ends by itself, within a week; asked of one door only."
    )


class OwnDoors(Answer):
    """Doors that the member can open by an order, of at most eight places."""

    doors: list[OwnDoor]


@router.get(
    "/v1/me/access",
    summary="What doors decided on a member's own cards",
    **guarded("own", answers={200: OwnReads}),
)
async def reads(request: Request, question: Annotated[ReadsQuestion, Query()]) -> Response:
    """With the reason in words. Only the member's own: the audit notes nothing."""
    async with session(request, "own") as s:
        _own(s)
        found = await s.rows(_READS, question.model_dump())
    return json_answer({"reads": [_read_json(row) for row in found]})


@router.get(
    "/v1/me/doors",
    summary="Doors that a member can open by an order",
    **guarded("own", answers={200: OwnDoors}),
)
async def own_doors(request: Request, question: Annotated[DoorsQuestion, Query()]) -> Response:
    """At places whose policy has `members_open`, with the decision that the member's card would get now."""
    now = datetime.now(UTC)
    async with session(request, "own") as s:
        _own(s)
        place = None if question.place is None else await _place(s, question.place)
        found = await s.rows(OWN_DOORS, {"place": place})
        cards = {number: await own_card(s, number) for number in dict.fromkeys(row["place_id"] for row in found)}
    return json_answer({"doors": [_door_json(row, cards[row["place_id"]], now) for row in found]})


@router.get(
    "/v1/me/doors/{place}/{door}",
    summary="What a door would do for a member's card now",
    **guarded("own", answers={200: OwnDoor}),
)
async def own_door(place: str, door: str, request: Request) -> Response:
    """Also where the place doesn't let members open doors by an order."""
    now = datetime.now(UTC)
    async with session(request, "own") as s:
        _own(s)
        number = await _place(s, place)
        at = await s.row(_DOOR, {"place": number, "door": door})
        if at is None:
            raise NotFound(f"There is no door {door!r} at {place!r}.")
        by_order = await s.rows(OWN_DOORS, {"place": number})
        row = next((one for one in by_order if one["door_id"] == at["door_id"]), {**at, "place": place, "online": None})
        card = await own_card(s, number)
    return json_answer(_door_json(row, card, now, ahead=True))


def _door_json(row: DictRow, card: OwnCard | None, now: datetime, *, ahead: bool = False) -> dict[str, Any]:
    """Format a door with what it would decide at ``now``; ``ahead``: with the end of a refusal, which takes some ms."""
    decision = decided(card, row["door"], now)
    return {
        "place": row["place"],
        "door": row["door"],
        "name": row["name"],
        "opens_by_order": row["online"] is not None,
        "online": bool(row["online"]),
        "line_since": time_of(row.get("line_since")),
        "card": card and card.ref,
        "granted": may_try(decision),
        "reason": decision.reason,
        "words": words_of(NOW, decision.reason),
        "what_now": words_of(WHAT_NOW, decision.reason),
        "opens_at": time_of(opens_at(card, decision, row["door"], now)) if ahead else None,
    }


def _read_json(row: DictRow) -> dict[str, Any]:
    reason = "granted" if row["granted"] else row["reason"]
    return {
        "at": time_of(row["at"]),
        "place": row["place"],
        "door": row["door"],
        "door_name": row["name"],
        "side": row["side"],
        "granted": row["granted"],
        "reason": row["reason"],
        "by": row["by"] or "card",
        "words": words_of(WHY, reason),
        "what_now": words_of(WHAT_NOW, reason),
    }


def _own(s: Session) -> str:
    """Return the member whose own key this is.

    Raises:
        NotFound: it isn't a member's own key.
    """
    if s.caller.member is None:
        raise NotFound("This is not a member's own key.")
    return s.caller.member


async def _place(s: Session, code: str) -> int:
    row = await s.row(_PLACE, {"place": code})
    if row is None:
        raise NotFound(f"There is no place {code!r}.")
    return int(row["id"])
