"""Listens for notifications of changes. A notification only says where to look; it is not trusted (decision 26)."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, sql

from database.pace import Flood
from database.pool import Connection, connect, conninfo

log = logging.getLogger(__name__)

QUIET_S: Final = 30.0
"""Seconds without a listener after a flood: one that falls behind would fill the server's queue for all."""
_FIRST_RETRY_S: Final = 0.1
_CANCEL_AGAIN_S: Final = 1.0
_LAST_RETRY_S: Final = 2.0
_PAUSE_S: Final = 0.02
"""What comes within so long is passed on together."""


def listen(
    url: str, channels: Iterable[str], tell: Callable[[str], None], stop: threading.Event, *, application_name: str
) -> None:
    """Call ``tell`` with the name of each channel that was notified, until ``stop``, at most 50 times a second each.

    After a lost connection, and after a flood, everything is taken as changed.
    """
    wanted = tuple(channels)
    while not stop.is_set():
        try:
            with connect(url, application_name=application_name, autocommit=True) as connection:
                for channel in wanted:
                    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                for channel in wanted:
                    tell(channel)
                _hear(connection, tell, stop)
        except psycopg.Error as error:
            log.warning("listen_failed", extra={"reason": " ".join(str(error).split())[:200]})
            stop.wait(1.0)
            continue
        if not stop.is_set():
            log.error("notifications_flooded", extra={"quiet_s": QUIET_S})
            stop.wait(QUIET_S)


def _hear(connection: Connection, tell: Callable[[str], None], stop: threading.Event) -> None:
    """Pass notifications on until ``stop`` or a flood."""
    flood = Flood()
    while not stop.is_set():
        notices = list(connection.notifies(timeout=0.5, stop_after=1))
        for channel in {notice.channel for notice in notices}:
            tell(channel)
        if flood.rises(len(notices), sum(len(notice.payload) for notice in notices), monotonic()):
            return
        if notices:
            stop.wait(_PAUSE_S)


async def stay_connected(
    url: str,
    follow: Callable[[AsyncConnection[Any]], Awaitable[None]],
    lost: Callable[[Exception], bool],
    *,
    application_name: str,
) -> None:
    """Run ``follow`` on a connection in autocommit mode until cancelled, on a new one each time that it is lost.

    ``follow`` listens (``listen_to``) and returns to begin anew. ``lost`` is called with why a connection was lost or
    refused, and returns whether it had worked: the first retry then comes at once.
    """
    retry_s = _FIRST_RETRY_S
    while True:
        try:
            connection = await AsyncConnection.connect(
                conninfo(url, application_name=application_name), autocommit=True
            )
            async with connection:
                await follow(connection)
        except (psycopg.Error, OSError, TimeoutError) as error:
            if lost(error):
                retry_s = _FIRST_RETRY_S
        await asyncio.sleep(retry_s * random.uniform(0.7, 1.3))  # spread the replicas' return
        retry_s = min(retry_s * 2, _LAST_RETRY_S)


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks that use the database, again and again, until all have ended.

    To cancel once may be in vain: ``asyncio.wait_for`` of Python 3.11 forgets a cancellation that comes together with
    the answer (python/cpython#86296), and where the connection is lost just then, psycopg tells of that instead.
    """
    pending = set(tasks)
    while pending:
        for task in pending:  # all at once: each may wait for the database to hear that a query is cancelled
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)


async def listen_to(connection: AsyncConnection[Any], channels: Iterable[str]) -> None:
    """Begin to listen."""
    for channel in channels:
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
