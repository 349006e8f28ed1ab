"""A month's statements: who pays what, line by line.

Amounts are whole euro cents without VAT. A line's VAT is its net amount times its rate, rounded to the nearest cent,
halves away from zero; a statement's VAT is the sum of its lines'. What a funder pays is rounded alike, once a line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from booking.items import Item
from booking.rates import Price, PriceList, share

LineKind = Literal["use", "included", "overuse", "month", "once", "booking", "funded"]
"""``included``: a use that a subscription or a pass paid once covers; ``funded``: what a funder pays of lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Who pays a statement of the place that bills: a member, an organisation, or one as a funder."""

    place: int | None
    member: str | None = None
    organisation: int | None = None
    funder: bool = False

    @property
    def kind(self) -> Literal["member", "organisation", "funder"]:
        """Which of the three."""
        if self.funder:
            return "funder"
        return "organisation" if self.member is None else "member"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Things of the same price: ``count`` × ``price_cents`` − ``funded_cents`` = ``net_cents``."""

    kind: LineKind
    month: date
    member: str | None
    place: int | None
    rate: str
    category: str | None
    unit: str
    count: int
    price_cents: int
    funded_cents: int = 0
    funder: int | None = None
    net_cents: int
    vat_permille: int
    items: tuple[Item, ...] = field(default=(), repr=False)

    @property
    def vat_cents(self) -> int:
        """The VAT of this line."""
        return share(self.net_cents, self.vat_permille)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one payer owes one place for a month."""

    payer: Payer
    lines: tuple[Line, ...]

    @property
    def net_cents(self) -> int:
        """Without VAT."""
        return sum(line.net_cents for line in self.lines)

    @property
    def vat_cents(self) -> int:
        """The VAT."""
        return sum(line.vat_cents for line in self.lines)


def bill(items: Iterable[Item], prices: PriceList) -> list[Statement]:
    """Return the statements of ``items``, each thing on one line; what has no price on its day is left for later."""
    together: defaultdict[tuple[Payer, tuple[LineKind, date, str, int | None, int, Price, str]], list[Item]]
    together = defaultdict(list)
    for item in items:
        price = prices.on(item.rate, item.day, item.categories)
        if price is None:
            continue
        kind, cents = _charge(item, price)
        payer = Payer(
            place=item.home,
            member=item.member if item.organisation is None else None,
            organisation=item.organisation,
        )
        together[payer, (kind, item.month, item.member, item.place, cents, price, item.unit)].append(item)
    lines: defaultdict[Payer, list[Line]] = defaultdict(list)
    for (payer, (kind, month, member, place, cents, price, unit)), its in together.items():
        gross = len(its) * cents
        funded = share(gross, price.funder_permille)
        lines[payer].append(
            Line(
                kind=kind,
                month=month,
                member=member,
                place=place,
                rate=price.rate,
                category=price.category,
                unit=unit,
                count=len(its),
                price_cents=cents,
                funded_cents=funded,
                funder=price.funder,
                net_cents=gross - funded,
                vat_permille=price.vat_permille,
                items=tuple(its),
            )
        )
    made = [Statement(payer=payer, lines=_inorder(its)) for payer, its in lines.items()]
    return _sorted([*made, *_of_funders(made)])


def _charge(item: Item, price: Price) -> tuple[LineKind, int]:
    """Return what kind of line an item is on, and what one such thing costs."""
    if item.kind == "booking":
        return "booking", item.cents or 0
    if item.kind != "use":
        return item.kind, price.cents
    if item.over:
        return "overuse", price.overuse_cents
    return ("use", price.cents) if item.billed == "use" else ("included", 0)


def _of_funders(statements: Sequence[Statement]) -> list[Statement]:
    """Return the funders' statements: by month, rate and category, without the members."""
    together: defaultdict[Payer, defaultdict[tuple[date, str, str | None, str, int, int], list[Line]]]
    together = defaultdict(lambda: defaultdict(list))
    for statement in statements:
        for line in statement.lines:
            if line.funder is not None and line.funded_cents:
                payer = Payer(place=statement.payer.place, organisation=line.funder, funder=True)
                key = (line.month, line.rate, line.category, line.unit, line.price_cents, line.vat_permille)
                together[payer][key].append(line)
    return [
        Statement(
            payer=payer,
            lines=_inorder(
                Line(
                    kind="funded",
                    month=month,
                    member=None,
                    place=None,
                    rate=rate,
                    category=category,
                    unit=unit,
                    count=sum(line.count for line in lines),
                    price_cents=cents,
                    net_cents=sum(line.funded_cents for line in lines),
                    vat_permille=vat,
                )
                for (month, rate, category, unit, cents, vat), lines in keys.items()
            ),
        )
        for payer, keys in together.items()
    ]


def _inorder(lines: Iterable[Line]) -> tuple[Line, ...]:
    return tuple(
        sorted(
            lines,
            key=lambda line: (
                line.member or "",
                line.month,
                line.rate,
                line.kind,
                line.place or 0,
                line.category or "",
                line.price_cents,
                line.vat_permille,
            ),
        )
    )


def _sorted(statements: list[Statement]) -> list[Statement]:
    def key(one: Statement) -> tuple[int, str, str, int]:
        return one.payer.place or 0, one.payer.kind, one.payer.member or "", one.payer.organisation or 0

    return sorted(statements, key=key)
