"""``maillage maintain``: sum up occupancy by quarter hours, and drop personal traces when their time is over.

Rollup and retention are ours, since TimescaleDB's Apache edition has neither. Who passed which door is kept for three
months (the French CNIL's rule for badge logs), and so are dead letters, which may hold a card read, and what access
remembers of persons (``maillage.retention``); sums without persons and alarms stay.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from database.pool import connect
from maillage import retention
from maillage.rollup import roll_up

_log = logging.getLogger(__name__)

KEEP_EVENTS: Final = timedelta(days=90)
"""How long personal traces are kept."""
CHUNK: Final = timedelta(days=1)
"""Of the hypertable ``event`` (migration 0003)."""
LOCK: Final = 0x6D61_696E_7461_696E
"""The advisory lock of whoever maintains: 'maintain' in ASCII."""

_LOCK = "SELECT pg_try_advisory_lock(%s)"
_DROP = "SELECT drop_events_before(%s)"
_DROP_LETTERS = """
-- what could not be read, and nobody heard again since
DELETE FROM dead_letter WHERE last_at < %s
"""
_DROPPED = """
-- remember until when traces are gone
INSERT INTO maintenance (task, done_until) VALUES ('retention', %s)
ON CONFLICT (task) DO UPDATE SET done_until = excluded.done_until, ran_at = now()
"""


def _say(line: str) -> None:
    print(line, flush=True)


def log_line(line: str) -> None:
    """Take a line of progress as a log event, for a process that runs on."""
    _log.info("maintain", extra={"text": line})


def maintain(
    url: str, *, log: Callable[[str], None] = _say, now: datetime | None = None, keep: timedelta = KEEP_EVENTS
) -> bool:
    """Do once all that is due; return False, with nothing done, where another maintains at this moment.

    Runs again without harm. ``now`` is for tests.

    Raises:
        psycopg.Error: the database can't be reached, isn't migrated or refuses.
    """
    moment = now or datetime.now(UTC)
    with connect(url, application_name="maillage maintain", autocommit=True, statement_timeout_s=1800) as connection:
        row = connection.execute(_LOCK, (LOCK,)).fetchone()
        if row is None or not row[0]:
            log("maintain: another one is at it; nothing done")
            return False
        roll_up(connection, now=moment, keep=keep, log=log)
        _drop_traces(connection, moment, keep, log)
        for name, rows in retention.forget(connection, now=moment, keep=keep).items():
            log(f"retention: {rows} {name} forgotten")
        if head := retention.head(connection):
            log(f"audit: head at line {head[0]}, hash {head[1]}")
    return True


def maintain_every(url: str, *, every: timedelta, stop: threading.Event, log: Callable[[str], None] = _say) -> None:
    """Maintain now and then every ``every``, until ``stop`` is set; a database that is away is waited for."""
    while not stop.is_set():
        try:
            maintain(url, log=log)
        except psycopg.OperationalError as error:
            log(f"maintain: {' '.join(str(error).split())}; trying again in a minute")
            stop.wait(60.0)
            continue
        stop.wait(every.total_seconds())


def _drop_traces(
    connection: psycopg.Connection[Any], now: datetime, keep: timedelta, log: Callable[[str], None]
) -> None:
    """Drop what is older than ``keep``: whole chunks, so a chunk goes when its oldest event is due."""
    before = now - keep + CHUNK
    dropped = connection.execute(_DROP, (before,)).fetchall()
    letters = connection.execute(_DROP_LETTERS, (now - keep,)).rowcount
    connection.execute(_DROPPED, (before,))
    log(
        f"retention: {len(dropped)} days of events and {letters} dead letters dropped, older than "
        f"{now - keep:%Y-%m-%d %H:%M} UTC"
    )
