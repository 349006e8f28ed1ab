"""Orders: their rows, their outcomes, and the wait for these."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Any, Final, Literal

from fastapi import Request
from psycopg.rows import DictRow
from pydantic import Field

from api.http.errors import Conflict
from api.http.models import Answer, time_of
from api.http.roles import Permission
from api.http.session import Session, session
from api.orders.answers import PendingAnswers

Do = Literal["unlock", "lockdown", "release", "evacuate"]
LONGEST_WAIT_S: Final = 30
_LOOK_AGAIN_S: Final = 0.1

# The gateways in service that can unlock a door: those with its lock, else those with a reader of it (with a relay).
_LOCKS: Final = """
SELECT DISTINCT ON (g.id) g.id FROM device d JOIN gateway g ON g.id = d.gateway
WHERE d.door = %(door)s AND d.retired_at IS NULL AND g.retired_at IS NULL AND d.kind IN ('lock', 'reader', 'keypad')
  AND (d.kind = 'lock' OR NOT EXISTS (SELECT FROM device l JOIN gateway h ON h.id = l.gateway
                                      WHERE l.door = %(door)s AND l.kind = 'lock' AND l.retired_at IS NULL
                                        AND h.retired_at IS NULL))
"""
# The gateways in service that decide at a door.
_AT_DOOR: Final = """
SELECT DISTINCT g.id FROM device d JOIN gateway g ON g.id = d.gateway
WHERE d.door = %(door)s AND d.retired_at IS NULL AND g.retired_at IS NULL AND d.kind IN ('lock', 'reader', 'keypad')
"""
_AT_PLACE: Final = "SELECT id FROM gateway WHERE retired_at IS NULL AND place = %(place)s"
_EVERYWHERE: Final = "SELECT id FROM gateway WHERE retired_at IS NULL"
_ORDER: Final = """
INSERT INTO command (place, gateway, door, device, do_what, ordered_by, expires_at)
SELECT g.place, g.id, %(door)s, %(device)s, %(do)s, %(by)s, now() + make_interval(secs => %(expires_s)s)
FROM gateway g WHERE g.id = ANY(%(gateways)s::integer[]) ORDER BY g.id RETURNING id
"""
# Orders with their outcomes and the state of their gateways.
_FIND: Final = """
SELECT c.id, p.code::text AS place, g.code::text AS gateway, o.code::text AS door, d.code AS device, c.do_what,
       c.ordered_by, c.ordered_at, c.expires_at, c.sent_at, c.outcome, c.outcome_at,
       s.online, s.changed_at AS line_since
FROM command c JOIN place p ON p.id = c.place JOIN gateway g ON g.id = c.gateway
LEFT JOIN door o ON o.id = c.door LEFT JOIN device d ON d.id = c.device
LEFT JOIN gateway_state s ON s.gateway = c.gateway
WHERE c.id = ANY(%(ids)s::text[]) ORDER BY p.code, g.code
"""
_WHY: Final[Mapping[str, str]] = {
    "refused": "The gateway refused it: it had already received it, or its clock is wrong.",
    "expired": "It reached the gateway too late, or no card was presented in time.",
    "unknown_door": "The gateway has no such door.",
    "unknown_device": "The gateway has no such reader.",
    "failed": "The lock didn't respond.",
}


class Order(Answer):
    """An order to one gateway, and its outcome."""

    id: str
    do: Literal["unlock", "lockdown", "release", "evacuate", "enrol", "report_list"]
    place: str
    gateway: str
    door: str | None
    device: str | None
    by: str
    ordered_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    outcome: Literal["done", "refused", "expired", "unknown_door", "unknown_device", "failed", "undelivered"] | None = (
        Field(description="null: not known yet.")
    )
    outcome_at: datetime | None
    why: str | None = Field(description="If it wasn't carried out: why.")
    online: bool | None = Field(description="Whether the gateway is connected now; null: it never was.")
    line_since: datetime | None = Field(description="Since when it is or isn't.")


def order_json(row: DictRow) -> dict[str, Any]:
    """Format an order for an answer."""
    return {
        "id": row["id"],
        "do": row["do_what"],
        "place": row["place"],
        "gateway": row["gateway"],
        "door": row["door"],
        "device": row["device"],
        "by": row["ordered_by"],
        "ordered_at": time_of(row["ordered_at"]),
        "expires_at": time_of(row["expires_at"]),
        "sent_at": time_of(row["sent_at"]),
        "outcome": row["outcome"],
        "outcome_at": time_of(row["outcome_at"]),
        "why": _why(row),
        "online": row["online"],
        "line_since": time_of(row["line_since"]),
    }


def _why(row: DictRow) -> str | None:
    outcome = row["outcome"]
    if outcome in _WHY:
        return _WHY[outcome]
    if outcome == "done":
        return None
    if row["online"] is None:
        return "The gateway has never connected."
    if not row["online"]:
        return f"The gateway is offline since {time_of(row['line_since'])}."
    if outcome == "undelivered":
        return (
            "It was sent, but the gateway didn't answer in time." if row["sent_at"] else "It could not be sent in time."
        )
    return None


async def order(
    s: Session, do: str, *, place: int | None, door: int | None, expires_s: int, device: int | None = None,
    gateway: int | None = None,
) -> list[str]:  # fmt: skip
    """Order ``do`` from every gateway in service that it concerns; return the orders' ids.

    Raises:
        Conflict: there is no such gateway.
    """
    if gateway is not None:
        gateways = [gateway]
    else:
        query = _EVERYWHERE if place is None else _AT_PLACE if door is None else _LOCKS if do == "unlock" else _AT_DOOR
        gateways = [row["id"] for row in await s.rows(query, {"place": place, "door": door})]
    if not gateways:
        what = "this door" if door is not None else "this place" if place is not None else "the network"
        raise Conflict(f"No gateway in service serves {what}, so that this can't be carried out.")
    values = {"door": door, "device": device, "do": do, "by": s.caller.actor, "expires_s": expires_s}
    return [row["id"] for row in await s.rows(_ORDER, {**values, "gateways": gateways})]


async def found(s: Session, ids: Sequence[str]) -> list[DictRow]:
    """Return orders by their ids."""
    return await s.rows(_FIND, {"ids": list(ids)})


async def outcomes(
    request: Request, ids: Sequence[str], waiting: PendingAnswers, wait_s: float, *permissions: Permission
) -> list[DictRow]:
    """Return the orders once all have an outcome or ``wait_s`` seconds have passed, without holding a connection."""

    async def look() -> list[DictRow]:
        async with session(request, *permissions) as s:
            return await found(s, ids)

    return await outcomes_of(look, waiting, wait_s)


async def outcomes_of(
    look: Callable[[], Awaitable[list[DictRow]]], waiting: PendingAnswers, wait_s: float
) -> list[DictRow]:
    """Return the orders that ``look`` reads, likewise."""
    end = monotonic() + wait_s
    while True:
        left = end - monotonic()
        again = left > 0 and await waiting.wait(left)
        rows = await look()
        if not again or all(row["outcome"] is not None for row in rows):
            return rows
        await asyncio.sleep(_LOOK_AGAIN_S)  # woken for nothing: any database user may send notifications
