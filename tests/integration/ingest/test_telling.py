"""What the ingest sends to the database beside the events: notifications that are refused, and lists of numbers."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator

import psycopg
import pytest

from benchmarks.stand import make_network
from database import leases
from database.arrays import numbers
from ingest import store, topology
from ingest.commit import Books
from ingest.messages import Message, ReadBatch, read
from ingest.transaction import Tally
from tests.conftest import Database

_REFUSING = """
CREATE TABLE refusing (n integer);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE 'too many' USING ERRCODE = 'program_limit_exceeded'; END$$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON refusing DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION refuse();
GRANT INSERT ON refusing TO maillage_ingest
"""
"""What is inserted there is refused at the transaction's end, as a full queue refuses a notification."""
_TELL = "WITH x AS (INSERT INTO refusing VALUES (1)) SELECT %b::text, %b::text"


class Worker:
    """Commits one event after the other of the first gateway."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = leases.connect(url, application_name="test")
        keeper = leases.Keeper(url, [store.lease_of(1)], application_name="test")
        keeper.take(self.connection)
        self.connection.fences = keeper.held
        self.books = Books(topology.load(self.connection))

    def commit(self, seq: int) -> Tally:
        gateway = self.books.topology.gateways["p0001-g1"]
        now = time.time_ns() // 1000
        event = {"kind": "desk", "at": now, "device": "desk-0", "occupied": seq % 2 == 1}
        batch = {"epoch": "00000000aaaaaaaa", "first": seq, "sent_at": now, "events": [event]}
        one = read(gateway, Message(topic="x", payload=json.dumps(batch).encode(), received_at=now))
        assert isinstance(one, ReadBatch)
        return self.books.commit(self.connection, [one], [])


@pytest.fixture
def worker(database: Database) -> Iterator[Worker]:
    make_network(database.url, 1)
    with psycopg.connect(database.url) as owner:
        owner.execute(_REFUSING)
    one = Worker(database.as_login("ingest_1"))
    yield one
    one.connection.close()


def _stored(database: Database) -> list[tuple[int]]:
    with psycopg.connect(database.url) as owner:
        return owner.execute("SELECT seq FROM event ORDER BY seq").fetchall()


def test_a_full_queue_of_notifications_takes_nothing_back(
    worker: Worker, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR, "ingest.store"):
        patched.setattr(store, "_NOTIFY", _TELL)
        for seq in range(1, 9):  # the driver prepares what it runs for the sixth time
            assert worker.commit(seq).committed == 1
    assert [record.message for record in caplog.records] == ["notification_queue_full"] * 8
    with psycopg.connect(worker.url, autocommit=True) as listener:
        listener.execute("LISTEN maillage_occupancy")
        assert worker.commit(9).committed == 1
        assert len(list(listener.notifies(timeout=60, stop_after=1))) == 1
    assert _stored(database) == [(n,) for n in range(1, 10)]


def test_numbers_arrive_as_they_are(database: Database) -> None:
    given = [0, -1, 2**63 - 1, None, -(2**63)]
    with psycopg.connect(database.url) as connection:
        row = connection.execute("SELECT %s::bigint[], %s::int[]", (numbers(given), numbers([]))).fetchone()
        assert row == (given, [])
