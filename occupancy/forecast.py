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

from occupancy.departures import HORIZONS, KEPT, MEDIAN, SNAPPED, Learnt, Track, learn, rounded
from occupancy.regression import FACTS
from occupancy.usual import QUARTER_US, QUARTERS, ZERO, Calendar, Day, Sample, days_of, micros, people, root

LEAST_DAYS: Final = 5
AHEAD: Final = QUARTERS
"""Quarter hours of a whole forecast: 24 hours."""
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
    days: dict[date, tuple[int, bool | None, bool]] = {}
    for start, value in recent:
        day, quarter = calendar.local(start)
        if day not in days:
            days[day] = calendar.kind(day), calendar.school_holidays(day), not calendar.closed_all_day(day)
        kind, school, counts = days[day]
        base = learnt.usual.at(kind, quarter, school=school)
        track.step(quarter, None if value is None else root(value) - base, base - ZERO, counts=counts)
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
    look = _Look(learnt, calendar, track, (origin, quarter), most)
    empty_days = _empty_days(learnt, track)
    empty_until = calendar.instant(origin + timedelta(days=empty_days), 0) if empty_days else 0
    days: dict[date, _Ahead] = {}
    found = []
    for at in targets:
        day, its = calendar.local(at)
        known = days.get(day)
        if known is None:
            known = days[day] = _Ahead(learnt, calendar, day)
        if known.closed or at < empty_until:
            found.append(look.stays(at, (at - last) // QUARTER_US, its // 4) or _as_empty(learnt, at, its, most))
        elif known.curve is None:
            found.append(unknown(at))
        else:
            base = known.curve[its]
            if known.school:
                base += learnt.usual.school * (base - ZERO)
            found.append(look.at(at, (at - last) // QUARTER_US, base, its // 4))
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
        reach = quantiles[MEDIAN] - quantiles[0]
        return KEPT[0] * max(0.0, 1 - (quantiles[0] - value) / reach) if reach else 0.0
    index = bisect_right(quantiles, value)
    if index == len(quantiles):
        reach = quantiles[-1] - quantiles[MEDIAN]
        return 1 - (1 - KEPT[-1]) * max(0.0, 1 - (value - quantiles[-1]) / reach) if reach else 1.0
    below, above = quantiles[index - 1], quantiles[index]
    share = (value - below) / (above - below)
    return KEPT[index - 1] + share * (KEPT[index] - KEPT[index - 1])


def _empty_days(learnt: Learnt, track: Track) -> int:
    """Return on how many days from today on nobody is expected, since nobody comes: the place may be closed."""
    if learnt.empty_means_empty and track.looks_empty():
        return 2 if learnt.empty_runs else 1
    return int(learnt.empty_runs and track.was_empty and track.came < 0.5)


class _Ahead:
    """What is known of a day before it comes."""

    def __init__(self, learnt: Learnt, calendar: Calendar, day: date) -> None:
        kind = calendar.kind(day)
        self.closed = calendar.closed_all_day(day)
        self.school = calendar.school_holidays(day)
        self.curve = learnt.usual.curves[kind] if learnt.usual.knows(kind) else None
        """None: no such day was ever seen."""


def _between() -> tuple[tuple[int, int, float], ...]:
    """Return for each number of quarter hours the learned horizons around it, and how near it is to the second."""
    found = [(0, 0, 0.0)]
    for steps in range(1, HORIZONS[-1] + 1):
        above = next(index for index, horizon in enumerate(HORIZONS) if horizon >= steps)
        below = above if HORIZONS[above] == steps else above - 1
        wide = HORIZONS[above] - HORIZONS[below]
        found.append((below, above, (steps - HORIZONS[below]) / wide if wide else 0.0))
    return tuple(found)


_BETWEEN: Final = _between()
_NOBODY: Final = ZERO + 1e-9


class _Look:
    """One look ahead: what becomes of the departure at each learned horizon, computed once."""

    def __init__(self, learnt: Learnt, calendar: Calendar, track: Track, origin: tuple[date, int], most: float) -> None:
        day, quarter = origin
        start = quarter * len(learnt.fits[0]) // FACTS // QUARTERS * FACTS
        self._learnt = learnt
        self._start = start
        self._alone: list[float] | None = None
        self._carried = [sum(map(mul, fits[start : start + FACTS], track.facts)) for fits in learnt.fits]
        self._most = most
        self._present = None
        if track.known():
            base = learnt.usual.at(calendar.kind(day), quarter, school=calendar.school_holidays(day))
            self._present = people(base + track.facts[0])

    def stays(self, at: int, steps: int, hour: int) -> Quantiles | None:
        """Return the distribution where nobody is expected but somebody is there; None: nobody is."""
        if self._present is None or self._present < 0.5:
            return None
        if self._alone is None:
            height = root(self._present) - ZERO
            self._alone = [fits[self._start] * height for fits in self._learnt.fits]
        usually, self._carried = self._carried, self._alone
        found = self.at(at, steps, ZERO, hour)
        self._carried = usually
        return found

    def at(self, at: int, steps: int, base: float, hour: int) -> Quantiles:
        """Return the distribution of people ``steps`` quarter hours ahead; ``base``: the usual there, stabilised."""
        below, above, share = _BETWEEN[1 if steps < 1 else min(steps, AHEAD)]
        learnt, carried, present = self._learnt, self._carried, self._present
        height = base - ZERO
        first, scale = carried[below], learnt.scales[below][hour]
        if share:
            first += share * (carried[above] - first)
            scale += share * (learnt.scales[above][hour] - scale)
        if not present:  # usually nobody is there, and nobody is: no departure to carry
            if height < 0.05:
                first = 0.0
            if height < 0.02:
                scale *= max(0.0, height) / 0.02
        middle = base + first
        curve = []
        for rest in learnt.rests[above]:
            value = middle + scale * rest
            curve.append(value * value - 0.375 if value > _NOBODY else 0.0)
        if curve[-1] > self._most:
            curve = [min(self._most, value) for value in curve]
        if present is not None and below < SNAPPED:
            median = min(self._most, rounded(curve[MEDIAN], present, learnt.rounding[below]))
            for index, value in enumerate(curve):
                if index == MEDIAN or (value > median) == (index < MEDIAN):
                    curve[index] = median
        return Quantiles(at=at, median=curve[MEDIAN], low=curve[0], high=curve[-1], curve=tuple(curve))


def _as_empty(learnt: Learnt, at: int, quarter: int, most: float) -> Quantiles:
    """Return the distribution on a day like those on which nobody came."""
    low, middle, high = (min(most, value) for value in learnt.usual.empty[quarter // 4])
    curve = (low, low, (low + middle) / 2, middle, (middle + high) / 2, high, high)
    return Quantiles(at=at, median=middle, low=low, high=high, curve=curve)


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
