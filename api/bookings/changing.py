"""Checks a change of a booking by the rules of a new one."""

from __future__ import annotations

from typing import Any

from psycopg.rows import DictRow

from api.bookings.bookable import check_seats
from api.bookings.limits import limits_of
from api.bookings.making import check_limits, price_of
from api.bookings.targets import Target
from api.http.session import Session
from booking.slots import Window


async def changed(
    s: Session, row: DictRow, target: Target, window: Window, *, override: bool, opens: bool | None
) -> dict[str, Any]:
    """Return the values of ``bookings.UPDATE`` that move the booking ``row`` to a target and a time.

    Raises:
        RuleRefused: a rule refuses it, or no seat is left.
    """
    limits = await limits_of(s, target, row["member"], [window], override=override, changed=row)
    await check_limits(s, target, row["member"], window, limits)
    starts, ends = window
    if target.resource is None:
        await check_seats(s, target, starts, ends, row["ref"])
    return {
        "ref": row["ref"],
        "starts": starts,
        "ends": ends,
        "space_id": target.space_id,
        "unit_id": target.unit,
        "price_cents": await price_of(s, target, row["member"], window),
        "opens": opens,
    }
