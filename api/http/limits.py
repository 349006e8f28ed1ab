"""Counters of limits, in the memory of this process: each replica counts for itself, and a restart forgets.

``Window`` counts in fixed spans, in little memory for many keys: requests and wrong keys of clients. ``Tries`` slides
exactly, at one time for each try: imports that store nothing, and card numbers that others have.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import ceil
from time import monotonic
from typing import Final

from api.http.errors import LimitReached

_MOST_COUNTED: Final = 20_000
"""Keys in one span; with more, a new span begins. A limit by address doesn't stop a client that has so many."""


class Window:
    """Counts by key in spans of ``seconds``; a key has at most ``most`` in each."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._ends = 0.0
        self._counts: dict[Hashable, int] = {}

    def take(self, key: Hashable) -> int:
        """Count one more of ``key``; return 0, or in how many seconds to try again if it has reached the limit."""
        now = monotonic()
        if now >= self._ends or len(self._counts) >= _MOST_COUNTED:
            self._counts.clear()
            self._ends = now + self._seconds
        count = self._counts.get(key, 0)
        if count >= self._most:
            return max(1, ceil(self._ends - now))
        self._counts[key] = count + 1
        return 0

    def give_back(self, key: Hashable) -> None:
        """Uncount one of ``key``."""
        if (count := self._counts.get(key, 0)) > 0:
            self._counts[key] = count - 1

    def __len__(self) -> int:
        return len(self._counts)


class Open:
    """Counts open connections or streams by key; a key has at most ``most`` at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: dict[Hashable, int] = {}

    def take(self, key: Hashable) -> bool:
        """Count one more of ``key``; False if it has reached the limit."""
        count = self._counts.get(key, 0)
        if count >= self._most:
            return False
        self._counts[key] = count + 1
        return True

    def give_back(self, key: Hashable) -> None:
        """Uncount a closed one of ``key``."""
        count = self._counts.get(key, 0) - 1
        if count > 0:
            self._counts[key] = count
        else:
            self._counts.pop(key, None)

    def __len__(self) -> int:
        return len(self._counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most ``most`` of ``what`` within ``within_s`` seconds."""

    what: str
    most: int
    within_s: float


UNSTORED_IMPORTS: Final = Limit(what="imports that store nothing (dry runs, refused files)", most=30, within_s=600)
TAKEN: Final = Limit(what="cards, codes and addresses that others have", most=50, within_s=3600)


class Tries:
    """Counts the recent tries of each API key."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._at: dict[tuple[str, int], deque[float]] = {}

    def check(self, limit: Limit, key: int) -> None:
        """Check that ``key`` may try.

        Raises:
            LimitReached: it has reached the limit.
        """
        tried = self._lately(limit, key)
        if len(tried) >= limit.most:
            raise LimitReached(
                f"This key has reached a limit: {limit.most} {limit.what} within {limit.within_s / 60:.0f} minutes. "
                "Try again later, or ask a network administrator.",
                retry_s=max(1, ceil(tried[0] + limit.within_s - self._clock())),
            )

    def count(self, limit: Limit, key: int, number: int = 1) -> None:
        """Count ``number`` tries of ``key``."""
        self._lately(limit, key).extend([self._clock()] * min(number, limit.most))

    def give_back(self, limit: Limit, key: int) -> None:
        """Uncount the newest try of ``key``."""
        if tried := self._lately(limit, key):
            tried.pop()

    def _lately(self, limit: Limit, key: int) -> deque[float]:
        tried = self._at.setdefault((limit.what, key), deque(maxlen=limit.most))
        while tried and tried[0] <= self._clock() - limit.within_s:
            tried.popleft()
        return tried
