"""``/v1/gateways/{gateway}/configuration``: what a gateway should use, and back to an earlier version."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.gateways import configurations as rows
from api.gateways.configurations import ConfigurationQuestion, GatewayConfiguration, SetBack
from api.http.answers import json_answer
from api.http.errors import BadField, NotFound
from api.http.models import time_of
from api.http.references import reached_place
from api.http.session import Session, guarded, session

router: Final = APIRouter(tags=["gateways"])
_SECRET: Final = frozenset({"sealed", "version", "gateway", "place", "shard", "list_keys"})
"""Of a body: what is a secret, though sealed, and what is said elsewhere."""


@router.get(
    "/v1/gateways/{gateway}/configuration",
    summary="A gateway's configuration",
    **guarded("gateways:write", answers={200: GatewayConfiguration}),
)
async def configuration(
    gateway: str, request: Request, question: Annotated[ConfigurationQuestion, Query()]
) -> Response:
    """It is made from the place's doors and devices whenever these change."""
    async with session(request, "gateways:write") as s:
        found = await _found(s, gateway)
        told = await _told(s, found, question.version)
        if question.version is not None and told["configuration"] is None:
            raise NotFound(f"Version {question.version} of the gateway {gateway!r} isn't kept.")
    return json_answer(told)


@router.post(
    "/v1/gateways/{gateway}/configuration",
    status_code=202,
    summary="Set a gateway's configuration back",
    **guarded("gateways:write", answers={202: GatewayConfiguration}),
)
async def set_back(gateway: str, request: Request, body: SetBack) -> Response:
    """It gets a new version with an earlier one's doors and devices; changes of the place wait until `back_to` is null.

    `null` also makes a new version where nothing has changed, for a gateway that gave one up.
    """
    async with session(request, "gateways:write") as s:
        found = await _found(s, gateway)
        if body.back_to is not None and await s.row(rows.BODY, {"id": found["id"], "version": body.back_to}) is None:
            raise BadField("back_to", f"version {body.back_to} of this gateway isn't kept")
        await s.row(rows.HOLD, {"id": found["id"], "version": body.back_to})
        told = await _told(s, await _found(s, gateway), None)
    return json_answer(told, status=202)


async def _found(s: Session, gateway: str) -> dict[str, Any]:
    found: dict[str, Any] | None = await s.row(rows.FIND, {"code": gateway})
    if found is None:
        raise NotFound(f"There is no gateway {gateway!r}.")
    await reached_place(s, found["place"], "gateways:write")
    return found


async def _told(s: Session, found: dict[str, Any], version: int | None) -> dict[str, Any]:
    versions = await s.rows(rows.VERSIONS, {"id": found["id"]})
    newest = versions[0] if versions else None
    shown = version if version is not None else newest["version"] if newest is not None else None
    row = await s.row(rows.BODY, {"id": found["id"], "version": shown}) if shown is not None else None
    said = {} if row is None else json.loads(row["body"])
    used = found["config_version"]
    current = newest is not None and (used, found["config_fingerprint"]) == (newest["version"], newest["fingerprint"])
    return {
        "gateway": found["code"],
        "place": found["place"],
        "version": shown,
        "newest": None if newest is None else newest["version"],
        "held_at": found["held_at"],
        "used": used,
        "current": current,
        "refused": found["config_refused"],
        "versions": [
            {"version": one["version"], "made_at": time_of(one["made_at"]), "back_to": one["back_to"]}
            for one in versions
        ],
        "configuration": None if row is None else {key: said[key] for key in said if key not in _SECRET},
    }
