"""The clock of the edge, in the wire's unit."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

_START_FILE = Path("/proc/sys/kernel/random/boot_id")
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


def micros_of(moment: datetime) -> int:
    """Return an aware time as µs since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def machine_start() -> str:
    """Return a name of this machine's last start; a random one where the system doesn't tell."""
    try:
        return _START_FILE.read_text().strip() or uuid.uuid4().hex
    except OSError:
        return uuid.uuid4().hex


def since_start() -> int:
    """Return µs on a clock that never jumps and runs on while the machine sleeps."""
    return time.clock_gettime_ns(_STEADY) // 1000


def steady() -> float:
    """Return ``since_start`` in seconds."""
    return since_start() / 1e6


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
