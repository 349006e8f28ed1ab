"""The access lists on the gateway's disk: each as the centre signed it, with the signed deltas since.

A file of its own beside the spool: a large list delays no event's commit, and neither file suffers when the
other is full or broken. ``put`` returns at once; one thread writes what has come together in one commit.
Whatever is read from here is verified like anything that arrives (``gateway.lists.access_lists``).

On a disk that refuses writes (full, read-only, failing) the lists are read all the same; new ones are in force and wait
in memory, and opening the file for writing is tried again every few seconds.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.contract.list_messages import ListDelta
from gateway.contract.list_parts import Whole
from gateway.spool.sqlite_file import SpoolError, broken, prepare, probe, put_aside, read_only

log = logging.getLogger(__name__)

_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS whole (
  gateway TEXT PRIMARY KEY,
  head TEXT NOT NULL,          -- gateway.contract.wire.ListHead, as it was signed
  signature TEXT NOT NULL,
  data BLOB NOT NULL           -- the list's JSON, compressed
);
CREATE TABLE IF NOT EXISTS delta (
  gateway TEXT NOT NULL,
  version INTEGER NOT NULL,    -- that it leads to
  body TEXT NOT NULL,          -- access.deltas_json, as it was signed
  signature TEXT NOT NULL,
  PRIMARY KEY (gateway, version)
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
_KEEP_WHOLE: Final = """
INSERT INTO whole (gateway, head, signature, data) VALUES (?, ?, ?, ?)
ON CONFLICT (gateway) DO UPDATE SET head = excluded.head, signature = excluded.signature, data = excluded.data"""
_DROP_DELTAS: Final = "DELETE FROM delta WHERE gateway = ? AND version > ?"
_KEEP_DELTA: Final = "INSERT INTO delta (gateway, version, body, signature) VALUES (?, ?, ?, ?)"
_WHOLE: Final = "SELECT head, signature, data FROM whole WHERE gateway = ?"
_DELTAS: Final = "SELECT body, signature FROM delta WHERE gateway = ? ORDER BY version"
_RETRY_S: Final = 5.0
_WAITING_MAX: Final = 4000
"""Deltas of one gateway that wait for a disk; beyond this they are dropped: the whole list was asked for before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDelta:
    """A delta that was applied."""

    base: int
    """The version that it was applied to."""
    version: int
    """The version that it led to."""
    signed: ListDelta


class ListStore:
    """The lists of one process's gateways. Every method may be called from any thread."""

    def __init__(self, path: Path, *, on_kept: Callable[[set[str]], None], on_lost: Callable[[], None]) -> None:
        """Open ``path`` (created if missing; guarded by the spool's lock) and start the thread that writes.

        Args:
            on_kept: called in the writing thread with the gateways whose lists are on the disk now.
            on_lost: called there when the file broke and an empty one took its place.
        """
        self.trouble: str | None = None
        """Why the disk refuses lists at present."""
        self._path = path
        self._on_kept = on_kept
        self._on_lost = on_lost
        self._waiting: dict[str, list[Whole | KeptDelta]] = {}
        self._wake = threading.Condition()
        self._use = threading.Lock()
        """One connection, used by one thread at a time."""
        self._stopping = False
        self._file: sqlite3.Connection | None = None
        self._writable = False
        try:
            self._open()
        except (sqlite3.Error, OSError) as error:
            self.trouble = str(error)
            log.critical("lists_not_kept", extra={"reason": str(error), "path": str(path)})
        self._thread = threading.Thread(target=self._run, name="lists", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the writing thread runs."""
        return self._thread.is_alive()

    def put(self, gateway: str, kept: Whole | KeptDelta) -> None:
        """Keep a list that is in force now, or a delta that has just been applied to the one kept last."""
        with self._wake:
            waiting = self._waiting.setdefault(gateway, [])
            if isinstance(kept, Whole):
                waiting.clear()
            if len(waiting) < _WAITING_MAX:
                waiting.append(kept)
            self._wake.notify_all()

    def kept(self, gateway: str) -> tuple[Whole | None, tuple[ListDelta, ...]]:
        """Return what is on the disk for ``gateway``: the whole list, and the deltas in their order.

        Raises:
            SpoolError: the file cannot be read.
        """
        try:
            with self._use:
                if self._file is None:
                    raise SpoolError(f"{self._path}: {self.trouble}")
                row = self._file.execute(_WHOLE, (gateway,)).fetchone()
                rows = self._file.execute(_DELTAS, (gateway,)).fetchall()
        except sqlite3.Error as error:
            raise SpoolError(str(error)) from error
        whole = None if row is None else Whole(head=row[0], signature=row[1], data=row[2])
        return whole, tuple(ListDelta(body=body, signature=signature) for body, signature in rows)

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits and close the file."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self._thread.join(timeout_s)
        with self._use:
            if self._file is not None:
                self._file.close()

    # The rest runs in the writing thread, except for the first opening.

    def _open(self) -> None:
        """Open the file for writing; a broken one is set aside. On a disk that refuses it is opened for reading.

        Raises:
            sqlite3.Error: the disk takes nothing.
            OSError: the same.
        """
        if self._file is not None:
            probe(self._path)
            self._file.close()
            self._file = None
        try:
            try:
                self._file = prepare(self._path, version=_VERSION, bring_up=_bring_up)
            except sqlite3.DatabaseError as error:
                if not broken(error):
                    raise
                put_aside(self._path, str(error))
                self._file = prepare(self._path, version=_VERSION, bring_up=_bring_up)
        except (sqlite3.Error, OSError):
            self._file, whole = read_only(self._path) or (None, True)
            if not whole:
                log.error("lists_without_their_newest", extra={"path": str(self._path)})
            raise
        self._writable = True

    def _run(self) -> None:
        try:
            while True:
                with self._wake:
                    while not self._waiting and not self._stopping and self.trouble is None:
                        self._wake.wait()
                    if self._stopping and (self.trouble or not self._waiting):
                        return
                    taken, self._waiting = self._waiting, {}
                if self._written(taken):
                    self._on_kept(set(taken))
                else:
                    self._put_back(taken)
        except Exception:
            log.critical("lists_died", exc_info=True)
            raise

    def _written(self, taken: dict[str, list[Whole | KeptDelta]]) -> bool:
        try:
            with self._use:
                if not self._writable:
                    self._open()
                self._write(taken)
        except (sqlite3.Error, OSError) as error:
            if broken(error):
                self._start_over(str(error))
            elif self.trouble is None:
                log.critical("lists_not_kept", extra={"reason": str(error)})
            self.trouble = str(error)
            return False
        if self.trouble is not None:
            log.warning("lists_kept_again", extra={"reason": self.trouble})
            self.trouble = None
        return True

    def _write(self, taken: dict[str, list[Whole | KeptDelta]]) -> None:
        file = self._file
        assert file is not None
        file.execute("BEGIN IMMEDIATE")
        try:
            for gateway, waiting in taken.items():
                for kept in waiting:
                    if isinstance(kept, Whole):
                        file.execute(_KEEP_WHOLE, (gateway, kept.head, kept.signature, kept.data))
                        file.execute(_DROP_DELTAS, (gateway, -1))
                    else:
                        file.execute(_DROP_DELTAS, (gateway, kept.base))
                        file.execute(_KEEP_DELTA, (gateway, kept.version, kept.signed.body, kept.signed.signature))
            file.execute("COMMIT")
        except BaseException:
            if file.in_transaction:
                file.execute("ROLLBACK")
            raise

    def _start_over(self, reason: str) -> None:
        """The file broke while in use: set it aside and begin an empty one."""
        with self._use:
            if self._file is not None:
                self._file.close()
            self._file, self._writable = None, False
            try:
                put_aside(self._path, reason)
                self._open()
            except (sqlite3.Error, OSError) as error:
                log.critical("lists_not_kept", extra={"reason": str(error)})
        self._on_lost()

    def _put_back(self, taken: dict[str, list[Whole | KeptDelta]]) -> None:
        with self._wake:
            for gateway, waiting in taken.items():
                later = self._waiting.get(gateway, [])
                fresh = any(isinstance(one, Whole) for one in later)
                self._waiting[gateway] = later if fresh else (waiting + later)[:_WAITING_MAX]
            if not self._stopping:
                self._wake.wait(_RETRY_S)


def _bring_up(file: sqlite3.Connection) -> None:
    file.executescript(_SCHEMA)
