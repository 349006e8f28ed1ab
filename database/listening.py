"""Listens for notifications of changes. A notification only says where to look; it is not trusted (decision 26)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Final

import psycopg
from psycopg import sql

from database.pace import Flood
from database.pool import Connection, connect

log = logging.getLogger(__name__)

QUIET_S: Final = 30.0
"""Seconds without a listener after a flood: one that falls behind would fill the server's queue for all."""
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
