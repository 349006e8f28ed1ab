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


def message(topology: Topology, first: int) -> Message:
    gateway = next(iter(topology.gateways.values()))
    event = {"kind": "desk", "at": first, "device": next(iter(gateway.devices)), "occupied": True}
    batch = {"epoch": "00000000aaaaaaaa", "first": first, "sent_at": 0, "events": [event]}
    topic = f"maillage/v1/{gateway.shard:02d}/{gateway.place_code}/{gateway.code}/events"
    return Message(topic=topic, payload=json.dumps(batch).encode(), received_at=0)


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
