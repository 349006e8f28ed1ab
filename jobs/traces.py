"""Deletes events, which are personal traces, and dead letters when their time is over: three months.

Three months is what the French CNIL allows for badge logs. Events go by whole chunks, so a chunk goes when its oldest
event is due. Sums without persons stay.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from jobs import readers
from jobs.job import Round

_log = logging.getLogger(__name__)

KEEP: Final = timedelta(days=90)
"""How long personal traces are kept."""
CHUNK: Final = timedelta(days=1)
"""Of the hypertable ``event`` (migration 0003)."""
_TRIES: Final = 12
_TRY_EVERY_S: Final = 3.0
"""A reader's transaction is ended after 30 s (`jobs.readers`): the tries go on for longer."""

_DROP = "SELECT drop_events_before(%s)"
_DROP_LETTERS = """
-- dead letters that haven't come again since
DELETE FROM dead_letter WHERE last_at < %s
"""
_DROP_EXCESS = """
-- the counts of those that were not kept
DELETE FROM dead_letter_excess WHERE last_at < %s
"""
_DROPPED = """
-- note until when events are gone
INSERT INTO maintenance (task, done_until) VALUES ('retention', %s)
ON CONFLICT (task) DO UPDATE SET done_until = excluded.done_until, ran_at = now()
"""
_ALARM = """
-- raise the alarm, once until it is acknowledged, where events are more than a day over their time
INSERT INTO alarm (kind, text, detail)
SELECT 'retention_blocked',
       'Old events could not be dropped: another session holds them. docs/operate.md says what to do.',
       jsonb_build_object('before', %(before)s::timestamptz)
WHERE NOT EXISTS (SELECT FROM maintenance WHERE task = 'retention'
                  AND done_until > %(before)s::timestamptz - interval '1 day')
  AND NOT EXISTS (SELECT FROM alarm WHERE kind = 'retention_blocked' AND acknowledged_at IS NULL)
"""


class RetentionBlocked(Exception):
    """Events that are over their time could not be dropped: another session holds them."""


def drop(round_: Round) -> None:
    """Delete what is older than ``keep``.

    Raises:
        RetentionBlocked: another session held the events for all of a minute; dead letters are gone.
        psycopg.Error: the database refuses.
    """
    connection, now = round_.connection, round_.now
    before = now - round_.keep + CHUNK
    with connection.transaction():
        letters = connection.execute(_DROP_LETTERS, (now - round_.keep,)).rowcount
        connection.execute(_DROP_EXCESS, (now - round_.keep,))
    dropped = _drop_events(connection, before)
    if dropped is None:
        _log.error("retention_blocked", extra={"before": before.isoformat()})
        with connection.transaction():
            connection.execute(_ALARM, {"before": before})
        raise RetentionBlocked(
            "events that are over their time could not be dropped: another session holds them. "
            "docs/operate.md says how to find it."
        )
    round_.log(
        f"retention: {dropped} days of events and {letters} dead letters dropped, older than "
        f"{now - round_.keep:%Y-%m-%d %H:%M} UTC"
    )


def _drop_events(connection: psycopg.Connection[Any], before: datetime) -> int | None:
    """Drop the chunks before a moment and note it; return how many, or None where a session holds them all the time."""
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
