"""The account of a run: what the gateways spooled against what the database holds."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from gateway.spool.recovery import held
from gateway.spool.sqlite_file import SpoolError, set_aside_files

_SPOOLED: Final = """
-- where each gateway stands: its epoch, the first seq that counts, the last event written, the last known committed
SELECT code, epoch, max(committed, coalesce((SELECT max(n) FROM event WHERE event.gateway = gateway.code), 0)) - base,
       committed - base
FROM gateway
"""
_STORED: Final = """
-- for each stream: its mark, its rows, its different sequence numbers, and those that need no row of their own: dead
-- letters, letters that are only counted, and events that an earlier stream of the gateway holds
SELECT g.code, s.epoch, s.last_seq, coalesce(e.rows, 0), coalesce(e.seqs, 0),
       coalesce(d.alone, 0) + s.held_before + coalesce(x.events, 0)
FROM stream s
JOIN gateway g ON g.id = s.gateway
LEFT JOIN (SELECT stream, count(*) AS rows, count(DISTINCT seq) AS seqs FROM event GROUP BY stream) e ON e.stream = s.id
LEFT JOIN (
  SELECT l.stream, count(*) AS alone FROM dead_letter l
  WHERE l.seq IS NOT NULL AND NOT EXISTS (SELECT FROM event v WHERE v.stream = l.stream AND v.seq = l.seq)
  GROUP BY l.stream
) d ON d.stream = s.id
LEFT JOIN (
  SELECT stream, sum(events)::bigint AS events FROM dead_letter_excess WHERE NOT stored GROUP BY stream
) x ON x.stream = s.id
"""
_COUNTS: Final = """
-- how many places have a gateway in service, how many devices, and how many letters could not be read in all
SELECT (SELECT count(DISTINCT place) FROM gateway WHERE retired_at IS NULL),
  (SELECT count(*) FROM device WHERE retired_at IS NULL), (SELECT count(*) FROM dead_letter)
"""


_FAILING: Final = """
-- the jobs whose last run failed, and why
SELECT name || ': ' || coalesce(error, 'no reason is stored') FROM job WHERE failed_at IS NOT NULL ORDER BY name
"""
Position = tuple[str, str, int, int]
"""A gateway's code and epoch, its last event on the disk, the last known to be committed."""


_READY: Final = """
-- how many gateways report an access list
SELECT count(*) FROM gateway_state WHERE online AND list_version > 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Totals over every stream; `lost` and `duplicated` must be zero, and `aside` empty."""

    places: int
    devices: int
    sent: int
    """Events that the gateways wrote to their spools."""
    committed: int
    """Rows of `event`."""
    lost: int
    """Sequence numbers below a mark, or in a spool, that are neither an event nor a dead letter."""
    aside: Mapping[Path, int | None]
    """Spools that were set aside: how many events lie only there; None: not known. They count as lost until they
    are read back."""
    duplicated: int
    """Rows beyond one for a sequence number."""
    dead_letters: int
    failing_jobs: Sequence[str] = ()
    """Each with its error."""


def gateways_with_a_list(database_url: str) -> int:
    """Return how many gateways are online and hold an access list."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute(_READY).fetchone()
    return row[0] if row else 0


def settled_balance(spool: Path, database_url: str, *, deadline_s: float, all_well: Callable[[], bool]) -> Account:
    """Compare the spool with the database once nothing is on its way, or once nothing has moved for ``deadline_s``.

    ``all_well`` is asked again and again: a process that has to come back may still have something to send.
    """
    end, least = time.monotonic() + deadline_s, None
    while True:
        well = all_well()
        before = _positions(spool)
        waiting = sum(last - committed for _code, _epoch, last, committed in before)
        if least is None or waiting < least:
            end, least = time.monotonic() + deadline_s, waiting
        if (well and waiting == 0) or time.monotonic() > end:
            account = balance(before, database_url, spool)
            if before == _positions(spool) or time.monotonic() > end:
                return account
        time.sleep(0.2)


def balance(positions: Sequence[Position], database_url: str, spool: Path | None = None) -> Account:
    """Compare where the spools stand, and what was set aside beside ``spool``, with what the database holds."""
    with psycopg.connect(database_url) as connection:
        stored = {(code, epoch): numbers for code, epoch, *numbers in connection.execute(_STORED).fetchall()}
        places, devices, letters = connection.execute(_COUNTS).fetchone() or (0, 0, 0)
        failing = [text for (text,) in connection.execute(_FAILING).fetchall()]
    sent = {(code, epoch): last for code, epoch, last, _committed in positions}
    lost = duplicated = 0
    for stream in stored.keys() | sent.keys():
        last, rows, seqs, alone = stored.get(stream, (0, 0, 0, 0))
        lost += max(0, max(last, sent.get(stream, 0)) - seqs - alone)
        duplicated += rows - seqs
    marks = {stream: numbers[0] for stream, numbers in stored.items()}
    aside, gone = ({}, 0) if spool is None else _aside(spool, marks)
    only_there = sum(events or 0 for events in aside.values())
    return Account(
        places=places,
        devices=devices,
        sent=only_there
        + gone
        + sum(sent.values())
        + sum(numbers[0] for stream, numbers in stored.items() if stream not in sent),
        committed=sum(numbers[1] for numbers in stored.values()),
        lost=lost + only_there + gone,
        aside=aside,
        duplicated=duplicated,
        dead_letters=letters,
        failing_jobs=failing,
    )


def _aside(spool: Path, marks: Mapping[tuple[str, str], int]) -> tuple[dict[Path, int | None], int]:
    """Look at the spools that were set aside beside ``spool``, for events that aren't stored.

    Returns:
        How many each holds, where that isn't 0; None: not known. And of how many they give nothing any more.
    """
    found: dict[Path, int | None] = {}
    gone = 0
    for name in set_aside_files(spool):
        path = spool.with_name(name)
        try:
            gateways = held(spool, path)
        except (SpoolError, OSError):
            found[path] = None
            continue
        events = 0
        for one in gateways:
            mark = 0 if one.epoch is None else marks.get((one.gateway, one.epoch), 0)
            events += sum(one.epoch is None or number > mark for number in one.numbers)
            gone += sum(one.epoch is not None and number > mark for number in one.gone)
        if events:
            found[path] = events
    return found, gone


def _positions(spool: Path) -> list[Position]:
    if not spool.exists():
        return []
    connection = sqlite3.connect(f"file:{spool}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(_SPOOLED).fetchall()
    finally:
        connection.close()
