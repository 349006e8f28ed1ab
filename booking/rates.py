"""What a unit of a rate costs on a day, for members of some categories, and who pays which part of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

_WHOLE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a rate costs from ``first`` (a local day) on. Cents are euro cents without VAT."""

    rate: str
    category: str | None
    """None: everyone."""
    first: date
    cents: int
    """Of what is billed: a use, a month, or the whole pass."""
    overuse_cents: int = 0
    """Of a unit beyond the pass's allowance."""
    clearing_cents: int = 0
    """What the member's home owes the place of a use elsewhere, by unit."""
    vat_permille: int
    funder: int | None = None
    """An organisation that pays a part."""
    funder_permille: int = 0


def price_of(row: Sequence[Any]) -> Price:
    """Read a row of ``database.billing.PRICES``."""
    rate, category, first, cents, overuse, clearing, vat, funder, permille = row
    return Price(
        rate=rate,
        category=category,
        first=first,
        cents=cents,
        overuse_cents=overuse,
        clearing_cents=clearing,
        vat_permille=vat,
        funder=funder,
        funder_permille=permille or 0,
    )


def share(cents: int, permille: int) -> int:
    """Return ``permille`` thousandths of ``cents``, rounded to the nearest cent; halves are rounded away from zero."""
    part = (2 * abs(cents) * permille + _WHOLE) // (2 * _WHOLE)
    return part if cents >= 0 else -part


class PriceList:
    """The prices of all rates."""

    def __init__(self, prices: Iterable[Price]) -> None:
        self._by_rate: dict[str, dict[str | None, list[Price]]] = {}
        for price in prices:
            self._by_rate.setdefault(price.rate, {}).setdefault(price.category, []).append(price)
        for categories in self._by_rate.values():
            for one in categories.values():
                one.sort(key=lambda price: price.first)

    def categories(self, rate: str) -> list[str]:
        """Return the categories that have a price of their own."""
        return sorted(category for category in self._by_rate.get(rate, {}) if category is not None)

    def on(self, rate: str, day: date, categories: Iterable[str]) -> Price | None:
        """Return the price on ``day``: of everyone's and the categories', the one that leaves the member least to pay.

        None: the rate has no price yet on that day.
        """
        known = self._by_rate.get(rate, {})
        found = [
            price
            for category in (None, *sorted(set(categories)))
            if (price := _in_force(known.get(category, ()), day)) is not None
        ]
        return min(found, key=lambda price: price.cents - share(price.cents, price.funder_permille), default=None)


def _in_force(prices: Sequence[Price], day: date) -> Price | None:
    found = None
    for price in prices:
        if price.first > day:
            break
        found = price
    return found
