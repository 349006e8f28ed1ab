"""What a process has used, from ``/proc``: memory, processor time, bytes written to disks."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Return the seconds of processor time that a process has used so far, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_S


def rss_mb(pid: int) -> float:
    """Return a process's resident memory in MB (10⁶ bytes)."""
    return _number(Path(f"/proc/{pid}/status"), "VmRSS:") * 1024 / 1e6


def written_bytes(pid: int) -> int:
    """Return how many bytes a process has had written to disks so far, whole pages as the kernel counts them."""
    return _number(Path(f"/proc/{pid}/io"), "write_bytes:")


def _number(path: Path, name: str) -> int:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise ValueError(f"{path} has no {name}")
