"""What a signal to end does: it sets an event that the process waits for."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from types import FrameType


def sets(stop: threading.Event) -> Callable[[int, FrameType | None], None]:
    """Return the handler of a signal that sets ``stop``.

    Another thread sets it. The main thread, in which handlers run, may be within a method of the event when the signal
    comes, as while it waits for it or in the handler of a signal before: it would wait for ever for a lock of its own.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        _thread.start_new_thread(stop.set, ())

    return end
