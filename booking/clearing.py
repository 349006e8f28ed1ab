"""Who owes whom for members who used another place than their own: lines, balances, and what each pays each.

A member's home place owes the place of each use the rate's clearing price. Amounts are euro cents without VAT: what
places invoice each other for, and with which VAT, is theirs.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from booking.items import Item
from booking.rates import PriceList


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingLine:
    """What one place owes another for one member's uses of one price in one month."""

    debtor: int
    """The member's home."""
    creditor: int
    """The place that was used."""
    holder: str
    """A pseudonym of the member (``holder_of``)."""
    used_in: date
    rate: str
    unit: str
    count: int
    price_cents: int
    items: tuple[Item, ...] = field(default=(), repr=False)

    @property
    def amount_cents(self) -> int:
        """What is owed."""
        return self.count * self.price_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """What a place pays another after both directions are set off against each other; more than 0."""

    debtor: int
    creditor: int
    cents: int


def holder_of(member: str, month: date) -> str:
    """Return a member's pseudonym in the lines of a month: another one each month, the same at every place."""
    return "h-" + hashlib.sha256(f"{month.isoformat()} {member}".encode()).hexdigest()[:12]


def clear(items: Iterable[Item], prices: PriceList, month: date) -> list[ClearingLine]:
    """Return the lines of the uses and bookings away from home among ``items``, closed in ``month`` (its first day)."""
    together: defaultdict[tuple[int, int, str, date, str, str, int], list[Item]] = defaultdict(list)
    for item in items:
        if item.kind not in ("use", "booking") or item.home is None or item.place is None or item.place == item.home:
            continue
        price = prices.on(item.rate, item.day, item.categories)
        if price is not None and price.clearing_cents:
            holder = holder_of(item.member, month)
            key = (item.home, item.place, holder, item.month, item.rate, item.unit, price.clearing_cents)
            together[key].append(item)
    return [
        ClearingLine(
            debtor=debtor,
            creditor=creditor,
            holder=holder,
            used_in=used_in,
            rate=rate,
            unit=unit,
            count=len(its),
            price_cents=cents,
            items=tuple(its),
        )
        for (debtor, creditor, holder, used_in, rate, unit, cents), its in sorted(
            together.items(), key=lambda one: one[0]
        )
    ]


def balances(amounts: Iterable[tuple[int, int, int]]) -> dict[int, int]:
    """Return what each place gets (or, below 0, owes) by (debtor, creditor, cents); they add up to 0."""
    found: defaultdict[int, int] = defaultdict(int)
    for debtor, creditor, cents in amounts:
        found[debtor] -= cents
        found[creditor] += cents
    return dict(found)


def debts(amounts: Iterable[tuple[int, int, int]]) -> list[Debt]:
    """Return what each place pays each other, both directions set off, by (debtor, creditor, cents)."""
    between: defaultdict[tuple[int, int], int] = defaultdict(int)
    for debtor, creditor, cents in amounts:
        low, high = sorted((debtor, creditor))
        between[low, high] += cents if debtor == low else -cents
    return [
        Debt(debtor=low, creditor=high, cents=cents) if cents > 0 else Debt(debtor=high, creditor=low, cents=-cents)
        for (low, high), cents in sorted(between.items())
        if cents
    ]
