"""``/v1/audit``: who did what, when, and from where."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from psycopg.rows import DictRow
from pydantic import Field
from starlette.responses import Response

from api.audit.entries import note_reading, recent_entries
from api.http.answers import json_answer
from api.http.cursors import Cursor, make_cursor, read_cursor
from api.http.errors import NotFound
from api.http.models import Answer, Moment, Question, time_of
from api.http.references import reached_place
from api.http.session import guarded, session

router: Final = APIRouter(tags=["audit"])

# Lines of the audit that this key sees, newest first.
_LIST: Final = """
SELECT a.id, a.at, a.actor, a.role, a.action, a.subject, p.code::text AS place, a.from_addr, a.request,
       (SELECT o.name FROM operator o WHERE o.ref = substring(a.actor FROM ' operator:(u-[0-9a-z]+)$')) AS actor_name,
       encode(a.hash, 'hex') AS hash, a.detail_digest IS NOT NULL AS had_detail, d.body AS detail
FROM audit a LEFT JOIN place p ON p.id = a.place LEFT JOIN audit_detail d ON d.audit = a.id
WHERE (%(before)s::bigint IS NULL OR a.id < %(before)s)
  AND (%(since)s::timestamptz IS NULL OR a.at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR a.at < %(until)s)
  AND (%(actor)s::text IS NULL OR a.actor = %(actor)s) AND (%(action)s::text IS NULL OR a.action = %(action)s)
  AND (%(subject)s::text IS NULL OR a.subject = %(subject)s) AND (%(request)s::text IS NULL OR a.request = %(request)s)
  AND (%(place)s::integer IS NULL OR a.place = %(place)s)
ORDER BY a.id DESC LIMIT %(limit)s
"""
_HEAD: Final = "SELECT id, at, encode(hash, 'hex') AS hash FROM audit ORDER BY id DESC LIMIT 1"


class AuditQuestion(Question):
    """Which lines to list."""

    since: Moment | None = None
    until: Moment | None = None
    actor: str | None = Field(default=None, max_length=300, examples=["key:7 accueil"])
    action: str | None = Field(default=None, max_length=200, examples=["card changed"])
    subject: str | None = Field(default=None, max_length=400, examples=["member m-0a1b2c3d4e5f6789"])
    request: str | None = Field(default=None, max_length=200, description="`X-Request-Id` of an answer.")
    place: str | None = Field(default=None, max_length=64)
    limit: int = Field(default=100, ge=1, le=1000)
    cursor: Cursor | None = None


class AuditLine(Answer):
    """A line of the audit."""

    id: int
    at: datetime
    actor: str
    actor_name: str | None = Field(description="Of an operator's own key; null: erased, or no person's key.")
    role: str | None
    action: str
    subject: str
    place: str | None
    from_: str | None = Field(alias="from", description="The address that the request came from.")
    request: str | None
    detail: dict[str, Any] | None
    erased: bool = Field(description="Its detail was erased with the person it concerned; the chain stays valid.")
    hash: str


class Audit(Answer):
    """A page of the audit, newest line first."""

    lines: list[AuditLine]
    next: str | None = Field(description="`cursor` of the next page; null: this is the last.")


class AuditHead(Answer):
    """The head of the chain: stored elsewhere, it shows whether earlier lines were changed."""

    id: int
    at: datetime | None
    hash: str


@router.get("/v1/audit", summary="The audit trail", **guarded("audit:read", answers={200: Audit}))
async def audit(request: Request, question: Annotated[AuditQuestion, Query()]) -> Response:
    """A key limited to places sees only their entries. Reading is recorded too, at most once a minute for each key."""
    before = None if question.cursor is None else read_cursor(question.cursor, int)[0]
    recent = recent_entries(request)
    async with session(request, "audit:read") as s:
        place = None if question.place is None else await reached_place(s, question.place, "audit:read")
        asked = question.model_dump(exclude={"cursor", "place", "limit"})
        rows = await s.rows(_LIST, {**asked, "place": place, "before": before, "limit": question.limit + 1})
        what = (s.caller.id, "read audit", question.place)
        if due := recent.due(*what):
            await note_reading(s, "read audit", "network" if place is None else f"place {question.place}", place=place)
    if due:
        recent.written(*what)
    page = rows[: question.limit]
    following = make_cursor(page[-1]["id"]) if len(rows) > len(page) else None
    return json_answer({"lines": [_line(row) for row in page], "next": following})


@router.get("/v1/audit/head", summary="The head of the audit chain", **guarded("audit:read", answers={200: AuditHead}))
async def head(request: Request) -> Response:
    """Store it outside this system; `maillage audit verify` checks the chain against it."""
    async with session(request, "audit:read") as s:
        if s.caller.places is not None:
            raise NotFound(
                "The head of the chain belongs to the network: a key that is limited to places can't see it."
            )
        row = await s.row(_HEAD)
    if row is None:
        return json_answer({"id": 0, "at": None, "hash": "00" * 32})
    return json_answer({"id": row["id"], "at": time_of(row["at"]), "hash": row["hash"]})


def _line(row: DictRow) -> dict[str, Any]:
    return {
        **{
            name: row[name]
            for name in ("id", "actor", "actor_name", "role", "action", "subject", "place", "request", "detail", "hash")
        },
        "at": time_of(row["at"]),
        "from": row["from_addr"],
        "erased": row["had_detail"] and row["detail"] is None,
    }
