"""PostgreSQL 17 with TimescaleDB on 127.0.0.1."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg

from maillage.embedded.bundle import Bundle
from maillage.embedded.process import ServerDirectory, ServerError, ServerProcess, as_server, free_port, give_to_server

_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # 127.0.0.1 alone: a socket's path may be too long, and both would be one too many
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "timescaledb.max_background_workers": "4",
    "max_worker_processes": "16",
    "password_encryption": "scram-sha-256",
    "timezone": "GMT",
    "log_timezone": "GMT",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "wal_buffers": "16MB",
    "wal_compression": "lz4",
    "checkpoint_timeout": "15min",
    "jit": "off",  # the bundle leaves LLVM out
    "random_page_cost": "1.1",
    "log_checkpoints": "off",
    "log_min_duration_statement": "2s",
    "logging_collector": "off",
}


class EmbeddedPostgres:
    """One database cluster in ``directory``: made at the first start, kept until the directory is deleted."""

    def __init__(
        self,
        directory: Path,
        *,
        bundle: Bundle,
        password: str,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        """``password`` is the superuser's; ``port`` None takes a free one; ``settings`` go over our own."""
        self.directory = directory.absolute()
        self.port = port or free_port()
        self._bundle = bundle
        self._password = password
        self._settings = {**_SETTINGS, **(settings or {}), "port": str(self.port)}
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        self._process = ServerProcess(
            name="PostgreSQL",
            directory=self.directory,
            command=lambda seen: [bundle.postgres_bin / "postgres", "-D", seen / "data", *options],
            log=log or self.directory / "postgres.log",
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
        )

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server runs."""
        return self._process.running

    def tail(self) -> str:
        """Return the end of the server's log."""
        return self._process.tail()

    def url(self, *, user: str = "postgres", password: str | None = None, database: str = "maillage") -> str:
        """Return a connection URL; ``password`` is needed for every user but the superuser."""
        secret = self._password if password is None else password
        return f"postgresql://{quote(user)}:{quote(secret, safe='')}@127.0.0.1:{self.port}/{quote(database)}"

    def start(self, *, deadline_s: float = 60.0) -> None:
        """Start the server, the cluster and the database ``maillage`` made first where they are missing.

        Raises:
            ServerError: it doesn't start.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._link_time_zones()
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        end = time.monotonic() + deadline_s
        while True:  # for a moment after kill -9, the dead server's children still hold its shared memory
            try:
                self._process.start(ready=self._answers, deadline_s=max(1.0, end - time.monotonic()))
                break
            except ServerError as error:
                if "pre-existing shared memory" not in str(error) and "postmaster.pid" not in str(error):
                    raise
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
        with psycopg.connect(self.url(database="postgres"), autocommit=True) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = 'maillage'").fetchone() is None:
                connection.execute("CREATE DATABASE maillage")

    def stop(self) -> None:
        """Stop in good order."""
        self._process.stop()

    def kill9(self) -> None:
        """Kill the postmaster at once; its children notice and end."""
        self._process.kill9()

    def restart(self) -> None:
        """Start again on the same port, after ``stop`` or ``kill9``."""
        self._process.stop()
        self.start()

    def _link_time_zones(self) -> None:
        link = self.directory / "zoneinfo"
        if not link.is_symlink() or link.readlink() != self._bundle.zoneinfo:
            link.unlink(missing_ok=True)
            link.symlink_to(self._bundle.zoneinfo)

    def _initialise(self) -> None:
        give_to_server(self.directory)
        secret = self.directory / "password"
        secret.unlink(missing_ok=True)
        descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(descriptor, self._password.encode("utf-8"))
        os.close(descriptor)
        give_to_server(secret)
        with ServerDirectory(self.directory) as directory:
            command: list[str | Path] = [self._bundle.postgres_bin / "initdb", "-D", directory.seen / "data"]
            command += ["-U", "postgres", f"--pwfile={directory.seen / secret.name}"]
            command += ["--auth=scram-sha-256", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
            command += ["-E", "UTF8", "--set", "timezone=GMT", "--set", "log_timezone=GMT", "--no-instructions"]
            done = subprocess.run(
                as_server(command),
                cwd=directory.path,
                pass_fds=directory.descriptors,
                capture_output=True,
                text=True,
                check=False,
            )
        secret.unlink()
        if done.returncode != 0:
            raise ServerError(f"initdb failed in {self._data}:\n{done.stdout}{done.stderr}")

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(database="postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True
