"""The spool's SQLite file: its tables, and the one transaction that writes them.

Rows are numbered for ever (``n``); what the centre sees as ``seq`` is ``n - base`` of the gateway's epoch. So a new
epoch renumbers everything that is still held by writing one row.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import threading
from pathlib import Path
from typing import Final

from gateway.spool_changes import Changes, Ledger
from gateway.sqlite_file import SpoolError, connect, prepare, put_aside

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS gateway (
  code TEXT PRIMARY KEY,
  epoch TEXT NOT NULL,
  base INTEGER NOT NULL,       -- seq = n - base
  committed INTEGER NOT NULL   -- the n up to which the centre holds everything
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
  gateway TEXT NOT NULL,
  n INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (gateway, n)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept (
  gateway TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  until INTEGER,               -- µs since 1970; NULL: for ever
  PRIMARY KEY (gateway, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_until ON kept (until) WHERE until IS NOT NULL;
PRAGMA user_version = 1;
"""

_GATEWAYS: Final = """-- where every gateway stands
SELECT code, epoch, base, committed,
       max(committed, coalesce((SELECT max(n) FROM event WHERE event.gateway = gateway.code), 0))
FROM gateway"""
_NEXT: Final = "SELECT n, body FROM event WHERE gateway = ? AND n > ? AND n <= ? ORDER BY n LIMIT ?"
_SAVE_EVENT: Final = "INSERT INTO event (gateway, n, body) VALUES (?, ?, ?)"
_SAVE_GATEWAY: Final = """
INSERT INTO gateway (code, epoch, base, committed) VALUES (?, ?, ?, ?)
ON CONFLICT (code) DO UPDATE SET epoch = excluded.epoch, base = excluded.base, committed = excluded.committed"""
_FORGET: Final = "DELETE FROM event WHERE gateway = ? AND n <= ?"
_KEEP: Final = """
INSERT INTO kept (gateway, name, value, until) VALUES (?, ?, ?, ?)
ON CONFLICT (gateway, name) DO UPDATE SET value = excluded.value, until = excluded.until"""
_DROP_KEPT: Final = "DELETE FROM kept WHERE until < ?"


class SpoolFile:
    """One open file; ``write`` from one thread, ``read`` from any. ``Spool`` keeps the rules."""

    def __init__(self, path: Path, *, max_bytes: int | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._max_bytes = max_bytes
        self._lock_file = self._lock(path)
        self.moved_aside: Path | None = None
        """Where a file went that could not be read; its events are not lost as long as that file is kept."""
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self.set_aside(str(error))

    def ledgers(self) -> dict[str, Ledger]:
        """Return where every gateway of the file stands."""
        return {
            code: Ledger(epoch=epoch, base=base, committed=committed, last=last)
            for code, epoch, base, committed, last in self._writer.execute(_GATEWAYS)
        }

    def write(self, changes: Changes, ledgers: dict[str, Ledger], now: int) -> dict[str, Ledger]:
        """Write ``changes`` in one durable transaction and return the ledgers that changed by it.

        Raises:
            sqlite3.Error: nothing of it was written.
        """
        changed: dict[str, Ledger] = {}

        def of(code: str) -> Ledger:
            if code not in changed:
                old = ledgers.get(code) or Ledger.fresh()
                changed[code] = Ledger(epoch=old.epoch, base=old.base, committed=old.committed, last=old.last)
            return changed[code]

        rows = []
        save = set()
        for code, n in changes.committed.items():
            ledger = of(code)
            ledger.committed = max(ledger.committed, min(n, ledger.last))
            save.add(code)
        for code in changes.renewed:
            ledger = of(code)
            ledger.epoch, ledger.base = secrets.token_hex(8), ledger.committed
            save.add(code)
        for code, body in changes.events:
            ledger = of(code)
            ledger.last += 1
            rows.append((code, ledger.last, body))
        save.update(code for code in changed if code not in ledgers)
        writer = self._writer
        writer.execute("BEGIN IMMEDIATE")
        try:
            writer.executemany(_SAVE_EVENT, rows)
            for code in save:
                ledger = changed[code]
                writer.execute(_SAVE_GATEWAY, (code, ledger.epoch, ledger.base, ledger.committed))
                writer.execute(_FORGET, (code, ledger.committed))
            if changes.kept or changes.ends:
                kept_rows = [*changes.tied(), *changes.kept.values()]
                writer.executemany(_KEEP, [(kept.gateway, kept.name, kept.value, kept.until) for kept in kept_rows])
            if changes.kept:
                writer.execute(_DROP_KEPT, (now,))
            writer.execute("COMMIT")
        except BaseException:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            raise
        return changed

    def read(self, gateway: str, after: int, last: int, limit: int) -> list[tuple[int, bytes]]:
        """Return up to ``limit`` rows (n, body) with ``n`` above ``after``, up to ``last``.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        with self._read_lock:
            return self._reader.execute(_NEXT, (gateway, after, last, limit)).fetchall()

    def kept(self, gateway: str) -> dict[str, str]:
        """Return what is kept for ``gateway``, by name.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        with self._read_lock:
            return dict(self._reader.execute("SELECT name, value FROM kept WHERE gateway = ?", (gateway,)).fetchall())

    def set_aside(self, reason: str) -> None:
        """Move a file that cannot be used out of the way, and begin an empty one."""
        self._close_connections()
        self.moved_aside = put_aside(self._path, reason)
        self._open()

    def close(self) -> None:
        """Close the file; another process may then take it."""
        self._close_connections()
        os.close(self._lock_file)

    def _open(self) -> None:
        self._writer = prepare(self._path, _SCHEMA)
        if self._max_bytes is not None:
            (page,) = self._writer.execute("PRAGMA page_size").fetchone()
            self._writer.execute(f"PRAGMA max_page_count = {max(64, self._max_bytes // page)}")
        self._reader = connect(self._path)
        self._read_lock = threading.Lock()

    def _close_connections(self) -> None:
        for name in ("_reader", "_writer"):
            connection: sqlite3.Connection | None = getattr(self, name, None)
            if connection is not None:
                connection.close()

    @staticmethod
    def _lock(path: Path) -> int:
        """Take the file for this process alone: two that number the same events would lose some."""
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise SpoolError(f"{path} is in use by another gateway process") from error
        return lock
