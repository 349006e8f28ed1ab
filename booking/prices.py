"""The price of a window by an hourly rate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta


def price_cents(hour_cents: int | None, length: timedelta) -> int | None:
    """Return the price of ``length`` in cents, rounded half up; None: there is no price."""
    if hour_cents is None:
        return None
    seconds = round(length.total_seconds())
    return (hour_cents * seconds * 2 + 3600) // 7200


def price_grid(hour_cents: int | None, prices: Mapping[str, int], length: timedelta) -> dict[str, int]:
    """Return the price of ``length`` by category, in cents; ``""`` is who has none of these."""
    grid = {category: price_cents(cents, length) for category, cents in prices.items()}
    grid[""] = price_cents(hour_cents, length)
    return {category: cents for category, cents in sorted(grid.items()) if cents is not None}
