"""How a place departs from its usual, and what becomes of it: learned from the place's own past. Pure.

The departure is the difference between the number of people and the usual, both variance-stabilised (``usual.root``).
For some horizons, and by the time of day at which one looks, the departure at the horizon is regressed on five facts
of now (``Track``): the departure, its change over an hour and over a quarter hour, the mean departure of today so
far, and that of the last days. This is the direct form of an autoregression: one fit for each horizon (G. Chevillon,
*Direct multi-step estimation and forecasting*, J. Economic Surveys 21, 2007), shrunk as ``occupancy.regression``
says.

What is left over is measured out of sample: the weeks are split in four, and each part is forecast by the fit of the
others (cross-validation; the usual leaves the day itself out). Its quantiles, in units of its size at that hour, are
the distribution of the forecast (conformal prediction: V. Vovk, A. Gammerman, G. Shafer, *Algorithmic Learning in a
Random World*, 2005). Then the levels of its ends follow what they missed lately, one step a day (adaptive conformal
inference: I. Gibbs, E. Candès, *Adaptive Conformal Inference Under Distribution Shift*, NeurIPS 2021): if the last
weeks fell outside more often than 5 %, the interval widens.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import pairwise
from operator import mul
from typing import Any, Final

from occupancy.regression import FACTS, Facts, Fit, fits_of, moments
from occupancy.usual import KINDS, QUARTERS, ZERO, Calendar, Day, Sums, Usual, people

HORIZONS: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 72, 96)
"""Quarter hours ahead for which a fit is learned; between them it is interpolated."""
KEPT: Final = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""The levels of the quantiles that a forecast consists of."""
MEDIAN: Final = KEPT.index(0.5)
DAWN: Final = 16
"""The quarter hour (04:00) at which what happened today begins anew."""
BUCKET: Final = 8
"""Quarter hours of one time of day."""
_BUCKETS: Final = QUARTERS // BUCKET
_FOLDS: Final = 4
_PULL: Final = 8.0 * BUCKET
"""Rows (eight days) that the fit of all times of day counts as in each."""
_ACTIVE: Final = 0.05
"""Above nobody (stabilised): a quarter hour in which usually somebody is there, however seldom."""
_SMALLEST: Final = 0.02
_STEP: Final = 0.05
"""Of adaptive conformal inference, a day."""
_TAIL: Final = 0.05
_LEAST_TAIL, _MOST_TAIL = 0.01, 0.1
_ROUNDINGS: Final = tuple((snap, hold) for snap in (0.0, 0.2, 0.35, 0.5) for hold in (0.0, 0.25, 0.5, 1.0, 2.0, 1e9))
SNAPPED: Final = 4
"""So many of the first horizons may round."""
_DUE: Final = 6.0
"""Person-quarters that are due before a day may look empty."""
_NEARLY_NOBODY: Final = 0.05
FORM: Final = 2
"""Of what is stored; raise it where the meaning of a field changes."""


class Track:
    """Follows a place quarter hour by quarter hour and says what is known now, for the regression."""

    def __init__(self, level: float = 0.0) -> None:
        self.level = level
        """The mean departure of the last days."""
        self._sum = self._count = 0.0
        self._last: list[float | None] = [None] * 5
        self.due = self.came = 0.0
        """Usual and real person-quarters since dawn."""
        self.was_empty = False
        """Nobody came on the last day on which somebody was due."""
        self.facts: Facts = (0.0, 0.0, 0.0, level, 0.0)
        """What is known after the last step."""

    @classmethod
    def resumed(cls, stored: Sequence[float | None]) -> Track:
        """Go on from what ``stored`` returned."""
        level, total, count, due, came, was_empty, *last = stored
        track = cls(level or 0.0)
        track._sum, track._count, track.due, track.came = total or 0.0, count or 0.0, due or 0.0, came or 0.0
        track.was_empty = bool(was_empty)
        track._last = list(last)
        return track

    def stored(self) -> list[float | None]:
        """Return its state, for ``resumed``."""
        return [self.level, self._sum, self._count, self.due, self.came, float(self.was_empty), *self._last]

    def known(self) -> bool:
        """Return whether any of the last quarter hours is known."""
        return any(one is not None for one in self._last)

    def step(self, quarter: int, departure: float | None, height: float, *, counts: bool = True) -> Facts:
        """Take the next quarter hour; ``height``: the usual above nobody; ``counts``: the day isn't one apart."""
        if quarter == DAWN:
            if self.due >= _DUE:
                self.was_empty = self.looks_empty()
            if self._count and not self.was_empty:
                self.level = 0.6 * self.level + 0.4 * self._sum / (self._count + 4)
            self._sum = self._count = self.due = self.came = 0.0
        self._last = [departure, *self._last[:4]]
        self.facts = self._facts(departure, height, counts=counts)
        return self.facts

    def _facts(self, departure: float | None, height: float, *, counts: bool) -> Facts:
        if departure is not None:
            self.due += people(ZERO + height)
            self.came += people(ZERO + height + departure)
            if counts and (height > _ACTIVE or abs(departure) > _ACTIVE):
                self._sum += departure
                self._count += 1
        now = next((one for one in self._last if one is not None), None)
        if now is None:
            return (0.0, 0.0, self._sum / (self._count + 2), self.level, 0.0)
        hour, quarter_ago = self._last[4], self._last[1]
        return (
            now,
            0.0 if hour is None else now - hour,
            self._sum / (self._count + 2),
            self.level,
            0.0 if quarter_ago is None else now - quarter_ago,
        )

    def looks_empty(self) -> bool:
        """Return whether the day looks like one on which nobody comes."""
        return self.due >= _DUE and self.came <= _NEARLY_NOBODY * self.due


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What is learned of one space: its usual, what becomes of a departure, and how sure that is. By ``HORIZONS``."""

    usual: Usual
    fits: Sequence[Sequence[float]]
    """The fits of the times of day, one after the other."""
    scales: Sequence[Sequence[float]]
    """The mean size of what is left over, by local hour of the target."""
    rests: Sequence[Sequence[float]]
    """Quantiles (``KEPT``) of what is left over, in units of its scale."""
    rounding: Sequence[tuple[float, float]]
    """Of the first horizons: a median nearer than this to a whole number, or to the present one, is taken for it."""
    track: Sequence[float | None]
    """What was known at the end of the last day (``Track.stored``)."""
    until: date
    """The day before which it was learned."""
    most: float
    """The most people ever seen, as a quarter hour's mean."""
    empty_means_empty: bool
    """A day on which nobody has come so far mostly stays empty."""
    empty_runs: bool
    """After an empty day the next one mostly is empty too: the place closes for days."""

    def stored(self) -> dict[str, Any]:
        """Return the few single facts as JSON; the others are ``numbers``."""
        usual = {name: value for name, value in asdict(self.usual).items() if name != "curves"}
        return {
            "form": FORM,
            "usual": usual,
            "rounding": self.rounding,
            "track": self.track,
            "until": self.until.isoformat(),
            "most": self.most,
            "empty_means_empty": self.empty_means_empty,
            "empty_runs": self.empty_runs,
        }

    def numbers(self) -> bytes:
        """Return the many numbers, as 4-byte floats of this machine's order."""
        rows = (*self.usual.curves, *self.fits, *self.scales, *self.rests)
        return array("f", [value for row in rows for value in row]).tobytes()


_ROWS: Final = (*[QUARTERS] * KINDS, *[_BUCKETS * FACTS] * len(HORIZONS), *[24] * len(HORIZONS), *[7] * len(HORIZONS))
"""How many numbers each row of ``Learnt.numbers`` has."""


def read(stored: Mapping[str, Any], numbers: bytes | None) -> Learnt | None:
    """Return what was stored; None: by a release that stored it otherwise, so learn it again."""
    if stored.get("form") != FORM or numbers is None or len(numbers) != 4 * sum(_ROWS):
        return None
    flat = array("f")
    flat.frombytes(numbers)
    rows, start = [], 0
    for length in _ROWS:
        rows.append(flat[start : start + length])
        start += length
    cuts = [KINDS + part * len(HORIZONS) for part in range(4)]
    curves, fits, scales, rests = rows[:KINDS], *(rows[a:b] for a, b in pairwise(cuts))
    values = {name: value for name, value in stored.items() if name != "form"}
    values |= {"usual": Usual(**stored["usual"], curves=curves), "until": date.fromisoformat(stored["until"])}
    return Learnt(**values, fits=fits, scales=scales, rests=rests)


@dataclass(slots=True)
class _Past:
    """The quarter hours of the past days in one row."""

    departures: list[float | None]
    usual: list[float]
    facts: list[Facts]
    active: list[bool]
    usable: list[bool]
    """Not of a day that was as good as empty."""
    track: Track


def learn(days: dict[date, Day], calendar: Calendar, today: date) -> Learnt | None:
    """Learn from whole days before ``today``; None: there is none with anything known."""
    past_days = {day: values for day, values in days.items() if day < today}
    if not past_days:
        return None
    sums = Sums(past_days, calendar, today)
    usual = sums.usual()
    past = _past(sums, usual, calendar, today)
    fits, scales, rests, rounding = [], [], [], []
    for index, horizon in enumerate(HORIZONS):
        rows = _rows(past, horizon)
        fit, errors = _regress(past, rows, horizon)
        scale, rest = _spread(rows, errors, horizon)
        fits.append([value for one in fit for value in one])
        scales.append(scale)
        rests.append(rest)
        if index < SNAPPED:
            middles = [
                error - scale[(now + horizon) % QUARTERS // 4] * rest[MEDIAN]
                for now, error in zip(rows, errors, strict=True)
            ]
            rounding.append(_rounding(past, rows, middles, horizon))
    stays, runs = _emptiness(sums, usual)
    return Learnt(
        usual=usual, fits=fits, scales=scales, rests=rests, rounding=rounding,
        track=past.track.stored(), until=today,
        most=max(value for values in past_days.values() for value in values if value is not None),
        empty_means_empty=stays, empty_runs=runs,
    )  # fmt: skip


def _past(sums: Sums, usual: Usual, calendar: Calendar, today: date) -> _Past:
    track = Track()
    past = _Past([], [], [], [], [], track)
    first = min(sums.days)
    nothing: list[float | None] = [None] * QUARTERS
    for number in range((today - first).days):
        day = first + timedelta(days=number)
        values = sums.rooted.get(day, nothing)
        kind = sums.kinds.get(day, calendar.kind(day))
        school = sums.schools.get(day, False)
        apart = day in sums.empty or day not in sums.days
        weight = 0.0 if apart else sums.weights[day]
        for quarter, value in enumerate(values):
            if value is None or not weight:
                base = usual.at(kind, quarter, school=school)
            else:
                base = sums.value(kind, quarter, but=sums.plain(day, sums.smooth[day][quarter] or ZERO), weight=weight)
                base += usual.school * (base - ZERO) if school else 0.0
            departure = None if value is None else value - base
            past.departures.append(departure)
            past.usual.append(base)
            past.facts.append(track.step(quarter, departure, base - ZERO, counts=not apart))
            past.active.append(base - ZERO > _ACTIVE or (value is not None and value > ZERO + _SMALLEST))
            past.usable.append(not apart)
    return past


def _rows(past: _Past, horizon: int) -> list[int]:
    """Return the instants from which a target at ``horizon`` is known and worth learning from."""
    departures, active, usable = past.departures, past.active, past.usable
    return [
        now
        for now in range(len(departures) - horizon)
        if active[target := now + horizon]
        and usable[target]
        and departures[now] is not None
        and departures[target] is not None
    ]


def _regress(past: _Past, rows: Sequence[int], horizon: int) -> tuple[list[Fit], list[float]]:
    """Return the fit of each time of day, and what is left over of each row by the fit of the other weeks."""
    groups: dict[tuple[int, int], list[int]] = {}
    for now in rows:
        groups.setdefault((now % QUARTERS // BUCKET, now // (7 * QUARTERS) % _FOLDS), []).append(now)
    sums = {
        key: moments([past.facts[now] for now in members], [past.departures[now + horizon] or 0.0 for now in members])
        for key, members in groups.items()
    }
    fits = fits_of(((bucket, one) for (bucket, _), one in sums.items()), _BUCKETS, _PULL)
    errors: dict[int, float] = {}
    for fold in range(_FOLDS):
        held = [members for (_, its), members in groups.items() if its == fold]
        if not held:
            continue
        others = [(bucket, one) for (bucket, its), one in sums.items() if its != fold]
        blind = fits_of(others, _BUCKETS, _PULL) if others else [(0.0,) * FACTS] * _BUCKETS
        for members in held:
            for now in members:
                expected = sum(map(mul, blind[now % QUARTERS // BUCKET], past.facts[now]))
                errors[now] = (past.departures[now + horizon] or 0.0) - expected
    return fits, [errors[now] for now in rows]


def _spread(rows: Sequence[int], errors: Sequence[float], horizon: int) -> tuple[list[float], list[float]]:
    """Return the size of what is left over by hour, and its quantiles (``KEPT``) in these units."""
    sizes, counts = [0.0] * 24, [0] * 24
    for now, error in zip(rows, errors, strict=True):
        hour = (now + horizon) % QUARTERS // 4
        sizes[hour] += abs(error)
        counts[hour] += 1
    mean = sum(sizes) / max(1, len(rows))
    scale = [max(_SMALLEST, (size + 8 * mean) / (count + 8)) for size, count in zip(sizes, counts, strict=True)]
    rests = [error / scale[(now + horizon) % QUARTERS // 4] for now, error in zip(rows, errors, strict=True)]
    ordered = sorted(rests)
    if not ordered:
        return scale, [0.0] * len(KEPT)
    low, high = _tails(rows, rests, ordered)
    last = len(ordered) - 1
    return scale, [ordered[round(_warped(level, low, high) * last)] for level in KEPT]


def _warped(level: float, low: float, high: float) -> float:
    """Move a level so that 5 % goes to ``low``, 95 % to 1 - ``high``, and the median stays."""
    if level > 0.5:
        return 1 - _warped(1 - level, high, low)
    return low + (level - _TAIL) / (0.5 - _TAIL) * (0.5 - low)


def _tails(rows: Sequence[int], rests: Sequence[float], ordered: Sequence[float]) -> tuple[float, float]:
    """Let the levels of both ends follow the misses, day by day."""
    low = high = _TAIL
    by_day: dict[int, list[float]] = {}
    for now, rest in zip(rows, rests, strict=True):
        by_day.setdefault(now // QUARTERS, []).append(rest)
    most = len(ordered) - 1
    for _, day in sorted(by_day.items()):
        floor, ceiling = ordered[min(most, int(low * most))], ordered[max(0, most - int(high * most))]
        under = sum(1 for rest in day if rest < floor) / len(day)
        over = sum(1 for rest in day if rest > ceiling) / len(day)
        low = min(_MOST_TAIL, max(_LEAST_TAIL, low + _STEP * (_TAIL - under)))
        high = min(_MOST_TAIL, max(_LEAST_TAIL, high + _STEP * (_TAIL - over)))
    # The next one of n + 1 is as likely to be the largest as any other: of n values, ends are a little further out. The
    # rows of a day are so much alike that they count as two.
    short = (1 - _TAIL) / (2 * len(by_day))
    return max(_LEAST_TAIL, low - short), max(_LEAST_TAIL, high - short)


def _rounding(past: _Past, rows: Sequence[int], errors: Sequence[float], horizon: int) -> tuple[float, float]:
    """Return how near to a whole number, and to the present number, a median is best taken for it.

    ``errors``: of the median, stabilised.
    """
    losses = dict.fromkeys(_ROUNDINGS, 0.0)
    for now, error in list(zip(rows, errors, strict=True))[::7]:
        target = now + horizon
        value = past.usual[target] + (past.departures[target] or 0.0)
        truth, guess = people(value), people(value - error)
        present = people(past.usual[now] + (past.departures[now] or 0.0))
        for rounding in _ROUNDINGS:
            losses[rounding] += abs(rounded(guess, present, rounding) - truth)
    return min(losses, key=lambda key: (losses[key], key))


def rounded(guess: float, present: float, rounding: tuple[float, float]) -> float:
    """Return the median, moved to the present number or to a whole one where it is near."""
    snap, hold = rounding
    if abs(guess - present) < hold:
        return present
    whole = round(guess)
    return float(whole) if abs(guess - whole) <= snap else guess


def _emptiness(sums: Sums, usual: Usual) -> tuple[bool, bool]:
    """Return whether days that look empty by a time mostly end so, and whether the day after one mostly is empty."""
    stayed = filled = again = ended = 0
    before = False
    for day in sorted(sums.days):
        values, kind, school = sums.days[day], sums.kinds[day], sums.schools[day]
        due = came = after = later = 0.0
        seen = False
        for quarter in range(DAWN, QUARTERS):
            value = values[quarter]
            if value is None:
                continue
            usually = people(usual.at(kind, quarter, school=school))
            if seen:
                after += value
                later += usually
            due += usually
            came += value
            seen = seen or (due >= _DUE and came <= _NEARLY_NOBODY * due)
        if seen and later:
            stayed += after < 0.15 * later
            filled += after >= 0.15 * later
        if due >= _DUE:
            empty = came <= _NEARLY_NOBODY * due
            again += before and empty
            ended += before and not empty
            before = empty
    return stayed + 1 > filled, again > ended
