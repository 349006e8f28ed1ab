"""Hears what the database tells the rights process: rights changed, an order was given, the network changed."""

from __future__ import annotations

import logging
import threading
from typing import Final

import psycopg

from database.pool import connect
from rights.worker import News, What, Worker

log = logging.getLogger(__name__)

_CHANNELS: Final[dict[str, What]] = {
    "maillage_access": "access",
    "maillage_command": "command",
    "maillage_network": "network",
}


def listen(url: str, worker: Worker, stop: threading.Event) -> None:
    """Pass notifications on to ``worker`` until ``stop``; after a lost connection everything is taken as changed."""
    while not stop.is_set():
        try:
            with connect(url, application_name="maillage rights listen", autocommit=True) as connection:
                connection.execute("LISTEN maillage_access")
                connection.execute("LISTEN maillage_command")
                connection.execute("LISTEN maillage_network")
                for what in _CHANNELS.values():
                    worker.tell(News(what))
                while not stop.is_set():
                    for notice in connection.notifies(timeout=0.5):
                        worker.tell(News(_CHANNELS[notice.channel]))
        except psycopg.Error as error:
            log.warning("listen_failed", extra={"reason": " ".join(str(error).split())[:200]})
            stop.wait(1.0)
