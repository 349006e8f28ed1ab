"""``/v1/keys``: the keys of this API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.errors import BadField
from api.http.key_text import digest_of, random_key
from api.http.references import member_named
from api.http.revisions import Resource, read
from api.http.session import Session, guarded, session
from api.keys import keys as rows
from api.keys.keys import Key, KeyList, KeyMade, NewKey, key_json
from api.operators.operators import operator_resource

router: Final = APIRouter(tags=["keys"])
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("/v1/keys", summary="Keys", **guarded("keys:write", answers={200: KeyList}))
async def keys(request: Request) -> Response:
    """Keys that the caller could create, ended ones included. The secrets are never shown."""
    async with session(request, "keys:write") as s:
        found = await s.rows(rows.FIND, {"id": None})
    return json_answer({"keys": [key_json(row) for row in found]})


@router.post("/v1/keys", status_code=201, summary="Create a key", **guarded("keys:write", answers={201: NewKey}))
async def make_key(request: Request, body: KeyMade) -> Response:
    """Administrators create any key, place managers keys for their own places. The key is shown only here.

    It ends with the key that created it.
    """
    if body.expires_at is not None and body.expires_at <= datetime.now(UTC):
        raise BadField("expires_at", "it must be in the future")
    async with session(request, "keys:write") as s:
        key = random_key()
        values: dict[str, Any] = {
            **body.model_dump(),
            "digest": digest_of(key),
            "scopes": [],
            "places": await _places(s, body),
        }
        if body.member is not None:
            await member_named(s, body.member, "member")
        if body.operator is not None:
            await read(s, operator_resource(body.operator))
        if body.gateway is not None:
            gateway = await s.row(rows.GATEWAY, {"code": body.gateway})
            if gateway is None:
                raise BadField("gateway", f"there is no gateway {body.gateway!r} in service")
            values["gateway"] = gateway["id"]
        made = await s.row(rows.INSERT, values)
        assert made is not None
        row = await read(s, _resource(made["id"]))
    answer = json_answer({**key_json(row), "key": key}, status=201)
    answer.headers["Location"] = f"/v1/keys/{row['id']}"
    return answer


@router.get("/v1/keys/{number}", summary="One key", **guarded("keys:write", answers={200: Key}))
async def one_key(number: Number, request: Request) -> Response:
    """Its properties, without the secret."""
    async with session(request, "keys:write") as s:
        row = await read(s, _resource(number))
    return json_answer(key_json(row))


@router.delete("/v1/keys/{number}", summary="Revoke a key", **guarded("keys:write", answers={200: Key}))
async def revoke(number: Number, request: Request) -> Response:
    """Permanently, with all keys that it created, directly or not.

    Repeating it changes nothing, so that it needs no `If-Match`. The key may still read events for up to 10 s.
    """
    async with session(request, "keys:write") as s:
        resource = _resource(number)
        await read(s, resource)
        await s.row(rows.REVOKE, {"id": number})
        row = await read(s, resource)
    return json_answer(key_json(row))


def _resource(number: int) -> Resource:
    return Resource(find=rows.FIND, key={"id": number}, name=f"key {number}", subject=f"key {number}")


async def _places(s: Session, body: KeyMade) -> list[int] | None:
    if body.places is None:
        # a caller that is limited to places creates a gateway's key within these
        bound = s.caller.places is not None and body.role == "gateway"
        return list(s.caller.places or ()) if bound else None
    known = {row["code"]: row["id"] for row in await s.rows(rows.PLACES, {"codes": body.places})}
    unknown = [code for code in body.places if code not in known]
    if unknown:
        raise BadField("places", f"there is no place {unknown[0]!r}")
    return sorted(set(known.values()))
