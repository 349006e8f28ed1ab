"""Opens the gateway's SQLite files, on a good disk and on a bad one, and knows which errors prove a file broken."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.errors import GatewayError

log = logging.getLogger(__name__)

_PARTS: Final = ("", "-wal", "-shm")
_COPIED_MAX_BYTES: Final = 256_000_000
"""Of a file on a read-only disk, which is copied into memory to be read with its WAL."""
_PROBE_BYTES: Final = 65_536
"""More than a WAL and its index need at the start."""
_UNREAD_PAGE: Final = ("failed to get page", "unable to get the page")
"""How ``quick_check`` reports a page that the disk couldn't read, which proves nothing about the file."""
_SCRATCH: Final = Path("/dev/shm")  # noqa: S108  (a private folder is made in it)


class SpoolError(GatewayError):
    """The gateway's disk can't be written or read."""


def connect(path: Path, *, options: str = "mode=rwc") -> sqlite3.Connection:
    """Open ``path`` so that a commit is on the disk when it returns; transactions are the caller's."""
    uri = f"{path.absolute().as_uri()}?{options}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:  # not a database
        connection.close()
        raise
    return connection


def prepare(path: Path, *, version: int, bring_up: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    """Open ``path`` for writing, readable by its owner only.

    Nothing is written to a file of the present ``version``, so that a full disk opens too.

    Args:
        bring_up: makes the tables, or those of an older version new, and sets ``user_version``.

    Raises:
        sqlite3.Error: the file is broken (see ``broken``), or the disk failed.
        OSError: the disk takes nothing.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # card reads are personal data
    writer = connect(path)
    try:
        writer.execute("PRAGMA journal_mode = WAL")
        _check(writer)
        if writer.execute("PRAGMA user_version").fetchone()[0] != version:
            bring_up(writer)
    except BaseException:
        writer.close()
        raise
    return writer


def probe(path: Path) -> None:
    """Check that the disk of ``path`` can be written, before the open file is closed for a new attempt.

    SQLite's connections of one process share what they know of a file: one that reads what can't be written keeps
    another from writing.

    Raises:
        OSError: it takes nothing.
    """
    file = path.with_name(path.name + ".probe")
    try:
        probing = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(probing, bytes(_PROBE_BYTES))
            os.fsync(probing)
        finally:
            os.close(probing)
    finally:
        with suppress(OSError):
            file.unlink()


def read_only(path: Path) -> tuple[sqlite3.Connection, bool] | None:
    """Open a file on a disk that refuses writes; None: it can't be read.

    Returns:
        The connection, for one thread at a time, and whether it sees everything: False where the newest commits, in
        the WAL, could not be read.
    """
    wal = path.with_name(path.name + "-wal")
    ways: tuple[Callable[[], sqlite3.Connection], ...] = (
        lambda: connect(path, options="mode=ro"),
        lambda: _alone(path),
        lambda: _copied(path),
    )
    for way in ways:
        if (connection := _readable(way)) is not None:
            return connection, True
    connection = _readable(lambda: connect(path, options="mode=ro&immutable=1"))
    if connection is None:
        return None
    return connection, not (wal.exists() and wal.stat().st_size)


def put_aside(path: Path, reason: str) -> Path:
    """Rename a broken file and return its new path; nothing may have it open.

    Raises:
        SpoolError: a thousand such files lie there already.
        OSError: the disk takes nothing.
    """
    for number in range(1000):
        aside = path.with_name(f"{path.name}.unreadable-{number}")
        if not aside.exists():
            break
    else:
        raise SpoolError(f"{path} cannot be read ({reason}), and a thousand such files lie beside it")
    for suffix in _PARTS:
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    log.critical("spool_unreadable", extra={"path": str(path), "kept_as": str(aside), "reason": reason})
    return aside


def set_aside_files(path: Path) -> list[str]:
    """Return the names of the files beside ``path`` that were set aside."""
    return sorted(found.name for found in path.parent.glob(f"{path.name}.unreadable-*") if found.suffix[-1:].isdigit())


def broken(error: BaseException) -> bool:
    """Return whether ``error`` proves the file broken, rather than the disk full, busy, missing or read-only."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _check(connection: sqlite3.Connection) -> None:
    problem: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        unread = any(words in problem for words in _UNREAD_PAGE)
        error = sqlite3.DatabaseError(problem)
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR if unread else sqlite3.SQLITE_CORRUPT
        raise error


def _readable(way: Callable[[], sqlite3.Connection]) -> sqlite3.Connection | None:
    try:
        connection = way()
    except (sqlite3.Error, OSError):
        return None
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        return None
    return connection


def _alone(path: Path) -> sqlite3.Connection:
    """Open without the file ``-shm``, for which a full disk has no room."""
    connection = connect(path, options="mode=rw")
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return connection


def _copied(path: Path) -> sqlite3.Connection:
    """Open a copy in memory: a WAL is read only where a ``-shm`` can be made beside it."""
    parts = [part for suffix in _PARTS[:2] if (part := path.with_name(path.name + suffix)).exists()]
    if sum(part.stat().st_size for part in parts) > _COPIED_MAX_BYTES:
        raise OSError("too large to be copied")
    with tempfile.TemporaryDirectory(dir=_SCRATCH if _SCRATCH.is_dir() else None) as folder:
        for part in parts:
            shutil.copyfile(part, Path(folder) / part.name)
        connection = connect(Path(folder) / path.name, options="mode=rw")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the files are open now and may be deleted
        return connection
