"""The incidents of a place on one day; pure, from the seed and the date."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from simulator.sample.entitlements import Entitlement, HouseRules, Visitor
from simulator.sample.people import Member

Kind = Literal["visitor", "found_card", "lost_card", "codes", "wedge", "forced", "drill"]

CODES_TRIED: Final = 9
"""More than any policy's tries, so that the door has to slow down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One of them.

    ``visitor``: comes to see a host. ``found_card``: a stranger tries a card that was lost long ago. ``lost_card``: a
    member reports the card lost (given a front desk), and a stranger tries it. ``codes``: a stranger types
    codes. ``wedge``: the next person keeps the door open. ``forced``: it is broken open. ``drill``: everybody out.
    """

    kind: Kind
    at_s: float
    """Seconds after local midnight."""
    member: Member | None = None
    card: str | None = None
    visitor: Visitor | None = None


def incidents_of(
    seed: int,
    place: str,
    day: date,
    *,
    people: Sequence[Member],
    entitlements: Sequence[Entitlement],
    visitors: Sequence[Visitor],
    house: HouseRules,
) -> tuple[Incident, ...]:
    """Return the incidents at ``place`` on ``day``; ``entitlements`` are those of ``people``, in their order."""
    dice = random.Random(f"{seed}/{place}/{day.isoformat()}/incidents")
    found: list[Incident] = []
    busy = day.weekday() < 5

    def rarely(kind: Kind, chance: float, first_h: float, last_h: float, **more: Member | str | None) -> None:
        happens, at_s = dice.random() < chance, dice.uniform(first_h, last_h) * 3600
        if happens:
            found.append(Incident(kind=kind, at_s=at_s, **more))  # type: ignore[arg-type]  # by the caller

    if busy:
        found += [
            Incident(kind="visitor", at_s=dice.uniform(9.5, 16) * 3600, visitor=one)
            for one in visitors
            if dice.random() < 0.5
        ]
    lost = [one.lost_card for one in entitlements if one.lost_card is not None]
    rarely("found_card", 0.1 if lost else 0.0, 8, 20, card=dice.choice(lost) if lost else None)
    away = [one for one in people if day.weekday() not in one.workdays]
    loser = dice.choice(away) if away else None
    rarely("lost_card", 0.06 if loser is not None and busy else 0.0, 10, 16, member=loser)
    rarely("codes", 0.1 if house.keypad else 0.0, 7, 22)
    rarely("wedge", 0.04 if busy else 0.0, 8.5, 17)
    rarely("forced", 0.01, 0.5, 23)
    rarely("drill", 0.01 if busy else 0.0, 10, 11.5)
    return tuple(sorted(found, key=lambda one: one.at_s))
