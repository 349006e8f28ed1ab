"""Hears what the database tells the ingest: the network changed, letters are to be read again."""

from __future__ import annotations

import threading

from database import listening
from ingest.worker import Worker


def listen(url: str, worker: Worker, stop: threading.Event) -> None:
    """Pass notifications on to ``worker`` until ``stop``; after a lost connection everything is taken as changed."""
    events = {"maillage_network": worker.topology_stale, "maillage_replay": worker.replay_requested}
    listening.listen(
        url, events, lambda channel: events[channel].set(), stop, application_name="maillage ingest listen"
    )
