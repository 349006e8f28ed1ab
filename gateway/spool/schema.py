"""The tables of the spool's file, and the upgrade of a file of an older version."""

from __future__ import annotations

import sqlite3
from typing import Final

from gateway.spool.ledger import START, body_sum, link, row_sum

VERSION: Final = 2

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS gateway (
  code TEXT PRIMARY KEY,
  epoch TEXT NOT NULL,
  base INTEGER NOT NULL,       -- seq = n - base
  committed INTEGER NOT NULL,  -- the n up to which the centre holds everything
  chain BLOB,                  -- at committed
  sum INTEGER                  -- of all these (``row_sum``)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
  gateway TEXT NOT NULL,
  n INTEGER NOT NULL,
  body BLOB NOT NULL,
  chain BLOB,                  -- ``link`` of the chain before and the body
  sum INTEGER,                 -- ``body_sum``
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
CREATE TABLE IF NOT EXISTS life ( -- the epochs under which the rows that are held were numbered
  gateway TEXT NOT NULL,
  epoch TEXT NOT NULL,
  base INTEGER NOT NULL,       -- seq = n - base
  first INTEGER NOT NULL,      -- the first and …
  last INTEGER,                -- … the last n that bore these numbers; NULL: the present epoch
  PRIMARY KEY (gateway, epoch, first)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock ( -- where the gateway's clock changed among the rows that are held
  gateway TEXT NOT NULL,
  n INTEGER NOT NULL,          -- the first row after it
  step INTEGER,                -- µs that the clock jumped; NULL: the machine restarted; unknown
  began INTEGER NOT NULL,      -- µs since 1970 by the clock after it
  ended INTEGER NOT NULL,      -- of the last row before it, by the clock before it
  PRIMARY KEY (gateway, n)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS machine ( -- whose clock wrote the last row
  gateway TEXT PRIMARY KEY,
  start TEXT NOT NULL,         -- which start of which machine (``gateway.clock.machine_start``)
  ahead INTEGER NOT NULL       -- µs that its clock was ahead of the time since then
) WITHOUT ROWID;
"""
_COLUMNS: Final = "SELECT name FROM pragma_table_info(?)"
_UNCHAINED: Final = "SELECT n, body, chain FROM event WHERE gateway = ? AND n > ? ORDER BY n LIMIT ?"
_CHAIN: Final = "UPDATE event SET chain = ?, sum = ? WHERE gateway = ? AND n = ?"
_SLICE: Final = 1000


def bring_up(file: sqlite3.Connection) -> None:
    """Create the tables, or add what a file of version 1 lacks; its content stays."""
    file.execute("BEGIN IMMEDIATE")
    try:
        for statement in _TABLES.split(";\n"):
            file.execute(statement)
        for table in ("gateway", "event"):
            known = {name for (name,) in file.execute(_COLUMNS, (table,))}
            for column, kind in (("chain", "BLOB"), ("sum", "INTEGER")):
                if column not in known:
                    file.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
        for code, epoch, base, committed, chain in file.execute(
            "SELECT code, epoch, base, committed, chain FROM gateway"
        ).fetchall():
            _chain(file, code, committed, chain or START)
            file.execute(
                "UPDATE gateway SET chain = ?, sum = ? WHERE code = ?",
                (chain or START, row_sum(code, epoch, base, committed, chain or START), code),
            )
            file.execute("DELETE FROM life WHERE gateway = ? AND last IS NULL", (code,))
            file.execute(
                "INSERT OR REPLACE INTO life (gateway, epoch, base, first) VALUES (?, ?, ?, ?)",
                (code, epoch, base, base + 1),
            )
        file.execute(f"PRAGMA user_version = {VERSION}")
        file.execute("COMMIT")
    except BaseException:
        if file.in_transaction:
            file.execute("ROLLBACK")
        raise


def _chain(file: sqlite3.Connection, code: str, after: int, chain: bytes) -> None:
    """Add chain and check sum to the events of an older version."""
    while rows := file.execute(_UNCHAINED, (code, after, _SLICE)).fetchall():
        changed: list[tuple[bytes, int, str, int]] = []
        for n, body, known in rows:
            after, chain = n, known or link(chain, body)
            if known is None:
                changed.append((chain, body_sum(n, body), code, n))
        file.executemany(_CHAIN, changed)
