"""The spool: every event is on this disk from soon after it happened until the centre says that it is committed.

``append`` returns at once; one thread writes what has come together as soon as the disk is free (a commit of its own
for a lone event, hundreds of events a commit under load). Only what is on the disk can be read, and so sent.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.contract.wire import MAX_EVENT_BYTES, Event, GatewayEvent
from gateway.spool.changes import KINDS, Changes
from gateway.spool.clock_steps import end_of_run
from gateway.spool.file import SpoolFile
from gateway.spool.ledger import Ledger, encoded
from gateway.spool.outgoing import Outgoing, gather
from gateway.spool.sqlite_file import SpoolError, broken, set_aside_files
from gateway.spool.values import Kept, Position, Unit

__all__ = ["Spool", "SpoolError"]

log = logging.getLogger(__name__)

_HELD_MAX_BYTES: Final = 64 * 1024 * 1024
"""What memory holds while the disk refuses; beyond this events are lost, and said to be."""
_RETRY_S: Final = 0.5
_SLICE: Final = 50
"""Events a transaction on a disk that has refused: all that is held may never fit at once."""
_REOPEN_EVERY: Final = 20
"""Refusals of the disk between two attempts to open the file anew: it may be another disk by now."""
_AWAY: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
_MARKS_WAIT_S: Final = 0.05
"""A mark alone is no hurry: it waits this long for events to share a commit with."""


class Spool:
    """The spool of one process, for all of its gateways. Every method may be called from any thread."""

    def __init__(
        self,
        path: Path,
        *,
        on_commit: Callable[[set[str]], None] | None = None,
        max_bytes: int | None = None,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """Open ``path`` (made if need be) and start the thread that writes.

        A disk that takes nothing stops nothing: ``trouble`` says so, events wait in memory, what lies there is read as
        far as it can be, and opening the file is tried again and again.

        Args:
            on_commit: called in the writing thread with the gateways whose events have just become readable.
            max_bytes: the file never grows beyond this; None: the disk is the limit.
            clock: µs since 1970, for the events that the spool itself writes.

        Raises:
            SpoolError: another process has it.
            OSError: its folder is not there and cannot be made.
        """
        self.appended = 0
        """Events on the disk since the start."""
        self.taken = 0
        """Events taken since the start: when ``appended`` has come so far, all of them are on the disk."""
        self.lost = 0
        """Events that neither the disk nor memory could hold."""
        self.damaged = 0
        """Events read that were damaged on the disk, and were sent as such."""
        self._on_commit = on_commit
        self._clock = clock
        self._file = SpoolFile(path, max_bytes=max_bytes)
        self.trouble = self._file.trouble
        """Why the disk refuses at present."""
        if self.trouble is not None:
            log.critical("spool_refuses", extra={"reason": self.trouble, "path": str(path)})
        self._ledgers: dict[str, Ledger] = {}
        self._gateways: set[str] = set()
        """Those that were opened."""
        self._read_broken: str | None = None
        """How reading found that the file is broken."""
        self._refusals = 0
        try:
            self._ledgers = self._file.ledgers()
        except sqlite3.Error as error:
            self.trouble = str(error)
            log.critical("spool_unreadable_now", extra={"reason": self.trouble, "path": str(path)})
        self._changes = Changes()
        self._held_bytes = 0
        self._lost_since_said: dict[str, int] = {}
        self._hurry = False
        """A new gateway waits for its epoch to be on the disk."""
        self._turn = 0
        """Which kind of changes was written last, while the disk refuses."""
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the writing thread runs."""
        return self._thread.is_alive()

    def open(self, gateway: str) -> Position:
        """Make ``gateway`` known, durably, and return where it stands; a first time begins a random epoch.

        On a disk that takes nothing it may stand nowhere as yet: its position has no epoch then.
        """
        with self._wake:
            self._gateways.add(gateway)
            said = self._greet(gateway)
            self._hurry = gateway not in self._ledgers
            self._wake.notify_all()
            while gateway not in self._ledgers and self.trouble is None:
                if not self._wake.wait(10):
                    raise SpoolError("the disk didn't take a new gateway within 10 s")
        for text in said:
            self.say(gateway, text)
        return self.position(gateway)

    def _greet(self, gateway: str) -> list[str]:
        """Have a gateway written that the file doesn't know, or not rightly; return what is to be said of it."""
        said = []
        ledger = self._ledgers.get(gateway)
        if ledger is None or ledger.damaged:
            self._changes.committed.setdefault(gateway, 0)
        if ledger is not None and ledger.damaged:
            said.append("a new epoch began: what the spool says of this gateway was damaged; its events are held")
        if self._file.moved_aside is not None:
            name = self._file.moved_aside.name
            said.append(f"the spool could not be read and was set aside as {name}: see `maillage spool recover`")
        if self._file.went_back and ledger is not None:
            self._changes.renewed.add(gateway)
            said.append("a new epoch began: the spool holds less than it once did: what was written last is gone")
        return said

    def append(self, gateway: str, event: Event) -> None:
        """Take an event; its sequence number follows the order of these calls.

        Larger than the contract allows: refused, and an event that says so takes its place.
        """
        body = self._fitting(gateway, event)
        with self._wake:
            if self._held_bytes + len(body) > _HELD_MAX_BYTES:
                self.lost += 1
                self._lost_since_said[gateway] = self._lost_since_said.get(gateway, 0) + 1
                return
            self._held_bytes += len(body)
            self.taken += 1
            self._changes.add(gateway, body)
            self._wake.notify_all()

    def append_unit(self, unit: Unit) -> None:
        """Take all events of a message, and what is kept with them, to be written in one transaction.

        The limit of what memory holds is for the caller to observe (``has_room``).
        """
        rows = [(gateway, self._fitting(gateway, event)) for gateway, event in unit.events]
        kept = tuple(Kept(gateway=gateway, name=name, value=value, until=None) for gateway, name, value in unit.kept)
        with self._wake:
            for number, (gateway, body) in enumerate(rows, 1):
                self._held_bytes += len(body)
                self.taken += 1
                self._changes.add(gateway, body, kept if number == len(rows) else None)
            if not rows:
                self._changes.kept.update({(one.gateway, one.name): one for one in kept})
            if rows or kept:
                self._wake.notify_all()

    @property
    def has_room(self) -> bool:
        """Whether memory can hold much more of what the disk refuses."""
        return self._held_bytes < _HELD_MAX_BYTES // 2

    def say(self, gateway: str, text: str) -> None:
        """Append a ``gateway/spool`` event."""
        self.append(gateway, self._said(text))

    def _said(self, text: str) -> GatewayEvent:
        return {"kind": "gateway", "what": "spool", "at": self._clock(), "device": "gateway", "text": text[:2000]}

    def _fitting(self, gateway: str, event: Event) -> bytes:
        """Return ``event`` as JSON; one larger than the contract allows becomes one that says so."""
        body = encoded(event)
        if len(body) <= MAX_EVENT_BYTES:
            return body
        log.error("event_too_large", extra={"gateway": gateway, "kind": event["kind"], "bytes": len(body)})
        refused = f"an event ({event['kind']}) of {len(body)} bytes was refused: {MAX_EVENT_BYTES} at most"
        return encoded(self._said(refused))

    def keep(self, gateway: str, name: str, value: str, *, until: int | None = None) -> None:
        """Keep a small value across restarts, until the instant ``until`` (µs since 1970) if given."""
        with self._wake:
            self._changes.kept[gateway, name] = Kept(gateway=gateway, name=name, value=value, until=until)
            self._wake.notify_all()

    def keep_now(self, gateway: str, name: str, value: str, *, until: int | None = None, within_s: float) -> bool:
        """Keep a value as ``keep`` does and return True when it is on the disk; False: not within ``within_s``.

        It stays to be written then.
        """
        written = threading.Event()
        with self._wake:
            self._changes.kept[gateway, name] = Kept(gateway=gateway, name=name, value=value, until=until)
            self._changes.waiting.append(written)
            self._wake.notify_all()
        return written.wait(within_s)

    def kept(self, gateway: str) -> dict[str, str]:
        """Return what was kept for ``gateway``, by name, as far as it is on the disk."""
        try:
            return self._file.kept(gateway)
        except sqlite3.Error as error:
            raise SpoolError(str(error)) from error

    def position(self, gateway: str) -> Position:
        """Return where ``gateway`` stands; it must have been opened."""
        with self._wake:
            ledger = self._ledgers.get(gateway)
            return Position(epoch="", committed=0, last=0) if ledger is None else ledger.position

    def depths(self) -> dict[str, int]:
        """Return for every gateway of the file how many events it still holds."""
        with self._wake:
            return {gateway: ledger.position.depth for gateway, ledger in self._ledgers.items()}

    def batch(
        self, gateway: str, epoch: str, after_seq: int, *, limit_events: int, limit_bytes: int
    ) -> Outgoing | None:
        """Return the next events on the disk after ``after_seq``, at least one if there is any.

        None where there is none, or ``epoch`` is over.

        Raises:
            SpoolError: the file cannot be read.
        """
        with self._wake:
            ledger = self._ledgers.get(gateway)
            if ledger is None or ledger.epoch != epoch:
                return None
        # Rows are readable a moment before the ledger knows of them: sent that early, their mark would lie beyond
        # all that this spool knows to have written.
        after = max(after_seq + ledger.base, ledger.committed)  # what is committed is gone, not missing
        last = min(end_of_run(ledger.changes, after, ledger.last), ledger.last, after + limit_events)
        try:
            rows = self._file.read(gateway, after, last, limit_events)
            before = ledger.committed_chain if after == ledger.committed else self._file.chain_at(gateway, after)
        except sqlite3.Error as error:
            self._broke_in_reading(error)
            raise SpoolError(str(error)) from error
        found = gather(rows, ledger, after, before=before, last=last, limit_bytes=limit_bytes, now=self._clock())
        if found is not None and found.damaged:
            self.damaged += found.damaged
            log.critical("spool_events_damaged", extra={"gateway": gateway, "count": found.damaged})
        return found

    def digest(self, gateway: str, epoch: str, seq: int) -> str | None:
        """Return what all events up to ``seq`` of ``epoch`` were; None: unknown.

        Raises:
            SpoolError: the file cannot be read.
        """
        with self._wake:
            ledger = self._ledgers.get(gateway)
        if ledger is None or ledger.epoch != epoch:
            return None
        n = seq + ledger.base
        try:
            chain = ledger.committed_chain if n == ledger.committed else self._file.chain_at(gateway, n)
        except sqlite3.Error as error:
            self._broke_in_reading(error)
            raise SpoolError(str(error)) from error
        return None if chain is None else chain.hex()

    def _broke_in_reading(self, error: sqlite3.Error) -> None:
        if broken(error):
            with self._wake:
                self._read_broken = str(error)
                self._wake.notify_all()

    def committed(self, gateway: str, epoch: str, seq: int) -> None:
        """Let go of everything up to ``seq`` of ``epoch``, which the centre has stored."""
        with self._wake:
            ledger = self._ledgers.get(gateway)
            if ledger is not None and epoch == ledger.epoch:
                n = min(seq + ledger.base, ledger.last)
                if n > self._changes.committed.get(gateway, ledger.committed):
                    self._changes.committed[gateway] = n
                    self._wake.notify_all()

    def set_aside(self) -> list[str]:
        """Return the names of broken files that lie beside the spool; ``maillage spool recover`` reads them back."""
        return set_aside_files(self._file.path)

    def renew(self, gateway: str, epoch: str, reason: str) -> None:
        """Begin a new epoch after ``epoch``: what is held is numbered from 1, and an event says why.

        For a centre that has lost events which this spool no longer holds. Asked twice, it is done once.
        """
        with self._wake:
            ledger = self._ledgers.get(gateway)
            if ledger is None or ledger.epoch != epoch or gateway in self._changes.renewed:
                return
            self._changes.renewed.add(gateway)
        log.error("spool_new_epoch", extra={"gateway": gateway, "reason": reason})
        self.say(gateway, f"a new epoch began: {reason}")

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what is held and close the file."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self._thread.join(timeout_s)
        self._file.close()

    def _run(self) -> None:
        try:
            while True:
                with self._wake:
                    while not (self._changes.any() or self._stopping or self._read_broken):
                        self._wake.wait()
                    read_broken, self._read_broken = self._read_broken, None
                if read_broken is not None:
                    self._start_over(read_broken, Changes())
                with self._wake:
                    changes = self._changes
                    if not (changes.events or changes.kept or changes.renewed or self._hurry or self._stopping):
                        self._wake.wait(_MARKS_WAIT_S)
                    self._hurry = False
                    if self._stopping and (self.trouble or not self._changes.any()):
                        return
                    if not self._changes.any():
                        continue
                    changes = self._taken()
                if not self._write(changes):
                    time.sleep(_RETRY_S)
        except Exception:
            log.critical("spool_died", exc_info=True)
            raise

    def _taken(self) -> Changes:
        """Return what to write now: everything, or on a disk that refuses one kind after the other, events by slices.

        What makes room (marks) must not wait for what needs room, nor one kind that finds none for another that does.
        """
        changes = self._changes
        if self.trouble is None:
            self._changes = Changes()
            self._say_losses(changes)
            return changes
        while True:
            self._turn = (self._turn + 1) % KINDS
            part = changes.part(self._turn, _SLICE)
            if part.any():
                return part

    def _write(self, changes: Changes) -> bool:
        """Write ``changes``; what the disk refuses goes back to the front of what is held."""
        try:
            if not self._file.writable:
                self._come_back(changes)
            changed = self._file.write(changes, self._ledgers, self._clock())
        except (sqlite3.Error, OSError) as error:
            self._refused(error, changes)
            return False
        self._refusals = 0
        for written in changes.waiting:
            written.set()
        with self._wake:
            self._ledgers.update(changed)
            self._held_bytes -= sum(len(body) for _, body in changes.events)
            self.appended += len(changes.events)
            self._wake.notify_all()
            recovered = self.trouble is not None and bool(changes.events) and not self._changes.events
        if recovered:
            log.warning("spool_recovered", extra={"reason": self.trouble})
            for gateway in self._gateways:
                self.say(gateway, f"the spool refused events for a while: {self.trouble}")
            self.trouble = None
        if self._on_commit is not None and (changes.events or changes.renewed):
            self._on_commit({gateway for gateway, _ in changes.events} | changes.renewed)
        return True

    def _put_back(self, changes: Changes) -> None:
        with self._wake:
            self._changes = changes.then(self._changes)

    def _refused(self, error: sqlite3.Error | OSError, changes: Changes) -> None:
        """Keep what the disk did not take, and find out whether it is the file."""
        self._refusals += 1
        if broken(error):
            self._start_over(str(error), changes)
        elif self.trouble is None:
            log.critical("spool_refuses", extra={"reason": str(error)})
        self.trouble = str(error)
        code = getattr(error, "sqlite_errorcode", None) or 0
        if self._file.writable and self._refusals % _REOPEN_EVERY == 0 and code & 0xFF in _AWAY:
            try:
                self._come_back(changes)
            except (sqlite3.Error, OSError) as again:
                log.error("spool_refuses", extra={"reason": str(again)})
        self._put_back(changes)
        with self._wake:
            self._wake.notify_all()

    def _come_back(self, changes: Changes) -> None:
        """Open the file for writing, and take over where its gateways stand.

        Raises:
            sqlite3.Error: the disk takes nothing.
            OSError: the same.
        """
        aside = self._file.moved_aside
        self._file.reopen()
        ledgers = self._file.ledgers()
        with self._wake:
            if self._file.moved_aside != aside:
                self._forget_marks(changes)
            self._ledgers = ledgers
            said = {gateway: self._greet(gateway) for gateway in self._gateways}
        for gateway, texts in said.items():
            for text in texts:
                self.say(gateway, text)

    def _start_over(self, reason: str, changes: Changes) -> None:
        """The file broke under our hands: it goes aside, and every gateway begins a new epoch."""
        with self._wake:
            self._forget_marks(changes)
            self._ledgers = {}
        self.trouble = reason
        try:
            self._file.set_aside(reason)
            marks = Changes(committed=dict.fromkeys(self._gateways, 0))
            written = self._file.write(marks, {}, self._clock())
        except (sqlite3.Error, OSError, SpoolError) as error:
            log.critical("spool_refuses", extra={"reason": str(error)})
            return
        with self._wake:
            self._ledgers = written
        aside = self._file.moved_aside
        for gateway in self._gateways:
            self.say(gateway, f"the spool broke ({reason}) and was set aside as {aside.name if aside else '?'}")

    def _forget_marks(self, changes: Changes) -> None:
        """Forget what was to be written of epochs that are over with their file."""
        for waiting in (changes, self._changes):
            waiting.committed.clear()
            waiting.renewed.clear()

    def _say_losses(self, changes: Changes) -> None:
        """Say in the stream how many events were lost, where they would have stood: after all that was held."""
        for gateway, number in self._lost_since_said.items():
            event: GatewayEvent = {
                "kind": "gateway",
                "what": "spool",
                "at": self._clock(),
                "device": "gateway",
                "value": float(number),
                "text": f"{number} events were lost: the disk refused them and memory was full",
            }
            body = encoded(event)
            self._held_bytes += len(body)
            self.taken += 1
            changes.add(gateway, body)
            log.critical("events_lost", extra={"gateway": gateway, "count": number})
        self._lost_since_said = {}
