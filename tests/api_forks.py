"""API processes for tests, forked from one that has imported the API: to import all routes takes seconds of a core."""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

_START: Final = "import sys; from tests.api_forks import serve; serve(int(sys.argv[1]))"
_LONGEST: Final = 1 << 20
"""Bytes of a request."""


class Forked:
    """One API process, its parent the process that has imported the API."""

    def __init__(self, pid: int, forks: Forks) -> None:
        self.pid = pid
        self._forks = forks
        self._ended: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative after a signal; None while it runs."""
        if self._ended is None:
            self._ended = self._forks.ask({"ended": self.pid})
        return self._ended

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._send(signal.SIGKILL)

    def wait(self, deadline_s: float = 60) -> int:
        """Wait for the end; return the exit code.

        Raises:
            TimeoutError: it still runs at the deadline.
        """
        end = time.monotonic() + deadline_s
        while (ended := self.poll()) is None:
            if time.monotonic() > end:
                raise TimeoutError(f"API process {self.pid} still runs after {deadline_s} s")
            time.sleep(0.01)
        return ended

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:  # until it is asked for, an ended process keeps its number
            os.kill(self.pid, number)


class Forks:
    """The process that has imported the API, and forks when asked."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-W", "error", "-c", _START, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])

    def start(self, environment: Mapping[str, str]) -> Forked:
        """Run the API with no other environment than this; it writes where this process writes now."""
        return Forked(self.ask({"environment": dict(environment)}, fds=[1, 2]), self)

    def ask(self, what: Mapping[str, Any], fds: list[int] | None = None) -> Any:
        """Send a request; return the answer."""
        socket.send_fds(self._socket, [json.dumps(what).encode()], fds or [])
        answer = self._socket.recv(_LONGEST)
        assert answer, "the process that forks API processes has ended"
        return json.loads(answer)

    def close(self) -> None:
        """End it, and with it what it has forked and is still there."""
        self._socket.close()
        self._process.wait(60)


@functools.cache
def forks() -> Forks:
    """Return the one of this run, started when first asked for."""
    one = Forks()
    atexit.register(one.close)
    return one


def serve(descriptor: int) -> None:
    """Import the API and fork for each environment that comes, until the other side closes."""
    from api.http.settings import ApiSettings
    from api.run import run

    gc.collect()
    gc.freeze()  # a collection in a child would copy every page of memory
    running: set[int] = set()
    with socket.socket(fileno=descriptor) as asked:
        while True:
            message, written_to, _flags, _address = socket.recv_fds(asked, _LONGEST, 2)
            if not message:
                break
            what = json.loads(message)
            if "environment" in what:
                pid = os.fork()
                if pid == 0:
                    asked.close()
                    _become(what["environment"], written_to)
                    sys.exit(run(ApiSettings()))  # type: ignore[call-arg] # all of it is in the environment
                running.add(pid)
                for one in written_to:
                    os.close(one)
                asked.send(json.dumps(pid).encode())
            else:
                ended, status = os.waitpid(what["ended"], os.WNOHANG)
                running.discard(ended)
                asked.send(json.dumps(os.waitstatus_to_exitcode(status) if ended else None).encode())
    for pid in running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _become(environment: Mapping[str, str], written_to: list[int]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for descriptor, one in enumerate(written_to, start=1):
        os.dup2(one, descriptor)
        os.close(one)
