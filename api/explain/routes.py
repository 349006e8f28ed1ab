"""``/v1/decisions/explain``: why a door opens or doesn't, now, in the future or in the past."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from psycopg.rows import DictRow
from starlette.responses import Response

from access.aftermath import Attempt
from access.model import AccessList, By, State
from api.audit.entries import note_reading
from api.cards.issuing import numbered
from api.explain import records
from api.explain.hints import hints, hints_of_read, whom_to_ask
from api.explain.models import EventNamed, ExplainQuestion, Explanation
from api.explain.steps import at_that_time, comparison, decision_json, steps_json, steps_of, typed
from api.http.answers import json_answer
from api.http.errors import Conflict
from api.http.models import time_of
from api.http.references import door_named, reached_place
from api.http.session import Session, guarded, session

router: Final = APIRouter(tags=["operate"])


@router.post(
    "/v1/decisions/explain",
    summary="Explain a decision at a door, step by step",
    **guarded("explain", answers={200: Explanation}, problems=(409,)),
)
async def explain(request: Request, body: ExplainQuestion) -> Response:
    """Uses the code that decides at the door and the current access list; for a past event, the list of that time."""
    now = datetime.now(UTC)
    async with session(request, "explain") as s:
        if body.event is not None:
            return json_answer(await _past(s, body.event, now))
        return json_answer(await _present(s, request, body, now))


async def _present(s: Session, request: Request, body: ExplainQuestion, now: datetime) -> dict[str, Any]:
    assert body.place is not None and body.door is not None
    place = await reached_place(s, body.place, "explain", field="place")
    await door_named(s, place, body.door)
    sought = None if body.number is None else numbered(request, body.number, body.format).lookup
    card = await records.card_meant(s, card=body.card, lookup=sought, member=body.member)
    found_by = sought if sought is not None else card["lookup"] if card is not None else None
    named = None if found_by is None else await records.token_at(s, place, found_by)
    held, version = await records.list_now(s, place, named)
    at = body.at or now
    age_s = int((now - held.made_at).total_seconds()) if held is not None and at <= now else None
    state = await _state(s, place, body.place, min(at, now), held)
    held = at_that_time(held, at, None if age_s is None else max(0, age_s))
    pin = typed(held, named, "granted")
    by: By = "code" if card is not None and card["kind"] == "code" else "card"
    read = Attempt(card_token=named, door=body.door, side=body.side, at=at, by=by)
    steps = steps_of(held, read, state=state, pin=pin)
    gateways = await s.rows(records.GATEWAYS, {"place": place})
    behind = [row["gateway"] for row in gateways if version is not None and row["list_version"] != version]
    found = hints(held, named, card, behind=behind, pin=pin)
    await _audit(s, place, body.place, card)
    return {
        "place": body.place, "door": body.door, "side": body.side, "at": time_of(at), "card": _card(card),
        **decision_json(_last(steps)),
        "list": {"version": version, "gateways": [_gateway(row, version) for row in gateways]},
        "steps": steps_json(steps), "event": None, "hints": [*found, *await _whom_to_ask(s, place, _last(steps))],
    }  # fmt: skip


async def _past(s: Session, named: EventNamed, now: datetime) -> dict[str, Any]:
    event, place, code = await records.event_of(s, named.stream, named.seq, named.at, now)
    await reached_place(s, code, "explain")
    version = event.list_version or await records.version_at(s, place, event.at)
    held = None if version is None else await records.list_at(s, place, version, event.card)
    if held is None and event.reason != "list_too_old":
        raise Conflict(
            f"The list of that time (version {version}) is no longer stored, so that this can't be explained."
        )
    if held is not None and event.by == "qr" and event.card and event.card not in held.entries:
        held = await records.with_visit(s, place, held, event.card)
    card = await records.card_read(s, place, event.card) if event.card else None
    state = await _state(s, place, code, event.at, held)
    held = at_that_time(held, event.at, event.list_age_s)
    pin = typed(held, event.card, event.reason)
    steps = steps_of(held, event.attempt, state=state, pin=pin)
    await _audit(s, place, code, card)
    return {
        "place": code, "door": event.door, "side": event.side, "at": time_of(event.at), "card": _card(card),
        **decision_json(_last(steps)),
        "list": {"version": version, "gateways": []},
        "steps": steps_json(steps), "event": comparison(event, _last(steps)),
        "hints": [*hints_of_read(event.card, card), *await _whom_to_ask(s, place, _last(steps))],
    }  # fmt: skip


async def _whom_to_ask(s: Session, place: int, decision: Any) -> list[dict[str, str]]:
    """Return the hint of a denial: whom to turn to."""
    contact = None if decision.granted else await s.row(records.CONTACT, {"place": place})
    return [] if contact is None else [whom_to_ask(contact)]


async def _state(s: Session, place: int, code: str, at: datetime, held: AccessList | None) -> State:
    if held is None:
        return State()
    return await records.state_before(s, place, code, at, time_zone=held.time_zone)


async def _audit(s: Session, place: int, code: str, card: DictRow | None) -> None:
    subject = f"place {code}" if card is None else f"member {card['member']}"
    await note_reading(s, "explain decision", subject, place=place)


def _last(steps: Any) -> Any:
    decision = steps[-1].decision
    assert decision is not None
    return decision


def _card(card: DictRow | None) -> dict[str, Any] | None:
    if card is None:
        return None
    return {name: card[name] for name in ("ref", "member", "status", "last4")}


def _gateway(row: DictRow, version: int | None) -> dict[str, Any]:
    return {
        "gateway": row["gateway"],
        "online": row["online"],
        "since": time_of(row["changed_at"]),
        "list_version": row["list_version"],
        "knows": version is not None and row["list_version"] == version,
    }
