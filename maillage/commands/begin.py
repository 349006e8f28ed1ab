"""How a command that is a process begins: logs, signals, and the options that override the environment."""

from __future__ import annotations

import signal
import threading
from typing import Any


def begin(log_level: str) -> threading.Event:
    """Configure the logs and return the event that Ctrl-C and SIGTERM set."""
    from process.ending import sets
    from process.logging import configure

    configure(log_level)
    stop = threading.Event()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, sets(stop))
    return stop


def given(**options: Any) -> dict[str, Any]:
    """Return the options that were given; the others come from the environment."""
    return {name: value for name, value in options.items() if value is not None}
