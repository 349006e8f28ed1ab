"""The earliest possible time: a time that the centre has signed, plus the time since by a clock that never jumps.

A wall clock that was set back would accept an ended pass, and no list would expire. An earlier time of the gateway's
own clock proves nothing: it may have been ahead, and would close the doors for everyone once it is corrected.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from gateway.clock import since_start
from gateway.spool.values import Keep, keep_nothing

KEPT: Final = "signed_time"
_KEEP_EVERY_US: Final = 600 * 1_000_000
"""After a restart the time continues from a value at most this old."""
TOLERANCE_US: Final = 300 * 1_000_000
"""A wall clock that is behind by more is wrong; the ingest tolerates as much (``ingest.clock``)."""


class SignedTime:
    """The earliest time that a gateway believes; from any thread."""

    def __init__(self, *, keep: Keep = keep_nothing, steady: Callable[[], int] = since_start) -> None:
        """``keep`` stores what must survive a restart; ``steady`` is in µs."""
        self._keep = keep
        self._steady = steady
        self._lock = threading.Lock()
        self._begin = 0
        """The time, µs since 1970, when ``steady`` was 0; 0: nothing signed has been seen."""
        self._kept = 0

    def restore(self, kept: Mapping[str, str]) -> None:
        """Restore what was kept before a restart."""
        value = kept.get(KEPT, "")
        if value.isdecimal():
            self._kept = int(value)
            self.seen(self._kept)

    def seen(self, at: int) -> None:
        """Note that the centre has signed ``at``, µs since 1970, and that it is past."""
        with self._lock:
            self._begin = max(self._begin, at - self._steady())

    def now(self) -> int:
        """Return the earliest possible time, µs since 1970; 0: nothing signed was ever seen."""
        with self._lock:
            return max(0, self._begin + self._steady()) if self._begin else 0

    def believed(self, at: int) -> int:
        """Return ``at``, the wall clock's time, or the earliest possible time if that is later."""
        return max(at, self.now())

    def complaint(self, at: int) -> str | None:
        """Return what is wrong with a wall clock that says ``at``, where it can be known here."""
        behind = self.now() - at
        if behind <= TOLERANCE_US:
            return None
        return f"it is at least {behind // 1_000_000} s behind the time that the centre has signed"

    def tick(self) -> None:
        """Keep the time every ten minutes."""
        now = self.now()
        if now - self._kept >= _KEEP_EVERY_US:
            self._kept = now
            self._keep(KEPT, str(now), until=None)
