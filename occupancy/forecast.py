"""The next hours of a space: how many people, and the chance of a free seat. Pure.

``forecast`` learns from the space's history (``usual``, ``departures``) and looks ahead: the usual of the target
quarter hour plus what becomes of today's departure from it, with the distribution of what such forecasts missed in
the past. A place that is closed all day by its hours, or that looks closed today, is forecast from its empty days.

Nothing is tuned to any place: all numbers but a few weights of shrinkage are learned from its own past. So a space of
which little is known has no forecast: fewer than ``LEAST_DAYS`` days, or no day like the target's (no Saturday yet).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import mul
from typing import Final
from zoneinfo import ZoneInfo

from occupancy.departures import HORIZONS, LEVELS, Learnt, Track, learn, rounded
from occupancy.regression import Facts
from occupancy.usual import QUARTER_US, QUARTERS, ZERO, Calendar, Day, Sample, days_of, micros, people, root

LEAST_DAYS: Final = 5
AHEAD: Final = QUARTERS
"""Quarter hours of a whole forecast: 24 hours."""
KEPT: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""The levels of the quantiles that a forecast consists of."""
_LOW, _MEDIAN, _HIGH = KEPT.index(0.05), KEPT.index(0.5), KEPT.index(0.95)
_WEEKS: Final = 16
"""What is older says nothing of now."""
ZONE: Final = "Europe/Paris"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """How many people there will be in one quarter hour. None: not known."""

    at: int
    """The start of the quarter hour, µs since the epoch."""
    median: float | None
    low: float | None
    high: float | None
    """The 5 and 95 % quantiles: with a chance of 90 % the truth lies between them."""
    curve: tuple[float, ...] = ()
    """The quantiles of ``KEPT``; empty if not known."""


def forecast(
    history: Iterable[Sample],
    capacity: int | None,
    now: int | datetime,
    horizons: Iterable[timedelta | float],
    *,
    calendar: Calendar | None = None,
) -> tuple[Quantiles, ...]:
    """Return the median and the 5 and 95 % quantiles at each horizon.

    Args:
        history: quarter hours (start, mean people or None, share known), in any order. What begins at ``now`` or later
            is left out; a quarter hour that ``now`` lies in may be there with its mean so far.
        capacity: of the space; no forecast exceeds it, unless the past did. None: not known.
        now: an instant, µs or aware.
        horizons: from now, as timedelta or minutes. The answer is for the quarter hour in which now + horizon lies.
        calendar: the place's time zone, holidays and hours; None: those of the history's datetimes, else Europe/Paris.

    Raises:
        ValueError: a naive datetime.
    """
    rows = list(history)
    moment = micros(now)
    calendar = calendar or Calendar(zone=_zone(rows))
    since = moment - _WEEKS * 7 * QUARTERS * QUARTER_US
    days = days_of((one for one in rows if since <= micros(one[0]) < moment), calendar)
    today, _ = calendar.local(moment)
    learnt = learn(days, calendar, today)
    targets = [_quarter(moment + _micros(horizon)) for horizon in horizons]
    if learnt is None:
        return tuple(unknown(at) for at in targets)
    start = calendar.instant(learnt.until, 0)
    recent = [(start + i * QUARTER_US, value) for i, value in _since(days, calendar, start, moment)]
    track, last = follow(learnt, calendar, Track.resumed(learnt.track), recent)
    return ahead(learnt, calendar, track, last, targets, capacity=capacity)


def follow(
    learnt: Learnt, calendar: Calendar, track: Track, recent: Iterable[tuple[int, float | None]]
) -> tuple[Track, int]:
    """Take the quarter hours since the track's last one, in order; return the track and the start of the newest.

    Args:
        learnt: of the space.
        calendar: of the place.
        track: changed.
        recent: the start of each quarter hour without a gap, and people; None: not known.
    """
    last = 0
    school: dict[date, bool | None] = {}
    for start, value in recent:
        day, quarter = calendar.local(start)
        if day not in school:
            school[day] = calendar.school_holidays(day)
        base = learnt.usual.at(calendar.kind(day), quarter, school=school[day])
        track.step(quarter, None if value is None else root(value) - base, base - ZERO)
        last = start
    return track, last


def ahead(
    learnt: Learnt, calendar: Calendar, track: Track, last: int, targets: Sequence[int], *, capacity: int | None
) -> tuple[Quantiles, ...]:
    """Look ahead from what is known: the distribution of people in each target quarter hour.

    Args:
        learnt: of the space.
        calendar: of the place.
        track: what is known at the end of the quarter hour ``last``.
        last: the start of the newest finished quarter hour, µs; 0: none since what was learned.
        targets: starts of quarter hours.
        capacity: see ``forecast``.
    """
    if learnt.usual.days < LEAST_DAYS:
        return tuple(unknown(at) for at in targets)
    last = last or calendar.instant(learnt.until, 0) - QUARTER_US
    most = max(learnt.most, capacity) if capacity is not None else 2 * learnt.most + 5
    origin, quarter = calendar.local(last)
    look = _Look(learnt, track.facts, quarter)
    present = None
    if (departure := track.facts[0]) and track.known():
        base = learnt.usual.at(calendar.kind(origin), quarter, school=calendar.school_holidays(origin))
        present = people(base + departure)
    elif track.known():
        present = people(learnt.usual.at(calendar.kind(origin), quarter, school=calendar.school_holidays(origin)))
    empty_until = calendar.instant(origin + timedelta(days=1), 0) if _empty(learnt, track) else 0
    closed: dict[date, bool] = {}
    found = []
    for at in targets:
        day, its = calendar.local(at)
        kind = calendar.kind(day)
        if day not in closed:
            closed[day] = calendar.closed_all_day(day)
        if at < empty_until or closed[day]:
            found.append(_as_empty(learnt, at, its, most))
        elif not learnt.usual.knows(kind):
            found.append(unknown(at))
        else:
            base = learnt.usual.at(kind, its, school=calendar.school_holidays(day))
            steps = (at - last) // QUARTER_US
            found.append(look.at(at, steps=steps, base=base, hour=its // 4, present=present, most=most))
    return tuple(found)


def unknown(at: int) -> Quantiles:
    """Return the forecast of a quarter hour of which nothing is known."""
    return Quantiles(at=at, median=None, low=None, high=None)


def chance(quantiles: Sequence[float], capacity: int, seats: int = 1) -> float:
    """Return the chance that at least ``seats`` are free: that at most ``capacity`` - ``seats`` people are there.

    People are whole, the quantiles are of a mean: half a person more still leaves the seat free.

    Args:
        quantiles: of ``KEPT``, ordered.
        capacity: seats in all.
        seats: how many are wanted.
    """
    room = capacity - seats
    if room < 0 or not quantiles:
        return 0.0
    value = room + 0.5
    if value < quantiles[0]:  # beyond an end the rest is spread as far again as the end is from the median
        reach = quantiles[_MEDIAN] - quantiles[0]
        return KEPT[0] * max(0.0, 1 - (quantiles[0] - value) / reach) if reach else 0.0
    index = bisect_right(quantiles, value)
    if index == len(quantiles):
        reach = quantiles[-1] - quantiles[_MEDIAN]
        return 1 - (1 - KEPT[-1]) * max(0.0, 1 - (value - quantiles[-1]) / reach) if reach else 1.0
    below, above = quantiles[index - 1], quantiles[index]
    share = (value - below) / (above - below)
    return KEPT[index - 1] + share * (KEPT[index] - KEPT[index - 1])


class _Look:
    """One look ahead: what becomes of the departure at each learned horizon, computed once."""

    def __init__(self, learnt: Learnt, facts: Facts, quarter: int) -> None:
        bucket = quarter * len(learnt.fits[0]) // QUARTERS
        self._learnt = learnt
        self._carried = [sum(map(mul, fits[bucket], facts)) for fits in learnt.fits]
        self._rests = [_rests(rests, tails) for rests, tails in zip(learnt.rests, learnt.tails, strict=True)]

    def at(self, at: int, *, steps: int, base: float, hour: int, present: float | None, most: float) -> Quantiles:
        """Return the distribution ``steps`` quarter hours after the last one that is known.

        ``base``: the usual there, stabilised; ``present``: people in the last one; ``most``: no quantile exceeds it.
        """
        steps = max(1, min(steps, HORIZONS[-1]))
        above = next(index for index, horizon in enumerate(HORIZONS) if horizon >= steps)
        below = above if HORIZONS[above] == steps else above - 1
        share = (steps - HORIZONS[below]) / (HORIZONS[above] - HORIZONS[below]) if above != below else 0.0
        learnt = self._learnt

        def between(first: float, second: float) -> float:
            return first + share * (second - first)

        height = base - ZERO
        carried = between(self._carried[below], self._carried[above])
        if height < 0.05 and not present:
            carried = 0.0  # usually nobody is there, and nobody is: no departure to carry
        scale = between(learnt.scales[below][hour], learnt.scales[above][hour])
        if height < 0.02 and not present:
            scale *= max(0.0, height) / 0.02
        middle = base + carried
        curve = [
            min(most, people(middle + scale * between(first, second)))
            for first, second in zip(self._rests[below], self._rests[above], strict=True)
        ]
        if present is not None and below < len(learnt.rounding):
            median = min(most, rounded(curve[_MEDIAN], present, learnt.rounding[below]))
            curve = (
                [min(one, median) for one in curve[:_MEDIAN]]
                + [median]
                + [max(one, median) for one in curve[_MEDIAN + 1 :]]
            )
        return Quantiles(at=at, median=curve[_MEDIAN], low=curve[_LOW], high=curve[_HIGH], curve=tuple(curve))


def _rests(rests: Sequence[float], tails: tuple[float, float]) -> tuple[float, ...]:
    """Return the quantiles of ``KEPT`` of what is left over, with the ends at their adapted levels."""
    low, high = tails
    return tuple(_at_level(rests, _warped(level, low, high)) for level in KEPT)


def _warped(level: float, low: float, high: float) -> float:
    """Move a level so that 5 % goes to ``low``, 95 % to 1 - ``high``, and the median stays."""
    if level > 0.5:
        return 1 - _warped(1 - level, high, low)
    return level * low / 0.05 if level <= 0.05 else low + (level - 0.05) / 0.45 * (0.5 - low)


def _at_level(rests: Sequence[float], level: float) -> float:
    place = level / LEVELS[0] - 1
    index = max(0, min(len(rests) - 2, int(place)))
    return rests[index] + (place - index) * (rests[index + 1] - rests[index])


def _as_empty(learnt: Learnt, at: int, quarter: int, most: float) -> Quantiles:
    """Return the distribution on a day like those on which nobody came."""
    low, middle, high = (min(most, value) for value in learnt.usual.empty[quarter // 4])
    curve = (low, low, (low + middle) / 2, middle, (middle + high) / 2, high, high)
    return Quantiles(at=at, median=middle, low=low, high=high, curve=curve)


def _empty(learnt: Learnt, track: Track) -> bool:
    return learnt.empty_means_empty and track.looks_empty()


def _since(days: dict[date, Day], calendar: Calendar, start: int, until: int) -> Iterable[tuple[int, float | None]]:
    for number in range(max(0, -(-(until - start) // QUARTER_US))):
        day, quarter = calendar.local(start + number * QUARTER_US)
        yield number, days[day][quarter] if day in days else None


def _zone(rows: Sequence[Sample]) -> ZoneInfo:
    zones = (one[0].tzinfo for one in rows if isinstance(one[0], datetime))
    return next((zone for zone in zones if isinstance(zone, ZoneInfo)), ZoneInfo(ZONE))


def _micros(horizon: timedelta | float) -> int:
    seconds = horizon.total_seconds() if isinstance(horizon, timedelta) else horizon * 60
    return round(seconds * 1_000_000)


def _quarter(at: int) -> int:
    return at // QUARTER_US * QUARTER_US
