"""``/v1/places/{place}/resources``: what can be booked at a place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from psycopg.types.json import Jsonb
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.errors import BadField, Conflict
from api.http.fitting import changed_fields
from api.http.idempotency import IdempotencyKey, once
from api.http.models import time_of, whole
from api.http.references import place_of_path, space_named
from api.http.revisions import change, expected_revisions, read, read_to_change, with_etag
from api.http.session import Session, guarded, session
from api.resources import resources as rows
from api.resources.resources import (
    Resource,
    ResourceChanged,
    ResourceMade,
    Resources,
    ResourcesQuestion,
    resource_json,
    resource_named,
)

router: Final = APIRouter(tags=["bookings"])


@router.get("/v1/places/{place}/resources", summary="What can be booked", **guarded(answers={200: Resources}))
async def resources(place: str, request: Request, question: Annotated[ResourcesQuestion, Query()]) -> Response:
    """Desks, rooms, machines, equipment and events, by kind."""
    async with session(request) as s:
        await place_of_path(s, place)
        found = await s.rows(rows.FIND, {"place": place, "code": None, **question.model_dump()})
    return json_answer({"resources": [resource_json(row) for row in found]})


@router.post(
    "/v1/places/{place}/resources",
    status_code=201,
    summary="Add what can be booked",
    **guarded("fitting:write", answers={201: Resource}, problems=(409,)),
)
async def make_resource(
    place: str, request: Request, body: ResourceMade, idempotency_key: IdempotencyKey = None
) -> Response:
    """Each unit is booked by itself; an event's units are its seats."""
    async with session(request, "fitting:write") as s:
        code = await once(s, request, idempotency_key, lambda: _make(s, place, body))
        row = await read(s, resource_named(place, code))
    location = f"/v1/places/{place}/resources/{code}"
    return with_etag(resource_json(row), row["revision"], status=201, location=location)


@router.get("/v1/places/{place}/resources/{resource}", summary="One resource", **guarded(answers={200: Resource}))
async def resource(place: str, resource: str, request: Request) -> Response:
    """By its code within the place, also once it is out of service."""
    async with session(request) as s:
        row = await read(s, resource_named(place, resource))
    return with_etag(resource_json(row), row["revision"])


@router.patch(
    "/v1/places/{place}/resources/{resource}",
    summary="Change or retire what can be booked",
    **guarded("fitting:write", answers={200: Resource}, changes=True),
)
async def change_resource(
    place: str, resource: str, request: Request, body: ResourceChanged, idempotency_key: IdempotencyKey = None
) -> Response:
    """A resource with bookings to come isn't retired; an event is: its sign-ups are cancelled."""
    async with session(request, "fitting:write") as s:
        await once(s, request, idempotency_key, lambda: _change(s, request, place, resource, body))
        row = await read(s, resource_named(place, resource))
    return with_etag(resource_json(row), row["revision"])


async def _make(s: Session, place: str, body: ResourceMade) -> str:
    place_id, _ = await place_of_path(s, place)
    space = None if body.space is None else await space_named(s, place_id, body.space)
    await _known(s, body.rate, body.categories)
    values = {**whole(body), "place_id": place_id, "space_id": space, "prices": Jsonb(body.prices)}
    made = await s.row(rows.INSERT, values)
    assert made is not None
    values |= made
    if body.kind == "desk":
        known = {row["code"] for row in await s.rows(rows.ADD_DESKS, values)}
        unknown = [code for code in body.desks or () if code not in known]
        if unknown or not known:
            raise BadField("desks", f"this place has no desk {unknown[0]!r}" if unknown else "this space has no desk")
    else:
        await s.run(rows.ADD_UNITS, {**values, "units": body.units or 1})
    if body.kind == "event":
        await s.run(rows.BLOCK_ROOM, values)
    return body.code


async def _change(s: Session, request: Request, place: str, code: str, body: ResourceChanged) -> str:
    wanted, named = expected_revisions(request), resource_named(place, code)
    row = await read_to_change(s, named, wanted)
    held = {**row, "starts": row["starts_at"], "ends": row["ends_at"]}
    fields = changed_fields(
        body,
        held,
        name="a resource has a name",
        units="say how many there are",
        starts="an event has a time",
        ends="an event has a time",
        prices="expected an object, {} for none",
        categories="expected a list, [] for none",
    )
    await _known(s, fields["rate"], fields["categories"])
    if fields["rate"] is not None and (fields["hour_cents"] is not None or fields["prices"]):
        raise BadField("rate", "it has prices of its own: send hour_cents null and prices {} with the rate")
    _check_fields(row, fields, body)
    await change(s, named, rows.UPDATE, {**fields, "prices": Jsonb(fields["prices"])}, row=row, wanted=wanted)
    if body.units is not None:
        await _set_units(s, row, body.units)
    if fields["retired"] and row["retired_at"] is None:
        await _retire(s, row)
    elif row["kind"] == "event" and (fields["starts"], fields["ends"]) != (row["starts_at"], row["ends_at"]):
        await s.run(rows.MOVE_EVENT, fields)
    return code


async def _known(s: Session, rate: str | None, categories: Sequence[str]) -> None:
    """Refuse a rate or categories that don't exist."""
    if rate is not None and await s.row(rows.RATE, {"code": rate}) is None:
        raise BadField("rate", f"there is no rate {rate!r} that is billed by booking; see /v1/rates")
    known = {row["code"] for row in await s.rows(rows.CATEGORIES, {"codes": list(categories)})}
    for code in categories:
        if code not in known:
            raise BadField("categories", f"there is no category {code!r}; see /v1/categories")


def _check_fields(row: Mapping[str, Any], fields: Mapping[str, Any], body: ResourceChanged) -> None:
    if row["kind"] != "event":
        for name, field in (("starts", "from"), ("ends", "until"), ("sign_up_until", "sign_up_until")):
            if name in body.model_fields_set:
                raise BadField(field, "only an event has its own time")
    elif fields["ends"] <= fields["starts"]:
        raise BadField("until", "it must be after from")
    if body.units is not None and row["kind"] in ("desk", "room"):
        raise BadField("units", "a desk has its desks, a room is one")


async def _set_units(s: Session, row: Mapping[str, Any], units: int) -> None:
    more = units - len(row["units"])
    if more > 0:
        await s.run(rows.ADD_UNITS, {**row, "units": more})
    elif more < 0 and (gone := await s.run(rows.RETIRE_UNITS, {**row, "units": -more})) < -more:
        raise Conflict(
            f"{len(row['units']) - gone} units have bookings to come: cancel {-more - gone} of them first, or keep"
            f" {len(row['units']) - gone} units",
            field="units",
        )


async def _retire(s: Session, row: Mapping[str, Any]) -> None:
    if row["kind"] == "event":
        await s.run(rows.END_EVENT, row)
        return
    last = await s.row(rows.LAST_BOOKING, row)
    if last is not None:
        raise Conflict(
            f"It is booked until {time_of(last['ends_at'])} (booking {last['ref']}): cancel its bookings first",
            field="retired",
        )
