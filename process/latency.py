"""Durations over a sliding window, for quantiles of the last minutes rather than of a process's whole life."""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import Final

KEPT: Final = 10_000


class Latency:
    """The last ten thousand durations, in seconds. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[float] = deque(maxlen=KEPT)
        self.count = 0
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Add a duration."""
        with self._lock:
            self._kept.append(seconds)
            self.count += 1
            self.sum_s += seconds

    def quantiles(self, *wanted: float) -> list[float]:
        """Return the durations below which the ``wanted`` parts (0 to 1) of the window lie; NaN if it is empty."""
        with self._lock:
            ordered = sorted(self._kept)
        if not ordered:
            return [math.nan for _ in wanted]
        return [ordered[max(0, min(len(ordered), math.ceil(part * len(ordered))) - 1)] for part in wanted]
