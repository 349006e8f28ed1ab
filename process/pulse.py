"""Tells a thread that is stuck from a process that was paused (stopped, a suspended laptop, a paused machine)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

_LOOK_S: Final = 2.0
"""No more than this counts between two looks: whoever looks more rarely was paused, or busy, as well."""


class Pulse:
    """A thread's sign of life. The thread calls ``beat``; another looks, about once a second.

    Only the time in which the one that looks ran itself is counted against the thread, in steps of at most two seconds.
    """

    __slots__ = ("_beats", "_clock", "_lock", "_looked", "_seen", "_still_s", "_within_s")

    def __init__(self, within_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with a beat.

        Args:
            within_s: a thread that doesn't beat for so long is stuck.
            clock: seconds of a monotonic clock.
        """
        self._within_s = within_s
        self._clock = clock
        self._lock = threading.Lock()
        self._beats = 0
        self._seen = 0
        self._still_s = 0.0
        self._looked = clock()

    def beat(self) -> None:
        """Say that the thread lives."""
        self._beats += 1

    def is_stuck(self) -> bool:
        """Look: return whether the thread has not beaten for too long."""
        with self._lock:
            now = self._clock()
            if self._beats != self._seen:
                self._seen, self._still_s = self._beats, 0.0
            else:
                self._still_s += min(now - self._looked, _LOOK_S)
            self._looked = now
            return self._still_s > self._within_s
