"""The processes of the stack: started, asked whether they are well, started again when they crash, stopped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from maillage.environment import PART
from maillage.stack.errors import StackError

_RESTARTS: Final = 3
"""A process that crashes more often than this within a minute, or hangs within a quarter of an hour, ends the run."""
_CRASHES_S: Final = 60.0
_HANGS_S: Final = 900.0


def answers(url: str, *, timeout_s: float = 2.0) -> bool:
    """Return whether a GET of ``url`` is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as response:  # noqa: S310  our own http address
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


class Child:
    """One process of ours: ``maillage COMMAND``, with its settings and its log."""

    def __init__(
        self, *, name: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path, health: str | None
    ) -> None:
        """``health`` is the URL that answers 200 once the process is up; None: it needs no waiting for."""
        self.name = name
        self.health = health
        self.log = log
        self._command = [sys.executable, "-m", "maillage", *arguments]
        self._environment = {**os.environ, **environment, PART: name}
        self._process: subprocess.Popen[bytes] | None = None
        self._crashes: list[float] = []
        self._hangs: list[float] = []

    @property
    def liveness(self) -> str | None:
        """The URL that answers while the process works, ready or not; None: it has none."""
        return self.health.rpartition("/")[0] + "/healthz" if self.health else None

    @property
    def pid(self) -> int | None:
        """The process id, once started."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process. It gets a SIGTERM when ours ends, however it ends."""
        prefix = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*prefix, *self._command],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the supervisor, which stops them in order
            )

    def crashed(self) -> bool:
        """Return whether the process has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def revive(self, say: Callable[[str], None]) -> None:
        """Start a crashed process again.

        Raises:
            StackError: it crashes too often.
        """
        code = self._process.returncode if self._process else None
        now = time.monotonic()
        self._crashes = [when for when in self._crashes if now - when < _CRASHES_S] + [now]
        if len(self._crashes) > _RESTARTS:
            raise StackError(f"{self.name} keeps ending (exit code {code}). The end of {self.log}:\n{self.tail()}")
        say(f"{self.name} ended (exit code {code}); starting it again. Its log: {self.log}")
        self.start()

    def replace_hung(self, say: Callable[[str], None]) -> None:
        """Kill a process that doesn't answer any more, and start it again.

        Raises:
            StackError: it hangs too often.
        """
        now = time.monotonic()
        self._hangs = [when for when in self._hangs if now - when < _HANGS_S] + [now]
        if len(self._hangs) > _RESTARTS:
            raise StackError(f"{self.name} keeps hanging: it doesn't answer. The end of {self.log}:\n{self.tail()}")
        say(f"{self.name} doesn't answer any more; it is killed and started again. Its log: {self.log}")
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.start()

    def wait_until_well(self, *, deadline_s: float, stopped: Callable[[], bool]) -> None:
        """Wait until the health URL answers.

        Raises:
            StackError: the process ended, or did not answer within ``deadline_s``.
        """
        end = time.monotonic() + deadline_s
        while self.health is not None and not stopped() and not answers(self.health):
            if self.crashed():
                code = self._process.returncode if self._process else None
                raise StackError(f"{self.name} ended (exit code {code}). The end of {self.log}:\n{self.tail()}")
            if time.monotonic() > end:
                raise StackError(f"{self.name} isn't up after {deadline_s:g} s. The end of {self.log}:\n{self.tail()}")
            time.sleep(0.1)

    def stop(self, *, deadline_s: float = 10.0) -> None:
        """Ask it to end with SIGTERM; kill it after ``deadline_s``."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def tail(self, lines: int = 15) -> str:
        """Return the end of the log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
