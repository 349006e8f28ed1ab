"""A gateway joins by a one-time code; a gateway that was stolen is shut out."""

from __future__ import annotations

import base64
import secrets
from contextlib import ExitStack
from time import monotonic
from typing import Any, Final

import psycopg
from fastapi import APIRouter, Request
from psycopg.rows import dict_row
from psycopg_pool import PoolTimeout, TooManyRequests
from starlette.responses import Response

from api.gateways import enrolments as rows
from api.gateways.enrolments import Enrolled, Enrolment, EnrolmentAsked, EnrolmentCode, Revoked
from api.http.answers import json_answer
from api.http.clients import client_of
from api.http.errors import BadField, CodeRefused, Conflict, LimitReached, NotFound, Unavailable
from api.http.models import time_of
from api.http.openapi import problem_responses
from api.http.references import reached_place
from api.http.session import Session, guarded, session
from api.http.state import shared
from api.orders.answers import order_answers
from gateway.contract.enrolment_code import BITS, code_of, digest_of

router: Final = APIRouter(tags=["gateways"])
_WAIT_S: Final = 8.0
_AWAY_S: Final = 5
_REFUSED: Final = (
    "This code is wrong, was used or has expired. `maillage gateway enrol PLACE` makes a new one, for an hour."
)


@router.post(
    "/v1/places/{place}/enrolment-code",
    status_code=201,
    summary="A code for a place's gateway to join with",
    **guarded("gateways:write", answers={201: EnrolmentCode}, problems=(409,)),
)
async def code_for_place(place: str, request: Request, body: EnrolmentAsked | None = None) -> Response:
    """For the only gateway of the place, or the only one that has not joined yet.

    Where a machine has joined as that gateway, the call needs `confirm_replace`: it is shut out when another joins.
    """
    return await _make(request, place, None, body or EnrolmentAsked())


@router.post(
    "/v1/places/{place}/gateways/{gateway}/enrolment-code",
    status_code=201,
    summary="A code for a gateway to join with",
    **guarded("gateways:write", answers={201: EnrolmentCode}, problems=(409,)),
)
async def code_for_gateway(place: str, gateway: str, request: Request, body: EnrolmentAsked | None = None) -> Response:
    """For one machine and one hour; a code that was made for it before is void. Then: `maillage gateway join`.

    Where a machine has joined as that gateway, the call needs `confirm_replace`: it is shut out when another joins.
    """
    return await _make(request, place, gateway, body or EnrolmentAsked())


@router.post(
    "/v1/enrolment",
    status_code=201,
    summary="Join as a gateway, with a code",
    responses={201: {"model": Enrolled}, **problem_responses(403, 422, 503)},
    response_class=Response,
)
async def enrol(request: Request, body: Enrolment) -> Response:
    """Needs no key: the code is the proof. Wrong, used and expired codes get the same answer, and few tries.

    After a 503 the same code may be sent again with the same request.
    """
    broker = _broker(request)
    with ExitStack() as stack:
        try:
            async with shared(request).pool.connection(timeout=3) as conn:
                asked = await _ask(conn, request, body)
                # before the commit, so that no answer is missed
                waiting = stack.enter_context(order_answers(request).expecting([asked]))
            end = monotonic() + _WAIT_S
            while (found := await _outcome(request, asked)) is None:
                left = end - monotonic()
                if left <= 0 or not await waiting.wait(left):
                    raise Unavailable("The process that signs certificates doesn't answer.", retry_s=_AWAY_S)
        except (psycopg.OperationalError, PoolTimeout, TooManyRequests, OSError) as error:
            raise Unavailable("The database is down or too busy.", retry_s=_AWAY_S) from error
    refused = found.pop("refused")
    if refused is not None and refused.startswith("the certificate request"):
        raise BadField("request", refused)
    if refused is not None:
        raise CodeRefused(_REFUSED)
    return json_answer({**found, "broker": broker}, status=201)


@router.post(
    "/v1/gateways/{gateway}/revoke",
    summary="Shut a gateway out",
    **guarded("gateways:write", answers={200: Revoked}),
)
async def revoke(gateway: str, request: Request) -> Response:
    """At once, also while it is connected: its certificates, its API keys and its open codes are void.

    It comes back only by joining with a new code. Repeating it changes nothing.
    """
    async with session(request, "gateways:write") as s:
        found = await s.row(rows.FIND, {"code": gateway})
        if found is None:
            raise NotFound(f"There is no gateway {gateway!r}.")
        await reached_place(s, found["place"], "gateways:write")
        await s.row(rows.REVOKE, {"id": found["id"]})
        found = await s.row(rows.FIND, {"code": gateway})
        assert found is not None
    return json_answer({"gateway": found["code"], "place": found["place"], "revoked_at": time_of(found["revoked_at"])})


async def _make(request: Request, place: str, gateway: str | None, asked: EnrolmentAsked) -> Response:
    _broker(request)
    async with session(request, "gateways:write") as s:
        number = await reached_place(s, place, "gateways:write")
        chosen = await _chosen(s, number, place, gateway)
        if chosen["in_service"] and not asked.confirm_replace:
            since = f"{chosen['joined_at']:%Y-%m-%d}"
            raise Conflict(
                f"A machine has been the gateway {chosen['code']} since {since}. It is shut out as soon as another "
                "joins with this code. Send confirm_replace: true if that is meant.",
                field="confirm_replace",
            )
        code = code_of(secrets.randbits(BITS))
        await s.run(rows.WITHDRAW, {"gateway": chosen["id"]})
        values = {"digest": digest_of(code), "place": number, "gateway": chosen["id"], "by": s.caller.actor}
        made = await s.row(rows.MAKE, values)
        assert made is not None
    told = {"code": code, "place": place, "gateway": chosen["code"], "expires_at": time_of(made["expires_at"])}
    return json_answer({**told, "replaces": chosen["in_service"]}, status=201)


async def _chosen(s: Session, number: int, place: str, gateway: str | None) -> dict[str, Any]:
    found: list[dict[str, Any]] = await s.rows(rows.AT_PLACE, {"place": number, "gateway": gateway})
    if gateway is not None and not found:
        raise NotFound(f"The place {place!r} has no gateway {gateway!r} in service.")
    if not found:
        raise Conflict(f"The place {place!r} has no gateway in service. Add one to it first.")
    new = [one for one in found if not one["joined"]]
    if len(found) > 1 and len(new) != 1:
        names = ", ".join(one["code"] for one in found)
        raise Conflict(f"The place {place!r} has several gateways: say which ({names}).")
    return (new or found)[0]


async def _ask(conn: psycopg.AsyncConnection[Any], request: Request, body: Enrolment) -> str:
    """Ask for a certificate; return the request's id.

    Raises:
        CodeRefused: the code is not one, was used or has expired.
        LimitReached: too many wrong codes lately, from this address or in all.
    """
    address = client_of(request.client.host if request.client else "")
    digest = digest_of(body.code) or bytes(32)
    key = base64.b64decode(body.sealing_key)
    cursor = conn.cursor(row_factory=dict_row)
    asked = await (await cursor.execute(rows.ASK.encode(), (digest, body.request, key, address))).fetchone()
    assert asked is not None
    if asked["outcome"] == "asked":
        return str(asked["id"])
    await conn.commit()  # the try is counted
    if asked["outcome"] == "limited":
        raise LimitReached("Too many wrong enrolment codes: try again later.", retry_s=asked["retry_s"])
    raise CodeRefused(_REFUSED)


async def _outcome(request: Request, asked: str) -> dict[str, Any] | None:
    async with shared(request).pool.connection(timeout=3) as conn:
        cursor = conn.cursor(row_factory=dict_row)
        found: dict[str, Any] | None = await (await cursor.execute(rows.OUTCOME.encode(), (asked,))).fetchone()
    return found


def _broker(request: Request) -> str:
    """Return the broker's address for gateways.

    Raises:
        Unavailable: this server doesn't know it.
    """
    broker = shared(request).settings.broker_address
    if broker is None:
        raise Unavailable("No gateway can join: the API was started without MAILLAGE_BROKER_ADDRESS.", retry_s=60)
    return broker
