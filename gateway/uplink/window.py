"""Go-back-N: what one gateway may send now, and what a mark from the centre means. Pure.

Times are seconds of a monotonic clock. ``gateway.uplink.uplink`` reads the spool and publishes.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

from gateway.contract.wire import MAX_BATCH_EVENTS, WIDEST_WINDOW, WINDOW, Mark
from gateway.spool.values import Position

MARK_WAIT_S: Final = 1.0
"""How long the retained mark is awaited after a connect, before sending."""
RESEND_S: Final = 5.0
"""Without progress of the mark for this long, sending goes back to the mark."""
REPEAT_GUARD_S: Final = 1.0
"""After a loss every batch in flight behind it is answered with the same mark; going back once is enough."""
QUICK_S: Final = 0.25
"""A centre that confirms a batch within this has room: each such batch widens the window by one, up to the widest. A
slower one, or a loss, narrows it at once: many gateways that send together fill the centre's queue no further."""
SLOW_S: Final = 1.0
"""A centre that takes this long to confirm a batch has a queue. Then, and before the first confirmation after a connect
or a loss, no more events are in flight than one full batch holds: thousands of gateways that come back together would
fill the queues of the broker, which drops what is more, and each would wait for ``RESEND_S``."""
LOW_FOR_S: Final = 10.0
LOW_TIMES: Final = 3
"""A mark below what the spool still holds must come this often, over this long, without a contradicting one in between,
before the centre counts as having lost events: one stale mark must not renumber what is being stored just now."""


class Meaning(Enum):
    """What a mark means for the spool."""

    NOTHING = "nothing"
    ADVANCE = "advance"
    """Everything up to the mark may be deleted."""
    CENTRE_LOST = "centre_lost"
    """A new epoch: the centre holds less than it had confirmed."""
    SPOOL_LOST = "spool_lost"
    """A new epoch: the centre holds events of this epoch that this spool never had."""


class Window:
    """One gateway's sending side."""

    def __init__(self, position: Position) -> None:
        self.resends = 0
        """How often sending went back to the mark."""
        self._epoch = position.epoch
        self._last = position.last
        self._acked = position.committed
        self._sent = position.committed
        self._flying: deque[tuple[int, float]] = deque()
        """Of each batch in flight its last sequence number, and when it was sent."""
        self._room = WINDOW
        """How many of them there may be."""
        self._most_events = MAX_BATCH_EVENTS
        """So many events in flight are enough: the next batch waits."""
        self._connected = False
        self._hold_until = 0.0
        self._moved_at = 0.0
        self._back_at = -REPEAT_GUARD_S
        self._probing = False
        """After a time-out one batch at a time goes out, until a mark comes."""
        self._low_since: float | None = None
        self._low_times = 0

    @property
    def epoch(self) -> str:
        """The epoch that batches carry."""
        return self._epoch

    def connected(self, now: float) -> None:
        """The connection is up: nothing of an earlier one is in flight."""
        self._connected = True
        self._hold_until = now + MARK_WAIT_S
        self._most_events = MAX_BATCH_EVENTS
        self._go_back(now)

    def disconnected(self) -> None:
        """The connection is down."""
        self._connected = False

    def position(self, position: Position, now: float) -> None:
        """Update where the spool stands: more events, or a new epoch."""
        self._last = position.last
        if position.epoch != self._epoch:
            self._epoch = position.epoch
            self._acked = position.committed
            self._low_since, self._low_times = None, 0
            self._go_back(now)

    def mark(self, mark: Mark, now: float, *, ours: str | None = None) -> Meaning:
        """Process a mark; whatever it is, the centre answers.

        Args:
            ours: the digest that this spool has at the mark's sequence number; None: unknown.
        """
        self._hold_until = now
        if mark.epoch != self._epoch:
            return Meaning.NOTHING
        if mark.seq > self._last:
            return Meaning.SPOOL_LOST
        if mark.digest is not None and ours is not None and mark.digest != ours:
            return Meaning.SPOOL_LOST  # numbers don't show it once an old copy has grown beyond the mark
        if mark.seq < self._acked:
            return self._low(now)
        self._low_since, self._low_times = None, 0
        if mark.seq > self._acked:
            self._acked = mark.seq
            self._sent = max(self._sent, mark.seq)
            within = True
            while self._flying and self._flying[0][0] <= mark.seq:
                last, sent_at = self._flying.popleft()
                within = last != mark.seq
                self._confirmed(now - sent_at)
            self._moved_at = now
            self._probing = False
            if within and self._flying and now - self._back_at >= REPEAT_GUARD_S:
                self._resend(
                    now
                )  # it ends within a batch, which the centre refuses: the next batch must begin after it
            return Meaning.ADVANCE
        if self._flying and now - self._back_at >= REPEAT_GUARD_S:
            self._resend(now)  # the same mark again: the centre ignored what lies beyond a gap
        return Meaning.NOTHING

    def tick(self, now: float) -> None:
        """Go back to the mark if it has not moved in time."""
        if self._connected and self._flying and now - self._moved_at >= RESEND_S:
            self._resend(now)
            self._probing = True

    def send_after(self, now: float) -> int | None:
        """Return the sequence number after which the next batch starts; None: nothing is to be sent now."""
        if not self._connected or now < self._hold_until or self._sent >= self._last:
            return None
        if len(self._flying) >= (1 if self._probing else self._room):
            return None
        if self._flying and self._sent - self._acked >= self._most_events:
            return None
        return self._sent

    def sent(self, last_seq: int, now: float) -> None:
        """A batch that ends with ``last_seq`` was sent."""
        if not self._flying:
            self._moved_at = now
        self._flying.append((last_seq, now))
        self._sent = last_seq

    def next_tick(self) -> float | None:
        """Return when ``tick`` or ``send_after`` is due without news; None: never."""
        if not self._connected:
            return None
        if self._flying:
            return self._moved_at + RESEND_S
        return self._hold_until if self._sent < self._last else None

    def _confirmed(self, after_s: float) -> None:
        """A batch was confirmed so long after it was sent: widen or narrow the window."""
        quick = after_s < QUICK_S and not self._probing
        self._room = min(self._room + 1, WIDEST_WINDOW) if quick else WINDOW
        if after_s >= SLOW_S:
            self._most_events = MAX_BATCH_EVENTS
        else:
            self._most_events = min(self._most_events + MAX_BATCH_EVENTS, self._room * MAX_BATCH_EVENTS)

    def _low(self, now: float) -> Meaning:
        self._low_times += 1
        if self._low_since is None:
            self._low_since = now
        if self._low_times >= LOW_TIMES and now - self._low_since >= LOW_FOR_S:
            self._low_since, self._low_times = None, 0
            return Meaning.CENTRE_LOST
        return Meaning.NOTHING

    def _resend(self, now: float) -> None:
        self.resends += 1
        self._room = WINDOW
        self._most_events = MAX_BATCH_EVENTS
        self._back_at = now
        self._go_back(now)

    def _go_back(self, now: float) -> None:
        self._sent = self._acked
        self._flying.clear()
        self._moved_at = now
