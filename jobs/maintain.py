"""``maillage maintain``: sum up occupancy by quarter hours, and drop personal traces when their time is over.

Rollup and retention are ours, since TimescaleDB's Apache edition has neither. Who passed which door is kept for three
months (the French CNIL's rule for badge logs), and so are dead letters, which may hold a card read, and what access
remembers of persons (``jobs.retention``); sums without persons and alarms stay.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from database.leases import LEASE_LOST, Fenced, Keeper, connect
from jobs import readers, retention
from jobs.rollup import roll_up

_log = logging.getLogger(__name__)

KEEP_EVENTS: Final = timedelta(days=90)
"""How long personal traces are kept."""
CHUNK: Final = timedelta(days=1)
"""Of the hypertable ``event`` (migration 0003)."""
LEASE: Final = "maintain"
"""One process maintains at a time: the one that holds it."""
_TRIES: Final = 12
_TRY_EVERY_S: Final = 3.0
"""A reader's transaction is ended after 30 s (`jobs.readers`): the tries go on for longer."""

_DROP = "SELECT drop_events_before(%s)"
_DROP_LETTERS = """
-- what could not be read, and nobody heard again since
DELETE FROM dead_letter WHERE last_at < %s
"""
_DROP_EXCESS = """
-- the count of what was not kept either
DELETE FROM dead_letter_excess WHERE last_at < %s
"""
_DROPPED = """
-- remember until when traces are gone
INSERT INTO maintenance (task, done_until) VALUES ('retention', %s)
ON CONFLICT (task) DO UPDATE SET done_until = excluded.done_until, ran_at = now()
"""
_ALARM = """
-- say it to the operators, once until somebody has seen it, where traces are more than a day over their time
INSERT INTO alarm (kind, text, detail)
SELECT 'retention_blocked',
       'Old events could not be dropped: another session holds them. docs/operate.md says what to do.',
       jsonb_build_object('before', %(before)s::timestamptz)
WHERE NOT EXISTS (SELECT FROM maintenance WHERE task = 'retention'
                  AND done_until > %(before)s::timestamptz - interval '1 day')
  AND NOT EXISTS (SELECT FROM alarm WHERE kind = 'retention_blocked' AND acknowledged_at IS NULL)
"""


class RetentionBlocked(Exception):
    """Events that are over their time could not be dropped."""


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
        RetentionBlocked: all is done but the dropping of old events.
        psycopg.Error: the database can't be reached, isn't migrated or refuses.
    """
    moment = now or datetime.now(UTC)
    keeper = Keeper(url, [LEASE], application_name="maillage maintain lease")
    with connect(url, application_name="maillage maintain", statement_timeout_s=1800) as connection:
        keeper.take(connection)
        connection.fences = keeper.held
        if not connection.fences:
            log("maintain: another one is at it; nothing done")
            return False
        try:
            with keeper:
                blocked = _maintain(connection, moment, keep, log)
        except psycopg.Error as error:
            if error.sqlstate != LEASE_LOST:
                raise
            log("maintain: another one has taken over; what was under way is undone")
            return False
    if blocked:
        raise RetentionBlocked(
            "events that are over their time could not be dropped: another session holds them. "
            "docs/operate.md says how to find it."
        )
    return True


def _maintain(connection: Fenced, moment: datetime, keep: timedelta, log: Callable[[str], None]) -> bool:
    """Do all that is due; return whether the dropping of old events was blocked."""
    roll_up(connection, now=moment, keep=keep, log=log)
    dropped = _drop_traces(connection, moment, keep, log)
    for name, rows in retention.forget(connection, now=moment, keep=keep).items():
        log(f"retention: {rows} {name} forgotten")
    if head := retention.head(connection):
        log(f"audit: head at line {head[0]}, hash {head[1]}")
    return not dropped


def maintain_every(url: str, *, every: timedelta, stop: threading.Event, log: Callable[[str], None] = _say) -> None:
    """Maintain now and then every ``every``, until ``stop`` is set; a database that is away is waited for."""
    threading.Thread(target=readers.watch, args=(url, stop, log), name="readers", daemon=True).start()
    while not stop.is_set():
        try:
            maintain(url, log=log)
        except (psycopg.OperationalError, RetentionBlocked) as error:
            log(f"maintain: {' '.join(str(error).split())}; trying again in a minute")
            stop.wait(60.0)
            continue
        stop.wait(every.total_seconds())


def _drop_traces(
    connection: psycopg.Connection[Any], now: datetime, keep: timedelta, log: Callable[[str], None]
) -> bool:
    """Drop what is older than ``keep``: whole chunks, so a chunk goes when its oldest event is due. False: blocked."""
    before = now - keep + CHUNK
    with connection.transaction():
        letters = connection.execute(_DROP_LETTERS, (now - keep,)).rowcount
        connection.execute(_DROP_EXCESS, (now - keep,))
    dropped = _drop_events(connection, before)
    if dropped is None:
        _log.error("retention_blocked", extra={"before": before.isoformat()})
        with connection.transaction():
            connection.execute(_ALARM, {"before": before})
        return False
    log(
        f"retention: {dropped} days of events and {letters} dead letters dropped, older than "
        f"{now - keep:%Y-%m-%d %H:%M} UTC"
    )
    return True


def _drop_events(connection: psycopg.Connection[Any], before: datetime) -> int | None:
    """Drop the chunks before a moment and note it; return how many, or None where somebody holds them all the time."""
    for attempt in range(_TRIES):
        if attempt:
            readers.end_slow(connection)
            time.sleep(_TRY_EVERY_S)
        try:
            with connection.transaction():
                dropped = len(connection.execute(_DROP, (before,)).fetchall())
                connection.execute(_DROPPED, (before,))
        except psycopg.errors.LockNotAvailable:
            continue
        return dropped
    return None
