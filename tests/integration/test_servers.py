"""The servers that every other test stands on."""

from __future__ import annotations

import psycopg
import pytest

from tests.conftest import CentralBroker, Database


def test_database_is_migrated_and_logins_have_their_roles(database: Database) -> None:
    with psycopg.connect(database.as_login("ingest_1")) as connection:
        row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
        assert row is not None
        assert connection.execute("SELECT count(*) FROM event").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM event")


def test_password_is_asked_for(database: Database) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(database.as_login("ingest_1").replace("of-the-tests", "wrong"))


def test_broker_is_up(mqtt: CentralBroker) -> None:
    assert mqtt.url("g-1").startswith("mqtt://g-1:secret%20of%20g-1@127.0.0.1:")
    assert mqtt.server.running
