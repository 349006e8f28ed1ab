"""The plans of a place's people for one day; pure, from the seed and the date.

Times are seconds after local midnight. A plan is an intention: a person refused at the door stays outside.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from simulator.sample.people import Member, stranger_card

LUNCH_S: Final = (11.75 * 3600, 13.25 * 3600)
DAY_S: Final = 86_400.0
WEEKDAYS: Final = (0.85, 1.0, 0.8, 1.05, 0.65, 1.0, 1.0)
"""How busy the days are beside each other, Monday first; Fridays are worked at home."""

Follows = Literal["held", "slips"]
"""Through the door that another holds open, or behind another before it shuts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Something done away from the desk."""

    kind: Literal["lunch", "meeting", "lab", "pause"]
    start_s: float
    end_s: float
    space: str | None = None
    """The room of a meeting, the lab; None outside (lunch) or in the place's common parts (pause)."""
    forgets_out: bool = False
    """Leaves for lunch without badging."""
    follows: Follows | None = None
    """How he or she comes back from lunch, where not with a badge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A member's day."""

    member: Member
    arrive_s: float
    leave_s: float
    errands: tuple[Errand, ...]
    """In order, apart from each other, within the stay."""
    follows: Follows | None = None
    """How he or she comes in, where not with a badge; see ``simulator.unbadged``."""
    forgets_out: bool = False
    """Leaves without badging in the evening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """A stranger tries the door with a card that is not enrolled."""

    at_s: float
    card: str


def plan_day(
    seed: int, place_code: str, day: date, people: Sequence[Member], *, rooms: Sequence[str], labs: Sequence[str]
) -> tuple[tuple[Visit, ...], tuple[Stranger, ...]]:
    """Return who comes to a place on ``day`` and what they mean to do, and the strangers at its door."""
    dice = random.Random(f"{seed}/{place_code}/{day.isoformat()}")
    share = _liveliness(seed, place_code) * WEEKDAYS[day.weekday()]
    coming = [one for one in people if day.weekday() in one.workdays and dice.random() < one.attendance * share]
    stays = {one.ref: _stay(one, dice) for one in coming}
    meetings = _meetings(coming, stays, rooms, dice)
    visits = tuple(_visit(one, stays[one.ref], meetings[one.ref], labs, dice) for one in coming)
    busy = day.weekday() < 5
    strangers = tuple(
        Stranger(at_s=dice.uniform(8, 19) * 3600, card=stranger_card(seed, f"{place_code}/{day.isoformat()}", number))
        for number in range(dice.choice((0, 0, 1)) if busy else 0)
    )
    return visits, strangers


def _liveliness(seed: int, place_code: str) -> float:
    """Return how well a place goes, 0.3 to 1: some are always nearly full and some nearly empty."""
    return 0.3 + 0.7 * math.sqrt(random.Random(f"{seed}/{place_code}").random())


def _stay(member: Member, dice: random.Random) -> tuple[float, float]:
    arrive = min(20 * 3600.0, max(6.5 * 3600, dice.gauss(member.arrival_s, member.arrival_spread_s)))
    leave = min(21.5 * 3600, max(arrive + 2400, arrive + dice.gauss(member.stay_s, 2400)))
    return arrive, leave


def _meetings(
    coming: Sequence[Member], stays: dict[str, tuple[float, float]], rooms: Sequence[str], dice: random.Random
) -> dict[str, list[Errand]]:
    """Fill the rooms with meetings of two to six of those who are there then."""
    found: dict[str, list[Errand]] = {one.ref: [] for one in coming}
    for room in rooms:
        free_from = 9.25 * 3600
        for _ in range(dice.randint(1, 4)):
            start = free_from + dice.uniform(0, 7200)
            end = start + dice.choice((1800, 2700, 3600, 5400))
            if start > 17 * 3600 or (start < LUNCH_S[1] and end > LUNCH_S[0]):
                free_from = max(end, LUNCH_S[1] + 3600)
                continue
            there = [one for one in coming if stays[one.ref][0] + 600 < start and end + 600 < stays[one.ref][1]]
            free = [one for one in there if _is_free(found[one.ref], start, end)]
            wanting = [one for one in free if dice.random() < one.meets / 2]
            if len(wanting) >= 2:
                for one in wanting[:6]:
                    late = dice.uniform(-60, 180)
                    errand = Errand(kind="meeting", start_s=start + late, end_s=end + dice.uniform(0, 120), space=room)
                    found[one.ref].append(errand)
            free_from = end + 300
    return found


def _is_free(errands: Sequence[Errand], start: float, end: float) -> bool:
    return all(end + 300 < one.start_s or one.end_s + 300 < start for one in errands)


def _visit(
    member: Member, stay: tuple[float, float], meetings: list[Errand], labs: Sequence[str], dice: random.Random
) -> Visit:
    arrive, leave = stay
    errands = list(meetings)

    def add(kind: Literal["lunch", "lab", "pause"], start: float, length: float, space: str | None = None) -> None:
        if arrive + 900 < start and start + length + 900 < leave and _is_free(errands, start, start + length):
            errands.append(Errand(kind=kind, start_s=start, end_s=start + length, space=space))

    if dice.random() < member.lunch_out:
        add("lunch", dice.uniform(*LUNCH_S), dice.uniform(35, 75) * 60)
    if labs and dice.random() < 0.2:
        add("lab", dice.uniform(9.5, 17) * 3600, dice.uniform(30, 120) * 60, dice.choice(list(labs)))
    for _ in range(dice.randint(1, 3)):
        add("pause", dice.uniform(arrive, leave), dice.uniform(4, 15) * 60)
    return Visit(
        member=member,
        arrive_s=arrive,
        leave_s=leave,
        errands=tuple(sorted(errands, key=lambda one: one.start_s)),
    )
