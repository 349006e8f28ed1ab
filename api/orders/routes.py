"""Orders to doors, places and the network: unlock, lockdown, release, evacuate; and their outcomes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.http.answers import json_answer
from api.http.errors import NotFound, NotYours
from api.http.models import Answer, Body, Question
from api.http.references import door_of_path, reached_place
from api.http.session import guarded, session
from api.orders import lockdowns as locking
from api.orders.answers import order_answers
from api.orders.orders import LONGEST_WAIT_S, Do, Order, found, order, order_json, outcomes

router: Final = APIRouter(tags=["operate"])

_UNLOCK_S: Final = 30
_LOCKDOWN_S: Final = 600
_SUMMARIES: Final[dict[Do, str]] = {
    "lockdown": "Lock down {}: no badge opens; exits stay free",
    "release": "Release {} from lockdown and evacuation",
    "evacuate": "Evacuate {}: doors stay unlocked, no badge is accepted",
}


class WaitQuestion(Question):
    """How long to wait for the outcome."""

    wait: float = Field(default=0, ge=0, le=LONGEST_WAIT_S, description="Seconds.")


class Ordered(Body):
    """How long an order stays valid."""

    expires_s: int | None = Field(default=None, ge=1, le=3600, description="Not carried out later than this, seconds.")


class OrderedEverywhere(Ordered):
    """An order to the whole network."""

    confirm: Literal["network"] = Field(description="Against mistakes.")


class Orders(Answer):
    """The orders, one for each gateway in service, with their outcomes where they are known."""

    orders: list[Order]
    lockdowns: list[locking.Lockdown] | None = Field(default=None, description="The lockdowns in force there now.")


@router.post(
    "/v1/places/{place}/doors/{door}/unlock",
    status_code=202,
    summary="Unlock a door once",
    **guarded("unlock", answers={200: Orders, 202: Orders}, problems=(409,)),
)
async def unlock(
    place: str, door: str, request: Request, question: Annotated[WaitQuestion, Query()], body: Ordered | None = None
) -> Response:
    """Answers 200 when every outcome is known, otherwise 202. An order that arrives too late is not carried out."""
    return await _order(request, "unlock", question.wait, body, place=place, door=door)


@router.get(
    "/v1/commands/{id}",
    summary="The outcome of an order",
    **guarded("unlock", "lockdown", "enrol", answers={200: Order}),
)
async def command(id: str, request: Request, question: Annotated[WaitQuestion, Query()]) -> Response:  # noqa: A002
    """With `wait`, the answer is sent as soon as the outcome is known."""
    with order_answers(request).expecting([id]) as waiting:
        async with session(request, "unlock", "lockdown", "enrol") as s:
            rows = await found(s, [id])
        if not rows:
            raise NotFound(f"There is no order {id!r}, or this key has no access to it.")
        if rows[0]["outcome"] is None and question.wait:
            rows = await outcomes(request, [id], waiting, question.wait, "unlock", "lockdown", "enrol")
    return json_answer(order_json(rows[0]))


async def _order(
    request: Request, do: Do, wait_s: float, body: Ordered | None, *, place: str | None = None, door: str | None = None
) -> Response:
    permission: Literal["unlock", "lockdown"] = "unlock" if do == "unlock" else "lockdown"
    expires_s = (body.expires_s if body else None) or (_UNLOCK_S if do == "unlock" else _LOCKDOWN_S)
    in_force: list[Any] | None = None
    with ExitStack() as stack:
        async with session(request, permission) as s:
            number = None if place is None else await reached_place(s, place, permission)
            at = None if door is None or number is None else await door_of_path(s, number, door)
            if number is None and s.caller.places is not None:
                raise NotYours("A key that is limited to places can't give orders to the whole network.")
            if do == "lockdown":
                await locking.lock(s, place=number, door=at)
            elif do == "release":
                await locking.release(s, place=number, door=at)
            ids = await order(s, do, place=number, door=at, expires_s=expires_s)
            if do != "unlock":
                in_force = [locking.lockdown_json(row) for row in await locking.locked(s, place=number)]
            rows = await found(s, ids)
            # before the commit, so that no answer is missed
            waiting = stack.enter_context(order_answers(request).expecting(ids))
        if wait_s:
            rows = await outcomes(request, ids, waiting, wait_s, permission)
    known = all(row["outcome"] is not None for row in rows)
    answer: dict[str, Any] = {"orders": [order_json(row) for row in rows]}
    if in_force is not None:
        answer["lockdowns"] = in_force
    return json_answer(answer, status=200 if known else 202)


def _at_door(do: Do) -> Callable[..., Awaitable[Response]]:
    async def at_door(
        place: str, door: str, request: Request, question: Annotated[WaitQuestion, Query()], body: Ordered | None = None
    ) -> Response:
        return await _order(request, do, question.wait, body, place=place, door=door)

    return at_door


def _at_place(do: Do) -> Callable[..., Awaitable[Response]]:
    async def at_place(
        place: str, request: Request, question: Annotated[WaitQuestion, Query()], body: Ordered | None = None
    ) -> Response:
        return await _order(request, do, question.wait, body, place=place)

    return at_place


def _everywhere(do: Do) -> Callable[..., Awaitable[Response]]:
    async def everywhere(
        request: Request, question: Annotated[WaitQuestion, Query()], body: OrderedEverywhere
    ) -> Response:
        return await _order(request, do, question.wait, body)

    return everywhere


def _add(path: str, what: str, do: Do, function: Callable[..., Awaitable[Response]]) -> None:
    router.add_api_route(
        f"{path}/{do}",
        function,
        methods=["POST"],
        status_code=202,
        name=f"{do} {what}",
        summary=_SUMMARIES[do].format(what),
        description="Gateways that are offline receive a lockdown and its release with their next access list.",
        **guarded("lockdown", answers={200: Orders, 202: Orders}, problems=(409,)),
    )


for _do in _SUMMARIES:
    _add("/v1/places/{place}/doors/{door}", "a door", _do, _at_door(_do))
    _add("/v1/places/{place}", "a place", _do, _at_place(_do))
    _add("/v1", "the whole network", _do, _everywhere(_do))
