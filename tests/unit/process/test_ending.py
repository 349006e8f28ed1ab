"""A signal to end, at any moment of the thread that waits for it."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import os, signal, threading
from process.ending import sets

stop = threading.Event()
signal.signal(signal.SIGTERM, sets(stop))
with stop._cond:  # as within stop.wait() or stop.set()
    for _ in range(20):
        os.kill(os.getpid(), signal.SIGTERM)
assert stop.wait(50)
"""


def test_signals_that_come_while_the_event_is_locked_end_the_process_all_the_same() -> None:
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], timeout=60, check=False)
    assert ended.returncode == 0
