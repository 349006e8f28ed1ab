"""``/v1/places/{place}/muster``: the evacuation list, to be called at the assembly point."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.audit.entries import note_reading
from api.explain.card_reads import CARD_READS, DOORS, SPACES, StoredCardRead, place_rules, state_after
from api.explain.muster import WINDOW, muster_csv, muster_json
from api.explain.records import GATEWAYS, NAMES
from api.http.answers import json_answer
from api.http.clock import now_us
from api.http.models import Answer, Question
from api.http.references import reached_place
from api.http.session import guarded, session
from api.present.state import present

router: Final = APIRouter(tags=["operate"])


class MusterQuestion(Question):
    """In which format."""

    format: Literal["json", "csv"] = "json"


class MusterPerson(Answer):
    """A person who may be inside."""

    member: str
    name: str | None = Field(description="null: not known, or this key may not read it.")
    space: str
    door: str
    at: datetime = Field(description="The last card read.")
    since: datetime = Field(description="When the stay began.")
    sure: Literal["badged", "not_seen", "long_ago"]


class MusterGateway(Answer):
    """Up to when a gateway's events are known."""

    gateway: str
    online: bool
    since: datetime | None
    told_until: datetime | None


class Muster(Answer):
    """Who is inside, by card reads."""

    place: str
    at: datetime
    complete: bool = Field(description="Every gateway is online and has delivered all its events.")
    unknown_after: datetime | None = Field(description="Later card reads may be missing.")
    gateways: list[MusterGateway]
    counts: dict[Literal["people", "badged", "not_seen", "long_ago"], int]
    by_space: dict[str, int]
    occupancy: dict[str, Any] | None = Field(description="The occupancy of the whole place by all sensors.")
    without_badge: dict[Literal["low", "high"], int] | None = Field(description="People inside without a card read.")
    people: list[MusterPerson]


@router.get(
    "/v1/places/{place}/muster",
    summary="Evacuation list of a place: who is inside, by badge, and how certain that is",
    **guarded("muster:read", answers={200: Muster}, csv=True),
)
async def muster(place: str, request: Request, question: Annotated[MusterQuestion, Query()]) -> Response:
    """From the card reads of the last 24 hours, by the rules of the doors. Each request is recorded in the audit."""
    at = datetime.now(UTC)
    async with session(request, "muster:read") as s:
        number = await reached_place(s, place, "muster:read")
        where = {"place": number, "since": at - WINDOW, "until": at}
        zone = await s.row("SELECT time_zone FROM place WHERE id = %(place)s", where)
        assert zone is not None
        rules = place_rules(await s.rows(DOORS, where), await s.rows(SPACES, where))
        reads = [StoredCardRead(**row) for row in await s.rows(CARD_READS, where)]
        state = state_after(reads, rules, place=place, time_zone=zone["time_zone"])
        refs = {"refs": [*state.movements, *state.unseen]}
        names = {row["ref"]: row["name"] for row in await s.rows(NAMES, refs)}
        gateways = await s.rows(GATEWAYS, where)
        await note_reading(s, "read muster", f"place {place}", place=number)
    view = present(request).board.view(place, now_us())
    body = muster_json(
        place, state, at, names=names, gateways=gateways, occupancy=_whole(view.body) if view is not None else None
    )
    if question.format == "csv":
        headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="muster-{place}.csv"'}
        return Response(muster_csv(body), media_type="text/csv; charset=utf-8", headers=headers)
    return json_answer(body)


def _whole(body: bytes) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(body)
    return {name: shown[name] for name in ("present", "low", "high", "capacity", "quality", "at", "ttl")}
