"""The gateway's clocks, in µs as on the wire."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def micros() -> int:
    """Return the wall clock's time in µs since 1970, UTC."""
    return time.time_ns() // 1000


def machine_start() -> str:
    """Return an identifier of the machine's last boot; a random one where the system has none."""
    try:
        return _BOOT_ID.read_text().strip() or uuid.uuid4().hex
    except OSError:
        return uuid.uuid4().hex


def since_start() -> int:
    """Return µs of a clock that never jumps and runs on while the machine sleeps."""
    return time.clock_gettime_ns(_STEADY) // 1000


def steady() -> float:
    """Return ``since_start`` in seconds."""
    return since_start() / 1e6
