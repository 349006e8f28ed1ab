"""What is usual at a place: how many people by local weekday and quarter hour, with public and school holidays. Pure.

A quarter hour of a Tuesday is estimated from the Tuesdays, and from the other working days with the weight of
``_SHRINK`` days in all (shrinkage towards the group's mean: W. James, C. Stein, *Estimation with quadratic loss*,
1961): after two weeks a Tuesday is mostly a working day, after three months mostly a Tuesday. Means are taken of
``sqrt(people + 3/8)``, whose spread hardly depends on the mean (F. J. Anscombe, *The transformation of Poisson,
binomial and negative-binomial data*, Biometrika 35, 1948), so that one crowded evening moves them little. Newer days
weigh more, with a half-life of five weeks. Days on which the place was as good as empty, or closed all day by its
hours, are not usual: they are learned apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

QUARTERS: Final = 96
"""Of a local day. On the nights of the clock change one hour has no value, or one has two: the later counts."""
QUARTER_US: Final = 900_000_000
HOLIDAY: Final = 7
"""The kind of day after the weekdays 0 to 6 (Monday to Sunday): a public holiday."""
KINDS: Final = 8
"""How many kinds of days there are."""
_GROUP: Final = (0, 0, 0, 0, 0, 1, 2, 3)
"""Of a kind of day: which days are alike."""
_SHRINK: Final = 4.0
_HALF_LIFE_DAYS: Final = 35.0
_EMPTY: Final = 0.15
"""A day with less than this share of its weekday's median is as good as empty."""
_KNOWN: Final = 0.5
"""A quarter hour of which less is known counts as unknown."""
_SCHOOL_SHRINK: Final = 5.0
"""Days: the effect of school holidays is believed once it was seen on more days than this."""

Sample = tuple[int | datetime, float | None, float]
"""The start of a quarter hour (µs since the epoch, or aware), the mean number of people, the share of it known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """What a place's days are. Without holidays every day is its weekday, and school holidays are not known."""

    zone: ZoneInfo
    public_holiday: Callable[[date], bool] = lambda _day: False
    school_holidays: Callable[[date], bool | None] = lambda _day: None
    opened: Callable[[int], bool] | None = None
    """Whether the place is open at an instant (µs); None: its hours are not known."""

    def kind(self, day: date) -> int:
        """Return the weekday, 0 to 6, or ``HOLIDAY``."""
        return HOLIDAY if self.public_holiday(day) else day.weekday()

    def closed_all_day(self, day: date) -> bool:
        """Return whether the hours say that the place doesn't open on ``day``."""
        if self.opened is None:
            return False
        start = self.instant(day, 0)
        return not any(self.opened(start + quarter * QUARTER_US) for quarter in range(0, QUARTERS, 2))

    def local(self, at: int) -> tuple[date, int]:
        """Return the local day and quarter hour of an instant."""
        return _local(at // 1_000_000, self.zone)

    def instant(self, day: date, quarter: int) -> int:
        """Return when a local quarter hour begins, µs."""
        moment = datetime(day.year, day.month, day.day, quarter // 4, quarter % 4 * 15, tzinfo=self.zone)
        return round(moment.timestamp()) * 1_000_000


@lru_cache(maxsize=8192)
def _local(at_s: int, zone: ZoneInfo) -> tuple[date, int]:
    moment = datetime.fromtimestamp(at_s, zone)
    return moment.date(), moment.hour * 4 + moment.minute // 15


Day = list[float | None]
"""People by local quarter hour; None: not known."""


def micros(at: int | datetime) -> int:
    """Return an instant in µs since the epoch.

    Raises:
        ValueError: a naive datetime.
    """
    if isinstance(at, int):
        return at
    if at.tzinfo is None:
        raise ValueError("a naive datetime: quarter hours begin at an instant, so give it a time zone")
    return round(at.timestamp()) * 1_000_000


def days_of(history: Iterable[Sample], calendar: Calendar) -> dict[date, Day]:
    """Sort quarter hours into local days."""
    days: dict[date, Day] = {}
    for start, mean, known in history:
        if mean is None or known < _KNOWN or not math.isfinite(mean):
            continue
        day, quarter = calendar.local(micros(start))
        days.setdefault(day, [None] * QUARTERS)[quarter] = max(0.0, mean)
    return days


def root(people: float) -> float:
    """Return the variance-stabilised number of people."""
    return math.sqrt(people + 0.375)


def people(value: float) -> float:
    """Return the number of people of a stabilised value; the inverse of ``root``, and never negative."""
    return max(0.0, value * value - 0.375) if value > 0 else 0.0


ZERO: Final = root(0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """The usual of one space, in the stabilised scale, by kind of day and quarter hour."""

    curves: Sequence[Sequence[float]]
    school: float
    """What school holidays change, as a share of the curve's height above nobody: -0.2 is a fifth less."""
    seen: Sequence[int]
    """How many days it is learned from, by kind of day; a holiday's are also a Sunday's."""
    empty: Sequence[tuple[float, float, float]]
    """By hour: low, median and high (5, 50, 95 %) of people on days that were as good as empty, or closed."""
    days: int
    """How many days it is learned from."""

    def at(self, kind: int, quarter: int, *, school: bool | None) -> float:
        """Return the stabilised value of a quarter hour."""
        curve = self.curves[kind][quarter]
        return curve + self.school * (curve - ZERO) if school else curve

    def knows(self, kind: int) -> bool:
        """Return whether days like these were ever seen."""
        alike = [other for other in range(KINDS) if _GROUP[other] == _GROUP[kind]]
        return any(self.seen[other] for other in (*alike, *((6,) if kind == HOLIDAY else ())))


class Sums:
    """Weighted sums by kind of day and quarter hour, from which the usual with or without one day is made."""

    def __init__(self, days: Mapping[date, Day], calendar: Calendar, today: date) -> None:
        self.days = days
        self.kinds = {day: calendar.kind(day) for day in days}
        self.schools = {day: calendar.school_holidays(day) for day in days}
        self.weights = {day: 0.5 ** ((today - day).days / _HALF_LIFE_DAYS) for day in days}
        self.empty = _empty_days(days, self.kinds, calendar)
        self.rooted = {day: [None if one is None else root(one) for one in values] for day, values in days.items()}
        kernel = _KERNELS[_grain(days.values())]
        self.smooth = {day: _smoothed(values, kernel) for day, values in self.rooted.items()}
        self.school = 0.0
        self._fill()
        if any(self.schools.values()):
            self.school = self._school_effect()
            self._fill()

    def _fill(self) -> None:
        self._sum = [[0.0] * QUARTERS for _ in range(KINDS)]
        self._weight = [[0.0] * QUARTERS for _ in range(KINDS)]
        for day, values in self.smooth.items():
            if day in self.empty:
                continue
            kind, weight = self.kinds[day], self.weights[day]
            sums, weights = self._sum[kind], self._weight[kind]
            for quarter, value in enumerate(values):
                if value is not None:
                    sums[quarter] += weight * self.plain(day, value)
                    weights[quarter] += weight
        self._group_sum = _by_group(self._sum)
        self._group_weight = _by_group(self._weight)

    def plain(self, day: date, value: float) -> float:
        """Return a value with the effect of school holidays taken out."""
        return ZERO + (value - ZERO) / (1 + self.school) if self.school and self.schools[day] else value

    def _school_effect(self) -> float:
        """Return by how much days in school holidays differ, relative to the usual of the other days."""
        above = lacking = 0.0
        others = {day: values for day, values in self.rooted.items() if not self.schools[day] and day not in self.empty}
        if not others:
            return 0.0
        seen = 0
        for day, values in self.rooted.items():
            if not self.schools[day] or day in self.empty or self.kinds[day] == HOLIDAY:
                continue
            seen += 1
            for quarter, value in enumerate(values):
                if value is not None:
                    height = self.value(self.kinds[day], quarter) - ZERO
                    above += height * height
                    lacking += height * (value - ZERO - height)
        effect = lacking / above if above else 0.0
        share = len(others) / (len(others) + seen)  # the usual holds these days too
        return max(-0.9, min(1.0, effect / max(share, 0.2) * seen / (seen + _SCHOOL_SHRINK)))

    def value(self, kind: int, quarter: int, *, but: float = 0.0, weight: float = 0.0) -> float:
        """Return the usual; ``but``: leave this value of that weight out."""
        group = _GROUP[kind]
        total = self._group_weight[group][quarter] - weight
        if total > 1e-9:
            mean = (self._group_sum[group][quarter] - weight * but) / total
        elif kind == HOLIDAY:
            mean = self.value(6, quarter)
        else:
            mean = ZERO
        own = self._weight[kind][quarter] - weight
        return (self._sum[kind][quarter] - weight * but + _SHRINK * mean) / (own + _SHRINK)

    def usual(self) -> Usual:
        """Return the usual of all days."""
        empty: list[list[float]] = [[0.0] for _ in range(24)]
        for day in self.empty:
            for quarter, value in enumerate(self.days[day]):
                if value is not None:
                    empty[quarter // 4].append(value)
        seen = [0] * KINDS
        for day, kind in self.kinds.items():
            seen[kind] += day not in self.empty
        return Usual(
            curves=[[self.value(kind, quarter) for quarter in range(QUARTERS)] for kind in range(KINDS)],
            school=self.school,
            seen=seen,
            empty=[_three(sorted(values)) for values in empty],
            days=len(self.days) - len(self.empty),
        )


def _three(ordered: Sequence[float]) -> tuple[float, float, float]:
    last = len(ordered) - 1
    return ordered[int(0.05 * last)], ordered[round(0.5 * last)], ordered[math.ceil(0.95 * last)]


_KERNELS: Final = {1: ((-2, 1), (-1, 2), (0, 3), (1, 2), (2, 1)), 2: ((-2, 1), (0, 2), (2, 1)), 4: ((0, 1),)}
"""Steps and weights of the smoothing of quarter hours, by how many of them are always equal."""


def _grain(days: Iterable[Day]) -> int:
    """Return how many quarter hours always have the same number: 2 or 4 where people are counted less often."""
    equal = {2: 0, 4: 0}
    seen = 0
    for values in days:
        for start in range(0, QUARTERS, 4):
            hour = values[start : start + 4]
            if None in hour or not any(hour):
                continue
            seen += 1
            equal[2] += hour[0] == hour[1] and hour[2] == hour[3]
            equal[4] += hour[0] == hour[1] == hour[2] == hour[3]
    return next((grain for grain in (4, 2) if seen and equal[grain] > 0.95 * seen), 1)


def _smoothed(values: Sequence[float | None], kernel: Sequence[tuple[int, int]]) -> Day:
    """Return each value with those beside it: single quarter hours of a few weeks are too uneven."""
    last = len(values)
    found: Day = []
    for quarter, own in enumerate(values):
        if own is None:
            found.append(None)
            continue
        total = weights = 0.0
        for step, weight in kernel:
            at = quarter + step
            if 0 <= at < last and (value := values[at]) is not None:
                total += weight * value
                weights += weight
        found.append(total / weights)
    return found


def _by_group(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    groups = [[0.0] * QUARTERS for _ in range(max(_GROUP) + 1)]
    for kind, row in enumerate(rows):
        group = groups[_GROUP[kind]]
        for quarter, value in enumerate(row):
            group[quarter] += value
    return groups


def _empty_days(days: Mapping[date, Day], kinds: Mapping[date, int], calendar: Calendar) -> frozenset[date]:
    """Return the days that say nothing of the usual: closed all day, or as good as empty where usually they aren't."""
    totals = {day: sum(value for value in values if value) for day, values in days.items()}
    usual = {
        kind: median([totals[day] for day in days if kinds[day] == kind] or [0.0]) for kind in range(KINDS)
    }  # fmt: skip
    workday = median([usual[kind] for kind in range(5)])
    found = set()
    for day, total in totals.items():
        kind = kinds[day]
        expected = max(usual[kind], workday / 2) if kind < 5 else usual[kind]
        if total < _EMPTY * expected or calendar.closed_all_day(day):
            found.add(day)
    return frozenset(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualHour:
    """What is usual in one local hour of one kind of day: people, and from how many days it is known."""

    kind: int
    """0 Monday to 6 Sunday, 7 a public holiday."""
    hour: int
    median: float
    low: float
    high: float
    """The 5 and 95 % quantiles of the hours' means."""
    days: int


def usual(
    history: Iterable[Sample], calendar: Calendar, now: int | datetime, *, school: bool = False
) -> tuple[UsualHour, ...]:
    """Return the usual of each kind of day and hour that the history knows anything of.

    The quantiles are weighted: each day of the same kind counts as in the mean (newer ones more), and the other days of
    its group share the weight of ``_SHRINK`` days.

    Args:
        history: quarter hours, in any order.
        calendar: the place's.
        now: weights are as of then; later quarter hours are left out.
        school: of days in school holidays instead of the others.
    """
    until = micros(now)
    today, _ = calendar.local(until)
    days = days_of((one for one in history if micros(one[0]) < until), calendar)
    sums = Sums(days, calendar, today) if days else None
    if sums is None:
        return ()
    hours = {day: _hours(values) for day, values in days.items() if day not in sums.empty}
    factor = 1 + sums.school if school else 1.0
    found = []
    for kind in range(KINDS):
        for hour in range(24):
            own: list[tuple[float, float]] = []
            others: list[tuple[float, float]] = []
            for day, means in hours.items():
                mean = means[hour]
                if mean is None or _GROUP[sums.kinds[day]] != _GROUP[kind]:
                    continue
                value = people(ZERO + (sums.plain(day, root(mean)) - ZERO) * factor)
                (own if sums.kinds[day] == kind else others).append((value, sums.weights[day]))
            if not own and not others:
                continue
            shared = _SHRINK / max(1.0, sum(weight for _, weight in others))
            weighed = sorted(own + [(value, weight * min(1.0, shared)) for value, weight in others])
            low, middle, high = (_quantile(weighed, level) for level in (0.05, 0.5, 0.95))
            found.append(UsualHour(kind=kind, hour=hour, median=middle, low=low, high=high, days=len(own)))
    return tuple(found)


def _hours(values: Day) -> list[float | None]:
    means: list[float | None] = []
    for hour in range(24):
        known = [value for value in values[4 * hour : 4 * hour + 4] if value is not None]
        means.append(sum(known) / len(known) if known else None)
    return means


def _quantile(weighed: Sequence[tuple[float, float]], level: float) -> float:
    aim = level * sum(weight for _, weight in weighed)
    passed = 0.0
    for value, weight in weighed:
        passed += weight
        if passed >= aim:
            return value
    return weighed[-1][0]
