"""``/v1/what-if``: other rules tested on the card reads of the last weeks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from psycopg.rows import dict_row, tuple_row
from pydantic import Field
from starlette.responses import Response

from access.model import AccessList
from api.audit.entries import note_reading
from api.explain.card_reads import CARD_READS, StoredCardRead
from api.explain.changes import Change, changed
from api.explain.records import NAMES
from api.explain.what_if import decide_again, outcome_json
from api.http.answers import json_answer
from api.http.errors import Unavailable
from api.http.models import Answer, Body, Code, time_of
from api.http.references import reached_place
from api.http.session import Session, guarded, session
from rights import assembly, queries
from rights.ground import PlaceRows

router: Final = APIRouter(tags=["operate"])

MOST: Final = 100_000
"""Card reads that are decided again at most: the newest."""
_PIECE: Final = 500
_AT_ONCE: Final = asyncio.Semaphore(1)
# Every schedule that a change may name or that these link to.
_SCHEDULES: Final = """
SELECT s.id, s.hours, s.linked, CASE WHEN p.code IS NULL THEN s.code::text ELSE p.code || '/' || s.code END AS name
FROM schedule s LEFT JOIN place p ON p.id = s.place WHERE s.place IS NULL OR s.place = %(place)s
"""


# What cards are called at a place, in its list and in what was read there.
_TOKENS: Final = """
SELECT DISTINCT lookup, encode(token, 'hex') AS token FROM list_entry WHERE place = %(place)s AND lookup IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class _Listed:
    """Cards by the tokens that they have in a place's list; a card that never was in it was never read either."""

    tokens: Mapping[bytes, str]

    def token(self, place: int, code: str, lookup: bytes) -> str:
        """Return a card's token."""
        return self.tokens.get(lookup, lookup.hex())

    def pin(self, code: str, hard: str) -> str:
        """Return a PIN's hash, which is compared with nothing."""
        return hard


class WhatIf(Body):
    """Which changes to test, on how many weeks."""

    place: Code
    weeks: int = Field(default=4, ge=1, le=12)
    changes: Annotated[list[Change], Field(min_length=1, max_length=20)]


class Differing(Answer):
    """A card read that the changed rules decide differently."""

    stream: int
    seq: int
    at: datetime
    door: str
    member: str | None
    then: str | None = Field(description="The gateway's reason at the time.")
    now: str = Field(description="The reason by today's rules.")
    would_be: str
    rule: str


class WhatIfAnswer(Answer):
    """Who would have been refused, and who would have been let in."""

    place: str
    since: datetime
    cut: bool = Field(description="There were more than 100,000 card reads: these are the newest.")
    readings: int
    would_be_refused: int
    would_be_let_in: int
    other_reason: int
    differs_from_then: int = Field(
        description="Card reads that today's rules decide differently from the rules at the time."
    )
    by_reason: dict[str, int]
    by_hour: dict[str, int]
    members: int
    by_member: dict[str, int]
    names: dict[str, str | None]
    first: list[Differing]


@router.post(
    "/v1/what-if",
    summary="Test a change of rules against the last weeks",
    **guarded("whatif", answers={200: WhatIfAnswer}),
)
async def what_if(request: Request, body: WhatIf) -> Response:
    """Changes nothing. Decides past card reads twice, with today's rules and with the changed rules, and compares."""
    now = datetime.now(UTC)
    since = now - timedelta(weeks=body.weeks)
    try:
        await asyncio.wait_for(_AT_ONCE.acquire(), 5)
    except TimeoutError:
        raise Unavailable("Another test is running. Try again.", retry_s=5) from None
    try:
        async with session(request, "whatif") as s:
            place = await reached_place(s, body.place, "whatif", field="place")
            reads = await _card_reads(s, {"place": place, "since": since, "until": now})
            lists = await _lists(s, place, now, body.changes)
            await note_reading(
                s, "read events", f"place {body.place}", place=place, detail={"what_if": True, "weeks": body.weeks}
            )
        outcome = await asyncio.to_thread(decide_again, reads[-MOST:], *lists, breathe=_breathe)
    finally:
        _AT_ONCE.release()
    counts = outcome_json(outcome)
    async with session(request, "whatif") as s:
        names = {row["ref"]: row["name"] for row in await s.rows(NAMES, {"refs": list(counts["by_member"])})}
    head = {"place": body.place, "since": time_of(since), "cut": len(reads) > MOST}
    return json_answer({**head, **counts, "names": names})


async def _card_reads(s: Session, where: dict[str, Any]) -> list[StoredCardRead]:
    """Return a place's card reads in order, fetched in pieces: 100,000 rows at once would block other requests."""
    found: list[StoredCardRead] = []
    async with s.conn.cursor("readings", row_factory=dict_row) as cursor:
        await cursor.execute(CARD_READS.encode(), where)
        while rows := await cursor.fetchmany(_PIECE):
            found += [StoredCardRead(**row) for row in rows]
            if len(found) > 2 * MOST:
                found = found[-MOST - 1 :]
            await asyncio.sleep(0)
    return found


async def _lists(s: Session, place: int, now: datetime, changes: Sequence[Change]) -> tuple[AccessList, AccessList]:
    """Return the place's list by today's rules, and with ``changes``."""
    values = {"places": [place], "now": now, "members": [], "place": place}
    values["members"] = [row[0] for row in await _tuples(s, queries.MEMBERS_AT, values)]
    places = PlaceRows(**{name: await _tuples(s, text, values) for name, text in queries.PLACES.items()})
    members = assembly.MemberRows(**{name: await _tuples(s, text, values) for name, text in queries.MEMBERS.items()})
    schedules = await s.rows(_SCHEDULES, values)
    rows = [(row["id"], row["hours"], row["linked"]) for row in schedules]
    places, members = replace(places, schedules=rows), replace(members, schedules=rows)
    numbers = {row["name"]: row["id"] for row in schedules}
    others = changed(places, members, changes, numbers)
    names = _Listed({bytes(row["lookup"]): row["token"] for row in await s.rows(_TOKENS, values)})
    return await asyncio.to_thread(_assembled, place, places, members, names), await asyncio.to_thread(
        _assembled, place, *others, names
    )


def _assembled(place: int, rows: PlaceRows, members: assembly.MemberRows, names: _Listed) -> AccessList:
    settings = assembly.places(rows)
    served = {place: replace(settings[place], served=True)}
    entries, _ = assembly.entries(members, served, names)
    held = settings[place].list
    # a current lockdown doesn't apply to the past
    doors = {code: replace(door, locked=False) for code, door in held.rules.doors.items()}
    return replace(held, entries=entries[place], lockdown=False, rules=replace(held.rules, doors=doors))


async def _tuples(s: Session, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    async with s.conn.cursor(row_factory=tuple_row) as cursor:
        return await (await cursor.execute(query.encode(), values)).fetchall()


def _breathe() -> None:
    """Let the thread that answers other requests run: without this they wait for 5 ms each time."""
    time.sleep(0.00002)
