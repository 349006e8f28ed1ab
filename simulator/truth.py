"""Who is where: the truth that the system's estimates are compared with, now and at any past instant of the run.

People are known by their pseudonymous references, and only while they are inside. Instants are real microseconds
since the epoch.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from simulator.errors import QuestionError

ROOT: Final = "place"
"""The space that stands for the whole place; its count is everybody inside."""
KEPT: Final = 20_000
"""Changes remembered of one space or of a place's desks; the oldest are forgotten first."""


@dataclass(slots=True)
class _Line:
    """A value and its past: instants and what held from then on."""

    at: list[int] = field(default_factory=list)
    value: list[int] = field(default_factory=list)

    def set(self, now: int, value: int) -> None:
        if self.at and self.at[-1] == now:
            self.value[-1] = value
            return
        self.at.append(now)
        self.value.append(value)
        if len(self.at) > KEPT:
            del self.at[: KEPT // 10], self.value[: KEPT // 10]

    def get(self, when: int | None) -> int | None:
        """Return the value at ``when``; None before the first that is remembered."""
        if when is None:
            return self.value[-1]
        place = bisect.bisect_right(self.at, when) - 1
        return self.value[place] if place >= 0 else None


@dataclass(slots=True)
class _Place:
    spaces: dict[str, _Line]
    desks: dict[str, _Line]
    inside: dict[str, str] = field(default_factory=dict)
    """Who is inside now, and in which space."""


class Truth:
    """Written by the scheduler's thread, read by any."""

    def __init__(self, now: Callable[[], int]) -> None:
        """Keep time by ``now``, microseconds since the epoch."""
        self._now = now
        self._lock = threading.Lock()
        self._places: dict[str, _Place] = {}

    def add(self, place: str, spaces: Iterable[str], desks: Iterable[str]) -> None:
        """Add an empty place."""
        now = self._now()
        with self._lock:
            self._places[place] = _Place(
                spaces={one: _Line([now], [0]) for one in (ROOT, *spaces)},
                desks={one: _Line([now], [0]) for one in desks},
            )

    def move(self, place: str, origin: str | None, goal: str | None, who: str | None = None) -> None:
        """Move one person (by reference, where known) from a space into another; None is outside."""
        now = self._now()
        with self._lock:
            spaces = self._places[place].spaces
            if who is not None and goal is not None:
                self._places[place].inside[who] = goal
            elif who is not None:
                self._places[place].inside.pop(who, None)
            if origin is None or goal is None:
                self._add(spaces[ROOT], now, (goal is not None) - (origin is not None))
            if origin not in (None, ROOT):
                self._add(spaces[origin], now, -1)
            if goal not in (None, ROOT):
                self._add(spaces[goal], now, 1)

    def sit(self, place: str, desk: str, *, occupied: bool) -> None:
        """Take or leave a desk."""
        now = self._now()
        with self._lock:
            self._places[place].desks[desk].set(now, occupied)

    @staticmethod
    def _add(line: _Line, now: int, change: int) -> None:
        line.set(now, (line.get(None) or 0) + change)

    def tell(self, *, place: str | None = None, at: int | None = None) -> dict[str, Any]:
        """Return people by space and occupied desks of ``place`` (None: all) at instant ``at`` (None: now).

        ``present`` is null before the first instant that is remembered; ``inside`` (who, by space) only for now.

        Raises:
            QuestionError: no such place.
        """
        with self._lock:
            if place is not None and place not in self._places:
                raise QuestionError(f"there is no place {place!r} here")
            chosen = self._places if place is None else {place: self._places[place]}
            return {
                "at": stamp(self._now() if at is None else at),
                "places": {
                    code: {
                        "present": one.spaces[ROOT].get(at),
                        "spaces": {space: line.get(at) for space, line in one.spaces.items()},
                        "desks": {
                            desk: None if (taken := line.get(at)) is None else bool(taken)
                            for desk, line in one.desks.items()
                        },
                        **({"inside": dict(one.inside)} if at is None else {}),
                    }
                    for code, one in chosen.items()
                },
            }

    def steps(self, place: str) -> dict[str, list[tuple[int, int]]]:
        """Return the people in each space of ``place``, the root included: from each instant on, so many."""
        with self._lock:
            spaces = self._places[place].spaces
            return {space: list(zip(line.at, line.value, strict=True)) for space, line in spaces.items()}

    def present(self) -> int:
        """Return how many people are inside anywhere."""
        with self._lock:
            return sum(one.spaces[ROOT].get(None) or 0 for one in self._places.values())


def stamp(micros: int) -> str:
    """Return RFC 3339 text."""
    return datetime.fromtimestamp(micros / 1e6, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_instant(text: str) -> int:
    """Read RFC 3339 or microseconds since the epoch.

    Raises:
        QuestionError: neither.
    """
    if text.lstrip("-").isdigit():
        return int(text)
    try:
        when = datetime.fromisoformat(text.replace(" ", "+"))  # a + in a query means a space
    except ValueError as error:
        raise QuestionError("at is no instant: write RFC 3339, like 2026-03-03T07:30:00Z") from error
    if when.tzinfo is None:
        raise QuestionError("at has no zone: end it with Z")
    return round(when.timestamp() * 1e6)
