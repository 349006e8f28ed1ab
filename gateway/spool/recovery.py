"""Reads back a spool that was set aside: events that the centre may not have are appended to the present spool.

The events keep the numbers that they bore (``gateway.contract.wire.Was``), so that the centre stores none twice. What
was read back once is noted in the present spool, and never read back again.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from gateway.clock import micros
from gateway.spool.changes import Changes
from gateway.spool.clock_steps import time_of
from gateway.spool.file import SpoolFile
from gateway.spool.ledger import EPOCH, body_sum, row_sum
from gateway.spool.outgoing import stand_in
from gateway.spool.sqlite_file import SpoolError, connect
from gateway.spool.values import Kept

_RECOVERED: Final = "recovered:"
_GATEWAYS: Final = "SELECT * FROM gateway"
_LIVES: Final = "SELECT epoch, base FROM life WHERE gateway = ? AND last IS NULL"
_CODES: Final = "SELECT DISTINCT gateway FROM event"
_UP: Final = "SELECT * FROM event WHERE gateway = ? AND n > ? ORDER BY n"
_DOWN: Final = "SELECT * FROM event WHERE gateway = ? AND n > ? ORDER BY n DESC"
_ONE: Final = "SELECT * FROM event WHERE gateway = ? AND n = ?"
_NOTED: Final = "SELECT value FROM kept WHERE gateway = ? AND name = ?"
_LOOKED_AT: Final = 1_000_000
"""Rows between two damaged places that are read one by one, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What was read back of one gateway."""

    gateway: str
    events: int
    """Appended to the present spool."""
    damaged: int
    """Of these, how many have a wrong check sum: their bytes become dead letters."""
    before: int
    """Read back earlier."""
    gone: int
    """Numbers of events that can't be read."""
    left_out: str | None = None
    """Why nothing was read back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a file that was set aside holds of one gateway and was not read back yet."""

    gateway: str
    epoch: str | None
    """Under which its events were sent; None: unknown."""
    numbers: frozenset[int]
    """Of its events that weren't known to be stored; without an epoch only their number has a meaning."""
    gone: frozenset[int]
    """Numbers between these of events that can't be read."""


def held(spool: Path, aside: Path) -> list[Held]:
    """Return what ``aside`` holds, while a gateway may run on ``spool``; nothing is changed.

    Raises:
        SpoolError: nothing can be read of ``aside``.
        OSError: it cannot be copied.
    """
    with tempfile.TemporaryDirectory(dir=spool.parent) as folder:
        try:
            old = connect(_copy(aside, Path(folder)), options="mode=rw")
            present = connect(spool, options="mode=ro")
        except sqlite3.Error as error:
            raise SpoolError(f"{aside} can't be read: {error}") from error
        try:
            old.row_factory = sqlite3.Row
            return [_held(old, present, code, row) for code, row in _codes(old).items()]
        except sqlite3.Error as error:
            raise SpoolError(f"{aside} can't be read: {error}") from error
        finally:
            old.close()
            present.close()


def _held(old: sqlite3.Connection, present: sqlite3.Connection, code: str, row: Any) -> Held:
    epoch, base, committed = _numbers(old, code, row)
    rows, _ = _rows(old, code, committed)
    numbers = {n - base for n, _, _ in rows}
    gone = frozenset(range(min(numbers), max(numbers))) - numbers if numbers else frozenset()
    if epoch is not None:
        noted = present.execute(_NOTED, (code, _RECOVERED + epoch)).fetchone()
        for first, last in json.loads(noted[0]) if noted else ():
            numbers.difference_update(range(first, last + 1))
    return Held(gateway=code, epoch=epoch, numbers=frozenset(numbers), gone=gone)


def recover(spool: Path, aside: Path) -> tuple[list[Recovered], Path]:
    """Append to ``spool`` the events of ``aside`` that aren't known to be stored.

    Returns:
        What came of each gateway; and where the file lies now: under another name when nothing of it is missing.

    Raises:
        SpoolError: a gateway runs on ``spool``, its disk takes nothing, or nothing can be read of ``aside``.
        OSError: a file cannot be read, or its folder not be written.
    """
    if not aside.is_file():
        raise SpoolError(f"{aside} is not a file")
    if aside.resolve() == spool.resolve():
        raise SpoolError(f"{aside} is the present spool itself: name the file that was set aside")
    try:
        file = SpoolFile(spool)
    except SpoolError as error:
        raise SpoolError(f"{error}. Stop the gateway, run this again, and start it") from error
    try:
        if file.trouble is not None:
            raise SpoolError(f"{spool} can't be written at present: {file.trouble}")
        with tempfile.TemporaryDirectory(dir=spool.parent) as folder:
            copy = _copy(aside, Path(folder))
            try:
                found = _from(connect(copy, options="mode=rw"), file)
            except sqlite3.Error as error:
                raise SpoolError(f"{aside} can't be read: {error}. Keep it: a tool for SQLite may do more") from error
    finally:
        file.close()
    if all(one.left_out is None and not one.gone for one in found):
        aside = _put_away(aside)
    return found, aside


def _from(old: sqlite3.Connection, file: SpoolFile) -> list[Recovered]:
    try:
        old.row_factory = sqlite3.Row
        return [_one(old, file, code, row) for code, row in _codes(old).items()]
    finally:
        old.close()


def _copy(aside: Path, folder: Path) -> Path:
    copy = folder / "aside.sqlite"
    for suffix in ("", "-wal"):
        part = aside.with_name(aside.name + suffix)
        if part.exists():
            shutil.copyfile(part, copy.with_name(copy.name + suffix))
    return copy


def _codes(old: sqlite3.Connection) -> dict[str, Any]:
    """Return the gateways of a file, each with its row where that can be read.

    Raises:
        sqlite3.Error: none can be found.
    """
    rows = {row["code"]: row for row in _readable(old, _GATEWAYS)}
    codes = dict.fromkeys([*rows, *(row[0] for row in _readable(old, _CODES))])
    if not codes:
        old.execute(_CODES).fetchall()  # says why
    return {code: rows.get(code) for code in codes}


def _one(old: sqlite3.Connection, file: SpoolFile, code: str, row: Any) -> Recovered:
    epoch, base, committed = _numbers(old, code, row)
    if epoch is None:
        why = "the file no longer says under which numbers its events were sent; they would be stored twice"
        return Recovered(gateway=code, events=0, damaged=0, before=0, gone=0, left_out=why)
    rows, gone = _rows(old, code, committed)
    ledger = file.ledgers().get(code) or file.write(Changes(committed={code: 0}), {}, micros())[code]
    if ledger.epoch == epoch:
        why = "it is a copy of the present spool"
        return Recovered(gateway=code, events=0, damaged=0, before=0, gone=0, left_out=why)
    known = {number for first, last in _ranges(file, code, epoch) for number in range(first, last + 1)}
    found: list[tuple[int, bytes]] = []
    damaged = before = 0
    for n, body, total in rows:
        if n - base in known:
            before += 1
            continue
        good = isinstance(body, bytes) and total in (None, body_sum(n, body))
        damaged += not good
        raw = body if isinstance(body, bytes) else str(body).encode()
        found.append((n - base, raw if good else stand_in(time_of(raw) or micros(), raw)))
    if found:
        known.update(number for number, _ in found)
        kept = Kept(gateway=code, name=_RECOVERED + epoch, value=json.dumps(_as_ranges(known)), until=None)
        file.adopt(code, ledger, found, epoch, kept)
    return Recovered(gateway=code, events=len(found), damaged=damaged, before=before, gone=gone)


def _as_ranges(numbers: set[int]) -> list[list[int]]:
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges


def _ranges(file: SpoolFile, code: str, epoch: str) -> list[list[int]]:
    kept = file.kept(code).get(_RECOVERED + epoch)
    return [] if kept is None else json.loads(kept)


def _numbers(old: sqlite3.Connection, code: str, row: Any) -> tuple[str | None, int, int]:
    """Return a gateway's epoch (None: unknown), base and committed row."""
    if row is not None and isinstance(row["epoch"], str) and EPOCH.fullmatch(row["epoch"]):
        names = row.keys()
        total = row["sum"] if "sum" in names else None
        values = (row["epoch"], row["base"], row["committed"])
        if total is None or total == row_sum(code, *values, row["chain"]):
            return values
    lives = _readable(old, _LIVES, code)
    if lives:
        return lives[0]["epoch"], lives[0]["base"], lives[0]["base"]
    return None, 0, 0


def _rows(old: sqlite3.Connection, code: str, committed: int) -> tuple[list[tuple[int, Any, int | None]], int]:
    """Return all readable rows (n, body, check sum) above ``committed``, and how many numbers are missing between."""
    found = {row["n"]: row for row in _readable(old, _UP, code, committed)}
    low = max(found, default=committed)
    found |= {row["n"]: row for row in _readable(old, _DOWN, code, low)}
    high = min((n for n in found if n > low), default=low)
    for n in range(low + 1, min(high, low + _LOOKED_AT)):
        for row in _readable(old, _ONE, code, n):
            found[n] = row
    numbers = sorted(found)
    gone = numbers[-1] - numbers[0] + 1 - len(numbers) if numbers else 0
    return [(n, found[n]["body"], found[n]["sum"] if "sum" in found[n].keys() else None) for n in numbers], gone  # noqa: SIM118  (a row's ``in`` looks at its values)


def _readable(old: sqlite3.Connection, query: str, *values: Any) -> list[Any]:
    """Return the rows of ``query`` up to the first damaged place."""
    rows = []
    try:
        for row in old.execute(query, values):
            rows.append(row)  # noqa: PERF402  (what came before the error counts)
    except sqlite3.Error:
        pass
    return rows


def _put_away(aside: Path) -> Path:
    """Rename a file that was read back completely: it is of no further use."""
    stem = aside.name.partition(".unreadable-")[0]
    names = (aside.with_name(f"{stem}.recovered-{number}") for number in count())
    target = next(name for name in names if not name.exists())
    for suffix in ("", "-wal", "-shm"):
        part = aside.with_name(aside.name + suffix)
        if part.exists():
            part.rename(target.with_name(target.name + suffix))
    return target
