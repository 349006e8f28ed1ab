"""Wait on a condition with a deadline: the only way a test here waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], *, deadline_s: float = 60.0, every_s: float = 0.02, what: str = "") -> T:
    """Call ``condition`` until it returns something true, and return that.

    Raises:
        AssertionError: ``deadline_s`` passed; the text shows the last value.
    """
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what or condition!r}; last value {value!r}")
        time.sleep(every_s)
