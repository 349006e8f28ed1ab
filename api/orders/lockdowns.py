"""``/v1/lockdowns``: the lockdowns in force.

They are rows that every access list includes, so that they also reach gateways that were offline at the time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from psycopg.rows import DictRow
from pydantic import Field
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.models import Answer, Question, time_of
from api.http.references import reached_place
from api.http.session import Session, guarded, session

router: Final = APIRouter(tags=["operate"])

_LOCK: Final = """
INSERT INTO lockdown (place, door, ordered_by) VALUES (%(place)s, %(door)s, %(by)s) ON CONFLICT DO NOTHING
"""
_RELEASE: Final = """
UPDATE lockdown SET released_at = now(), released_by = %(by)s
WHERE released_at IS NULL AND place IS NOT DISTINCT FROM %(place)s::integer
  AND door IS NOT DISTINCT FROM %(door)s::integer
"""
# The lockdowns in force: with a place, its own and the network's; without, all that this key sees.
_IN_FORCE: Final = """
SELECT l.id, p.code::text AS place, d.code::text AS door, l.ordered_at, l.ordered_by
FROM lockdown l LEFT JOIN place p ON p.id = l.place LEFT JOIN door d ON d.id = l.door
WHERE l.released_at IS NULL AND (%(place)s::integer IS NULL OR l.place IS NULL OR l.place = %(place)s)
ORDER BY p.code NULLS FIRST, d.code NULLS FIRST
"""


class Lockdown(Answer):
    """A lockdown in force."""

    of: Literal["network", "place", "door"]
    place: str | None
    door: str | None
    ordered_at: datetime
    by: str


def lockdown_json(row: DictRow) -> dict[str, Any]:
    """Format a lockdown for an answer."""
    return {
        "of": "network" if row["place"] is None else "place" if row["door"] is None else "door",
        "place": row["place"],
        "door": row["door"],
        "ordered_at": time_of(row["ordered_at"]),
        "by": row["ordered_by"],
    }


async def lock(s: Session, *, place: int | None, door: int | None) -> None:
    """Lock down a door, a place or (neither) the network; if it already is, that lockdown stays."""
    await s.run(_LOCK, {"place": place, "door": door, "by": s.caller.actor})


async def release(s: Session, *, place: int | None, door: int | None) -> None:
    """End exactly this lockdown: a place stays locked while the network is."""
    await s.run(_RELEASE, {"place": place, "door": door, "by": s.caller.actor})


async def locked(s: Session, *, place: int | None) -> list[DictRow]:
    """Return the lockdowns in force, at one place or everywhere."""
    return await s.rows(_IN_FORCE, {"place": place})


class LockdownsQuestion(Question):
    """Which lockdowns to list."""

    place: str | None = Field(default=None, max_length=64)


class Lockdowns(Answer):
    """Lockdowns in force."""

    lockdowns: list[Lockdown]


@router.get(
    "/v1/lockdowns",
    summary="Current lockdowns",
    **guarded("lockdown", "unlock", "explain", answers={200: Lockdowns}),
)
async def in_force(request: Request, question: Annotated[LockdownsQuestion, Query()]) -> Response:
    """Of the network, places and doors. Evacuations are orders and are listed in the audit."""
    async with session(request, "lockdown", "unlock", "explain") as s:
        place = None if question.place is None else await reached_place(s, question.place, "lockdown")
        rows = await locked(s, place=place)
    return json_answer({"lockdowns": [lockdown_json(row) for row in rows]})
