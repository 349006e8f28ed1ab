"""Real servers for the tests: started once a run, when first asked for, and gone with it.

``database`` / ``database_url`` is a fresh, migrated database for each test, ``empty`` one
without a schema. ``mqtt`` is a fresh central broker with
users and rights, ``field_mqtt`` a fresh open one. With MAILLAGE_DATABASE_URL set (a superuser's), databases are
made on that server instead of an embedded one.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from database.migrate import migrate
from maillage.embedded import EmbeddedMosquitto, EmbeddedPostgres, fetch
from maillage.embedded.bundle import Bundle
from maillage.embedded.secrets import LOGINS
from maillage.logins import make_login

SEED: Final = int(os.environ.get("MAILLAGE_TEST_SEED", "20190901"))
_PASSWORD: Final = "of-the-tests"
_MEMORY: Final = Path("/dev/shm")
_PLENTY: Final = 8 * 2**30
"""Bytes. A server's folder has a few hundred megabytes, and scripts/test runs four servers."""

# How long an example takes says more of the other work on the machine than of the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One test's own database."""

    url: str
    """As the owner of everything."""

    def as_login(self, name: str) -> str:
        """Return the URL for one of the process users: ``ingest_1``, ``rights_1``, ``api_1`` …"""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=f"{name}:{quote(_PASSWORD)}@{parts.hostname}:{parts.port}"))


@dataclass(slots=True, kw_only=True)
class CentralBroker:
    """A central broker whose users are made as they are asked for."""

    server: EmbeddedMosquitto
    _known: set[str] = field(default_factory=lambda: {"ingest", "rights"})

    def url(self, user: str = "ingest") -> str:
        """Return the URL for ``ingest``, ``rights`` or a gateway's code; a gateway not yet known is enrolled."""
        if user not in self._known:
            self.server.enrol({user: f"secret of {user}"})
            self._known.add(user)
        return self.server.url(user)

    def password(self, user: str) -> str:
        """Return a gateway's password, which `url` has set."""
        return f"secret of {user}"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """The same accidents in every run; MAILLAGE_TEST_SEED changes them."""
    random.seed(SEED)


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The servers' programs, fetched if need be."""
    return fetch()


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield a superuser's URL of the server that the databases of this run are made on."""
    given = os.environ.get("MAILLAGE_DATABASE_URL")
    if given:
        yield given
        return
    with _folder_of_server(tmp_path_factory) as folder:
        server = EmbeddedPostgres(
            folder,
            bundle=request.getfixturevalue("bundle"),
            password=_PASSWORD,
            settings={
                "timescaledb.max_background_workers": "0",  # they would hold the template database open
                "fsync": "off",  # nothing of it outlives the run; kill -9 of the server loses nothing without it
                "full_page_writes": "off",  # likewise; and to make a database is a checkpoint
                "max_wal_size": "256MB",
                "shared_buffers": "64MB",
            },
        )
        server.start()
        yield server.url(database="postgres")
        server.stop()


@contextmanager
def _folder_of_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder, in memory where there is plenty: a database is 800 files, which cost a disk up to a second."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _PLENTY and os.access(_MEMORY, os.W_OK):
        with tempfile.TemporaryDirectory(prefix="maillage-tests-", dir=_MEMORY) as folder:
            yield Path(folder)
    else:
        yield tmp_path_factory.mktemp("postgres")


@pytest.fixture(scope="session")
def _template(postgres_url: str) -> Iterator[str]:
    """Yield the name of a migrated database to copy; the process users are made too."""
    name = f"maillage_template_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        migrate(_on(postgres_url, name), log=lambda _line: None)
        for login, group in LOGINS.items():
            make_login(_on(postgres_url, name), login, password=_PASSWORD, group=group)
    yield name
    _drop(postgres_url, name)


@pytest.fixture
def database(postgres_url: str, _template: str) -> Iterator[Database]:
    """Yield a fresh, migrated database; dropped after the test, whoever is still connected."""
    with _fresh(postgres_url, _template) as made:
        yield made


@pytest.fixture(scope="module")
def shared_database(postgres_url: str, _template: str) -> Iterator[Database]:
    """Yield a fresh, migrated database for the tests of one file, which only read it."""
    with _fresh(postgres_url, _template) as made:
        yield made


@contextmanager
def _fresh(postgres_url: str, template: str) -> Iterator[Database]:
    name = f"maillage_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    yield Database(url=_on(postgres_url, name))
    _drop(postgres_url, name)


@pytest.fixture(scope="module")
def own(postgres_url: str, _template: str) -> Iterator[Database]:
    """Yield a database that the tests of a module share."""
    from tests.api_server import shared_database  # which imports this module

    with shared_database(postgres_url, _template) as shared:
        yield shared


@pytest.fixture
def database_url(database: Database) -> str:
    """Return the owner's URL of a fresh, migrated database."""
    return database.url


@pytest.fixture
def empty(postgres_url: str) -> Iterator[str]:
    """Yield the URL of a database without anything in it."""
    name = f"maillage_empty_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield _on(postgres_url, name)
    _drop(postgres_url, name)


@pytest.fixture
def mqtt(bundle: Bundle, tmp_path: Path) -> Iterator[CentralBroker]:
    """Yield a fresh central broker."""
    server = EmbeddedMosquitto(
        tmp_path / "central", bundle=bundle, users={"ingest": "of-ingest", "rights": "of-rights"}
    )
    server.start()
    yield CentralBroker(server=server)
    server.stop()


@pytest.fixture
def field_mqtt(bundle: Bundle, tmp_path: Path) -> Iterator[EmbeddedMosquitto]:
    """Yield a fresh open broker, as in a place."""
    server = EmbeddedMosquitto(tmp_path / "field", bundle=bundle)
    server.start()
    yield server
    server.stop()


def _on(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _drop(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
