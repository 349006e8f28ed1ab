"""The ports of the stack: the usual one where it is free, else any."""

from __future__ import annotations

import socket

from maillage.embedded.process import free_port


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether ``port`` is free now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def choose(preferred: int, taken: set[int]) -> int:
    """Return ``preferred`` where it is free and not in ``taken``, else (or for 0) a free port; add it to ``taken``."""
    port = preferred or free_port()
    while port in taken or not is_free(port):
        port = free_port()
    taken.add(port)
    return port


def choose_row(preferred: int, many: int, taken: set[int]) -> int:
    """Return the first of ``many`` free ports in a row, at or after ``preferred``; add all of them to ``taken``.

    Raises:
        OSError: there is no such row below the ports that the system gives away itself.
    """
    first = preferred
    while first + many < 32_768:
        row = range(first, first + many)
        used = next((port for port in reversed(row) if port in taken or not is_free(port)), None)
        if used is None:
            taken.update(row)
            return first
        first = used + 1
    raise OSError(f"no {many} free ports in a row from {preferred} on")
