"""Acknowledges a sensor's message to the field broker when all that it made is on the disk, and not before."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from gateway.spool.spool import Spool

Receipt = tuple[int, int]
"""``gateway.mqtt.session.Message.receipt``."""


class Acknowledgements:
    """Those of one connection. Any thread may call."""

    def __init__(self, spool: Spool) -> None:
        self.send: Callable[[Sequence[Receipt]], None] = lambda _receipts: None
        """Where they go."""
        self._spool = spool
        self._waiting: deque[tuple[int, Receipt]] = deque()
        """How many events must be on the disk, and what may be acknowledged then."""
        self._lock = threading.Lock()

    def wait_for_disk(self, receipt: Receipt) -> None:
        """Acknowledge ``receipt`` as soon as every event that the spool has taken so far is on the disk.

        Also where the message made no event: it may be one that is delivered again while its events are on their way.
        """
        with self._lock:
            self._waiting.append((self._spool.taken, receipt))
        self.stored()

    def stored(self) -> None:
        """Look how far the disk has come."""
        due = []
        with self._lock:
            while self._waiting and self._waiting[0][0] <= self._spool.appended:
                due.append(self._waiting.popleft()[1])
        if due:
            self.send(due)
