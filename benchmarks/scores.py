"""Scores of occupancy estimates against true head counts.

An estimate is a number, an interval that should hold the truth in nine cases of ten, and a word of quality. The
interval's score (T. Gneiting, A. E. Raftery, *Strictly Proper Scoring Rules, Prediction, and Estimation*, JASA 102,
2007, eq. 43) is its width, and 2/alpha for each person by which the truth lies outside: a wide interval costs, and so
does a missed truth. Shares and means are over all instants asked, day and night, each place divided by its capacity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

ALPHA: Final = 0.1
"""The share of cases that an interval may miss."""
_LEAST: Final = 2.0
_OF_CAPACITY: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a method says of one space; ``present``, ``low`` and ``high`` None: it doesn't know."""

    present: int | None
    low: int | None
    high: int | None
    quality: str | None = None
    """None: the method makes no statement about it."""


def interval_score(truth: float, low: float, high: float) -> float:
    """Return the score of an interval, in people; less is better."""
    return (high - low) + 2 / ALPHA * (max(0.0, low - truth) + max(0.0, truth - high))


def is_wrong(present: float, truth: float, capacity: float) -> bool:
    """Return whether an answer errs by more than ``live`` may: two people, or a tenth of the capacity."""
    return abs(present - truth) > max(_LEAST, _OF_CAPACITY * capacity)


@dataclass(slots=True, kw_only=True)
class Scores:
    """Sums over the instants asked."""

    asked: int = 0
    known: int = 0
    error: float = 0.0
    held: int = 0
    interval: float = 0.0
    opened: int = 0
    open_known: int = 0
    open_error: float = 0.0
    open_live: int = 0
    live: int = 0
    live_wrong: int = 0
    speaks_of_quality: bool = False
    empty: int = 0
    ghosts: int = 0

    def add(self, answer: Answer, truth: float, capacity: int, *, is_open: bool) -> None:
        """Score one answer.

        One that isn't known costs an interval from nobody to all seats, and has no error and no coverage.
        """
        empty = not is_open and truth == 0
        self.asked += 1
        self.opened += is_open
        self.empty += empty
        self.speaks_of_quality = self.speaks_of_quality or answer.quality is not None
        if answer.present is None or answer.low is None or answer.high is None:
            self.interval += 1.0
            return
        error = abs(answer.present - truth) / capacity
        self.known += 1
        self.error += error
        self.held += answer.low <= truth <= answer.high
        self.interval += interval_score(truth, answer.low, answer.high) / capacity
        if is_open:
            self.open_known += 1
            self.open_error += error
        if answer.quality == "live":
            self.live += 1
            self.open_live += is_open
            self.live_wrong += is_wrong(answer.present, truth, capacity)
        self.ghosts += empty and answer.present > 0

    def figures(self) -> dict[str, float]:
        """Return the figures by name; one without any instant that it is about is left out."""
        parts = {
            "mae_pct": (100 * self.error, self.known),
            "open_mae_pct": (100 * self.open_error, self.open_known),
            "coverage": (self.held, self.known),
            "interval_score_pct": (100 * self.interval, self.asked),
            "live": (self.open_live, self.opened if self.speaks_of_quality else 0),
            "wrong_live": (self.live_wrong, self.live),
            "ghost": (self.ghosts, self.empty),
            "known": (self.known, self.asked),
        }
        return {name: part / whole for name, (part, whole) in parts.items() if whole}


@dataclass(slots=True, kw_only=True)
class Presence:
    """Somebody or nobody, in several rooms: how often that is right, and how often it changes beside the truth."""

    asked: int = 0
    right: int = 0
    flips: int = 0
    true_flips: int = 0
    last: dict[tuple[str, int], tuple[bool, bool]] = field(default_factory=dict)
    """By place and space: said and true."""

    def add(self, place: str, space: int, answer: Answer, truth: float) -> None:
        """Score one answer; the answers of a space come in order. What isn't known says nobody."""
        said, true = bool(answer.present), truth > 0
        before_said, before_true = self.last.get((place, space), (said, true))
        self.last[place, space] = said, true
        self.asked += 1
        self.right += said == true
        self.flips += said != before_said
        self.true_flips += true != before_true

    def figures(self) -> dict[str, float]:
        """Return the share that is right, and the flips for each true one."""
        parts = {"right": (self.right, self.asked), "flips": (self.flips, self.true_flips)}
        return {name: part / whole for name, (part, whole) in parts.items() if whole}
