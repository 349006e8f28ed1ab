"""Tells a thread that is stuck from a process that was paused (stopped, a suspended laptop, a paused machine)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

_CHECK_S: Final = 2.0
"""The most that counts between two checks: a checker that is later was paused, or busy, too."""


class Pulse:
    """Shows whether a thread makes progress. The thread calls ``beat``; another checks, about once a second.

    Only time in which the checking thread ran itself counts, in steps of at most two seconds.
    """

    __slots__ = ("_beats", "_checked", "_clock", "_lock", "_seen", "_still_s", "_within_s")

    def __init__(self, within_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with a beat.

        Args:
            within_s: a thread that doesn't beat for this long is stuck.
            clock: seconds of a monotonic clock.
        """
        self._within_s = within_s
        self._clock = clock
        self._lock = threading.Lock()
        self._beats = 0
        self._seen = 0
        self._still_s = 0.0
        self._checked = clock()

    def beat(self) -> None:
        """Note progress of the thread."""
        self._beats += 1

    def is_stuck(self) -> bool:
        """Return whether the thread has not beaten for too long."""
        with self._lock:
            now = self._clock()
            if self._beats != self._seen:
                self._seen, self._still_s = self._beats, 0.0
            else:
                self._still_s += min(now - self._checked, _CHECK_S)
            self._checked = now
            return self._still_s > self._within_s
