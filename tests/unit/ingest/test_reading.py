"""What a worker takes: read while the database commits, and never lost; states in pieces between the events."""

from __future__ import annotations

import json
from dataclasses import replace

import psycopg
import pytest

from gateway.contract.wire import State
from ingest.commit import Books
from ingest.inbox import Inbox
from ingest.messages import Message
from ingest.metrics import Metrics
from ingest.reading import Taken
from ingest.settings import IngestSettings
from ingest.states import Said
from ingest.store import Stream
from ingest.worker import Worker
from occupancy.topology import Topology


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(1_000_000)


@pytest.fixture
def worker(topology: Topology, inbox: Inbox) -> Worker:
    """One that owns the place's shard and is not connected to anything."""
    settings = IngestSettings.model_validate({"database_url": "postgresql://-", "mqtt_url": "mqtt://-"})
    one = Worker(settings, inbox, lambda _topic, _payload, _retain: None, Metrics())
    one._books = Books(topology)
    one.owned = frozenset(gateway.shard for gateway in topology.gateways.values())
    return one


def message(topology: Topology, first: int, *, events: int = 1, sent_at: int = 10) -> Message:
    gateway = next(iter(topology.gateways.values()))
    event = {"kind": "desk", "at": first, "device": next(iter(gateway.devices)), "occupied": True}
    batch = {"epoch": "00000000aaaaaaaa", "first": first, "sent_at": sent_at, "events": [event] * events}
    topic = f"maillage/v1/{gateway.shard:02d}/{gateway.place_code}/{gateway.code}/events"
    return Message(topic=topic, payload=json.dumps(batch, separators=(",", ":")).encode(), received_at=0)


def test_a_batch_that_waits_already_does_not_wait_twice(inbox: Inbox, topology: Topology) -> None:
    first = message(topology, 1)
    for one in (first, message(topology, 1, sent_at=99), message(topology, 1, events=2), message(topology, 2)):
        assert inbox.put(one)
    assert len(inbox.take(1_000_000, wait_s=0.0)) == 3
    assert inbox.bytes == 0
    inbox.put(first)
    assert inbox.take(1_000_000, wait_s=0.0) == [first], "it no longer waits: whether it was stored, the mark says"


def test_what_is_stored_is_answered_without_being_read(worker: Worker, inbox: Inbox, topology: Topology) -> None:
    gateway = next(iter(topology.gateways.values()))
    lives = [Stream(7, gateway.id, "00000000bbbbbbbb", 90), Stream(8, gateway.id, "00000000aaaaaaaa", 3)]
    worker._books._streams[gateway.id] = lives
    for one in (message(topology, 2, events=2), message(topology, 2, events=3), message(topology, 4)):
        inbox.put(one)
    taken = worker._take()
    assert [(one.first, len(one.events)) for one in taken.readings] == [(2, 0), (2, 3), (4, 1)]
    assert all(one.epoch == "00000000aaaaaaaa" for one in taken.readings)
    assert worker._metrics.duplicate._value.get() == 2
    lives.append(Stream(9, gateway.id, "00000000cccccccc", 0))
    inbox.put(message(topology, 2, events=2))
    assert len(worker._take().readings[-1].events) == 2, "an older epoch's batch is a conflict, which the commit finds"


def test_what_was_read_ahead_comes_first(worker: Worker, inbox: Inbox, topology: Topology) -> None:
    inbox.put(message(topology, 1))
    worker._read_ahead()
    assert worker._ahead is not None
    read = worker._ahead.readings[0]
    inbox.put(message(topology, 2))
    taken = worker._take()
    assert taken.readings[0] is read, "it is not read twice"
    assert [reading.first for reading in taken.readings] == [1, 2]
    assert worker._again == taken.messages, "all of it is kept until it is stored"


def test_it_is_read_anew_in_another_network(worker: Worker, inbox: Inbox, topology: Topology) -> None:
    inbox.put(message(topology, 1))
    worker._read_ahead()
    fresh = replace(topology, gateways={code: replace(one) for code, one in topology.gateways.items()})
    worker._books.use(fresh)
    inbox.put(message(topology, 2))
    taken = worker._take()
    assert [reading.first for reading in taken.readings] == [1, 2]
    assert all(reading.gateway is fresh.gateways[reading.gateway.code] for reading in taken.readings)


def test_it_is_not_stored_for_a_shard_that_was_lost_meanwhile(worker: Worker, inbox: Inbox, topology: Topology) -> None:
    inbox.put(message(topology, 1))
    worker._read_ahead()
    worker.owned = frozenset()
    assert worker._take().readings == []


def test_a_failed_transaction_loses_nothing_and_keeps_the_order(
    worker: Worker, inbox: Inbox, topology: Topology
) -> None:
    inbox.put(message(topology, 1))
    worker._take()
    inbox.put(message(topology, 2))
    worker._read_ahead()
    worker._failed(RuntimeError("the database has gone"), 0.0)
    inbox.put(message(topology, 3))
    assert [reading.first for reading in worker._take().readings] == [1, 2, 3]


def test_states_that_come_together_are_stored_in_pieces(
    worker: Worker, topology: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gateways that start together report together for ever; the events behind them do not wait for all of them."""
    gateway = next(iter(topology.gateways.values()))
    pieces: list[list[int]] = []
    monkeypatch.setattr(worker._states, "store", lambda _, said: pieces.append([one.gateway.id for one in said]))
    said = [
        Said(replace(gateway, id=number), State(online=True), Message(topic="", payload=b"", received_at=0))
        for number in [*range(50), 0]
    ]
    taken = Taken(topology=topology, owned=worker.owned, states=said)
    worker._work(None, taken)  # type: ignore[arg-type]
    while worker._said:
        worker._store_states(None)  # type: ignore[arg-type]
    assert max(map(len, pieces)) == 20
    assert [one for piece in pieces for one in piece] == [*range(1, 50), 0], "each gateway's newest, once"


def test_a_state_that_could_not_be_stored_is_kept(
    worker: Worker, topology: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That a gateway has gone offline is said once."""

    def away(_connection: object, _said: object) -> None:
        raise psycopg.OperationalError("the database has gone")

    monkeypatch.setattr(worker._states, "store", away)
    gateway = next(iter(topology.gateways.values()))
    worker._said[gateway.id] = Said(gateway, State(online=False), Message(topic="", payload=b"", received_at=0))
    with pytest.raises(psycopg.OperationalError):
        worker._store_states(None)  # type: ignore[arg-type]
    assert gateway.id in worker._said
