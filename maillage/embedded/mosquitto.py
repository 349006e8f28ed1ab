"""Mosquitto on 127.0.0.1: the central broker with users and rights, or a place's open field broker."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from maillage.embedded.bundle import Bundle
from maillage.embedded.process import ServerError, ServerProcess, free_port, give_to_server

CENTRAL_ACL: Final = """\
user ingest
topic read maillage/v1/+/+/+/events
topic read maillage/v1/+/+/+/state
topic read maillage/v1/+/+/+/reply
topic write maillage/v1/+/+/+/committed
topic write maillage/v1/+/+/+/list
topic write maillage/v1/+/+/+/command

user api
topic read maillage/v1/+/+/+/reply
topic write maillage/v1/+/+/+/command

pattern write maillage/v1/+/+/%u/events
pattern write maillage/v1/+/+/%u/state
pattern write maillage/v1/+/+/%u/reply
pattern read maillage/v1/+/+/%u/committed
pattern read maillage/v1/+/+/%u/list
pattern read maillage/v1/+/+/%u/command
"""
"""Who may do what on the central broker. A gateway's user name is its code; the ingest checks the place again."""

_CONF: Final = """\
listener {port} 127.0.0.1
persistence false
max_packet_size 1048576
max_inflight_messages 100
max_queued_messages 1000
max_queued_bytes 16777216
max_keepalive 300
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
log_timestamp_format %Y-%m-%dT%H:%M:%S
"""
"""No persistence: the spools are the truth until the database says "committed"."""

_OPEN: Final = "allow_anonymous true\n"
_CENTRAL: Final = "allow_anonymous false\npassword_file {directory}/passwords\nacl_file {directory}/acl\n"


def password_hash(password: str) -> str:
    """Return ``password`` as Mosquitto 2's password file wants it: salted PBKDF2 with SHA-512."""
    rounds, salt = 101, secrets.token_bytes(12)  # Mosquitto's own number; our passwords are random, not guessable
    digest = hashlib.pbkdf2_hmac("sha512", password.encode("utf-8"), salt, rounds)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


class EmbeddedMosquitto:
    """One broker in ``directory``: with ``users`` (name → password) the central one, else an open field broker."""

    def __init__(
        self,
        directory: Path,
        *,
        bundle: Bundle,
        users: Mapping[str, str] | None = None,
        port: int | None = None,
        log: Path | None = None,
    ) -> None:
        """``port`` None takes a free one."""
        self.directory = directory.absolute()
        self.port = port or free_port()
        self.host = "127.0.0.1"
        self._users = None if users is None else dict(users)
        self._process = ServerProcess(
            name="Mosquitto",
            command=[bundle.mosquitto, "-c", self.directory / "mosquitto.conf"],
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
        """Return the URL for ``user``; without one, for an open broker."""
        if user is None:
            return f"mqtt://{self.host}:{self.port}"
        if self._users is None:
            raise ServerError("an open broker has no users")
        return f"mqtt://{quote(user)}:{quote(self._users[user], safe='')}@{self.host}:{self.port}"

    def start(self) -> None:
        """Write the configuration and start the broker.

        Raises:
            ServerError: it doesn't start.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        access = _OPEN if self._users is None else _CENTRAL.format(directory=self.directory)
        self._write("mosquitto.conf", _CONF.format(port=self.port) + access)
        if self._users is not None:
            self._write("acl", CENTRAL_ACL)
            self._write_passwords()
        self._process.start(ready=self._answers)

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

    def enrol(self, users: Mapping[str, str]) -> None:
        """Add ``users`` (name → password), or change their passwords; nobody else's connection is disturbed."""
        if self._users is None:
            raise ServerError("an open broker has no users")
        self._users.update(users)
        self._write_passwords()
        if self.running:
            before = self._reloads()
            self._process.signal(signal.SIGHUP)
            end = time.monotonic() + 10.0
            while self._reloads() == before:
                if not self.running or time.monotonic() > end:
                    raise ServerError(f"Mosquitto did not read its users again:\n{self.tail()}")
                time.sleep(0.01)

    def _reloads(self) -> int:
        return self._process.log.read_bytes().count(b"Reloading config.")

    def _write_passwords(self) -> None:
        users = {} if self._users is None else self._users
        self._write("passwords", "".join(f"{name}:{password_hash(secret)}\n" for name, secret in users.items()))

    def _write(self, name: str, text: str) -> None:
        """Write a file of the broker in one step, readable by the broker's user only."""
        partial = self.directory / f".{name}.part"
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        give_to_server(partial)
        partial.replace(self.directory / name)

    def _answers(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            return False
        return True
