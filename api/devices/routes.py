"""``/v1/places/{place}/devices`` and ``…/gateways/{gateway}/devices``: the devices of a place."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.devices import devices as rows
from api.devices.devices import PLACING, Device, DeviceChanged, DeviceMade, Devices, device_json, device_resource
from api.devices.drivers import check_device
from api.devices.placing import check_heard_once, check_locks, locked_doors, placed
from api.http.answers import json_answer
from api.http.errors import BadField
from api.http.fitting import FittingQuestion, changed_fields
from api.http.models import whole
from api.http.references import place_of_path
from api.http.revisions import change, expected_revisions, read, read_to_change, with_etag
from api.http.session import guarded, session

router: Final = APIRouter(tags=["fitting"])

_ONE: Final = "/v1/places/{place}/gateways/{gateway}/devices/{device}"
_NEEDED: Final = ("gateway", "address", "side", "uid_reversed", "inverted")


@router.get(
    "/v1/places/{place}/devices", summary="A place's devices", **guarded("members:read", answers={200: Devices})
)
async def devices(place: str, request: Request, question: Annotated[FittingQuestion, Query()]) -> Response:
    """Of all its gateways. One that moved is listed with `retired` where it was before, too."""
    async with session(request, "members:read") as s:
        await place_of_path(s, place)
        key = {"place": place, "gateway": None, "code": None, "retired": question.retired}
        found = await s.rows(rows.FIND, key)
    return json_answer({"devices": [device_json(row) for row in found]})


@router.post(
    "/v1/places/{place}/devices",
    status_code=201,
    summary="Add a device",
    **guarded("fitting:write", answers={201: Device}, problems=(409,)),
)
async def make_device(place: str, request: Request, body: DeviceMade) -> Response:
    """Its address is checked as its driver reads it. It counts from its next message on."""
    async with session(request, "fitting:write") as s:
        place_id, _ = await place_of_path(s, place)
        check_device(whole(body))
        await s.row(rows.INSERT, {**await placed(s, place_id, whole(body)), "place_id": place_id})
        await check_heard_once(s, place_id, whole(body))
        row = await read(s, device_resource(place, body.gateway, body.code))
    return with_etag(device_json(row), row["revision"], status=201, location=_path(place, row))


@router.get(_ONE, summary="One device", **guarded("members:read", answers={200: Device}))
async def device(place: str, gateway: str, device: str, request: Request) -> Response:
    """The one in service; if there is none, the last of this code that was."""
    async with session(request, "members:read") as s:
        row = await read(s, device_resource(place, gateway, device))
    return with_etag(device_json(row), row["revision"])


@router.patch(
    _ONE, summary="Change, move or retire a device", **guarded("fitting:write", answers={200: Device}, changes=True)
)
async def change_device(place: str, gateway: str, device: str, request: Request, body: DeviceChanged) -> Response:
    """To another `gateway`, `door`, `desk` or `space` it moves: what it said before stays where it was said.

    A change that leaves a door with nothing that opens it needs `confirm_no_lock`.
    """
    async with session(request, "fitting:write") as s:
        wanted, resource = expected_revisions(request), device_resource(place, gateway, device)
        row = await read_to_change(s, resource, wanted)
        fields = changed_fields(body, row, **dict.fromkeys(_NEEDED, "a device has a value here"))
        if {"address", "model"} & body.model_fields_set:
            check_device(fields)
        before = await locked_doors(s, row["place_id"])
        if any(fields[name] != row[name] for name in PLACING):
            if fields["retired"]:
                raise BadField("retired", "this device is out of service: put it in service where it was, then move it")
            if fields["desk"] != row["desk"] and "space" not in body.model_fields_set:
                fields["space"] = None  # the desk's own
            moved = await placed(s, row["place_id"], fields)
            await change(s, resource, rows.UPDATE, {**row, "retired": True}, row=row, wanted=wanted)
            await s.row(rows.INSERT, moved)
            resource = device_resource(place, fields["gateway"], device)
        else:
            await change(s, resource, rows.UPDATE, fields, row=row, wanted=wanted)
        if not fields["retired"]:
            await check_heard_once(s, row["place_id"], {**row, **fields})
        await check_locks(s, row["place_id"], before, confirmed=body.confirm_no_lock)
        row = await read(s, resource)
    return with_etag(device_json(row), row["revision"], location=_path(place, row))


def _path(place: str, row: dict[str, Any]) -> str:
    return _ONE.format(place=place, gateway=row["gateway"], device=row["code"])
