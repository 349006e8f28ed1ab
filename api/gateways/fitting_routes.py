"""``/v1/places/{place}/gateways``: the gateways of a place."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from psycopg.rows import DictRow
from pydantic import Field
from starlette.responses import Response

from api.devices import devices
from api.devices.placing import check_locks, gateway_named, locked_doors
from api.http.answers import json_answer
from api.http.errors import BadField, Conflict
from api.http.fitting import FittingChanged, FittingQuestion, changed_fields
from api.http.models import Answer, Body, Code, time_of
from api.http.references import place_of_path
from api.http.revisions import Resource, change, expected_revisions, read, read_to_change, with_etag
from api.http.session import guarded, session

router: Final = APIRouter(tags=["fitting"])

# The gateways of a place, or one of them, with what each last said of itself.
FIND: Final = """
SELECT g.id, g.place AS place_id, g.code::text AS code, g.enrolled_at, g.retired_at, g.revision,
       (SELECT count(*) FROM device v WHERE v.gateway = g.id AND v.retired_at IS NULL)::integer AS devices,
       coalesce(t.online, false) AS online, t.heard_at, t.spool_depth, g.joined_at, g.revoked_at,
       (SELECT max(c.not_after) FROM certificate c WHERE c.gateway = g.id AND c.revoked_at IS NULL)
         AS certificate_until,
       t.version, t.clock_offset_ms, t.list_version, l.version AS newest_list_version, t.config_version,
       t.config_refused
FROM gateway g JOIN place p ON p.id = g.place LEFT JOIN gateway_state t ON t.gateway = g.id
LEFT JOIN access_list l ON l.place = g.place
WHERE p.code = %(place)s AND (%(code)s::text IS NULL OR g.code::text = %(code)s)
  AND (%(retired)s OR g.retired_at IS NULL)
ORDER BY g.code
"""
_TIMES: Final = ("heard_at", "enrolled_at", "joined_at", "certificate_until", "revoked_at", "retired_at")
_SAID: Final = (
    "spool_depth",
    "version",
    "clock_offset_ms",
    "list_version",
    "newest_list_version",
    "config_version",
    "config_refused",
)
INSERT: Final = "INSERT INTO gateway (place, code) VALUES (%(place)s, %(code)s) RETURNING id"
UPDATE: Final = """
UPDATE gateway SET retired_at = CASE WHEN %(retired)s THEN coalesce(retired_at, now()) END
WHERE id = %(id)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) RETURNING revision
"""


class GatewayMade(Body):
    """A new gateway; its code is unique in the network."""

    code: Code


class GatewayChanged(FittingChanged):
    """A change of a gateway."""

    devices_to: Code | None = Field(
        default=None, description="The gateway of the same place at which its devices go on.", examples=["limoges-g2"]
    )
    confirm_no_lock: bool = Field(default=False, description=devices.NO_LOCK)
    confirm_unsent: bool = Field(default=False, description="Confirms that events that it has not sent are lost.")


class Gateway(Answer):
    """A place's computer, which hears its devices and decides at its doors."""

    code: str
    devices: int = Field(description="Its devices in service.")
    online: bool = Field(description="It said so last.")
    heard_at: datetime | None
    enrolled_at: datetime
    joined_at: datetime | None = Field(description="When a machine last joined as this gateway, with a code.")
    certificate_until: datetime | None = Field(description="It is renewed by itself long before.")
    revoked_at: datetime | None = Field(description="Shut out since, until a machine joins with a new code.")
    retired_at: datetime | None
    spool_depth: int | None = Field(description="Events that it keeps and has not sent yet.")
    version: str | None = Field(description="Of its program.")
    clock_offset_ms: float | None = Field(description="Its clock minus this server's, milliseconds.")
    list_version: int | None = Field(description="The access list that it decides by.")
    newest_list_version: int | None = Field(description="The newest access list of the place.")
    config_version: int | None = Field(description="The configuration that it uses.")
    config_refused: str | None = Field(description="Why it doesn't use the last configuration that it was sent.")


class Gateways(Answer):
    """A place's gateways."""

    gateways: list[Gateway]


def gateway_resource(place: str, code: str) -> Resource:
    """Name a gateway by the codes of place and gateway."""
    key = {"place": place, "code": code, "retired": True}
    return Resource(find=FIND, key=key, name=f"gateway {code!r} of {place!r}", subject="gateway {code}")


def gateway_json(row: DictRow) -> dict[str, Any]:
    """Format a row of ``FIND`` for an answer."""
    return {
        **{name: row[name] for name in ("code", "devices", "online")},
        **{name: time_of(row[name]) for name in _TIMES},
        **{name: row[name] for name in _SAID},
    }


@router.get(
    "/v1/places/{place}/gateways", summary="A place's gateways", **guarded("members:read", answers={200: Gateways})
)
async def gateways(place: str, request: Request, question: Annotated[FittingQuestion, Query()]) -> Response:
    """With what each last said of itself."""
    async with session(request, "members:read") as s:
        await place_of_path(s, place)
        found = await s.rows(FIND, {"place": place, "code": None, "retired": question.retired})
    return json_answer({"gateways": [gateway_json(row) for row in found]})


@router.post(
    "/v1/places/{place}/gateways",
    status_code=201,
    summary="Add a gateway",
    **guarded("places:write", answers={201: Gateway}, problems=(409,)),
)
async def make_gateway(place: str, request: Request, body: GatewayMade) -> Response:
    """Network administrators only. The machine itself then joins by a code."""
    async with session(request, "places:write") as s:
        place_id, _ = await place_of_path(s, place)
        await s.row(INSERT, {"place": place_id, "code": body.code})
        row = await read(s, gateway_resource(place, body.code))
    location = f"/v1/places/{place}/gateways/{body.code}"
    return with_etag(gateway_json(row), row["revision"], status=201, location=location)


@router.get(
    "/v1/places/{place}/gateways/{gateway}", summary="One gateway", **guarded("members:read", answers={200: Gateway})
)
async def gateway(place: str, gateway: str, request: Request) -> Response:
    """By its code, also once it is out of service."""
    async with session(request, "members:read") as s:
        row = await read(s, gateway_resource(place, gateway))
    return with_etag(gateway_json(row), row["revision"])


@router.patch(
    "/v1/places/{place}/gateways/{gateway}",
    summary="Retire a gateway, or hand its devices over",
    **guarded("places:write", answers={200: Gateway}, changes=True),
)
async def change_gateway(place: str, gateway: str, request: Request, body: GatewayChanged) -> Response:
    """Network administrators only. It is retired after its devices, or these go on at another (`devices_to`).

    Hand the devices over first and retire it once it has sent its events: nothing is taken of it after that.
    """
    async with session(request, "places:write") as s:
        wanted, resource = expected_revisions(request), gateway_resource(place, gateway)
        row = await read_to_change(s, resource, wanted)
        fields = changed_fields(body, row)
        if fields["retired"] and row["online"] and row["spool_depth"] and not body.confirm_unsent:
            raise Conflict(
                f"It has {row['spool_depth']} events that aren't stored yet, and nothing is taken of it out of "
                "service. Wait until it has sent them, or send confirm_unsent: true.",
                field="confirm_unsent",
            )
        before = await locked_doors(s, row["place_id"])
        if body.devices_to == row["code"]:
            raise BadField("devices_to", "name another gateway of this place")
        if body.devices_to is not None:
            new = await gateway_named(s, row["place_id"], body.devices_to, "devices_to")
            ids = [one["id"] for one in await s.rows(devices.RETIRE_ALL, {"old": row["id"]})]
            await s.rows(devices.MAKE_ALL, {"new": new, "ids": ids})
        await change(s, resource, UPDATE, fields, row=row, wanted=wanted)
        await check_locks(s, row["place_id"], before, confirmed=body.confirm_no_lock)
        row = await read(s, resource)
    return with_etag(gateway_json(row), row["revision"])
