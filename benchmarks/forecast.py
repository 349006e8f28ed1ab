"""How good the forecasts are: ``python -m benchmarks.forecast``.

Virtual places live for twelve weeks (simulator), and one real door for fifteen (benchmarks/data/README.md). Each is
learned from its own quarter hours only, every other day, and forecast each quarter hour of its last four weeks, as the
jobs process does. Scored are quarter hours in which the place is open or somebody is there. docs/forecast.md says what
the figures mean.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from access.holidays import is_holiday
from benchmarks import real_data
from benchmarks.report import Result, finish, progress
from benchmarks.worlds import Steps, people
from occupancy.departures import Learnt, Track, learn
from occupancy.forecast import Quantiles, ahead, chance, follow
from occupancy.usual import QUARTER_US, Calendar, Sample, days_of
from simulator import groups as simulated
from simulator.month import MOST_DAYS, ZONE, live

GROUPS: Final = ("counter_only", "badge_in_out", "all_desks", "pir")
SEEDS: Final = (44, 47, 50, 53)
"""Nothing is tuned on these, nor on the door."""
SCORED_DAYS: Final = 28
LEARN_EVERY: Final = 2
HORIZONS: Final = (1, 2, 3, 4, 16)
_ARRIVALS: Final = (2, 3, 4)
"""Quarter hours ahead for which the chance of a seat is scored."""
_PARTIES: Final = (0.0, 0.25, 0.5)
"""Parties of one, of a quarter of the seats, of half of them: full places are rare."""
_BINS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One space with its past and its truth."""

    name: str
    capacity: int
    calendar: Calendar
    history: Sequence[Sample]
    truth: Steps
    opened: Callable[[int], bool]
    every: int = 1
    """Quarter hours between two instants at which its people are counted."""


@dataclass(slots=True)
class Score:
    """The sums over one case, or over all."""

    errors: dict[tuple[int, str], float] = field(default_factory=lambda: defaultdict(float))
    asked: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    inside: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    brier: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """Of the chance of a seat, and of the usual hour's."""
    bins: dict[int, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0, 0.0]))
    """By the chance's tenth: how often, the sum of chances, how often there was a seat."""
    learnt_s: list[float] = field(default_factory=list)
    ahead_s: list[float] = field(default_factory=list)

    def skill(self, steps: int, over: str) -> float:
        """Return by how much the error is lower than that of ``over``."""
        return 1 - self.errors[steps, "forecast"] / max(1e-9, self.errors[steps, over])

    def coverage(self) -> float:
        """Return the share of the truth that lies between the 5 and 95 % quantiles, all horizons together."""
        return sum(self.inside.values()) / max(1, sum(self.asked.values()))

    def calibration(self) -> float:
        """Return the mean distance between a chance and how often it came true, in tenths of chances."""
        total = sum(one[0] for one in self.bins.values())
        return sum(abs(one[1] - one[2]) for one in self.bins.values()) / max(1.0, total)

    def add(self, other: Score) -> None:
        """Add the sums of another case."""
        for key, error in other.errors.items():
            self.errors[key] += error
        for steps, number in other.asked.items():
            self.asked[steps] += number
            self.inside[steps] += other.inside[steps]
        self.brier = [a + b for a, b in zip(self.brier, other.brier, strict=True)]
        for tenth, one in other.bins.items():
            self.bins[tenth] = [a + b for a, b in zip(self.bins[tenth], one, strict=True)]
        self.learnt_s += other.learnt_s
        self.ahead_s += other.ahead_s


def quarters(steps: Steps, first: int, last: int) -> list[Sample]:
    """Return the means of the quarter hours of a step function."""
    found: list[Sample] = []
    index, value = 0, 0.0
    for start in range(first // QUARTER_US * QUARTER_US, last - QUARTER_US + 1, QUARTER_US):
        total, at = 0.0, start
        while index < len(steps) and steps[index][0] < start + QUARTER_US:
            if steps[index][0] > at:
                total += value * (steps[index][0] - at)
                at = steps[index][0]
            value = steps[index][1]
            index += 1
        found.append((start, (total + value * (start + QUARTER_US - at)) / QUARTER_US, 1.0))
    return found


def months(groups: Sequence[str], seeds: Sequence[int], days: int) -> Iterator[Case]:
    """Let virtual places live; each space whose truth is known is a case."""
    for group in groups:
        for seed in seeds:
            month = live(group, seed, days)
            calendar = Calendar(
                zone=ZoneInfo(ZONE), public_holiday=lambda day: is_holiday(day, None), opened=month.is_open
            )
            for space in month.fitting.spaces:
                steps = month.truth.get(space.code, [])
                if space.capacity and max((number for _, number in steps), default=0) > 1:
                    yield Case(
                        name=f"{group}/{seed}/{space.code}", capacity=space.capacity, calendar=calendar,
                        history=quarters(steps, month.first, month.last), truth=steps, opened=month.is_open,
                    )  # fmt: skip


def door() -> Case:
    """The real door, balanced from one empty night to the next: its counts are half-hourly."""
    world = real_data.door()
    (gap, end) = world.unknown[0][1], world.unknown[1][0]
    steps = world.truth[1]
    history = [one for one in quarters(steps, world.first, world.last) if gap <= _start(one) < end]
    return Case(
        name="uci_door", capacity=world.capacity(1), calendar=Calendar(zone=ZoneInfo(world.zone)), history=history,
        truth=steps, opened=world.opened, every=2,
    )  # fmt: skip


def score(case: Case) -> Score:
    """Forecast the last four weeks of a case, as the jobs process would have."""
    return _Scorer(case).score()


class _Scorer:
    """Goes through the last weeks of one case."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._days = days_of(case.history, case.calendar)
        self._means = {_start(one): one[1] for one in case.history}
        self._steps = [one for one in HORIZONS if one % case.every == 0]
        self._found = Score()

    def score(self) -> Score:
        learnt: Learnt | None = None
        track = Track()
        for number, day in enumerate(sorted(self._days)[-SCORED_DAYS - 1 : -1]):
            if number % LEARN_EVERY == 0:
                began = time.process_time()
                past = {one: values for one, values in self._days.items() if one < day}
                learnt = learn(past, self._case.calendar, day)
                self._found.learnt_s.append(time.process_time() - began)
                track = Track.resumed(learnt.track) if learnt else Track()
            if learnt is not None:
                self._day(day, learnt, track)
        return self._found

    def _day(self, day: date, learnt: Learnt, track: Track) -> None:
        usual = _Usual(self._case.calendar, self._days, day)
        for quarter in range(96):
            now = self._case.calendar.instant(day, quarter)
            present = self._means.get(now)
            follow(learnt, self._case.calendar, track, [(now, present)])
            if present is None or now // QUARTER_US % self._case.every != self._case.every - 1:
                continue
            targets = [now + step * QUARTER_US for step in self._steps]
            began = time.process_time()
            found = ahead(learnt, self._case.calendar, track, now, targets, capacity=self._case.capacity)
            self._found.ahead_s.append((time.process_time() - began) / len(targets))
            for step, one in zip(self._steps, found, strict=True):
                self._compare(step, one, present, usual.at(one.at))

    def _compare(self, step: int, one: Quantiles, present: float, usual: Sequence[float] | None) -> None:
        truth, found, capacity = self._means.get(one.at), self._found, self._case.capacity
        if truth is None or one.median is None or one.low is None or one.high is None or usual is None:
            return
        if not self._case.opened(one.at) and not truth:
            return
        found.asked[step] += 1
        found.inside[step] += one.low - 1e-9 <= truth <= one.high + 1e-9
        free = max(0.0, capacity - truth)
        for name, guess in (("forecast", one.median), ("now", present), ("usual", statistics.median(usual))):
            found.errors[step, name] += abs(max(0.0, capacity - guess) - free)
        if step not in _ARRIVALS or not self._case.opened(one.at):
            return
        there = people(self._case.truth, one.at)
        for party in _PARTIES:
            seats = max(1, round(party * capacity))
            came = there <= capacity - seats
            likely = chance(one.curve, capacity, seats)
            usually = sum(mean <= capacity - seats + 0.5 for mean in usual) / len(usual)
            found.brier[0] += (likely - came) ** 2
            found.brier[1] += (usually - came) ** 2
            tenth = found.bins[min(_BINS - 1, int(likely * _BINS))]
            tenth[0] += 1
            tenth[1] += likely
            tenth[2] += came


class _Usual:
    """The usual hour: the quarter hours of the same weekday and hour of the past."""

    def __init__(self, calendar: Calendar, days: dict[date, list[float | None]], today: date) -> None:
        self._calendar = calendar
        self._hours: dict[tuple[int, int], list[float]] = defaultdict(list)
        for day, values in days.items():
            if day < today:
                for quarter, value in enumerate(values):
                    if value is not None:
                        self._hours[day.weekday(), quarter // 4].append(value)

    def at(self, at: int) -> Sequence[float] | None:
        """Return the means of such quarter hours; None: there are none."""
        day, quarter = self._calendar.local(at)
        return self._hours.get((day.weekday(), quarter // 4))


def _start(sample: Sample) -> int:
    assert isinstance(sample[0], int)
    return sample[0]


def line(name: str, one: Score) -> str:
    """One case's or group's figures."""
    parts = [
        f"{15 * steps}min: now {one.skill(steps, 'now'):.2f} usual {one.skill(steps, 'usual'):.2f}"
        f" in {one.inside[steps] / max(1, one.asked[steps]):.3f};"
        for steps in sorted(one.asked)
    ]
    brier = 1 - one.brier[0] / one.brier[1] if one.brier[1] else 0.0
    return " ".join([f"{name:32}", *parts, f"seat {brier:.2f} off {one.calibration():.3f}"])


def results(suffix: str, one: Score) -> Iterator[Result]:
    """The figures of all cases together, each beside its limit."""
    steps = min(one.asked)
    brier = 1 - one.brier[0] / one.brier[1] if one.brier[1] else 0.0
    for name, value, limit in (
        (f"forecast_{15 * steps}min_skill", one.skill(steps, "now"), 0.0),
        ("forecast_60min_skill", one.skill(4, "now"), 0.4),
        ("forecast_240min_usual_skill", one.skill(16, "usual"), 0.0),
        ("forecast_coverage", one.coverage(), 0.9),
        ("seat_brier_skill", brier, 0.3),
        ("seat_calibration", one.calibration(), 0.05),
    ):
        yield Result(name=name + suffix, value=value, unit="share", reference="limit", reference_value=limit)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(simulated.GROUPS)}; none: some")
    parser.add_argument("--places", type=int, default=len(SEEDS), help=f"of each group, at most {len(SEEDS)}")
    parser.add_argument("--seeds", type=int, nargs="*", default=None, help="others, to try something out")
    parser.add_argument("--days", type=int, default=MOST_DAYS, help=f"that each place lives, at most {MOST_DAYS}")
    choice = parser.parse_args()
    logging.disable(logging.WARNING)  # what virtual gateways say of their dead devices
    seeds = choice.seeds or SEEDS[: choice.places]
    virtual = Score()
    for case in months(choice.groups or GROUPS, seeds, choice.days):
        one = score(case)
        progress(line(case.name, one))
        virtual.add(one)
    progress(line("simulator", virtual))
    real = score(door())
    progress(line("uci_door", real))
    found = [*results("", virtual), *results("_uci_door", real)]
    for name, seconds in (("learn_ms", virtual.learnt_s), ("quarter_hour_us", virtual.ahead_s)):
        value = statistics.mean(seconds) * (1e3 if name == "learn_ms" else 1e6)
        found.append(Result(name=name, value=value, unit=name[-2:]))
    finish("forecast", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
