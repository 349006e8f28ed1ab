"""Whether public numbers of larger places tell who comes: which of two months holds a member's visits?

``python -m benchmarks.privacy [--members N]``. docs/privacy.md describes the protocol. The people are the simulator's;
their counts are taken as exact, which is the worst case: sensors' mistakes only help the member.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from statistics import mean
from typing import Final

from benchmarks.report import Result, finish, progress
from occupancy.public import Rule
from simulator.days import plan_day
from simulator.sample.people import Member, members

LIMIT: Final = 0.55
SIZES: Final = (12, 16, 24, 36, 48, 60)
"""Seats of the places; each has three members for two seats."""
DAYS: Final = 28
_SEED: Final = 7
_MONTHS: Final = 12
_KNOWN: Final = 6
"""Months before the two in question, which the guesser knows with all that happened in them."""
_FIRST: Final = date(2026, 1, 5)
_FROM, _TO = 26, 88
"""The quarter hours of a day that are looked at: 06:30 to 22:00."""
_QUARTER_S: Final = 900

Day = tuple[int, tuple[float, ...]]
"""The day of the week, and the public number in each quarter hour."""
Guesser = Callable[[Sequence[Day]], float]
"""Scores a month: the higher, the likelier the member came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """A day of a place: how many people were in at each quarter hour, and when each member was."""

    weekday: int
    people: tuple[int, ...]
    inside: Mapping[str, frozenset[int]]

    def without(self, ref: str) -> tuple[int, ...]:
        """How many people were in beside the member ``ref``."""
        mine = self.inside.get(ref, frozenset())
        return tuple(number - (quarter in mine) for quarter, number in enumerate(self.people))


def live(seed: int, code: str, people: Sequence[Member], months: int) -> list[list[Lived]]:
    """Let a place live for so many months of four weeks."""
    return [
        [_day(seed, code, people, _FIRST + timedelta(days=DAYS * month + day)) for day in range(DAYS)]
        for month in range(months)
    ]


def _day(seed: int, code: str, people: Sequence[Member], day: date) -> Lived:
    visits, _ = plan_day(seed, code, day, people, rooms=(), labs=())
    inside: dict[str, frozenset[int]] = {}
    for visit in visits:
        stays, start = [], visit.arrive_s
        for errand in visit.errands:
            if errand.kind == "lunch":
                stays.append((start, errand.start_s))
                start = errand.end_s
        stays.append((start, visit.leave_s))
        inside[visit.member.ref] = frozenset(
            quarter - _FROM
            for came, left in stays
            for quarter in range(math.ceil(came / _QUARTER_S), math.ceil(left / _QUARTER_S))
            if _FROM <= quarter < _TO
        )
    counts = [0] * (_TO - _FROM)
    for quarters in inside.values():
        for quarter in quarters:
            counts[quarter] += 1
    return Lived(weekday=day.weekday(), people=tuple(counts), inside=inside)


def guessers(ref: str, known: Sequence[Sequence[Lived]], shown: Callable[[int], float]) -> dict[str, Guesser]:
    """Make the guessers, who know the member's usual hours and what is usual in the place without the member.

    ``total``: the sum of all numbers. ``habit``: that of the hours in which the member usually is in. ``matched``: the
    filter that is the best one for a known visit in noise that differs from day to day. ``ends``: how early each day
    leaves its lowest number and how late it comes back. ``moves``: how often the answer changes. ``usual``: how the
    usual hours, learned from the month, differ from those before; ``total`` is the sum of the public history's means.
    """
    width = _TO - _FROM
    habit: dict[int, list[float]] = defaultdict(lambda: [0.0] * width)
    usual: dict[int, list[float]] = defaultdict(lambda: [0.0] * width)
    days: dict[int, int] = defaultdict(int)
    public = [(day, [shown(number) for number in day.without(ref)]) for month in known for day in month]
    for day, numbers in public:
        days[day.weekday] += 1
        for quarter in day.inside.get(ref, ()):
            habit[day.weekday][quarter] += 1
        usual[day.weekday] = [sofar + one for sofar, one in zip(usual[day.weekday], numbers, strict=True)]
    for weekday, count in days.items():
        habit[weekday] = [one / count for one in habit[weekday]]
        usual[weekday] = [one / count for one in usual[weekday]]

    def unusual(weekday: int, numbers: Sequence[float]) -> float:
        return sum(p * (n - u) for p, n, u in zip(habit[weekday], numbers, usual[weekday], strict=True))

    noise: dict[int, list[float]] = defaultdict(list)
    for day, numbers in public:
        noise[day.weekday].append(unusual(day.weekday, numbers) ** 2)
    weight = {one: sum(p * p for p in habit[one]) / (mean(noise[one]) + 0.01) for one in days}
    lowest = shown(0)

    def ends(month: Sequence[Day]) -> float:
        score = 0.0
        for _, numbers in month:
            above = [quarter for quarter, number in enumerate(numbers) if number > lowest]
            score += width - above[0] + above[-1] if above else 0
        return score

    def hours(month: Sequence[Day]) -> dict[tuple[int, int], float]:
        found: dict[tuple[int, int], list[float]] = defaultdict(list)
        for weekday, numbers in month:
            for quarter, number in enumerate(numbers):
                found[weekday, (_FROM + quarter) // 4].append(number)
        return {hour: shown(round(mean(one))) for hour, one in found.items()}

    before = hours([(day.weekday, tuple(numbers)) for day, numbers in public])

    return {
        "usual": lambda month: sum(number - before[hour] for hour, number in hours(month).items()),
        "total": lambda month: sum(sum(numbers) for _, numbers in month),
        "habit": lambda month: sum(
            sum(p * n for p, n in zip(habit[weekday], numbers, strict=True)) for weekday, numbers in month
        ),
        "matched": lambda month: sum(weight[weekday] * unusual(weekday, numbers) for weekday, numbers in month),
        "ends": ends,
        "moves": lambda month: sum(a != b for _, numbers in month for a, b in pairwise(numbers)),
    }


def asked(count: int, sizes: Sequence[int] = SIZES) -> Iterator[tuple[int, list[list[Lived]], str, int]]:
    """Choose ``count`` members who came in the month they are asked about: seats, months, member, that month."""
    dice = random.Random("7/asked")
    each = math.ceil(count / (2 * len(sizes)))
    left = count
    for size in sizes:
        for number in range(2):
            code = f"privacy-{size}-{number}"
            people = members(_SEED, code, size)
            months = live(_SEED, code, people, _MONTHS)
            for ref in dice.sample([one.ref for one in people], len(people))[: min(each, left)]:
                came = [n for n in range(_KNOWN, _MONTHS) if any(ref in day.inside for day in months[n])]
                if came:
                    left -= 1
                    yield size, months, ref, dice.choice(came)


def aucs(rule: Rule, count: int, *, same: bool, sizes: Sequence[int] = SIZES) -> dict[str, float]:
    """How often each guesser is right, half a time where it can't tell.

    ``same``: the two months are one, with and without the visits; else the one without is another of the same place.
    """
    right: dict[str, list[float]] = defaultdict(list)
    dice = random.Random("months")
    for size, months, ref, came in asked(count, sizes):
        shown = [rule.band(number, size).middle for number in range(3 * size + 1)]
        other = came if same else dice.choice([n for n in range(_KNOWN, _MONTHS) if n != came])
        with_visits = [(day.weekday, tuple(shown[n] for n in day.people)) for day in months[came]]
        without = [(day.weekday, tuple(shown[n] for n in day.without(ref))) for day in months[other]]
        for name, score in guessers(ref, months[:_KNOWN], shown.__getitem__).items():
            a, b = score(with_visits), score(without)
            right[name].append(0.5 if abs(a - b) < 1e-9 else float(a > b))
    return {name: mean(found) for name, found in right.items()}


def main() -> None:
    """Measure what a place shows, and what it would show with its numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=200, help="how many are asked about")
    options = parser.parse_args()
    results = []
    for what, rule in (("bands", Rule()), ("numbers", Rule(numbers=True))):
        for protocol, same in (("two_months", False), ("same_month", True)):
            found = aucs(rule, options.members, same=same)
            progress(f"{what}, {protocol}: " + ", ".join(f"{name} {one:.3f}" for name, one in found.items()))
            results += [
                Result(
                    name=f"{what}_{protocol}_{name}", value=one, unit="AUC", reference="limit", reference_value=LIMIT
                )
                for name, one in found.items()
            ]
    finish("privacy", results)


if __name__ == "__main__":
    main()
