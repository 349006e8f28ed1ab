"""Queues gateways' messages between the broker's thread and the worker's: bounded, from gateways in service only."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final

from gateway.contract.wire import MAX_MESSAGE_BYTES, Address, parse_topic
from rights.metrics import Metrics

log = logging.getLogger(__name__)

REPLIES: Final = 16
"""Of one gateway that wait."""
REQUEST_BYTES: Final = 16_384
"""Of a request for a certificate."""
REPLY_BYTES: Final = 16 * 1024 * 1024
"""Of all replies that wait."""
_LOG_EVERY_S: Final = 60.0


class Hearing:
    """Holds the newest state of each gateway, and its replies, until the worker takes them.

    A topic is checked before anything of its message is kept. What is dropped is counted, and logged once a minute.
    """

    def __init__(self, metrics: Metrics, tell: Callable[[int], None]) -> None:
        """``tell`` is called with the connection's number, for ``states``."""
        self._metrics = metrics
        self._tell = tell
        self._lock = threading.Lock()
        self._known: frozenset[Address] = frozenset()
        self._states: dict[Address, bytes] = {}
        self._requests: dict[str, bytes] = {}
        self._replies: deque[tuple[str, bytes]] = deque()
        self._waiting: Counter[str] = Counter()
        self._bytes = 0
        self._generation = 0
        self._told = False
        self._dropped: Counter[str] = Counter()
        self._log_at = 0.0

    def know(self, addresses: Iterable[Address]) -> frozenset[Address]:
        """Hear these addresses from now on, and no others; return those that are new."""
        with self._lock:
            before, self._known = self._known, frozenset(addresses)
            for gone in self._states.keys() - self._known:
                del self._states[gone]
            return self._known - before

    def put(self, topic: str, payload: bytes) -> None:
        """Keep a message, and tell the worker where it doesn't know yet that there is something."""
        found = parse_topic(topic)
        if found is None or found[0] not in self._known:
            self.drop("unknown_address", topic)
        elif len(payload) > MAX_MESSAGE_BYTES:
            self.drop("too_large", topic)
        elif payload:
            with self._lock:
                kept = self._keep(*found, payload)
                told, self._told = self._told, self._told or kept
            if not kept:
                self.drop("too_many", topic)
            elif not told:
                self._tell(self._generation)

    def _keep(self, address: Address, leaf: str, payload: bytes) -> bool:
        if leaf == "state":
            self._states[address] = payload
            return True
        if leaf == "request":
            if len(payload) > REQUEST_BYTES:
                return False
            self._requests[address.gateway] = payload
            return True
        if self._waiting[address.gateway] >= REPLIES or self._bytes + len(payload) > REPLY_BYTES:
            return False
        self._replies.append((address.gateway, payload))
        self._waiting[address.gateway] += 1
        self._bytes += len(payload)
        return True

    def lost(self) -> None:
        """The connection to the broker is lost: drop the states that came over it."""
        with self._lock:
            self._states.clear()
            self._generation += 1
            self._told = False

    def states(self, generation: int) -> dict[Address, bytes]:
        """Take the states heard on the connection ``generation``; none where it is over."""
        with self._lock:
            if generation != self._generation:
                return {}
            self._told = False
            taken, self._states = self._states, {}
            return taken

    def requests(self) -> dict[str, bytes]:
        """Take the newest request for a certificate of each gateway."""
        with self._lock:
            taken, self._requests = self._requests, {}
            return taken

    def reply(self) -> tuple[str, bytes] | None:
        """Return the oldest reply and whose it is; it stays until ``done``."""
        return self._replies[0] if self._replies else None

    def done(self) -> None:
        """Forget the oldest reply."""
        with self._lock:
            code, payload = self._replies.popleft()
            self._bytes -= len(payload)
            self._waiting[code] -= 1
            if not self._waiting[code]:
                del self._waiting[code]

    def drop(self, reason: str, topic: str) -> None:
        """Count a message that isn't used; once a minute, log how many and for example which."""
        self._metrics.dropped.labels(reason).inc()
        self._dropped[reason] += 1
        now = time.monotonic()
        if now >= self._log_at:
            self._log_at = now + _LOG_EVERY_S
            log.warning("messages_dropped", extra={"topic": topic[:300], **self._dropped})
            self._dropped.clear()
