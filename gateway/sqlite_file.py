"""The gateway's SQLite files: one connection's way of being durable, and what to do with a file that cannot be read."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from gateway.errors import GatewayError

log = logging.getLogger(__name__)


class SpoolError(GatewayError):
    """The gateway's disk cannot take or give what it should hold."""


def connect(path: Path) -> sqlite3.Connection:
    """Open ``path`` so that a commit is on the disk when it returns; transactions are the caller's."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:  # it is no database
        connection.close()
        raise
    return connection


def prepare(path: Path, schema: str) -> sqlite3.Connection:
    """Open ``path`` for writing, made with ``schema`` if need be and readable by its owner only.

    Raises:
        sqlite3.DatabaseError: the file is none of ours, or damaged.
    """
    path.touch(mode=0o600)  # who badged where is nobody else's business
    writer = connect(path)
    try:
        writer.execute("PRAGMA journal_mode = WAL")
        problem = writer.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise sqlite3.DatabaseError(problem)
        writer.executescript(schema)
    except BaseException:
        writer.close()
        raise
    return writer


def put_aside(path: Path, reason: str) -> Path:
    """Move a file that cannot be used out of the way and return where it lies now; nothing may have it open.

    Raises:
        SpoolError: a thousand such files lie there already.
    """
    for number in range(1000):
        aside = path.with_name(f"{path.name}.unreadable-{number}")
        if not aside.exists():
            break
    else:
        raise SpoolError(f"{path} cannot be read ({reason}), and a thousand such files lie beside it")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    log.critical("spool_unreadable", extra={"path": str(path), "kept_as": str(aside), "reason": reason})
    return aside


def damaged(error: sqlite3.Error) -> bool:
    """Return whether the file itself is broken, rather than the disk full or busy."""
    return getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
