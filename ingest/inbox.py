"""Messages between the broker's thread and the database's: bounded in bytes, never blocking."""

from __future__ import annotations

import threading
import time
from collections import deque

from ingest.messages import Message, Name, name_of


class Inbox:
    """A bounded queue.

    While it is over its high-water mark the broker's connection isn't read (``has_room``); what arrives all the same
    is dropped and counted: its gateway keeps it and sends it again. So is a batch that waits already: a gateway that
    has waited for long sends it again, and the mark of the first one answers both.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.bytes = 0
        self._messages: deque[Message] = deque()
        self._names: set[Name | None] = set()
        """Of the batches that wait."""
        self._ready = threading.Condition()
        self._awaited = 0
        """Bytes that must wait before whoever waits is woken."""

    def put(self, message: Message) -> bool:
        """Add a message; False where there was no room for it. A batch that waits already isn't added again."""
        size = len(message.payload) + 500
        name = name_of(message)
        with self._ready:
            if name in self._names:
                return True
            if self.bytes + size > self.limit_bytes:
                return False
            self.bytes += size
            self._messages.append(message)
            if name is not None:
                self._names.add(name)
            if self.bytes >= self._awaited:
                self._ready.notify()
            return True

    def has_room(self) -> bool:
        """Whether the connection may be read on."""
        return self.bytes < self.limit_bytes // 2

    def gather(self, until: float, enough_bytes: int) -> None:
        """Wait until ``until`` (monotonic), or until that many bytes wait; whoever puts less wakes nobody."""
        with self._ready:
            self._awaited = enough_bytes
            while self.bytes < enough_bytes and (left_s := until - time.monotonic()) > 0:
                self._ready.wait(left_s)
            self._awaited = 0

    def take(self, most_bytes: int, wait_s: float) -> list[Message]:
        """All that waits, up to about ``most_bytes``; waits ``wait_s`` for the first."""
        with self._ready:
            if not self._messages:
                self._ready.wait(wait_s)
            taken: list[Message] = []
            size = 0
            while self._messages and size < most_bytes:
                message = self._messages.popleft()
                taken.append(message)
                self._names.discard(name_of(message))
                size += len(message.payload) + 500
            self.bytes -= size
            return taken
