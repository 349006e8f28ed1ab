"""Hears what the database tells the ingest: the network changed, letters are to be read again."""

from __future__ import annotations

import logging
import threading

import psycopg

from database.pool import connect
from ingest.worker import Worker

log = logging.getLogger(__name__)


def listen(url: str, worker: Worker, stop: threading.Event) -> None:
    """Pass notifications on to ``worker`` until ``stop``; after a lost connection everything is taken as changed."""
    while not stop.is_set():
        try:
            with connect(url, application_name="maillage ingest listen") as connection:
                connection.autocommit = True
                for channel in ("LISTEN maillage_network", "LISTEN maillage_replay"):
                    connection.execute(channel)
                worker.topology_stale.set()
                worker.replay_requested.set()
                while not stop.is_set():
                    for notice in connection.notifies(timeout=0.5):
                        _pass_on(notice.channel, worker)
        except psycopg.Error as error:
            log.warning("listen_failed", extra={"reason": " ".join(str(error).split())[:200]})
            stop.wait(1.0)


def _pass_on(channel: str, worker: Worker) -> None:
    if channel == "maillage_network":
        worker.topology_stale.set()
    elif channel == "maillage_replay":
        worker.replay_requested.set()
