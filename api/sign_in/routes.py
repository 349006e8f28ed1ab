"""``/v1/sessions``: the browsers in which a person is signed in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from psycopg.rows import DictRow
from pydantic import Field
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.errors import NotFound
from api.http.models import Answer, time_of
from api.http.session import guarded, session

router: Final = APIRouter(tags=["sessions"])

_OWN: Final = """
SELECT id, role, created_at, last_used_at, expires_at, agent, from_addr, current FROM own_sessions()
"""
_END: Final = "SELECT end_own_session(%(id)s) AS ended"


class SignedInSession(Answer):
    """A browser in which you are signed in."""

    id: int
    role: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    agent: str = Field(description="The browser, as it names itself.")
    from_addr: str = Field(description="The address that it signed in from.")
    current: bool = Field(description="It is the one that asks.")


class SignedInSessions(Answer):
    """Newest first."""

    sessions: list[SignedInSession]


class Ended(Answer):
    """A session that has ended."""

    id: int


@router.get("/v1/sessions", summary="Your sessions", **guarded(answers={200: SignedInSessions}))
async def sessions(request: Request) -> Response:
    """The browsers in which the person behind this key or session is signed in."""
    async with session(request) as s:
        found = await s.rows(_OWN)
    return json_answer({"sessions": [_json(row) for row in found]})


@router.delete("/v1/sessions/{number}", summary="End a session", **guarded(answers={200: Ended}))
async def end(number: Annotated[int, Path(ge=1, le=2**31 - 1)], request: Request) -> Response:
    """One of your own; its cookie is refused from then on (its reads of events for up to 10 s more)."""
    async with session(request) as s:
        row = await s.row(_END, {"id": number})
        if row is None or not row["ended"]:
            raise NotFound("You have no such session. List them with /v1/sessions.")
    return json_answer({"id": number})


def _json(row: DictRow) -> dict[str, object]:
    times = ("created_at", "last_used_at", "expires_at")
    return {**row, **{name: time_of(row[name]) for name in times}}
