"""What waits for the runtime's thread: cards and codes first, of each topic of theirs only so many a second.

A board that publishes without end must neither keep other boards' cards waiting nor fill the disk with its own. Its
topic is ``loud`` then: the gateway unsubscribes from it for a while, since the broker would queue others' cards behind
its messages and drop them. What sensors say is never dropped: it waits at the broker, and a card doesn't wait for it.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter, deque
from typing import Final, Generic, TypeVar

T = TypeVar("T")

BURST: Final = 2000.0
"""Messages of one topic of cards and codes that are taken at once…"""
A_SECOND: Final = 200.0
"""…and a second after that. A person reads a card a second; a demonstration's day may run 100 times as fast, and
measurements read a card right after the other."""
LOUD: Final = 200
"""Messages of one topic that are dropped before it is loud."""
MUTED_S: Final = 30.0
"""How long nothing is heard of a loud topic."""
_TOPICS_MAX: Final = 10_000
_REPORT_EVERY_S: Final = 60.0


class Arrivals(Generic[T]):
    """A queue of two ranks. ``put`` and ``put_live`` are each for one thread, the rest for another."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._awaited = False
        """Whether the other thread waits: while it is at work it needs no waking."""
        self._live: deque[T] = deque()
        self._kept: deque[T] = deque()
        self._buckets: dict[str, tuple[float, float]] = {}
        """By topic: how many more are taken, and when that was so."""
        self._dropped: Counter[str] = Counter()
        self._loud: Counter[str] = Counter()
        self._reported: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._live) + len(self._kept)

    def put(self, one: T) -> None:
        """Add what waits for its turn."""
        self._kept.append(one)
        self._came()

    def put_live(self, one: T, topic: str, now: float) -> bool:
        """Add what comes before all that ``put`` added, unless too much came on its topic (``now``: seconds).

        Returns:
            Whether the topic has just become loud.
        """
        left, then = self._buckets.get(topic, (BURST, now))
        left = min(BURST, left + (now - then) * A_SECOND)
        if left < 1:
            self._buckets[topic] = (left, now)
            self._dropped[topic] += 1
            self._loud[topic] += 1
            if self._loud[topic] < LOUD:
                return False
            del self._loud[topic]
            return True
        if len(self._buckets) >= _TOPICS_MAX:
            self._buckets.clear()
            self._loud.clear()
        self._buckets[topic] = (left - 1, now)
        self._live.append(one)
        self._came()
        return False

    def get(self, timeout_s: float) -> T:
        """Return the next.

        Raises:
            queue.Empty: there is none within ``timeout_s``.
        """
        if not (self._live or self._kept):
            with self._wake:
                self._awaited = True  # before the next look: what comes after that look notifies
                try:
                    if not self._wake.wait_for(self.__len__, timeout_s):
                        raise queue.Empty
                finally:
                    self._awaited = False
        return self._live.popleft() if self._live else self._kept.popleft()

    def _came(self) -> None:
        if self._awaited:
            with self._wake:
                self._wake.notify()

    def floods(self, now: float) -> list[tuple[str, int]]:
        """Return the topics of which messages were dropped, and how many, each at most once a minute."""
        self._reported = {topic: at for topic, at in self._reported.items() if now - at < _REPORT_EVERY_S}
        due = [topic for topic in list(self._dropped) if topic not in self._reported]
        self._reported |= dict.fromkeys(due, now)
        return [(topic, self._dropped.pop(topic)) for topic in due]
