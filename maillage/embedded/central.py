"""The central Mosquitto on 127.0.0.1 with mutual TLS: certificates, revocation, a listener for the watcher."""

from __future__ import annotations

import signal
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from maillage.authority import issue_server
from maillage.central.admin import Admin
from maillage.central.files import REVOCATIONS, SERVER, WATCHER_LOGIN, write_configuration
from maillage.central.first import write_first
from maillage.central.watch import Watcher
from maillage.embedded.bundle import Bundle
from maillage.embedded.process import ServerProcess, free_port, give_to_server

_HERE: Final = Path()
"""The broker works in its directory: the folders above may be closed to its user."""


class EmbeddedCentral:
    """A central broker in ``directory`` that believes the authority in ``authority``."""

    def __init__(
        self,
        directory: Path,
        *,
        bundle: Bundle,
        authority: Path,
        port: int | None = None,
        log: Path | None = None,
    ) -> None:
        """``port``: of the gateways; None takes a free one, as the listeners of processes and of the watcher do."""
        self.directory = directory.absolute()
        self.host = "127.0.0.1"
        self.port = port or free_port()
        self.process_port = free_port()
        self.watcher_port = free_port()
        self._authority = authority
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

    @property
    def gateways_url(self) -> str:
        """The address that gateways are given."""
        return f"mqtts://{self.host}:{self.port}"

    @property
    def processes_url(self) -> str:
        """The address of ingest and rights."""
        return f"mqtts://{self.host}:{self.process_port}"

    def tail(self) -> str:
        """Return the end of the broker's log."""
        return self._process.tail()

    def start(self) -> None:
        """Write the configuration, with a new server certificate, and start the broker.

        What the watcher wrote before is kept; without it no gateway may speak until the watcher has looked.

        Raises:
            ServerError: it doesn't start.
        """
        write_configuration(
            self.directory,
            gateways=f"{self.port} {self.host}",
            processes=f"{self.process_port} {self.host}",
            watcher=f"{self.watcher_port} {self.host}",
            seen=_HERE,
            give=give_to_server,
        )
        self._certify()
        if not (self.directory / REVOCATIONS).exists():
            write_first(self.directory, self._authority, give=give_to_server)
        self._process.start(ready=self._answers)

    def renew_certificate(self) -> None:
        """Give the running broker a new certificate, signed by the authority's present key."""
        self._certify()
        self._process.signal(signal.SIGHUP)

    def watcher(self) -> Watcher:
        """Return what keeps the broker's files true; to be run in a thread, or by `maillage broker watch`."""
        password = (self.directory / WATCHER_LOGIN).read_text(encoding="utf-8")
        return Watcher(
            self.directory,
            admin=Admin(self.host, self.watcher_port, password),
            reload=lambda: self._process.signal(signal.SIGHUP),
            give=give_to_server,
        )

    def stop(self) -> None:
        """Stop in good order."""
        self._process.stop()

    def kill9(self) -> None:
        """Kill at once."""
        self._process.kill9()

    def restart(self) -> None:
        """Start again on the same ports, after ``stop`` or ``kill9``."""
        self._process.stop()
        self.start()

    def _certify(self) -> None:
        server = self.directory / SERVER
        issue_server(self._authority, [self.host, "localhost"], server, now=datetime.now(UTC))
        for path in (server, *server.iterdir()):
            give_to_server(path)

    def _answers(self) -> bool:
        for port in (self.port, self.process_port, self.watcher_port):
            try:
                socket.create_connection((self.host, port), timeout=1).close()
            except OSError:
                return False
        return True
