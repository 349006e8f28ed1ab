"""What waits for the disk, in memory: events up to a limit, marks, and small values."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from gateway.contract.wire import MAX_EVENT_BYTES, Event, GatewayEvent
from gateway.spool.changes import KINDS, Changes
from gateway.spool.ledger import encoded
from gateway.spool.marks import Marks
from gateway.spool.values import Kept, Unit

log = logging.getLogger(__name__)

_MAX_BYTES: Final = 64 * 1024 * 1024
"""Of events. Beyond this they are lost, which an event says later."""
_MUCH: Final = 16
"""Events."""
_SLICE: Final = 50
"""Events a transaction on a disk that has refused: all of them together may never fit."""


class Pending:
    """The changes that the next transactions write. Each method holds ``wake`` and notifies it of news."""

    def __init__(self, wake: threading.Condition, clock: Callable[[], int]) -> None:
        """``clock``: µs since 1970, for the events that the spool itself writes."""
        self.changes = Changes()
        self.taken = 0
        self.lost = 0
        self._marks = Marks()
        self._resting = False
        """Whether the disk takes nothing for a moment unless there is much: fewer events wake nobody then."""
        self._wake = wake
        self._clock = clock
        self._bytes = 0
        self._unreported: dict[str, int] = {}
        """Lost events by gateway, for which no event is written yet."""
        self._turn = 0
        """Which kind of changes was written last, while the disk refuses."""

    @property
    def has_room(self) -> bool:
        """Whether memory can hold much more of what the disk refuses."""
        return self._bytes < _MAX_BYTES // 2

    def append(self, gateway: str, event: Event, *, hurry: bool = True) -> None:
        """Add an event; it is lost if memory is full."""
        body = self._fitting(gateway, event)
        with self._wake:
            if self._bytes + len(body) > _MAX_BYTES:
                self.lost += 1
                self._unreported[gateway] = self._unreported.get(gateway, 0) + 1
                return
            self._add(self.changes, gateway, body)
            self._news(hurry=hurry)

    def append_unit(self, unit: Unit) -> None:
        """Add all events of a message, and what is kept with them, for one transaction; the limit isn't checked."""
        rows = [(gateway, self._fitting(gateway, event)) for gateway, event in unit.events]
        kept = tuple(Kept(gateway=gateway, name=name, value=value, until=None) for gateway, name, value in unit.kept)
        with self._wake:
            for number, (gateway, body) in enumerate(rows, 1):
                self._add(self.changes, gateway, body, kept if number == len(rows) else None)
            if not rows:
                self.changes.kept.update({(one.gateway, one.name): one for one in kept})
            if rows or kept:
                self._news(hurry=True)

    def keep(self, kept: Kept, written: threading.Event | None = None, *, hurry: bool = True) -> None:
        """Add a small value; ``written`` is set when it is on the disk."""
        with self._wake:
            self.changes.kept[kept.gateway, kept.name] = kept
            if written is not None:
                self.changes.waiting.append(written)
            self._news(hurry=hurry)

    def mark(self, gateway: str, n: int) -> None:
        """The centre has stored everything up to row ``n``: it may be deleted, in no hurry."""
        with self._wake:
            if n > max(self.changes.committed.get(gateway, 0), self._marks.get(gateway)):
                self._marks.put(gateway, n, time.monotonic())
                if len(self._marks) == 1:
                    self._wake.notify_all()

    def due_marks(self, *, everything: bool = False) -> bool:
        """Add the marks that are due to what is to be written; ``everything``: all of them."""
        with self._wake:
            # Those of an epoch that ends are written with its end: later they would mean nothing.
            taken = self._marks.take(time.monotonic(), everything=everything or bool(self.changes.renewed))
            self.changes.committed |= taken
            return bool(taken)

    def forget_marks(self) -> None:
        """Forget marks and new epochs: they are of a file that is gone."""
        with self._wake:
            self._marks.forget()
            self.changes.forget_marks()

    def wait(self, urgent: Callable[[], bool]) -> None:
        """Wait until something is to be written, or ``urgent`` returns true."""
        with self._wake:
            while not (urgent() or self.due_marks() or self.changes.any()):
                due_at = self._marks.due_at()
                self._wake.wait(None if due_at is None else max(0.0, due_at - time.monotonic()))

    def rest(self, until: float, ends: Callable[[], bool]) -> None:
        """Let what is little come together until ``until`` (monotonic), or ``ends`` returns true."""
        with self._wake:
            self._resting = True
            while not (self._is_much() or ends()) and (left_s := until - time.monotonic()) > 0:
                self._wake.wait(left_s)
            self._resting = False

    def take(self, *, refusing: bool) -> Changes:
        """Take what to write now: everything, or, on a disk that refuses, one kind after the other, events in slices.

        Marks, which make room, must not wait for events, which need it; nor one kind that finds no room for another
        that does.
        """
        with self._wake:
            changes = self.changes
            if not refusing:
                self.changes = Changes()
                self._report_losses(changes)
                return changes
            while True:
                self._turn = (self._turn + 1) % KINDS
                part = changes.part(self._turn, _SLICE)
                if part.any():
                    return part

    def put_back(self, changes: Changes) -> None:
        """Put what the disk refused back in front of what has come since."""
        with self._wake:
            self.changes = changes.then(self.changes)
            self._wake.notify_all()

    def written(self, changes: Changes) -> None:
        """Free the memory of what is on the disk, and forget the marks of the epochs that ended with it."""
        with self._wake:
            self._bytes -= sum(len(body) for _, body in changes.events)
            for gateway in changes.renewed:
                self.changes.committed.pop(gateway, None)
                self._marks.drop(gateway)

    def _news(self, *, hurry: bool) -> None:
        self.changes.hurry |= hurry
        if not self._resting or self._is_much():
            self._wake.notify_all()

    def _is_much(self) -> bool:
        """Whether what waits is worth a transaction of its own."""
        return len(self.changes.events) >= _MUCH or bool(self.changes.waiting)

    def _add(self, changes: Changes, gateway: str, body: bytes, end: tuple[Kept, ...] | None = ()) -> None:
        self._bytes += len(body)
        self.taken += 1
        changes.add(gateway, body, end)

    def _fitting(self, gateway: str, event: Event) -> bytes:
        """Return ``event`` as JSON; in place of one larger than the contract allows, an event that reports it."""
        body = encoded(event)
        if len(body) <= MAX_EVENT_BYTES:
            return body
        log.error("event_too_large", extra={"gateway": gateway, "kind": event["kind"], "bytes": len(body)})
        refused = f"an event ({event['kind']}) of {len(body)} bytes was refused: {MAX_EVENT_BYTES} at most"
        return encoded(spool_event(self._clock(), refused))

    def _report_losses(self, changes: Changes) -> None:
        """Append an event with the number of lost events where they would have stood: behind all that was held."""
        for gateway, number in self._unreported.items():
            event = spool_event(self._clock(), f"{number} events were lost: the disk refused them and memory was full")
            event["value"] = float(number)
            self._add(changes, gateway, encoded(event))
            log.critical("events_lost", extra={"gateway": gateway, "count": number})
        self._unreported = {}


def spool_event(at: int, text: str) -> GatewayEvent:
    """Return an event of the spool about itself."""
    return {"kind": "gateway", "what": "spool", "at": at, "device": "gateway", "text": text[:2000]}
