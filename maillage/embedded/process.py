"""One server process: started as an ordinary user, bound to its parent's life, killed and started again at will."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self

NOBODY: Final = 65534
"""The user that the servers run as where we are root: PostgreSQL refuses root."""


_FIRST_OWN: Final = 20_000
_reserved: deque[int] = deque()
"""File descriptors of sockets; they are closed by the end of the process."""


class EmbeddedError(Exception):
    """Root of what can go wrong with the embedded servers; the text says what to do."""


class ServerError(EmbeddedError):
    """A server did not start, or stopped by itself; the text holds the end of its log."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free, and that neither the system nor a process of ours gives away soon.

    It lies below the ports that the system takes for outgoing connections: one of those can be taken between this call
    and the server's bind. Of processes that call this at once, each gets another port: the last 64 that a process was
    given stay reserved for it (by abstract sockets, which end with the process).

    Raises:
        ServerError: no port is left.
    """
    below = _first_given_by_the_system()
    for port in random.sample(range(_FIRST_OWN, below), below - _FIRST_OWN):
        reservation = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            reservation.bind(f"\0maillage-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            reservation.close()
            continue
        _reserved.append(reservation.detach())
        if len(_reserved) > 64:
            os.close(_reserved.popleft())
        return port
    raise ServerError(f"No TCP port from {_FIRST_OWN} to {below - 1} is free: end processes that listen there.")


def _first_given_by_the_system() -> int:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    return first if first > _FIRST_OWN + 1000 else 65_536


def give_to_server(path: Path) -> None:
    """Make ``path`` belong to the user that the servers run as."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def as_server(command: Sequence[str | Path], *, dies_with_parent: str | None = None) -> list[str]:
    """Return ``command`` as run by the servers' user, sent ``dies_with_parent`` (a signal) when our process ends.

    A child of root keeps no capability and gets none back: it opens what ``nobody`` may, and its ``ServerDirectory``.
    """
    words = [str(part) for part in command]
    if shutil.which("setpriv") is None:
        if os.geteuid() == 0:
            raise ServerError(
                "PostgreSQL refuses to run as root and setpriv is missing: install util-linux, or run as another user."
            )
        return words
    prefix = ["setpriv"]
    if os.geteuid() == 0:
        prefix += ["--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
        prefix += ["--inh-caps", "-all", "--ambient-caps", "-all", "--no-new-privs"]
    if dies_with_parent:
        prefix += ["--pdeathsig", dies_with_parent]
    return [*prefix, "--", *words]


class ServerDirectory:
    """A server's directory, opened so that its child gets in although the folders above are closed to ``nobody``.

    A clone under a home of mode 0700 is such a folder. Root opens the directory and passes the descriptor; the child
    works in it, and ``seen`` is its path for a program that wants an absolute one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen = path
        self.descriptors: tuple[int, ...] = ()

    def __enter__(self) -> Self:
        """Open it."""
        if os.geteuid() == 0:
            opened = os.open(self.path, os.O_PATH | os.O_DIRECTORY)
            self.descriptors, self.seen = (opened,), Path(f"/proc/self/fd/{opened}")
        return self

    def __exit__(self, *_: object) -> None:
        """Close it here; a child keeps its own."""
        for opened in self.descriptors:
            os.close(opened)
        self.descriptors, self.seen = (), self.path


class ServerProcess:
    """A child that logs to a file. Start it from a thread that lives as long as it should (the main one)."""

    def __init__(
        self,
        *,
        name: str,
        directory: Path,
        command: Callable[[Path], Sequence[str | Path]],
        log: Path,
        stop_signal: signal.Signals,
    ) -> None:
        """The process works in ``directory``; ``command`` gets that directory's path as the process sees it."""
        self.name = name
        self._directory = directory
        self.log = log
        self._command = command
        self._stop_signal = stop_signal
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid if self.running and self._child else None

    @property
    def running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def start(self, *, ready: Callable[[], bool], deadline_s: float = 30.0) -> None:
        """Start the process and wait until ``ready`` is true.

        Raises:
            ServerError: it ended, or wasn't ready within ``deadline_s``.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        end = time.monotonic() + deadline_s
        with self.log.open("ab") as log, ServerDirectory(self._directory) as directory:
            self._child = subprocess.Popen(
                as_server(self._command(directory.seen), dies_with_parent=self._stop_signal.name.removeprefix("SIG")),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory.path,
                pass_fds=directory.descriptors,
                start_new_session=True,  # Ctrl-C is for us: we stop the children, in order
            )
        while not ready():
            if not self.running:
                raise ServerError(f"{self.name} did not start. The end of {self.log}:\n{self.tail()}")
            if time.monotonic() > end:
                self.kill9()
                raise ServerError(
                    f"{self.name} was not ready within {deadline_s:g} s. The end of {self.log}:\n{self.tail()}"
                )
            time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process runs."""
        if self._child is not None and self.running:
            self._child.send_signal(number)

    def stop(self, *, deadline_s: float = 10.0) -> None:
        """Stop in good order; by force after ``deadline_s``."""
        if self._child is None:
            return
        self.signal(self._stop_signal)
        try:
            self._child.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill9()

    def kill9(self) -> None:
        """Kill at once, with no chance to clean up: what a fault test does."""
        if self._child is not None:
            self.signal(signal.SIGKILL)
            self._child.wait()

    def tail(self, lines: int = 15) -> str:
        """Return the last ``lines`` of the log."""
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        except OSError:
            return ""
