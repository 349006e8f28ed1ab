"""``/v1/booking-steps``: what becomes of the bookings that a key sees, each step once, in order."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.models import Answer, Question, Ref, time_of
from api.http.session import guarded, session

router: Final = APIRouter(tags=["bookings"])
StepName = Literal[
    "offered",
    "booked",
    "moved",
    "arrived",
    "checked_in",
    "checked_out",
    "left",
    "ended",
    "no_show",
    "lapsed",
    "cancelled",
]

# The next steps of the bookings that the caller sees.
_NEXT: Final = """
SELECT t.n, t.booking, t.step, t.at, b.member, p.code::text AS place
FROM booking_step t JOIN booking b ON b.ref = t.booking JOIN place p ON p.id = b.place
WHERE t.n > %(after)s AND (%(place)s::text IS NULL OR p.code::text = %(place)s)
  AND (%(booking)s::text IS NULL OR t.booking = %(booking)s)
ORDER BY t.n LIMIT %(limit)s
"""


class StepsQuestion(Question):
    """Which steps."""

    after: int = Field(default=0, ge=0, le=2**63 - 1, description="`next` of the last answer; 0: from the beginning.")
    place: str | None = Field(default=None, max_length=64)
    booking: str | None = Field(default=None, max_length=64)
    limit: int = Field(default=200, ge=1, le=1000)


class Step(Answer):
    """A step of a booking."""

    n: int = Field(description="Its number: later steps have greater ones.")
    booking: Ref
    member: Ref | None
    place: str
    step: StepName
    at: datetime = Field(description="When it happened; a gateway that was offline reports later.")


class Steps(Answer):
    """The next steps, in order."""

    steps: list[Step]
    next: int = Field(description="`after` of the next question.")


@router.get("/v1/booking-steps", summary="Steps of bookings", **guarded("members:read", "own", answers={200: Steps}))
async def booking_steps(request: Request, question: Annotated[StepsQuestion, Query()]) -> Response:
    """Within about a second: booked, arrived, checked in, left, ended. Ask again with `next`; nothing is left out."""
    async with session(request, "members:read", "own") as s:
        found = await s.rows(_NEXT, question.model_dump())
    steps = [{**row, "at": time_of(row["at"])} for row in found]
    return json_answer({"steps": steps, "next": found[-1]["n"] if found else question.after})
