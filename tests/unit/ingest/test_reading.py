"""What is read while the database commits: stored next, read anew where the network has changed, never lost."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ingest.commit import Books
from ingest.inbox import Inbox
from ingest.messages import Message
from ingest.metrics import Metrics
from ingest.settings import IngestSettings
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
