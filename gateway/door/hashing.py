"""Hashes of typed digits, which take some 20 ms by design, beside the thread that serves the doors."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

log = logging.getLogger(__name__)

Work = Callable[[], str]
Then = Callable[[str | None], None]
Turn = AbstractContextManager[object]
"""The place's mutex."""


class Hashing(Protocol):
    """Where digits are hashed."""

    def put(self, turn: Turn, work: Work, then: Then) -> None:
        """Call ``then``, in ``turn``, with the result of ``work``, or None if it failed; in the order of the calls."""


class HashNow:
    """Hashes at once, in the caller's thread: for tests and tools."""

    def put(self, turn: Turn, work: Work, then: Then) -> None:
        """Hash and answer."""
        result = work()
        with turn:
            then(result)


class Hasher:
    """Hashes in a thread of its own, which begins with the first digits typed; scrypt lets other threads run."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[Turn, Work, Then] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether its thread runs, or hasn't been needed."""
        return self._thread is None or self._thread.is_alive()

    def put(self, turn: Turn, work: Work, then: Then) -> None:
        """Hash and answer, in the hasher's thread."""
        self._waiting.put((turn, work, then))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="hasher", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Answer what waits and end the thread."""
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join(5)

    def _run(self) -> None:
        while (job := self._waiting.get()) is not None:
            turn, work, then = job
            result = None
            try:
                result = work()
            except Exception as error:
                log.error("hash_failed", extra={"reason": type(error).__name__})  # the text might quote digits
            try:
                with turn:
                    then(result)
            except Exception as error:
                log.error("typed_not_decided", extra={"reason": type(error).__name__})
