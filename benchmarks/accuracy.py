"""How true the occupancy estimates are: ``python -m benchmarks.accuracy``.

Virtual places of each kind of equipment live for a month, with the faults of people and devices (docs/simulator.md);
two real data sets stand beside them (benchmarks/data/README.md). The estimator and simple methods hear the same events
and are asked every few minutes. The first week is for learning. docs/benchmarks.md says what the figures mean.

Worlds of another making (``benchmarks.other_worlds``) are no part of the run of all groups: each time they are others.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from benchmarks.baselines import Method, simple_methods
from benchmarks.first_form import FirstForm
from benchmarks.months import DAYS, SEEDS, months
from benchmarks.other_worlds import GROUPS as OTHER
from benchmarks.other_worlds import other_worlds
from benchmarks.real_data import door, room
from benchmarks.report import Result, finish, progress
from benchmarks.scores import Answer, Presence, Scores
from benchmarks.worlds import Event, World, people
from occupancy.fold import PlaceFold
from occupancy.topology import Device
from simulator.groups import GROUPS

REAL: Final[dict[str, Callable[[], World]]] = {"uci_room": room, "uci_door": door}
NO_HOURS: Final = {f"{group}_no_hours": group for group in ("half_desks", "counter_only")}
"""The same places, whose opening hours nobody has entered. "Closed" is what it is in truth."""
ROOMS: Final = ("pir", "uci_room")
"""Where somebody or nobody is the question, too."""
BETTER: Final = {
    "mae_pct": min, "open_mae_pct": min, "coverage": max, "interval_score_pct": min, "live": max, "wrong_live": min,
    "ghost": min, "known": max, "right": max, "flips": min,
}  # fmt: skip
"""By figure: which of two baselines is the better one."""
UNITS: Final = {"mae_pct": "%", "open_mae_pct": "%", "interval_score_pct": "%", "flips": "per true one"}
ESTIMATOR: Final = "estimator"
FIRST_FORM: Final = "first form"


class Estimator:
    """The estimator of this release."""

    def __init__(self, world: World) -> None:
        self._fold = PlaceFold(world.place, world.topology)

    def apply(self, event: Event, device: Device | None, at: int) -> None:
        """Take the next stored event."""
        self._fold.apply(event, device, at)

    def answers(self, now: int) -> dict[int, Answer]:
        """Say how many people are in each space."""
        return {
            space: Answer(present=one.present, low=one.low, high=one.high, quality=one.quality)
            for space, one in self._fold.estimates(now).items()
        }


class Scored:
    """One method's scores over all places of a group."""

    def __init__(self) -> None:
        self.scores = Scores()
        self.presence = Presence()
        self.seconds = 0.0

    def listen(self, world: World, method: Method) -> None:
        """Let ``method`` hear the events of ``world``, and score what it answers."""
        started = time.process_time()
        for now, answers in asked(world, method):
            if now < world.learnt:
                continue
            is_open = world.opened(now)
            for space in answers.keys() & set(world.scored):
                truth = people(world.truth[space], now)
                self.scores.add(answers[space], truth, world.capacity(space), is_open=is_open)
                self.presence.add(world.name, space, answers[space], truth)
        self.seconds += time.process_time() - started

    def figures(self, group: str) -> dict[str, float]:
        """All figures by name."""
        return self.scores.figures() | (self.presence.figures() if group in ROOMS else {})


def asked(world: World, method: Method) -> Iterator[tuple[int, dict[int, Answer]]]:
    """Yield each instant asked with the answers, made of the events up to then."""
    events = iter(world.events)
    upcoming = next(events, None)
    for now in world.asked():
        while upcoming is not None and upcoming[2] <= now:
            method.apply(*upcoming)
            upcoming = next(events, None)
        yield now, method.answers(now)


def methods(world: World) -> Iterator[tuple[str, Method]]:
    """The estimator, and what it is held against."""
    yield ESTIMATOR, Estimator(world)
    yield FIRST_FORM, FirstForm(world)
    yield from simple_methods(world)


def score(worlds: Iterable[World]) -> dict[str, Scored]:
    """Score each method on a group's places."""
    found: dict[str, Scored] = {}
    for world in worlds:
        for name, method in methods(world):
            found.setdefault(name, Scored()).listen(world, method)
    return found


def virtual(group: str, seeds: tuple[int, ...], days: int) -> Iterator[World]:
    """The virtual places of ``group``."""
    return months(NO_HOURS.get(group, group), seeds, days, hours_known=group not in NO_HOURS)


def worlds(group: str, places: int, days: int, first: int) -> Iterable[World]:
    """The places of any group."""
    if group in REAL:
        return [REAL[group]()]
    if group in OTHER:
        return other_worlds(group, range(first, first + places), days)
    return virtual(group, SEEDS[:places], days)


def results(group: str, scored: dict[str, Scored]) -> Iterator[Result]:
    """Each of the estimator's figures beside that of the best baseline."""
    figures = {name: one.figures(group) for name, one in scored.items()}
    for figure, value in figures.pop(ESTIMATOR).items():
        others = [(one[figure], name) for name, one in figures.items() if figure in one]
        best, whose = BETTER[figure](others, default=(None, None))
        yield Result(
            name=f"{group}_{figure}",
            value=value,
            unit=UNITS.get(figure, "share"),
            reference=whose,
            reference_value=best,
        )


def table(group: str, scored: dict[str, Scored]) -> str:
    """All methods' figures, a line each."""
    return "\n".join(
        f"{group:13} {name:35} "
        + " ".join(f"{figure} {value:.4g}" for figure, value in one.figures(group).items())
        + f" ({one.seconds:.1f} s)"
        for name, one in scored.items()
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "groups",
        nargs="*",
        metavar="GROUP",
        help=f"of {', '.join((*GROUPS, *NO_HOURS, *REAL))} (none: all these), or of {', '.join(OTHER)}",
    )
    parser.add_argument(
        "--places", type=int, default=len(SEEDS), help=f"of each group, at most {len(SEEDS)} of those of the simulator"
    )
    parser.add_argument("--seed", type=int, help="the first one of the other worlds; none: one that nobody has seen")
    parser.add_argument("--days", type=int, default=DAYS, help="that each place lives, the week for learning included")
    choice = parser.parse_args()
    groups = (*GROUPS, *NO_HOURS, *REAL)
    unknown = set(choice.groups) - {*groups, *OTHER}
    if unknown:
        parser.error(f"no group {', '.join(sorted(unknown))}; there are {', '.join((*groups, *OTHER))}")
    first = choice.seed if choice.seed is not None else time.time_ns() % 1_000_000
    progress(f"other worlds: seeds from {first} on")
    logging.disable(logging.WARNING)  # what virtual gateways say of their dead devices
    found: list[Result] = []
    for group in choice.groups or groups:
        scored = score(worlds(group, choice.places, choice.days, first))
        progress(table(group, scored))
        found += results(group, scored)
    finish("accuracy", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
