"""One transaction of the ingest: its batches, its notifications, its lists of numbers."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from benchmarks.stand import make_network
from database import leases
from database.arrays import numbers
from ingest import notifications, store, topology
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
        return self.take([self.batch("00000000aaaaaaaa", seq, [self.event(seq % 2 == 1)])])

    def take(self, batches: list[ReadBatch]) -> Tally:
        return self.books.commit(self.connection, batches, [])

    @staticmethod
    def event(occupied: bool) -> dict[str, Any]:
        return {"kind": "desk", "at": time.time_ns() // 1000, "device": "desk-0", "occupied": occupied}

    def batch(self, epoch: str, first: int, events: list[dict[str, Any]], **more: Any) -> ReadBatch:
        now = time.time_ns() // 1000
        body = {"epoch": epoch, "first": first, "sent_at": now, "events": events, **more}
        gateway = self.books.topology.gateways["p0001-g1"]
        one = read(gateway, Message(topic="x", payload=json.dumps(body).encode(), received_at=now))
        assert isinstance(one, ReadBatch)
        return one


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
    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR, "ingest.notifications"):
        patched.setattr(notifications, "_NOTIFY", _TELL)
        for seq in range(1, 9):  # the driver prepares what it runs for the sixth time
            assert worker.commit(seq).committed == 1
    assert [record.message for record in caplog.records] == ["notification_queue_full"] * 8
    with psycopg.connect(worker.url, autocommit=True) as listener:
        listener.execute("LISTEN maillage_occupancy")
        assert worker.commit(9).committed == 1
        assert len(list(listener.notifies(timeout=60, stop_after=1))) == 1
    assert _stored(database) == [(n,) for n in range(1, 10)]


def test_a_commit_that_is_refused_as_a_full_queue_refuses_is_no_commit(worker: Worker, database: Database) -> None:
    with psycopg.connect(database.url) as owner:
        owner.execute(
            """CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON space_state DEFERRABLE INITIALLY DEFERRED
               FOR EACH ROW EXECUTE FUNCTION refuse()"""
        )
    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        worker.commit(1)
    assert _stored(database) == []
    with psycopg.connect(database.url) as owner:
        owner.execute("DROP TRIGGER refuse ON space_state")
    worker.books.forget()
    assert worker.commit(1).committed == 1


def test_events_of_a_new_epoch_are_found_in_the_old_one_also_within_one_transaction(
    worker: Worker, database: Database
) -> None:
    """A gateway that heard nothing for a while begins another epoch: a busy ingest may get both at once."""
    old, new = "00000000aaaaaaaa", "00000000bbbbbbbb"
    events = [worker.event(n % 2 == 1) for n in range(20)]
    moved = [{"epoch": old, "index": 0, "first": 1, "count": 20}]
    tally = worker.take([worker.batch(old, 1, events), worker.batch(new, 1, events, was=moved)])
    assert (tally.committed, tally.beyond_gap) == (20, 20)
    assert {(code, epoch): last for (code, epoch), (_, last, _) in tally.marks.items()} == {
        ("p0001-g1", old): 20,
        ("p0001-g1", new): 0,
    }, "the mark asks for it again"
    assert len(_stored(database)) == 20
    assert worker.take([worker.batch(new, 1, events, was=moved)]).duplicate == 20
    assert len(_stored(database)) == 20


def test_numbers_arrive_as_they_are(database: Database) -> None:
    given = [0, -1, 2**63 - 1, None, -(2**63)]
    with psycopg.connect(database.url) as connection:
        row = connection.execute("SELECT %s::bigint[], %s::int[]", (numbers(given), numbers([]))).fetchone()
        assert row == (given, [])
