"""Mosquitto on 127.0.0.1: the central broker with users and rights, or a field broker that is open to a test."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from maillage.broker import write_central, write_users
from maillage.embedded.bundle import Bundle
from maillage.embedded.process import ServerError, ServerProcess, free_port, give_to_server
from maillage.field.files import CONF, conf, write_if_changed

_RUNS: Final = b" running"
"""It listens earlier than it takes signals: a SIGHUP before it says this ends it."""
_RELOADS: Final = b"Reloading config."
HERE: Final = Path()
"""The broker works in its directory: the folders above may be closed to its user."""


class EmbeddedMosquitto:
    """One broker in ``directory``: with ``users`` (name → password) the central one, else an open field broker."""

    def __init__(
        self,
        directory: Path,
        *,
        bundle: Bundle,
        users: Mapping[str, str] | None = None,
        where: Mapping[str, str] | None = None,
        port: int | None = None,
        log: Path | None = None,
    ) -> None:
        """``port`` None takes a free one; ``where``: shard and place of gateways among the users (``broker.acl``)."""
        self.directory = directory.absolute()
        self.port = port or free_port()
        self.host = "127.0.0.1"
        self._users = None if users is None else dict(users)
        self._where = dict(where or {})
        self._process = ServerProcess(
            name="Mosquitto",
            directory=self.directory,
            command=lambda _seen: [bundle.mosquitto, "-c", "mosquitto.conf"],
            log=log or self.directory / "mosquitto.log",
            stop_signal=signal.SIGTERM,
        )

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the broker runs."""
        return self._process.running

    def tail(self) -> str:
        """Return the end of the broker's log."""
        return self._process.tail()

    def url(self, user: str | None = None) -> str:
        """Return the URL for ``user``; without one, without a login."""
        if user is None:
            return f"mqtt://{self.host}:{self.port}"
        return f"mqtt://{quote(user)}:{quote(self.password(user), safe='')}@{self.host}:{self.port}"

    def password(self, user: str) -> str:
        """Return a user's password."""
        if self._users is None:
            raise ServerError("an open broker has no users")
        return self._users[user]

    def start(self) -> None:
        """Write the configuration and start the broker.

        Raises:
            ServerError: it doesn't start.
        """
        self._write_files()
        before = self._logged(_RUNS)
        self._process.start(ready=lambda: self._logged(_RUNS) > before and self._answers())

    def _write_files(self) -> None:
        listener = f"{self.port} {self.host}"
        if self._users is None:
            text = conf(listeners=[listener], tls=None, seen=HERE, data=HERE, open_to_all=True)
            write_if_changed(self.directory / CONF, text, give=give_to_server)
            give_to_server(self.directory)
        else:
            write_central(
                self.directory,
                users=self._users,
                where=self._where,
                listener=listener,
                seen=HERE,
                give=give_to_server,
            )

    def stop(self) -> None:
        """Stop in good order."""
        self._process.stop()

    def kill9(self) -> None:
        """Kill at once."""
        self._process.kill9()

    def restart(self) -> None:
        """Start again on the same port, after ``stop`` or ``kill9``."""
        self._process.stop()
        self.start()

    def enrol(self, users: Mapping[str, str], *, where: Mapping[str, str] | None = None) -> None:
        """Add ``users`` (name → password), or change their passwords and addresses; no connection is disturbed.

        ``where``: shard and place of each (``broker.acl``).
        """
        if self._users is None:
            raise ServerError("an open broker has no users")
        self._users.update(users)
        self._where.update(where or {})
        write_users(self.directory, self._users, where=self._where, give=give_to_server)
        self.reload()

    def reload(self) -> None:
        """Let the broker read its users and rights again, if it runs.

        Raises:
            ServerError: it doesn't.
        """
        if self.running:
            before = self._logged(_RELOADS)
            end, again = time.monotonic() + 30.0, 0.0
            while self._logged(_RELOADS) == before:
                now = time.monotonic()
                if not self.running or now > end:
                    raise ServerError(f"Mosquitto did not read its users again:\n{self.tail()}")
                if now >= again:  # one that comes while it reads them for the one before is lost
                    self._process.signal(signal.SIGHUP)
                    again = now + 1.0
                time.sleep(0.01)

    def _logged(self, words: bytes) -> int:
        """Return how often its log, which is of all of its starts, says ``words``."""
        try:
            return self._process.log.read_bytes().count(words)
        except FileNotFoundError:
            return 0

    def _answers(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            return False
        return True
