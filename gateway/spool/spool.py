"""The spool: each event is on this disk from soon after it happened until the centre confirms it as committed.

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

from gateway.clock import micros
from gateway.contract.wire import Event
from gateway.spool.changes import Changes
from gateway.spool.clock_steps import end_of_run
from gateway.spool.file import SpoolFile
from gateway.spool.ledger import Ledger
from gateway.spool.outgoing import Outgoing, gather
from gateway.spool.pending import Pending, spool_event
from gateway.spool.sqlite_file import SpoolError, broken, set_aside_files
from gateway.spool.values import Kept, Position, Unit

log = logging.getLogger(__name__)

_RETRY_S: Final = 0.5
_REOPEN_EVERY: Final = 20
"""Refused writes between two attempts to open the file anew: it may be on another disk by now."""
_DISK_ERRORS: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
_APART_S: Final = 0.005
"""So long after a transaction that several events shared the next begins, unless there is much: each costs a third of a
millisecond of processor, and more in the threads that acknowledge and send. Events that come one by one don't wait."""
_SHARED_WAIT_S: Final = 0.05
"""What is in no hurry (a mark, the note of a new list) waits this long for others to share a commit with."""


class Spool:
    """The spool of one process, for all of its gateways. Every method may be called from any thread."""

    def __init__(
        self,
        path: Path,
        *,
        on_commit: Callable[[set[str]], None] | None = None,
        max_bytes: int | None = None,
        clock: Callable[[], int] = micros,
    ) -> None:
        """Open ``path``, created if missing, and start the thread that writes.

        A disk that refuses stops nothing: ``trouble`` says why, events wait in memory, what is on the disk is read as
        far as possible, and opening the file is tried again and again.

        Args:
            on_commit: called in the writing thread with the gateways whose events have just become readable.
            max_bytes: the file never grows beyond this; None: the disk is the limit.
            clock: µs since 1970, for the events that the spool itself writes.

        Raises:
            SpoolError: another process has it.
            OSError: its folder is missing and can't be made.
        """
        self.appended = 0
        """Events on the disk since the start."""
        self.damaged = 0
        """Events that were damaged on the disk and sent as such; each time that they were read."""
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
        self._left: dict[str, str] = {}
        """The epoch that each gateway was last asked to end: the file may still be writing that."""
        self._read_broken: str | None = None
        """The error by which reading showed that the file is broken."""
        self._refusals = 0
        try:
            self._ledgers = self._file.ledgers()
        except sqlite3.Error as error:
            self.trouble = str(error)
            log.critical("spool_unreadable_now", extra={"reason": self.trouble, "path": str(path)})
        self._wake = threading.Condition()
        self._pending = Pending(self._wake, clock)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the writing thread runs."""
        return self._thread.is_alive()

    @property
    def taken(self) -> int:
        """Events taken since the start: when ``appended`` reaches this, all of them are on the disk."""
        return self._pending.taken

    @property
    def lost(self) -> int:
        """Events that neither the disk nor memory could hold."""
        return self._pending.lost

    def open(self, gateway: str) -> Position:
        """Register ``gateway``, durably, and return where it stands; the first time begins a random epoch.

        On a disk that refuses, its position may have no epoch yet.
        """
        with self._wake:
            self._gateways.add(gateway)
            texts = self._register(gateway)
            self._pending.changes.hurry |= gateway not in self._ledgers
            self._wake.notify_all()
            while gateway not in self._ledgers and self.trouble is None:
                if not self._wake.wait(10):
                    raise SpoolError("the disk didn't take a new gateway within 10 s")
        for text in texts:
            self._report(gateway, text)
        return self.position(gateway)

    def _register(self, gateway: str) -> list[str]:
        """Have a gateway written that the file doesn't know, or whose row is damaged; return what to report of it."""
        texts = []
        ledger = self._ledgers.get(gateway)
        if ledger is None or ledger.damaged:
            self._pending.changes.committed.setdefault(gateway, 0)
        if ledger is not None and ledger.damaged:
            texts.append("a new epoch began: what the spool says of this gateway was damaged; its events are held")
        if self._file.moved_aside is not None:
            name = self._file.moved_aside.name
            texts.append(f"the spool could not be read and was set aside as {name}: see `maillage spool recover`")
        if self._file.went_back and ledger is not None:
            self._pending.changes.renewed.add(gateway)
            texts.append("a new epoch began: the spool holds less than it once did: what was written last is gone")
        return texts

    def append(self, gateway: str, event: Event, *, hurry: bool = True) -> None:
        """Take an event; its sequence number follows the order of these calls.

        One larger than the contract allows is refused; an event that says so takes its place.

        Args:
            hurry: false: it may wait for a moment, to be written together with others.
        """
        self._pending.append(gateway, event, hurry=hurry)

    def append_unit(self, unit: Unit) -> None:
        """Take all events of a message, and what is kept with them, to be written in one transaction.

        The caller observes the limit of what memory holds (``has_room``).
        """
        self._pending.append_unit(unit)

    @property
    def has_room(self) -> bool:
        """Whether memory can hold much more of what the disk refuses."""
        return self._pending.has_room

    def keep(self, gateway: str, name: str, value: str, *, until: int | None = None, hurry: bool = True) -> None:
        """Keep a small value across restarts, until ``until`` (µs since 1970) if given; ``hurry``: as in ``append``."""
        self._pending.keep(Kept(gateway=gateway, name=name, value=value, until=until), hurry=hurry)

    def keep_now(self, gateway: str, name: str, value: str, *, until: int | None = None, within_s: float) -> bool:
        """Keep a value as ``keep`` does, and return True once it is on the disk; False: not within ``within_s``.

        It is still written later then.
        """
        written = threading.Event()
        self._pending.keep(Kept(gateway=gateway, name=name, value=value, until=until), written)
        return written.wait(within_s)

    def kept(self, gateway: str) -> dict[str, str]:
        """Return what was kept for ``gateway``, by name, as far as it is on the disk.

        Raises:
            SpoolError: the file cannot be read.
        """
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
        """Return how many events the file still holds of each gateway."""
        with self._wake:
            return {gateway: ledger.position.depth for gateway, ledger in self._ledgers.items()}

    def batch(
        self, gateway: str, epoch: str, after_seq: int, *, limit_events: int, limit_bytes: int
    ) -> Outgoing | None:
        """Return the next events on the disk after ``after_seq``, at least one if there is any.

        None: there is none, or ``epoch`` is over.

        Raises:
            SpoolError: the file cannot be read.
        """
        with self._wake:
            ledger = self._ledgers.get(gateway)
            if ledger is None or ledger.epoch != epoch:
                return None
        # Rows are readable a moment before the ledger has them. Sent that early, their mark would lie beyond all that
        # this spool knows to have written.
        after = max(after_seq + ledger.base, ledger.committed)  # committed events are deleted, not missing
        last = min(end_of_run(ledger.changes, after, ledger.last), ledger.last, after + limit_events)
        try:
            rows = self._file.read(gateway, after, last, limit_events)
            before = ledger.committed_chain if after == ledger.committed else self._file.chain_at(gateway, after)
        except sqlite3.Error as error:
            self._unreadable(error)
            raise SpoolError(str(error)) from error
        found = gather(rows, ledger, after, before=before, last=last, limit_bytes=limit_bytes, now=self._clock())
        if found is not None and found.damaged:
            self.damaged += found.damaged
            log.critical("spool_events_damaged", extra={"gateway": gateway, "count": found.damaged})
        return found

    def digest(self, gateway: str, epoch: str, seq: int) -> str | None:
        """Return the digest of all events up to ``seq`` of ``epoch``; None: unknown.

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
            self._unreadable(error)
            raise SpoolError(str(error)) from error
        return None if chain is None else chain.hex()

    def _unreadable(self, error: sqlite3.Error) -> None:
        if broken(error):
            with self._wake:
                self._read_broken = str(error)
                self._wake.notify_all()

    def committed(self, gateway: str, epoch: str, seq: int) -> None:
        """Delete everything up to ``seq`` of ``epoch``, which the centre has stored."""
        with self._wake:
            ledger = self._ledgers.get(gateway)
            if ledger is not None and epoch == ledger.epoch:
                n = min(seq + ledger.base, ledger.last)
                if n > ledger.committed:
                    self._pending.mark(gateway, n)

    def set_aside(self) -> list[str]:
        """Return the names of broken files beside the spool; ``maillage spool recover`` reads them back."""
        return set_aside_files(self._file.path)

    def renew(self, gateway: str, epoch: str, reason: str) -> None:
        """Begin a new epoch after ``epoch``: what is held is numbered from 1, and an event gives the reason.

        For a centre that has lost events which this spool no longer holds. A second call does nothing.
        """
        with self._wake:
            ledger = self._ledgers.get(gateway)
            if ledger is None or ledger.epoch != epoch or self._left.get(gateway) == epoch:
                return
            self._left[gateway] = epoch
            self._pending.changes.renewed.add(gateway)
        log.error("spool_new_epoch", extra={"gateway": gateway, "reason": reason})
        self._report(gateway, f"a new epoch began: {reason}")

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what is held and close the file."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self._thread.join(timeout_s)
        self._file.close()

    def _report(self, gateway: str, text: str) -> None:
        self.append(gateway, spool_event(self._clock(), text))

    # The rest runs in the writing thread.

    def _run(self) -> None:
        try:
            while True:
                with self._wake:
                    self._pending.wait(self._is_urgent)
                    read_broken, self._read_broken = self._read_broken, None
                if read_broken is not None:
                    self._start_over(read_broken, Changes())
                with self._wake:
                    self._wake.wait_for(self._is_urgent, _SHARED_WAIT_S)
                    self._pending.due_marks(everything=self._stopping or self.trouble is not None)
                    if self._stopping and (self.trouble or not self._pending.changes.any()):
                        return
                    if not self._pending.changes.any():
                        continue
                    changes = self._pending.take(refusing=self.trouble is not None)
                began = time.monotonic()
                if not self._write(changes):
                    time.sleep(_RETRY_S)
                elif len(changes.events) > 1:
                    self._pending.rest(began + _APART_S, lambda: self._stopping)
        except Exception:
            log.critical("spool_died", exc_info=True)
            raise

    def _is_urgent(self) -> bool:
        """Whether what waits is to be written at once. ``_wake`` is held."""
        return self._pending.changes.hurry or self._stopping or self._read_broken is not None

    def _write(self, changes: Changes) -> bool:
        """Write ``changes``; what the disk refuses goes back to the front of what is held."""
        try:
            if not self._file.writable:
                self._reopen(changes)
            changed = self._file.write(changes, self._ledgers, self._clock())
        except (sqlite3.Error, OSError) as error:
            self._refused(error, changes)
            return False
        self._refusals = 0
        for written in changes.waiting:
            written.set()
        with self._wake:
            self._ledgers.update(changed)
            self._pending.written(changes)
            self.appended += len(changes.events)
            self._wake.notify_all()
            recovered = self.trouble is not None and bool(changes.events) and not self._pending.changes.events
        if recovered:
            log.warning("spool_recovered", extra={"reason": self.trouble})
            for gateway in self._gateways:
                self._report(gateway, f"the spool refused events for a while: {self.trouble}")
            self.trouble = None
        if self._on_commit is not None and (changes.events or changes.renewed):
            self._on_commit({gateway for gateway, _ in changes.events} | changes.renewed)
        return True

    def _refused(self, error: sqlite3.Error | OSError, changes: Changes) -> None:
        """Hold what the disk refused, and find out whether the file is broken."""
        self._refusals += 1
        if broken(error):
            self._start_over(str(error), changes)
        elif self.trouble is None:
            log.critical("spool_refuses", extra={"reason": str(error)})
        self.trouble = str(error)
        code = getattr(error, "sqlite_errorcode", None) or 0
        if self._file.writable and self._refusals % _REOPEN_EVERY == 0 and code & 0xFF in _DISK_ERRORS:
            try:
                self._reopen(changes)
            except (sqlite3.Error, OSError) as again:
                log.error("spool_refuses", extra={"reason": str(again)})
        self._pending.put_back(changes)

    def _reopen(self, changes: Changes) -> None:
        """Open the file for writing, and read where its gateways stand; raises what the disk raises."""
        aside = self._file.moved_aside
        self._file.reopen()
        ledgers = self._file.ledgers()
        with self._wake:
            if self._file.moved_aside != aside:
                changes.forget_marks()
                self._pending.forget_marks()
            self._ledgers = ledgers
            reports = {gateway: self._register(gateway) for gateway in self._gateways}
        for gateway, texts in reports.items():
            for text in texts:
                self._report(gateway, text)

    def _start_over(self, reason: str, changes: Changes) -> None:
        """The file broke while in use: set it aside, and begin a new epoch for every gateway."""
        with self._wake:
            changes.forget_marks()
            self._pending.forget_marks()
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
        name = self._file.moved_aside.name if self._file.moved_aside else "?"
        for gateway in self._gateways:
            self._report(gateway, f"the spool broke ({reason}) and was set aside as {name}")
