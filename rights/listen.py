"""Hears what the database tells the rights process: rights changed, an order was given, the network changed."""

from __future__ import annotations

import threading
from typing import Final

from database import listening
from rights.worker import News, What, Worker

_CHANNELS: Final[dict[str, What]] = {
    "maillage_access": "access",
    "maillage_command": "command",
    "maillage_network": "network",
}


def listen(url: str, worker: Worker, stop: threading.Event) -> None:
    """Pass notifications on to ``worker`` until ``stop``; after a lost connection everything is taken as changed."""
    listening.listen(
        url,
        _CHANNELS,
        lambda channel: worker.tell(News(_CHANNELS[channel])),
        stop,
        application_name="maillage rights listen",
    )
