"""``/v1/lockdowns``: what is in lockdown now."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.models import Answer, Question
from api.http.references import reached_place
from api.http.session import guarded, session
from api.orders import lockdowns as locking

router: Final = APIRouter(tags=["operate"])


class LockdownsQuestion(Question):
    """Where."""

    place: str | None = Field(default=None, max_length=64)


class Lockdowns(Answer):
    """Lockdowns in force."""

    lockdowns: list[locking.Lockdown]


@router.get(
    "/v1/lockdowns",
    summary="Current lockdowns",
    **guarded("lockdown", "unlock", "explain", answers={200: Lockdowns}),
)
async def in_force(request: Request, question: Annotated[LockdownsQuestion, Query()]) -> Response:
    """Of the network, of places and of doors. Evacuations are orders and are listed in the audit."""
    async with session(request, "lockdown", "unlock", "explain") as s:
        place = None if question.place is None else await reached_place(s, question.place, "lockdown")
        rows = await locking.in_force(s, place=place)
    return json_answer({"lockdowns": [locking.lockdown_json(row) for row in rows]})
