"""Notifies the API which rows changed, once they are committed.

A notification is no part of a transaction that stores events: a full queue of the server's must not stop it. What
can't be sent, the API finds by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

_NOTIFY = """
-- notify the API where to look
SELECT pg_notify(%b, %b)
"""
_MOST_IDS: Final = 700
"""In a notification, which holds up to 8,000 bytes."""


def notify(connection: Connection, channel: str, ids: Sequence[int]) -> None:
    """Say on ``channel`` which rows changed."""
    try:
        _send(connection, channel, ids)
    except psycopg.errors.ProgramLimitExceeded as error:
        _log_full(channel, error)


@contextmanager
def committing(connection: Connection, channel: str) -> Iterator[Callable[[Sequence[int]], None]]:
    """Send the block's statements in one go; gives what sends COMMIT, and right behind it which rows changed.

    The notification is a transaction of its own: where it fails, the other one is committed all the same.

    Raises:
        psycopg.Error: nothing was committed.
    """
    sent: list[psycopg.Cursor[Any]] = []

    def commit(ids: Sequence[int]) -> None:
        sent.append(connection.execute("COMMIT"))
        if ids:  # a full queue shows at the end of a transaction, which must be a statement: libpq is lost otherwise
            connection.execute("BEGIN")
            _send(connection, channel, ids)
            connection.execute("COMMIT")

    try:
        with connection.pipeline():
            yield commit
    except psycopg.errors.ProgramLimitExceeded as error:
        if not sent or sent[0].statusmessage != "COMMIT":
            raise
        _log_full(channel, error)


def _send(connection: Connection, channel: str, ids: Sequence[int]) -> None:
    for start in range(0, len(ids), _MOST_IDS):
        connection.execute(_NOTIFY, (channel, ",".join(map(str, ids[start : start + _MOST_IDS]))))


def _log_full(channel: str, error: psycopg.Error) -> None:
    log.error("notification_queue_full", extra={"channel": channel, "reason": str(error)[:200]})
