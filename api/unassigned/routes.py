"""``/v1/places/{place}/unassigned-devices``: what gateways hear and nobody has assigned."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from psycopg.rows import DictRow
from pydantic import Field
from starlette.responses import Response

from api.devices.devices import INSERT, Device, device_json, device_resource
from api.devices.drivers import check_device
from api.devices.placing import check_heard_once, placed
from api.http.answers import json_answer
from api.http.errors import BadField, NotFound, NotYours
from api.http.models import Question, whole
from api.http.references import reached_place
from api.http.revisions import read, with_etag
from api.http.session import Session, guarded, session
from api.unassigned import unassigned_devices as rows
from api.unassigned.unassigned_devices import (
    Assignment,
    UnassignedDevices,
    code_of,
    free_code,
    kind_of,
    target_of,
    unassigned_json,
)

router: Final = APIRouter(tags=["fitting"])

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


class UnassignedQuestion(Question):
    """Which of them to list."""

    dismissed: bool = Field(default=False, description="Also those that were dismissed.")


@router.get(
    "/v1/places/{place}/unassigned-devices",
    summary="Devices that are heard and not assigned",
    **guarded("fitting:write", "alarms:write", "audit:read", answers={200: UnassignedDevices}),
)
async def unassigned(place: str, request: Request, question: Annotated[UnassignedQuestion, Query()]) -> Response:
    """The latest heard first. A device is listed within a minute of its first message, until 30 days of silence."""
    async with session(request, "fitting:write", "alarms:write", "audit:read") as s:
        number = await reached_place(s, place, "fitting:write")
        found = await s.rows(rows.LIST, {"place": number, "id": None, "all": question.dismissed, "limit": rows.MOST})
    return json_answer({"unassigned_devices": [unassigned_json(row) for row in found]})


@router.get(
    "/v1/unassigned-devices",
    summary="Devices that are heard and not assigned, of all places",
    **guarded("fitting:write", "alarms:write", "audit:read", answers={200: UnassignedDevices}),
)
async def all_unassigned(request: Request, question: Annotated[UnassignedQuestion, Query()]) -> Response:
    """Of the places that the key reaches; the latest heard first, at most 1,000."""
    async with session(request, "fitting:write", "alarms:write", "audit:read") as s:
        wanted = {"place": None, "id": None, "all": question.dismissed, "limit": rows.MOST}
        found = await s.rows(rows.LIST, wanted)
    return json_answer({"unassigned_devices": [unassigned_json(row) for row in found]})


@router.post(
    "/v1/places/{place}/unassigned-devices/{number}/assign",
    status_code=201,
    summary="Assign a device to a desk, a space or a door",
    **guarded("fitting:write", answers={201: Device}, problems=(409,)),
)
async def assign(place: str, number: Number, request: Request, body: Assignment) -> Response:
    """Makes the device. Its gateway receives the configuration, and it counts from its next message on."""
    async with session(request, "fitting:write") as s:
        place_id = await reached_place(s, place, "fitting:write")
        row = await _one(s, place, place_id, number)
        kind = kind_of(body, row)
        _, name = target_of(body, kind)
        fields = {
            **whole(body),
            "gateway": row["gateway"],
            "kind": kind,
            "driver": row["driver"],
            "model": body.model or row["model"],
            "address": body.address or row["address"],
            "code": body.code or await _free_code(s, row["gateway_id"], code_of(kind, name, body.side)),
        }
        if row["lacks"] == "model" and fields["model"] is None:
            raise BadField("model", "its messages don't name it, and it can't be read without: look at its label")
        check_device(fields)
        await s.row(INSERT, {**await placed(s, place_id, fields), "place_id": place_id})
        await check_heard_once(s, place_id, fields)
        if await s.row(rows.FORGET, {"id": number}) is None:
            raise NotYours(f"This key may see the devices of {place!r}, but not assign them.")
        made = await read(s, device_resource(place, row["gateway"], fields["code"]))
    location = f"/v1/places/{place}/gateways/{row['gateway']}/devices/{fields['code']}"
    return with_etag(device_json(made), made["revision"], status=201, location=location)


@router.delete(
    "/v1/places/{place}/unassigned-devices/{number}",
    status_code=204,
    summary="Hide a device that isn't assigned",
    **guarded("fitting:write"),
)
async def dismiss(place: str, number: Number, request: Request) -> Response:
    """It isn't listed any more, however often it speaks. `?dismissed=true` lists it, and it can still be assigned."""
    async with session(request, "fitting:write") as s:
        place_id = await reached_place(s, place, "fitting:write")
        await _one(s, place, place_id, number)
        if await s.row(rows.DISMISS, {"id": number, "place": place_id, "by": s.caller.actor}) is None:
            raise NotYours(f"This key may see the devices of {place!r}, but not dismiss them.")
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


async def _one(s: Session, place: str, place_id: int, number: int) -> DictRow:
    row = await s.row(rows.LIST, {"place": place_id, "id": number, "all": True, "limit": 1})
    if row is None:
        raise NotFound(f"There is no unassigned device {number} at {place!r}; it may have been assigned.")
    return row


async def _free_code(s: Session, gateway: int, wanted: str) -> str:
    taken = {row["code"] for row in await s.rows(rows.CODES, {"gateway": gateway, "begins": wanted})}
    return free_code(wanted, taken)
