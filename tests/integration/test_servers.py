"""The servers that every other test stands on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests.conftest import CentralBroker, Database
from tests.waiting import until

MOVED_CLOCK = Path(__file__).parents[2] / "scripts/moved-clock"
SAY = "import datetime, time; time.sleep(0.2); print(time.monotonic()); print(datetime.datetime.now(datetime.UTC))"


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


def test_all_read_one_clock(database: Database, mqtt: CentralBroker) -> None:
    """Where the tests' clock is moved (``scripts/test --at``), that of the servers is too, and their time-outs come."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        assert abs(row[0] - datetime.now(UTC)) < timedelta(minutes=5)
        connection.execute("SET statement_timeout = '100ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(600)")
    said = until(lambda: mqtt.server.tail().partition(" ")[0], what="the broker writes its log")
    assert abs(datetime.fromisoformat(said.removesuffix(":")).astimezone() - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_clock_is_moved_for_a_process_and_its_children_and_deadlines_are_not() -> None:
    if subprocess.run([MOVED_CLOCK, "--ready"], capture_output=True, check=False).returncode != 0:
        assert os.environ.get("CI") != "true", "CI never skips it"
        pytest.skip("the clock can't be moved here (scripts/moved-clock --ready says why)")
    for given, instant in (
        ("2028-02-29T23:59:59.9Z", "2028-02-29T23:59:59.9+00:00"),
        ("2028-03-01T00:30", "2028-02-29T23:30+00:00"),  # in Paris
        ("1999-12-31T23:00:00-01:00", "2000-01-01T00:00+00:00"),
    ):
        begin = time.monotonic()
        done = subprocess.run(
            [MOVED_CLOCK, given, "sh", "-c", '"$0" -c "$1"; date -u +%FT%TZ', sys.executable, SAY],
            capture_output=True,
            text=True,
            check=True,
        )
        monotonic, python, date = done.stdout.splitlines()
        assert begin + 0.2 <= float(monotonic) <= time.monotonic()
        for shown in (python, date):
            since = datetime.fromisoformat(shown) - datetime.fromisoformat(instant)
            assert timedelta(0) <= since < timedelta(seconds=time.monotonic() - begin + 1)
