"""``/v1/slots``: when something of a place is free for so long, and what it costs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.bookings.check import Check, check
from api.bookings.free_slots import STEP, bookable_times, taken_times
from api.bookings.making import now_of
from api.bookings.pricing import categories_of, price_list, tariff_of
from api.bookings.space_slots import space_slots
from api.bookings.targets import Target, target_of
from api.http.answers import json_answer
from api.http.errors import BadQuery
from api.http.models import Answer, Moment, Question, time_of
from api.http.session import Session, guarded, session
from api.resources import resources as resource_rows
from api.resources.resources import Kind
from booking.prices import price_grid, price_of_slot
from booking.slots import Slot, Window, slots_of, units_free

router: Final = APIRouter(tags=["bookings"])

_SPAN: Final = timedelta(days=31)


class SlotsQuestion(Question):
    """What is looked for."""

    place: str = Field(max_length=64)
    minutes: int = Field(ge=5, le=44_640, description="How long.")
    resource: str | None = Field(default=None, max_length=64, description="Only this one.")
    kind: Kind | None = Field(default=None, description="Only of this kind.")
    units: int = Field(default=1, ge=1, le=100, description="So many at the same time.")
    spaces: bool = Field(default=False, description="Also seats of spaces to work in, and rooms that aren't resources.")
    space: str | None = Field(default=None, max_length=64, description="Only this space, and no resource.")
    starts: Moment | None = Field(default=None, alias="from", description="null: from now on.")
    ends: Moment | None = Field(default=None, alias="until", description="At most 31 days later; null: a week later.")
    at: Moment | None = Field(
        default=None, description="Also say whether a booking that begins then, for so long, can be made."
    )
    limit: int = Field(default=50, ge=1, le=500, description="Slots of each resource.")


class FreeSlot(Answer):
    """A time at which units are free throughout."""

    starts: datetime = Field(alias="from")
    ends: datetime = Field(alias="until")
    units: int


class AtOneTime(Answer):
    """Whether a booking that begins at `at` can be made, by what binds everybody."""

    units: int = Field(description="How many are free throughout, whatever the rules say.")
    rule: str | None = Field(description="The rule that refuses it; null: it depends on `units` only.")
    why: str | None = Field(description="What that rule says, in English.")
    since: datetime | None = Field(description="Of the rule `ahead`: when it can first be made.")
    until: datetime | None = Field(description="Of the rule `notice`: until when it could be made.")


class ResourceSlots(Answer):
    """The free slots of one resource, in order."""

    resource: str
    name: str
    kind: Kind
    prices: dict[str, int] = Field(description='Of a slot in euro cents, by category of member; `""`: everybody else.')
    price_cents: int | None = Field(description="Of a slot, for the member whose own key it is; null: no price.")
    bookable: bool = Field(description="Whether that member belongs to those who may book it.")
    slots: list[FreeSlot]
    at: AtOneTime | None = Field(default=None, description="null: not asked.")


class SpaceFree(Answer):
    """The free slots of one space; of a seat, `units` is the number of seats."""

    space: str
    name: str
    kind: Literal["seat", "room"]
    slots: list[FreeSlot]
    at: AtOneTime | None = Field(default=None, description="null: not asked.")


class Slots(Answer):
    """Free slots by resource, and by space if they are asked for."""

    place: str
    resources: list[ResourceSlots]
    spaces: list[SpaceFree]


@router.get("/v1/slots", summary="Free slots of a place", **guarded(answers={200: Slots}))
async def slots(request: Request, question: Annotated[SlotsQuestion, Query()]) -> Response:
    """Starts every quarter of an hour while the place is open, within its rules. Events aren't listed."""
    async with session(request) as s:
        now = await now_of(s)
        starts = max(question.starts or now, now)
        ends = question.ends or starts + timedelta(days=7)
        if not timedelta(0) < ends - starts <= _SPAN:
            raise BadQuery("until", f"it must be after from, at most {_SPAN.days} days, and not past")
        if question.at is not None and abs(question.at - starts) > _SPAN:
            raise BadQuery("at", f"it must be at most {_SPAN.days} days from what is looked at")
        asked = {"place": question.place, "code": question.resource, "kind": question.kind, "retired": False}
        found = []
        for row in [] if question.space is not None else await s.rows(resource_rows.FIND, asked):
            if row["kind"] != "event":
                target = await target_of(s, question.place, None, row["code"], None)
                found.append(await _of_resource(s, target, row, question, (starts, ends), now=now))
        with_spaces = question.spaces or question.space is not None
        spaces = await _of_spaces(s, question, (starts, ends), now=now) if with_spaces else []
    return json_answer({"place": question.place, "resources": found, "spaces": spaces})


async def _of_spaces(s: Session, question: SlotsQuestion, span: Window, *, now: datetime) -> list[dict[str, Any]]:
    length = timedelta(minutes=question.minutes)
    found = await space_slots(
        s,
        question.place,
        question.space,
        span,
        length=length,
        seats=question.units,
        most=question.limit,
        now=now,
        at=question.at,
    )
    return [
        {
            "space": one.code,
            "name": one.name,
            "kind": one.kind,
            "slots": [_slot_json(slot) for slot in one.slots],
            "at": _check_json(one.check),
        }
        for one in found
    ]


async def _of_resource(
    s: Session, target: Target, row: Any, question: SlotsQuestion, span: Window, *, now: datetime
) -> dict[str, Any]:
    length = timedelta(minutes=question.minutes)
    assert target.resource is not None
    tariff, day = tariff_of(target.resource), span[0].astimezone(target.zone).date()
    prices, only = await price_list(s, tariff), target.resource["categories"]
    member = s.caller.member
    categories = [] if member is None else await categories_of(s, target, member, span[0])
    bookable = member is not None and (not only or not set(only).isdisjoint(categories))
    wished = None if question.at is None else (question.at, question.at + length)
    wide = span if wished is None else (min(span[0], wished[0]), max(span[1], wished[1]))
    possible, taken = await bookable_times(s, target, span, length=length, now=now), await taken_times(s, target, wide)
    free = slots_of(possible.times, taken, length=length, step=STEP, least=question.units, most=question.limit)
    checked = None if wished is None else check(possible, target, wished, units_free(taken, wished), now)
    return {
        **{name: row[name] for name in ("name", "kind")},
        "resource": row["code"],
        "prices": price_grid(tariff, prices, day, length),
        "price_cents": price_of_slot(tariff, prices, day, length, categories) if bookable else None,
        "bookable": bookable,
        "slots": [_slot_json(one) for one in free],
        "at": _check_json(checked),
    }


def _slot_json(slot: Slot) -> dict[str, Any]:
    return {"from": time_of(slot.starts), "until": time_of(slot.ends), "units": slot.units}


def _check_json(checked: Check | None) -> dict[str, Any] | None:
    if checked is None:
        return None
    refusal = checked.refusal
    return {
        "units": checked.units,
        "rule": None if refusal is None else refusal.rule,
        "why": None if refusal is None else refusal.why,
        "since": time_of(checked.since),
        "until": time_of(checked.until),
    }
