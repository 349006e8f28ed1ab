"""What a booking costs: by a rate of the network, or by the resource's own hourly prices."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from booking.rates import PriceList

GENERAL = ""
"""In a grid of prices: who has none of the other categories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """How a resource is priced: by ``rate``, else by its own prices of an hour."""

    rate: str | None = None
    by_the_hour: bool = True
    """Of the rate: an hour's price; False: each booking's."""
    hour_cents: int | None = None
    prices: Mapping[str, int] = field(default_factory=dict)
    """Of an hour, by category."""


def price_of_slot(
    tariff: Tariff, known: PriceList, day: date, length: timedelta, categories: Collection[str]
) -> int | None:
    """Return what a booking of ``length`` on a local day costs a member of ``categories``; None: it has no price.

    The price that leaves the member least to pay, in cents without VAT, before a funder's share; rounded half up.
    """
    if tariff.rate is None:
        own = [tariff.prices[category] for category in categories if category in tariff.prices]
        return price_cents(min(own, default=tariff.hour_cents), length)
    price = known.on(tariff.rate, day, categories)
    if price is None:
        return None
    return price_cents(price.cents, length) if tariff.by_the_hour else price.cents


def price_grid(tariff: Tariff, known: PriceList, day: date, length: timedelta) -> dict[str, int]:
    """Return the price of ``length`` by category, in cents; ``GENERAL``: who has none of these."""
    named = sorted(tariff.prices) if tariff.rate is None else known.categories(tariff.rate)
    grid = {one: price_of_slot(tariff, known, day, length, (one,) if one else ()) for one in (GENERAL, *named)}
    return {category: cents for category, cents in grid.items() if cents is not None}


def price_cents(hour_cents: int | None, length: timedelta) -> int | None:
    """Return the price of ``length`` in cents, rounded half up; None: there is no price."""
    if hour_cents is None:
        return None
    seconds = round(length.total_seconds())
    return (hour_cents * seconds * 2 + 3600) // 7200
