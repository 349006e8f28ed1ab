"""The database and the brokers of the stack: embedded, or those that the environment gives."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import psycopg

from gateway.config import GatewayConfig
from maillage.authority import create, issue_process
from maillage.embedded import EmbeddedField, EmbeddedPostgres, Secrets, fetch
from maillage.embedded.central import EmbeddedCentral
from maillage.embedded.process import ServerError
from maillage.embedded.secrets import LOGINS
from maillage.logins import make_login
from maillage.stack.ports import choose, is_free

Server = TypeVar("Server", EmbeddedPostgres, EmbeddedCentral, EmbeddedField)
PROCESSES: Final = ("ingest", "rights")
"""The processes that connect to the central broker."""


class Servers:
    """What the processes connect to."""

    def __init__(self, *, runtime: Path, secrets: Secrets, taken_ports: set[int]) -> None:
        self._secrets = secrets
        self.authority = runtime / "authority"
        self._tls = runtime / "tls"
        if not self.authority.exists():
            create(self.authority, datetime.now(UTC))
        self._given_database = os.environ.get("MAILLAGE_DATABASE_URL")
        self._given_broker = os.environ.get("MAILLAGE_MQTT_URL")
        self._given_field = os.environ.get("MAILLAGE_FIELD_MQTT_URL")
        needed = not (self._given_database and self._given_broker and self._given_field)
        bundle = fetch() if needed else None
        logs = runtime / "logs"
        self.postgres: EmbeddedPostgres | None = None
        self.central: EmbeddedCentral | None = None
        self.field: EmbeddedField | None = None
        if bundle is None:
            return
        self._taken_ports = taken_ports

        def postgres(port: int) -> EmbeddedPostgres:
            return EmbeddedPostgres(
                runtime / "postgres", bundle=bundle, password=secrets.postgres, port=port, log=logs / "postgres.log"
            )

        def central(port: int) -> EmbeddedCentral:
            return EmbeddedCentral(
                runtime / "central",
                bundle=bundle,
                authority=self.authority,
                port=port,
                log=logs / "central-broker.log",
            )

        def field(port: int) -> EmbeddedField:
            return EmbeddedField(
                runtime / "field", bundle=bundle, simulator=True, port=port, log=logs / "field-broker.log"
            )

        self._make_postgres, self._make_central, self._make_field = postgres, central, field
        if not self._given_database:
            self.postgres = postgres(choose(54320, taken_ports))
        if not self._given_broker:
            self.central = central(choose(18830, taken_ports))
        if not self._given_field:
            self.field = field(choose(18831, taken_ports))

    def start(self, *, fresh: bool) -> None:
        """Start what is embedded; with ``fresh``, the embedded database begins empty."""
        if self.postgres:
            self.postgres = self._started(self.postgres, self._make_postgres)
            if fresh:
                with psycopg.connect(self.postgres.url(database="postgres"), autocommit=True) as connection:
                    connection.execute("DROP DATABASE IF EXISTS maillage WITH (FORCE)")
                    connection.execute("CREATE DATABASE maillage")
        if self.central:
            for process in PROCESSES:
                issue_process(self.authority, process, self._tls / process, now=datetime.now(UTC))
            self.central = self._started(self.central, self._make_central)
        if self.field:
            self.field = self._started(self.field, self._make_field)

    def _started(self, server: Server, make: Callable[[int], Server]) -> Server:
        """Start ``server``; where its port was taken meanwhile, another of ``make`` on a free port."""
        for _ in range(3):
            if not is_free(server.port):  # whoever has it would answer in the server's stead
                server = make(choose(0, self._taken_ports))
            try:
                server.start()
            except ServerError as error:
                if "Address already in use" not in str(error):
                    raise
                server = make(choose(0, self._taken_ports))
            else:
                return server
        server.start()
        return server

    def make_logins(self) -> None:
        """Give each process its own database user; a given database keeps the user of its URL."""
        if self.postgres:
            for name, group in LOGINS.items():
                make_login(self.postgres.url(), name, password=self._secrets.logins[name], group=group)

    def furnish(self, gateways: Sequence[GatewayConfig]) -> None:
        """Make the users of the devices on the embedded field broker."""
        if self.field:
            self.field.furnish(gateways)

    def database_url(self, login: str | None = None) -> str:
        """Return the database's URL for one of LOGINS, or for its owner."""
        if self.postgres is None:
            return str(self._given_database)
        if login is None:
            return self.postgres.url()
        return self.postgres.url(user=login, password=self._secrets.logins[login])

    def broker_settings(self, process: str) -> dict[str, str]:
        """Return how one of ``PROCESSES`` reaches the central broker; a given one holds the login in its URL."""
        if self.central is None:
            return {"MAILLAGE_MQTT_URL": str(self._given_broker)}
        return {"MAILLAGE_MQTT_URL": self.central.processes_url, "MAILLAGE_MQTT_TLS": str(self._tls / process)}

    @property
    def gateways_url(self) -> str:
        """The central broker as gateways are told it."""
        if self.central is not None:
            return self.central.gateways_url
        parts = urlsplit(str(self._given_broker))
        return f"{parts.scheme}://{parts.hostname}:{parts.port or 1883}"

    def field_url(self, user: str) -> str:
        """Return the URL of the broker that devices and gateways share, for ``user``; a given one holds its own."""
        return self.field.url(user) if self.field else str(self._given_field)

    def ended(self) -> Iterable[str]:
        """Yield what each embedded server that has ended by itself last wrote."""
        for name, server in (
            ("PostgreSQL", self.postgres),
            ("central broker", self.central),
            ("field broker", self.field),
        ):
            if server is not None and not server.running:
                yield f"the {name} ended. The end of its log:\n{server.tail()}"

    def stop(self) -> None:
        """Stop what is embedded."""
        for server in (self.field, self.central, self.postgres):
            if server:
                server.stop()
