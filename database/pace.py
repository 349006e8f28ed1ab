"""How often something may be done that others can ask for: pure, the time comes in as seconds of a monotonic clock."""

from __future__ import annotations

from typing import Final

MOST_A_SECOND: Final = 2000
MOST_BYTES_A_SECOND: Final = 2_000_000


class Pace:
    """Keeps work that was asked for from taking more than a share of the time: what took long waits longer."""

    def __init__(self, *, share: float, least_s: float) -> None:
        """``share``: of the time, above 0 up to 1. ``least_s``: between two beginnings of the shortest work."""
        self._share = share
        self._least_s = least_s
        self._due = 0.0

    def wait_s(self, now: float) -> float:
        """Seconds until it may be done again; 0: at once."""
        return max(0.0, self._due - now)

    def done(self, began: float, ended: float, *, vain: float = 1.0) -> None:
        """Take note that it was done; ``vain``: the part of it that brought nothing, which alone is paced."""
        rest = max(self._least_s, (ended - began) / self._share) - (ended - began)
        self._due = ended + rest * vain


class Flood:
    """Notices more notifications than this system ever sends: any login of the database may send some."""

    def __init__(self, *, most: int = MOST_A_SECOND, most_bytes: int = MOST_BYTES_A_SECOND) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._since = 0.0
        self._number = self._bytes = 0

    def rises(self, number: int, size: int, now: float) -> bool:
        """Count ``number`` notifications of ``size`` bytes together; True: too many within one second."""
        if now - self._since >= 1.0:
            self._since, self._number, self._bytes = now, 0, 0
        self._number += number
        self._bytes += size
        return self._number > self._most or self._bytes > self._most_bytes
