"""Limits by key on what could be tried out in masses: imports that store nothing, and card numbers that others have.

Its memory is the process's own: each replica counts for itself, and a restart forgets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from time import monotonic
from typing import Final

from api.http.errors import LimitReached


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most ``most`` of ``what`` within ``within_s`` seconds."""

    what: str
    most: int
    within_s: float


UNSTORED_IMPORTS: Final = Limit(what="imports that store nothing (dry runs, refused files)", most=30, within_s=600)
TAKEN: Final = Limit(what="cards, codes and addresses that others have", most=50, within_s=3600)


class Tries:
    """What each key has tried lately."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._at: dict[tuple[str, int], deque[float]] = {}

    def check(self, limit: Limit, key: int) -> None:
        """Let the key ``key`` try.

        Raises:
            LimitReached: it has tried too often.
        """
        tried = self._lately(limit, key)
        if len(tried) >= limit.most:
            raise LimitReached(
                f"This key has reached a limit: {limit.most} {limit.what} within {limit.within_s / 60:.0f} minutes. "
                "Try again later, or ask a network administrator.",
                retry_s=max(1, ceil(tried[0] + limit.within_s - self._clock())),
            )

    def count(self, limit: Limit, key: int, number: int = 1) -> None:
        """It has tried ``number`` times."""
        self._lately(limit, key).extend([self._clock()] * min(number, limit.most))

    def give_back(self, limit: Limit, key: int) -> None:
        """The newest try was none."""
        if tried := self._lately(limit, key):
            tried.pop()

    def _lately(self, limit: Limit, key: int) -> deque[float]:
        tried = self._at.setdefault((limit.what, key), deque(maxlen=limit.most))
        while tried and tried[0] <= self._clock() - limit.within_s:
            tried.popleft()
        return tried
