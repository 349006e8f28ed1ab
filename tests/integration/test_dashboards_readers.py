"""Making and removing database readers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from dashboards.errors import ReaderError
from dashboards.roles import create_reader, drop_reader
from tests.conftest import Database

Connection = psycopg.Connection[Any]


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.url, autocommit=True) as connection:
        for code in ("a", "b"):
            connection.execute(
                "INSERT INTO place (code, name, shard, latitude, longitude, source, source_id) "
                "VALUES (%s, %s, 0, 45, 1, 'test', %s)",
                (code, code.upper(), code),
            )
        yield connection


@pytest.fixture
def name(owner: Connection) -> Iterator[str]:
    name = f"reader_{uuid.uuid4().hex[:12]}"
    yield name
    if owner.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone():
        drop_reader(owner, name)


def _places(database: Database, name: str, password: str) -> list[str]:
    parts = urlsplit(database.url)
    url = urlunsplit(parts._replace(netloc=f"{name}:{password}@{parts.hostname}:{parts.port}"))
    with psycopg.connect(url) as connection:
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
        assert connection.execute("SHOW statement_timeout").fetchone() == ("30s",)
        return [code for (code,) in connection.execute("SELECT place FROM report.place ORDER BY 1")]


def test_scope_and_password_are_what_was_given_last(database: Database, owner: Connection, name: str) -> None:
    create_reader(owner, name, "one", ["a"])
    assert _places(database, name, "one") == ["a"]
    create_reader(owner, name, "two", ["b", "a", "b"])
    assert _places(database, name, "two") == ["a", "b"]
    create_reader(owner, name, "two", None)
    owner.execute(
        "INSERT INTO place (code, name, shard, latitude, longitude, source, source_id) "
        "VALUES ('c', 'C', 0, 45, 1, 'test', 'c')"
    )
    assert _places(database, name, "two") == ["a", "b", "c"], "the whole network grows"
    create_reader(owner, name, "two", ["a"])
    assert _places(database, name, "two") == ["a"], "and a scope can shrink"
    with pytest.raises(psycopg.OperationalError):
        _places(database, name, "one")


def test_the_password_does_not_travel_in_the_statement(owner: Connection, name: str) -> None:
    create_reader(owner, name, "very secret", None)
    (stored,) = owner.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (name,)).fetchone() or ("",)
    assert stored.startswith("SCRAM-SHA-256$")


def test_a_place_that_is_gone_is_out_of_scope(owner: Connection, name: str) -> None:
    create_reader(owner, name, "x", ["a"])
    owner.execute("DELETE FROM place WHERE code = 'a'")
    assert owner.execute("SELECT count(*) FROM scope WHERE role = %s", (name,)).fetchone() == (0,)


def test_dropping_leaves_nothing(owner: Connection, name: str) -> None:
    create_reader(owner, name, "x", ["a"])
    drop_reader(owner, name)
    assert owner.execute("SELECT count(*) FROM scope").fetchone() == (0,)
    assert owner.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None
    with pytest.raises(ReaderError, match="no reader"):
        drop_reader(owner, name)


@pytest.mark.parametrize(
    "wrong",
    ["", "ab", "Reader", "re-ader", "1reader", "pg_reader", "maillage_reader", "a" * 64, 'x"; DROP TABLE place; --'],
)
def test_names_that_cannot_be(owner: Connection, wrong: str) -> None:
    with pytest.raises(ReaderError, match="cannot name"):
        create_reader(owner, wrong, "x", None)


def test_places_that_are_not_there(owner: Connection, name: str) -> None:
    with pytest.raises(ReaderError, match="no such place: nowhere"):
        create_reader(owner, name, "x", ["a", "nowhere"])
    with pytest.raises(ReaderError, match="would see nothing"):
        create_reader(owner, name, "x", [])
    with pytest.raises(ReaderError, match="needs a password"):
        create_reader(owner, name, "", None)
    assert owner.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None, "nothing half done"


@pytest.mark.parametrize("taken", ["postgres", "api_1", "ingest_1"])
def test_other_roles_are_left_alone(owner: Connection, taken: str) -> None:
    if owner.execute("SELECT FROM pg_roles WHERE rolname = %s", (taken,)).fetchone() is None:
        pytest.skip(f"no role {taken} on this server")
    with pytest.raises(ReaderError, match="isn't a reader"):
        create_reader(owner, taken, "x", None)
    with pytest.raises(ReaderError, match="isn't a reader"):
        drop_reader(owner, taken)
