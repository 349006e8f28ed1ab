"""The centre's marks that wait to be written: each frees rows, which is in no hurry.

A gateway that sends an event every moment gets as many marks. Only the last of a second is written: its events are
deleted together, and a mark that a crash loses comes again at the next connect.
"""

from __future__ import annotations

import heapq
from typing import Final

EVERY_S: Final = 1.0
"""Of each gateway. One that has had none for so long has its mark written with the next transaction."""


class Marks:
    """By gateway, the row number up to which the centre has stored its events. Times are seconds, monotonic."""

    def __init__(self) -> None:
        self._waiting: dict[str, int] = {}
        self._due: list[tuple[float, str]] = []
        """A heap: when the mark of each gateway that waits may be written."""
        self._written: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def get(self, gateway: str) -> int:
        """Return the mark that waits; 0: none does."""
        return self._waiting.get(gateway, 0)

    def put(self, gateway: str, n: int, now: float) -> None:
        """Add a mark, above the one that waits."""
        if gateway not in self._waiting:
            heapq.heappush(self._due, (max(now, self._written.get(gateway, -EVERY_S) + EVERY_S), gateway))
        self._waiting[gateway] = n

    def due_at(self) -> float | None:
        """Return when the next may be written; None: none waits."""
        return self._due[0][0] if self._due else None

    def take(self, now: float, *, everything: bool = False) -> dict[str, int]:
        """Take those that are due."""
        taken: dict[str, int] = {}
        while self._due and (everything or self._due[0][0] <= now):
            _, gateway = heapq.heappop(self._due)
            if gateway in self._waiting:
                taken[gateway] = self._waiting.pop(gateway)
                self._written[gateway] = now
        return taken

    def drop(self, gateway: str) -> None:
        """Forget a gateway's mark: it is of an epoch that is over."""
        self._waiting.pop(gateway, None)

    def forget(self) -> None:
        """Forget them: they are of a file that is gone."""
        self._waiting.clear()
        self._due.clear()
