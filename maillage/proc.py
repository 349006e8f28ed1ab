"""Facts about a process from Linux's /proc: state, start, listening ports. On other systems they are unknown."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_LISTEN: Final = "0A"
STOPPED: Final = ("T", "t")
"""By a signal (Ctrl-Z, ``kill -STOP``) or by a debugger."""


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold blanks and parentheses; the first is the state."""
    return (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


def state(pid: int) -> str | None:
    """Return the state's letter (R, S, D, T, Z …); None: there is no such process, or no /proc."""
    try:
        return _stat(pid)[0]
    except (OSError, IndexError):
        return None


def started(pid: int) -> int | None:
    """Return when it started, in ticks since the machine's start: with the pid, a process's identity."""
    try:
        return int(_stat(pid)[19])
    except (OSError, IndexError, ValueError):
        return None


def is_alive(pid: int) -> bool:
    """Return whether the process runs, or could; a dead one that its parent hasn't waited for doesn't."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return state(pid) != "Z"


def listens(pid: int, port: int) -> bool | None:
    """Return whether ``pid`` itself listens on TCP ``port`` of this machine; None: that can't be seen."""
    found: set[str] = set()
    try:
        wanted = {f"socket:[{inode}]" for inode in _listening(port)}
        for path in (_PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed in this moment
                found.add(str(path.readlink()))
    except OSError:
        return None
    return not wanted.isdisjoint(found)


def _listening(port: int) -> set[str]:
    found = set()
    for name in ("tcp", "tcp6"):
        path = _PROC / "net" / name
        if not path.exists():
            continue
        for line in path.read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found
