"""Acknowledges a sensor's message to the field broker when all of its events are on the disk."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from gateway.spool.spool import Spool

Receipt = tuple[int, int]
"""``gateway.mqtt.session.Message.receipt``."""


class Acknowledgements:
    """The acknowledgements of one connection. Any thread may call."""

    def __init__(self, spool: Spool) -> None:
        self.send: Callable[[Sequence[Receipt]], None] = lambda _receipts: None
        """Sends them."""
        self._spool = spool
        self._waiting: deque[tuple[int, Receipt]] = deque()
        """How many events must be on the disk, and the receipt to acknowledge then."""
        self._lock = threading.Lock()

    def wait_for_disk(self, receipt: Receipt) -> None:
        """Acknowledge ``receipt`` as soon as every event that the spool has taken so far is on the disk.

        Also if the message made no event: it may be delivered again while its events are still being written.
        """
        with self._lock:
            self._waiting.append((self._spool.taken, receipt))
        self.stored()

    def stored(self) -> None:
        """Send the acknowledgements that are due."""
        due = []
        with self._lock:
            while self._waiting and self._waiting[0][0] <= self._spool.appended:
                due.append(self._waiting.popleft()[1])
        if due:
            self.send(due)
