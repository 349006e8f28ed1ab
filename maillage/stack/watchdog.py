"""Notices processes that hang: alive, and without an answer for longer than any work of theirs takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from maillage import proc
from maillage.stack.children import Child, answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When a process is taken to hang; in seconds."""

    every_s: float = 5.0
    """Between two questions."""
    answer_s: float = 5.0
    """For an answer."""
    failures: int = 6
    """So many questions in a row without one…"""
    over_s: float = 30.0
    """…over this many seconds."""
    start_s: float = 120.0
    """For the first answer of a new process."""
    gap_s: float = 20.0
    """The watchdog itself did not run for this long: the machine was paused, and earlier observations are void."""


class Pulse:
    """One process's answers. Pure: the time comes in, as seconds of a monotonic clock."""

    def __init__(self, patience: Patience, now: float) -> None:
        self._patience = patience
        self._began = self._looked_at = now
        self._answered = False
        self._failures = 0
        self._failing_since = now

    def note(self, *, answered: bool, now: float) -> bool:
        """Take in whether it answered at ``now``; return whether it hangs."""
        patience = self._patience
        paused = now - self._looked_at > patience.gap_s
        self._looked_at = now
        if paused:
            self._began, self._failures = now, 0
        if answered:
            self._answered, self._failures = True, 0
            return False
        if not self._failures:
            self._failing_since = now
        self._failures += 1
        if not self._answered:
            return now - self._began >= patience.start_s
        return self._failures >= patience.failures and now - self._failing_since >= patience.over_s


class Watchdog:
    """Asks each process again and again, in a thread for each, so that one that hangs delays no other's question."""

    def __init__(self, children: Iterable[Child], patience: Patience | None = None) -> None:
        self._children = tuple(children)
        self._patience = patience or Patience()
        self._stop = threading.Event()
        self._hung: dict[str, int] = {}
        self._threads = [
            threading.Thread(target=self._watch, args=(child,), name=f"watch-{child.name}", daemon=True)
            for child in self._children
        ]

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop asking."""
        self._stop.set()
        for thread in self._threads:
            thread.join(self._patience.answer_s + 1.0)

    def hung(self) -> list[Child]:
        """Return the processes that hang now; one that was started again since isn't among them."""
        return [child for child in self._children if self._hung.get(child.name, -1) == child.pid]

    def _watch(self, child: Child) -> None:
        pid, pulse = child.pid, Pulse(self._patience, time.monotonic())
        while not self._stop.wait(self._patience.every_s):
            if child.pid != pid:
                pid, pulse = child.pid, Pulse(self._patience, time.monotonic())
            if pid is not None:
                answered = self._answers(child, pid)
                if pulse.note(answered=answered, now=time.monotonic()):
                    self._hung[child.name] = pid
                else:
                    self._hung.pop(child.name, None)

    def _answers(self, child: Child, pid: int) -> bool:
        if child.liveness is None:
            return proc.state(pid) not in proc.STOPPED
        return answers(child.liveness, timeout_s=self._patience.answer_s)
