"""What is to be billed: uses of passes, months of subscriptions, passes that are paid once, bookings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

ItemKind = Literal["use", "month", "once", "booking"]
Billing = ItemKind
"""What a rate asks its price for: each unit used, each month of the pass, the pass as a whole, or a booking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to bill, once: pass, kind and slot name it for ever."""

    pass_ref: str
    """Of a booking: its own reference."""
    member: str
    organisation: int | None
    """Pays, where the member belongs to one."""
    home: int | None
    """The place that bills; None: the network."""
    kind: ItemKind
    slot: int
    place: int | None
    """Where it was used; None: nowhere."""
    at: datetime
    day: date
    """Local to where it was used."""
    rate: str
    billed: Billing
    unit: str
    over: bool = False
    """It is beyond the pass's allowance."""
    categories: tuple[str, ...] = ()
    """Of the member, on that day."""
    cents: int | None = None
    """Of a booking: its price, as it was when it was booked."""

    @property
    def month(self) -> date:
        """The first day of its month."""
        return self.day.replace(day=1)


def item_of(row: Sequence[Any]) -> Item:
    """Read a row of ``database.billing.ITEMS`` or ``BOOKINGS``."""
    ref, member, organisation, home, kind, slot, place, at, day, rate, billed, unit, over, categories, cents = row
    return Item(
        pass_ref=ref,
        member=member,
        organisation=organisation,
        home=home,
        kind=kind,
        slot=slot,
        place=place,
        at=at,
        day=day,
        rate=rate,
        billed=billed,
        unit=unit,
        over=over,
        categories=tuple(categories),
        cents=cents,
    )
