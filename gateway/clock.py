"""The clock of the edge, in the wire's unit."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros() -> int:
    """Return the wall clock's time as µs since 1970, UTC."""
    return time.time_ns() // 1000


def instant(at: int) -> datetime:
    """Return ``at`` (µs since 1970) as an aware time; beyond the calendar it stays at its edge."""
    try:
        return _EPOCH + timedelta(microseconds=at)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if at > 0 else datetime.min.replace(tzinfo=UTC)
