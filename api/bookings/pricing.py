"""Reads what prices a resource, and the categories that a member belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from psycopg.rows import tuple_row

from api.bookings.targets import Target
from api.http.session import Session
from booking.prices import Tariff
from booking.rates import PriceList
from booking.rates import price_of as price_from
from database.billing import PRICES

_CATEGORIES: Final = "SELECT member_categories(%s, %s) AS codes"
_NONE: Final = PriceList(())


def tariff_of(resource: Mapping[str, Any]) -> Tariff:
    """Return how a resource of a ``Target`` is priced."""
    return Tariff(
        rate=resource["rate"],
        by_the_hour=resource["rate_unit"] != "entry",
        hour_cents=resource["hour_cents"],
        prices=resource["prices"],
    )


async def price_list(s: Session, tariff: Tariff) -> PriceList:
    """Return the network's prices, where the tariff needs them."""
    if tariff.rate is None:
        return _NONE
    cursor = s.conn.cursor(row_factory=tuple_row)
    return PriceList([price_from(row) async for row in await cursor.execute(PRICES.encode())])


async def categories_of(s: Session, target: Target, member: str, at: datetime) -> list[str]:
    """Return the categories that a member belongs to on the place's day of ``at``."""
    row = await s.row_once(_CATEGORIES, (member, at.astimezone(target.zone).date()))
    return [] if row is None else list(row["codes"])
