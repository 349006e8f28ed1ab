"""Runs a process of threads until it is to stop, or until one of them dies; with health and metrics over HTTP."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from process import garbage
from process.health import Check, serve

log = logging.getLogger(__name__)

_LOOK_S: Final = 1.0
_END_S: Final = 10.0


class Loop(Protocol):
    """A thread with an event loop of its own, such as that of the MQTT connections."""

    @property
    def alive(self) -> bool:
        """Whether it runs."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End, and wait for the end."""


def run_parts(
    name: str,
    stop: threading.Event,
    *,
    threads: Mapping[str, Callable[[], object]],
    readiness: Check,
    http: tuple[str, int, Callable[[], bytes]],
    loop: Loop | None = None,
    stuck: Callable[[], bool] = lambda: False,
) -> int:
    """Run until ``stop`` is set; return 0, or 1 where a thread or the loop died.

    Args:
        name: of the process, for its logs and its answers.
        stop: set at the end in any case.
        threads: what runs, by the threads' names; each returns soon after ``stop`` is set.
        readiness: whether the process can do its work, see ``process.health``.
        http: host, port (0: no HTTP) and the text of /metrics.
        loop: ended after the threads, so that their last messages leave.
        stuck: whether a thread hangs; asked once a second (``process.pulse``).

    Raises:
        OSError: the port is taken.
    """
    running = [threading.Thread(target=work, name=label, daemon=True) for label, work in threads.items()]

    def health() -> str | None:
        if loop is not None and not loop.alive:
            return f"the broker's thread is dead: restart {name}"
        dead = [thread.name for thread in running if not thread.is_alive()]
        if dead or stuck():
            return f"a thread is dead or stuck ({', '.join(dead) or 'stuck'}): restart {name}"
        return None

    garbage.settle()  # the program itself stays
    host, port, metrics = http
    server = serve(host, port, metrics, health, lambda: readiness() or health()) if port else None
    for thread in running:
        thread.start()
    if loop is not None:
        loop.start()
    log.info("process_started", extra={"of": name, "metrics_port": port})
    while not stop.wait(_LOOK_S):
        stuck()  # a pulse counts only while it is looked at
        if (loop is not None and not loop.alive) or not all(thread.is_alive() for thread in running):
            log.critical("process_thread_died", extra={"of": name})
            break
    died = not stop.is_set()
    stop.set()
    for thread in running:
        thread.join(_END_S)
    if loop is not None:
        loop.stop()
    if server is not None:
        server.shutdown()
        server.server_close()
    log.info("process_stopped", extra={"of": name})
    return 1 if died else 0
