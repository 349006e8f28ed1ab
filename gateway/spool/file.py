"""The spool's SQLite file: the transaction that writes it, and the queries that read it.

Rows have permanent numbers (``n``); the centre's ``seq`` is ``n - base`` of the gateway's epoch. A new epoch therefore
renumbers everything that is still held by writing one row.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway.clock import machine_start, since_start
from gateway.spool.changes import LONGEST_LIFE_US, NONCE, Changes
from gateway.spool.clock_steps import after_a_pause, noticed, time_of
from gateway.spool.ledger import ClockChange, Ledger, Row, body_sum, link, row_sum
from gateway.spool.ledgers import read_ledgers
from gateway.spool.lock import LockFile
from gateway.spool.newest import Newest
from gateway.spool.rows import Insert
from gateway.spool.schema import VERSION, bring_up
from gateway.spool.sqlite_file import broken, connect, prepare, probe, put_aside, read_only
from gateway.spool.values import Kept

_WRITTEN: Final = """-- how many events were ever written
SELECT coalesce(sum(max(committed, coalesce((SELECT max(n) FROM event WHERE event.gateway = gateway.code), 0))), 0)
FROM gateway"""
_CHAIN_AT: Final = "SELECT chain FROM event WHERE gateway = ? AND n = ?"
_BODY_AT: Final = "SELECT body FROM event WHERE gateway = ? AND n = ?"
_NEXT: Final = "SELECT n, body, chain, sum FROM event WHERE gateway = ? AND n > ? AND n <= ? ORDER BY n LIMIT ?"
_EVENTS: Final = Insert("INSERT INTO event (gateway, n, body, chain, sum)", "(?, ?, ?, ?, ?)")
_SAVE_GATEWAY: Final = """
INSERT INTO gateway (code, epoch, base, committed, chain, sum) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (code) DO UPDATE SET epoch = excluded.epoch, base = excluded.base, committed = excluded.committed,
  chain = excluded.chain, sum = excluded.sum"""
_END_LIFE: Final = "UPDATE life SET first = max(first, ?), last = ? WHERE gateway = ? AND last IS NULL"
_SAVE_LIFE: Final = "INSERT OR REPLACE INTO life (gateway, epoch, base, first, last) VALUES (?, ?, ?, ?, ?)"
_SAVE_CLOCK: Final = "INSERT OR REPLACE INTO clock (gateway, n, step, began, ended) VALUES (?, ?, ?, ?, ?)"
_MACHINE: Final = "SELECT start, ahead FROM machine WHERE gateway = ?"
_SAVE_MACHINE: Final = "INSERT OR REPLACE INTO machine (gateway, start, ahead) VALUES (?, ?, ?)"
_FORGET: Final = (
    "DELETE FROM event WHERE gateway = ? AND n <= ?",
    "DELETE FROM life WHERE gateway = ? AND last <= ?",
    "DELETE FROM clock WHERE gateway = ? AND n <= ?",
)
_KEEP: Final = Insert(
    "INSERT INTO kept (gateway, name, value, until)",
    "(?, ?, ?, ?)",
    "ON CONFLICT (gateway, name) DO UPDATE SET value = excluded.value, until = excluded.until",
)
_DROP_KEPT: Final = "DELETE FROM kept WHERE until < ? AND name NOT GLOB ?"
_DROP_NONCES: Final = """-- those of orders that had expired when a later one was signed: the clock may be set back
DELETE FROM kept WHERE name GLOB :nonces AND until < (
  SELECT max(k.until) - :longest FROM kept k WHERE k.gateway = kept.gateway AND k.name GLOB :nonces)"""
_NONCES: Final = NONCE + "*"


class SpoolFile:
    """One open file; ``write`` from one thread, ``read`` from any. ``Spool`` keeps the rules."""

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int | None = None,
        start: str | None = None,
        uptime: Callable[[], int] = since_start,
    ) -> None:
        """Open ``path``, created if missing; if the disk refuses, ``trouble`` says why.

        Args:
            start: identifier of the machine's last boot; None: the system's.
            uptime: µs on a clock that never jumps.

        Raises:
            SpoolError: another process has it.
            OSError: its folder is missing and can't be made.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._max_bytes = max_bytes
        self._start = start or machine_start()
        self._uptime = uptime
        self._met: set[str] = set()
        """Gateways of which this process has written an event."""
        self._lock = LockFile(path)
        self._written = self._lock.count()
        """How many events were ever written, of all gateways; noted in the lock file, apart from the rows."""
        self.moved_aside: Path | None = None
        """The new path of a broken file; its events aren't lost as long as that file is kept."""
        self.trouble: str | None = None
        """Why the file could not be opened for writing; None: it is open."""
        self.whole = True
        """Whether everything on the disk can be read."""
        self.went_back = False
        """Whether the file holds less than it once did: its ``-wal`` was deleted, or an old copy took its place."""
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._read_lock = threading.RLock()
        self._newest = Newest()
        with suppress(sqlite3.Error, OSError):
            self.reopen()

    @property
    def writable(self) -> bool:
        """Whether the file is open for writing; ``reopen`` tries."""
        return self._writer is not None

    def reopen(self) -> None:
        """Open the file for writing; a broken one is set aside. On a disk that refuses it is opened for reading.

        Raises:
            sqlite3.Error: the disk refuses.
            OSError: the same.
        """
        if self._reader is not None:
            probe(self.path)
        with self._read_lock:
            self._close_connections()
            try:
                self._open()
            except (sqlite3.Error, OSError) as error:
                self._close_connections()
                self.trouble = str(error)
                self._reader, self.whole = read_only(self.path) or (None, False)
                raise
        self.trouble, self.whole = None, True

    def ledgers(self) -> dict[str, Ledger]:
        """Return where every gateway of the file stands; one with a damaged row gets a new epoch, not written yet.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        with self._read_lock:
            reader = self._reader
            if reader is None or not self.whole or reader.execute("PRAGMA user_version").fetchone() != (VERSION,):
                return {}
            return read_ledgers(reader)

    def write(self, changes: Changes, ledgers: dict[str, Ledger], now: int) -> dict[str, Ledger]:
        """Write ``changes`` in one durable transaction and return the ledgers that changed by it.

        Raises:
            sqlite3.Error: nothing of it was written.
        """
        writer = self._writer
        if writer is None:
            raise sqlite3.OperationalError(self.trouble or "the file is not open")
        changed: dict[str, Ledger] = {}
        writer.execute("BEGIN IMMEDIATE")
        try:
            for code in changes.committed.keys() | changes.renewed:
                changed[code] = self._marked(writer, code, changes, ledgers.get(code) or Ledger.fresh())
            met, rows = self._append(writer, changes, ledgers, changed, now)
            for code, ledger in changed.items():
                old = ledgers.get(code)
                if old is None or old.damaged or code in changes.committed or code in changes.renewed:
                    self._save(writer, code, ledger, old)
                    changed[code] = replace(ledger, damaged=False) if ledger.damaged else ledger
            if changes.kept or changes.ends:
                kept_rows = [*changes.tied(), *changes.kept.values()]
                _KEEP.write(writer, [(kept.gateway, kept.name, kept.value, kept.until) for kept in kept_rows])
            if changes.kept:
                writer.execute(_DROP_KEPT, (now, _NONCES))
                writer.execute(_DROP_NONCES, {"nonces": _NONCES, "longest": LONGEST_LIFE_US})
            writer.execute("COMMIT")
        except BaseException:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            raise
        self._met |= met
        for code, written in rows.items():
            self._newest.add(code, written)
        if changes.events:
            before = sum(ledgers[code].last for code in changed if code in ledgers)
            self._note(self._written + sum(ledger.last for ledger in changed.values()) - before)
        return changed

    def adopt(self, code: str, ledger: Ledger, found: Sequence[tuple[int, bytes]], epoch: str, kept: Kept) -> None:
        """Append events of another file, which had other numbers there; the centre may have some of them.

        Args:
            ledger: where the gateway stands here.
            found: (sequence number in ``epoch``, body), in order.
            kept: a value to keep with them.

        Raises:
            sqlite3.Error: nothing of it was written.
        """
        writer = self._writer
        if writer is None:
            raise sqlite3.OperationalError(self.trouble or "the file is not open")
        n, chain = ledger.last, ledger.chain
        rows, lives = [], []
        before = None
        for seq, body in found:
            n += 1
            chain = link(chain, body)
            rows.append((code, n, body, chain, body_sum(n, body)))
            if seq - 1 != before:
                lives.append([code, epoch, n - seq, n, n])
            lives[-1][-1] = n
            before = seq
        ended = time_of(found[-1][1]) or 0
        writer.execute("BEGIN IMMEDIATE")
        try:
            _EVENTS.write(writer, rows)
            writer.executemany(_SAVE_LIFE, lives)
            writer.execute(_SAVE_CLOCK, (code, n + 1, None, ended, ended))
            _KEEP.write(writer, [(kept.gateway, kept.name, kept.value, kept.until)])
            writer.execute("COMMIT")
        except BaseException:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            raise
        self._note(self._written + len(rows))

    def read(self, gateway: str, after: int, last: int, limit: int) -> list[Row]:
        """Return up to ``limit`` rows with ``n`` above ``after``, up to ``last``, unchecked.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        if (held := self._newest.between(gateway, after, min(last, after + limit))) is not None:
            return held
        with self._read_lock:
            return self._readable().execute(_NEXT, (gateway, after, last, limit)).fetchall()

    def chain_at(self, gateway: str, n: int) -> bytes | None:
        """Return the chain's value at row ``n``; None: no such row.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        if (chain := self._newest.chain_at(gateway, n)) is not None:
            return chain
        with self._read_lock:
            row = self._readable().execute(_CHAIN_AT, (gateway, n)).fetchone()
        return None if row is None else row[0]

    def kept(self, gateway: str) -> dict[str, str]:
        """Return what is kept for ``gateway``, by name.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        with self._read_lock:
            return dict(
                self._readable().execute("SELECT name, value FROM kept WHERE gateway = ?", (gateway,)).fetchall()
            )

    def set_aside(self, reason: str) -> None:
        """Move a broken file out of the way, and begin an empty one.

        Raises:
            sqlite3.Error: the disk refuses; ``reopen`` tries again.
            OSError: the same.
        """
        with self._read_lock:
            self._close_connections()
            self.trouble = reason
            self._met.clear()
            self.moved_aside = put_aside(self.path, reason)
        self._written = 0
        self.reopen()

    def close(self) -> None:
        """Close the file; another process may then open it."""
        self._close_connections()
        self._lock.close()

    def _open(self) -> None:
        try:
            self._writer = self._opened()
        except sqlite3.DatabaseError as error:
            if not broken(error):
                raise
            self.moved_aside = put_aside(self.path, str(error))
            self._writer, self._written = self._opened(), 0
        self._reader = connect(self.path)
        (written,) = self._writer.execute(_WRITTEN).fetchone()
        self.went_back = written < self._written
        self._note(written)

    def _opened(self) -> sqlite3.Connection:
        writer = prepare(self.path, version=VERSION, bring_up=bring_up)
        if self._max_bytes is not None:
            (page,) = writer.execute("PRAGMA page_size").fetchone()
            writer.execute(f"PRAGMA max_page_count = {max(64, self._max_bytes // page)}")
        return writer

    def _readable(self) -> sqlite3.Connection:
        if self._reader is None:
            raise sqlite3.OperationalError(self.trouble or "the file is not open")
        return self._reader

    def _close_connections(self) -> None:
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        self._reader = self._writer = None
        self._newest.forget()

    def _marked(self, writer: sqlite3.Connection, code: str, changes: Changes, ledger: Ledger) -> Ledger:
        """Return the ledger after the mark and the new epoch in ``changes``."""
        n = min(changes.committed.get(code, 0), ledger.last)
        if n > ledger.committed:
            held = self._newest.chain_at(code, n)
            row = (held,) if held is not None else writer.execute(_CHAIN_AT, (code, n)).fetchone()
            ledger = replace(
                ledger,
                committed=n,
                committed_chain=None if row is None else row[0],
                lives=tuple(life for life in ledger.lives if life.last > n),
                changes=tuple(change for change in ledger.changes if change.n > n),
            )
        return ledger.renewed(secrets.token_hex(8)) if code in changes.renewed else ledger

    def _append(
        self,
        writer: sqlite3.Connection,
        changes: Changes,
        ledgers: dict[str, Ledger],
        changed: dict[str, Ledger],
        now: int,
    ) -> tuple[set[str], dict[str, list[Row]]]:
        """Write the events; return the gateways of which they are this process's first, and the rows of each."""
        met: set[str] = set()
        written: dict[str, list[Row]] = {}
        by_gateway: dict[str, list[bytes]] = {}
        for code, body in changes.events:
            by_gateway.setdefault(code, []).append(body)
        for code, bodies in by_gateway.items():
            ledger = changed.get(code) or ledgers.get(code) or Ledger.fresh()
            n, chain, clock = ledger.last, ledger.chain, list(ledger.changes)
            if code not in self._met:
                met.add(code)
                started = self._meet(writer, code, ledger, bodies, now)
                if started is not None:
                    clock.append(started)
            rows: list[Row] = []
            for body in bodies:
                n += 1
                chain = link(chain, body)
                rows.append((n, body, chain, body_sum(n, body)))
                if (change := noticed(n, body)) is not None:
                    clock.append(change)
                    writer.execute(_SAVE_CLOCK, (code, n, change.step, change.began, change.ended))
                    writer.execute(_SAVE_MACHINE, (code, self._start, now - self._uptime()))
            written[code] = rows
            changed[code] = replace(ledger, last=n, chain=chain, changes=tuple(clock))
        _EVENTS.write(writer, [(code, *row) for code, rows in written.items() for row in rows])
        return met, written

    def _meet(
        self, writer: sqlite3.Connection, code: str, ledger: Ledger, bodies: list[bytes], now: int
    ) -> ClockChange | None:
        """Compare the clock with the one that wrote the last row, before this process writes its first.

        If it jumped, an event that reports it is put before ``bodies``.
        """
        ahead = now - self._uptime()
        started = None
        if ledger.last > ledger.committed:
            before = writer.execute(_MACHINE, (code,)).fetchone()
            row = writer.execute(_BODY_AT, (code, ledger.last)).fetchone()
            ended = time_of(row[0] if row else b"") or now
            jumped = ahead - before[1] if before is not None and before[0] == self._start else None
            report, started = after_a_pause(ledger.last + 1, jumped, began=time_of(bodies[0]) or now, ended=ended)
            if report is not None:
                bodies.insert(0, report)
            if started is not None:
                writer.execute(_SAVE_CLOCK, (code, started.n, started.step, started.began, started.ended))
        writer.execute(_SAVE_MACHINE, (code, self._start, ahead))
        return started

    @staticmethod
    def _save(writer: sqlite3.Connection, code: str, ledger: Ledger, old: Ledger | None) -> None:
        total = row_sum(code, ledger.epoch, ledger.base, ledger.committed, ledger.committed_chain)
        writer.execute(
            _SAVE_GATEWAY, (code, ledger.epoch, ledger.base, ledger.committed, ledger.committed_chain, total)
        )
        if old is None or old.damaged or old.epoch != ledger.epoch:
            floor = max(ledger.base, ledger.committed)
            writer.execute(_END_LIFE, (floor + 1, floor if old is None else old.last, code))
            writer.execute(_SAVE_LIFE, (code, ledger.epoch, ledger.base, ledger.base + 1, None))
        plain = old is not None and not (old.damaged or old.epoch != ledger.epoch or old.lives or old.changes)
        for forget in _FORGET[:1] if plain else _FORGET:
            writer.execute(forget, (code, ledger.committed))

    def _note(self, written: int) -> None:
        """Note how many events were ever written, after the commit: the number is never too high."""
        self._written = written
        self._lock.note(written)
