"""Reads where each gateway of a spool's file stands, as far as the file can be trusted."""

from __future__ import annotations

import logging
import secrets
import sqlite3
from dataclasses import replace
from typing import Any, Final

from gateway.spool.ledger import EPOCH, START, ClockChange, Ledger, Life, row_sum

log = logging.getLogger(__name__)

_GATEWAYS: Final = """-- where every gateway stands, also one whose row is gone while it has events
SELECT code, epoch, base, committed, chain, sum FROM gateway
UNION ALL
SELECT DISTINCT gateway, NULL, NULL, NULL, NULL, NULL FROM event WHERE gateway NOT IN (SELECT code FROM gateway)"""
_SPAN: Final = "SELECT min(n), max(n) FROM event WHERE gateway = ?"
_TOP: Final = "SELECT chain FROM event WHERE gateway = ? AND n = ?"
_LIVES: Final = "SELECT epoch, base, first, last FROM life WHERE gateway = ? ORDER BY first"
_CLOCK: Final = "SELECT n, step, began, ended FROM clock WHERE gateway = ? ORDER BY n"


def read_ledgers(reader: sqlite3.Connection) -> dict[str, Ledger]:
    """Return the ledger of every gateway; one whose row is damaged gets a new epoch, which is not written yet.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    return {row[0]: _ledger(reader, row) for row in reader.execute(_GATEWAYS).fetchall()}


def _ledger(reader: sqlite3.Connection, row: tuple[Any, ...]) -> Ledger:
    code, epoch, base, committed, chain, total = row
    first, last = reader.execute(_SPAN, (code,)).fetchone()
    rows = reader.execute(_LIVES, (code,)).fetchall()
    lives = tuple(Life(epoch=name, base=start, first=from_n, last=to_n) for name, start, from_n, to_n in rows if to_n)
    changes = tuple(
        ClockChange(n=n, step=step, began=began, ended=ended)
        for n, step, began, ended in reader.execute(_CLOCK, (code,))
    )
    top = None if last is None else reader.execute(_TOP, (code, last)).fetchone()[0]
    if epoch is not None and EPOCH.fullmatch(str(epoch)) and total == row_sum(code, epoch, base, committed, chain):
        return Ledger(
            epoch=epoch,
            base=base,
            committed=committed,
            last=max(committed, last or 0),
            chain=top or chain or START,
            committed_chain=chain,
            lives=lives,
            changes=changes,
        )
    # The row can't be trusted; its epoch and base are also in ``life``.
    log.critical("spool_row_damaged", extra={"gateway": code})
    floor = 0 if first is None else first - 1
    ledger = Ledger(
        epoch=secrets.token_hex(8),
        base=floor,
        committed=floor,
        last=last or floor,
        chain=top or START,
        committed_chain=None,
        lives=lives,
        changes=changes,
        damaged=True,
    )
    present = [life for life in rows if life[3] is None]
    if not present or first is None:
        return ledger
    name, start, from_n, _ = present[0]
    return replace(ledger, lives=(*lives, Life(epoch=name, base=start, first=max(from_n, first), last=last)))
