"""Calendars elsewhere are read when they are due, one after the other: one that can't be read stops no other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import class_row

from database.pool import connect
from database.reasons import reason_of
from jobs.calendars.expanding import CalendarUnreadable

log = logging.getLogger(__name__)

EVERY: Final = timedelta(minutes=15)
MAIL_AFTER: Final = 3
"""Failures in a row after which its owner is written to."""
_LONGEST: Final = timedelta(hours=6)
"""A calendar that can't be read is asked for less and less often, down to this."""
_LOOK_S: Final = 10.0

_Source = TypeVar("_Source")


def watch(
    url: str, name: str, read_due: Callable[[psycopg.Connection[Any]], object], stop: threading.Event, *, away: str
) -> None:
    """Call ``read_due`` again and again until ``stop``; ``away``: what is logged while the database is away."""
    while not stop.is_set():
        try:
            with connect(url, application_name=name, autocommit=True) as connection:
                while not stop.is_set():
                    read_due(connection)
                    stop.wait(_LOOK_S)
        except psycopg.Error as error:
            log.warning(away, extra={"reason": reason_of(error)})
            stop.wait(_LOOK_S)


def read_each(
    connection: psycopg.Connection[Any],
    take: str,
    shape: type[_Source],
    read: Callable[[_Source], None],
    failed: Callable[[_Source, Exception], None],
    *,
    stop: Callable[[], bool],
) -> int:
    """Read what ``take`` gives until it gives nothing more; return how many, those that failed included.

    Raises:
        psycopg.Error: the connection is lost.
    """
    done = 0
    while not stop():
        with connection.cursor(row_factory=class_row(shape)) as cursor:
            source = cursor.execute(take.encode()).fetchone()
        if source is None:
            break
        try:
            read(source)
        except Exception as error:  # whatever it is, the other calendars must not wait for it
            if isinstance(error, psycopg.Error) and connection.closed:
                raise
            failed(source, error)
        done += 1
    return done


def why_unreadable(error: Exception) -> str:
    """Return what is said of a calendar that couldn't be read: never an error's own text but ours."""
    return str(error) if isinstance(error, CalendarUnreadable) else f"it can't be read ({type(error).__name__})"


def wait_after(failures: int) -> timedelta:
    """Return how long to wait after a failure, with so many before it in a row."""
    doubled: timedelta = EVERY * 2 ** min(failures, 10)
    return min(doubled, _LONGEST)
