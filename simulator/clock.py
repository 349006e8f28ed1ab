"""Virtual time: a day that passes faster than ours, and a scheduler that runs it in one thread."""

from __future__ import annotations

import heapq
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

log = logging.getLogger(__name__)

Call = Callable[[], object]
"""What it returns is nobody's."""
_IDLE_S: Final = 0.5


class Clock:
    """Maps virtual seconds (since the midnight before ``start``, local) to the real, monotonic clock."""

    def __init__(self, start: datetime, speed: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.speed = speed
        self._midnight = datetime.combine(start.date(), datetime.min.time())
        self._start_s = (start.replace(tzinfo=None) - self._midnight).total_seconds()
        self.monotonic = monotonic
        self._real_start = monotonic()

    @property
    def start_s(self) -> float:
        """Return when the run began, virtual seconds."""
        return self._start_s

    def now(self) -> float:
        """Return the present, virtual seconds."""
        return self._start_s + (self.monotonic() - self._real_start) * self.speed

    def real(self, virtual_s: float) -> float:
        """Return the monotonic instant of a virtual one."""
        return self._real_start + (virtual_s - self._start_s) / self.speed

    def local(self, virtual_s: float) -> datetime:
        """Return a virtual instant as a place's people would read it off the wall: naive local time."""
        return self._midnight + timedelta(seconds=virtual_s)

    def day(self, number: int) -> date:
        """Return the date of the day that begins after ``number`` midnights."""
        return (self._midnight + timedelta(days=number)).date()


class Scheduler:
    """Runs calls at their instant, in order, in the one thread that owns everything virtual."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.late_s = 0.0
        """How late the last call ran, real seconds."""
        self._heap: list[tuple[float, int, Call]] = []
        self._order = itertools.count()
        self._posted: queue.Queue[Call] = queue.Queue()

    def at(self, virtual_s: float, call: Call) -> None:
        """Run ``call`` at a virtual instant; at once where it is past."""
        self._push(self.clock.real(virtual_s), call)

    def after(self, virtual_s: float, call: Call) -> None:
        """Run ``call`` so many virtual seconds from now."""
        self._push(self.clock.monotonic() + virtual_s / self.clock.speed, call)

    def after_real(self, real_s: float, call: Call) -> None:
        """Run ``call`` so many real seconds from now."""
        self._push(self.clock.monotonic() + real_s, call)

    def post(self, call: Call) -> None:
        """Run ``call`` as soon as may be. The only method for other threads."""
        self._posted.put(call)

    def run(self, stop: threading.Event) -> None:
        """Run until ``stop`` is set. A call that fails is logged, and ends nothing else."""
        while not stop.is_set():
            due = self.next_due
            wait_s = _IDLE_S if due is None else min(_IDLE_S, due - self.clock.monotonic())
            try:
                self._guarded(self._posted.get(timeout=max(0.0, wait_s)))
            except queue.Empty:
                self.late_s = 0.0
            self.run_due()

    @property
    def next_due(self) -> float | None:
        """Return the monotonic instant of the next call; None where there is none."""
        return self._heap[0][0] if self._heap else None

    def run_due(self) -> None:
        """Run what is due now; what was posted meanwhile comes between."""
        now = self.clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            due, _, call = heapq.heappop(self._heap)
            self.late_s = now - due
            self._guarded(call)
            while not self._posted.empty():
                self._guarded(self._posted.get())

    def _guarded(self, call: Call) -> None:
        try:
            call()
        except Exception:
            log.exception("simulator_call_failed")

    def _push(self, real: float, call: Call) -> None:
        heapq.heappush(self._heap, (real, next(self._order), call))
