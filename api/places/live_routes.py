"""``/v1/places/{place}/live``: doors, desks, gateways, bookings and visitors of a place now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import APIRouter, Request
from psycopg.rows import DictRow
from starlette.responses import Response

from api.http.answers import json_answer, no_query
from api.http.references import reached_place
from api.http.session import Session, guarded, session
from api.places import live as rows
from api.places.live import Live, live_json

router: Final = APIRouter(tags=["operate"])

_AHEAD: Final = timedelta(minutes=5)
"""A gateway's clock may be so far ahead."""


@router.get(
    "/v1/places/{place}/live",
    summary="A place now: doors, desks, gateways, bookings, visitors",
    **guarded("members:read", answers={200: Live}),
)
async def live(place: str, request: Request) -> Response:
    """What contacts, desk sensors and gateways said last, and who is expected; `…/occupancy` says how many are in."""
    no_query(request.scope["query_string"])
    now = datetime.now(UTC)
    async with session(request, "members:read") as s:
        where = {"place": await reached_place(s, place, "members:read")}
        whole = await s.row(rows.WHOLE, where)
        assert whole is not None
        doors = await s.rows(rows.DOORS, where)
        contacts = await _contacts(s, where["place"], doors, now)
        desks = await s.rows(rows.DESKS, where)
        bookings = await s.rows(rows.BOOKINGS, where)
        visits = await s.rows(rows.VISITS, where)
    about = {"desks": desks, "bookings": bookings, "visits": visits}
    return json_answer(live_json(place, now, whole=whole, doors=doors, contacts=contacts, **about))


async def _contacts(s: Session, place: int, doors: list[DictRow], now: datetime) -> dict[int, DictRow]:
    """Return the last word of each door; further back only where a contact said nothing lately."""
    lately = now - rows.LATELY
    found = await s.rows(rows.CONTACTS, {"place": place, "since": lately, "until": now + _AHEAD})
    known = {row["door"]: row for row in found}
    if any(row["contact"] and row["id"] not in known for row in doors):
        before = await s.rows(rows.CONTACTS, {"place": place, "since": now - rows.BEFORE, "until": lately})
        known = {row["door"]: row for row in before} | known
    return known
