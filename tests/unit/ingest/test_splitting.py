"""One damaged byte in a batch: which event it costs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.messages import Letter, Message, ReadBatch, Unreadable, read
from ingest.splitting import AGAIN, AGAIN_OVER_US, Repeats, split
from occupancy.topology import Topology

EVENTS: list[dict[str, Any]] = [
    {"kind": "desk", "at": 1, "device": "desk-0", "occupied": True},
    {"kind": "audit", "at": 2, "device": "gateway", "by": "a,b", "text": "x}, {y"},
    {"kind": "access", "at": 3, "device": "in", "decision": "granted", "reason": "granted", "side": "in"}
    | {"pass_ref": "p", "slots": [1, 2]},
    {"kind": "desk", "at": 4, "device": "desk-1", "occupied": None},
]
MORE: dict[str, Any] = {
    "after": "ab" * 8,
    "was": [{"epoch": "00ff00ff", "index": 0, "first": 1, "count": 2}],
    "boots": [[1, 2]],
}
TEXTS = [json.dumps(event, separators=(",", ":")).encode() for event in EVENTS]
HEAD = json.dumps({"epoch": "00ff00ff", "first": 7, "sent_at": 5, **MORE}, separators=(",", ":"))[:-1].encode()
BATCH = HEAD + b',"events":[' + b",".join(TEXTS) + b"]}"
BEGIN = BATCH.index(b'"events":[') + 10


@given(st.integers(BEGIN, len(BATCH) - 1), st.integers(0, 255))
def test_any_one_byte_costs_at_most_the_two_events_that_it_stands_between(place: int, byte: int) -> None:
    payload = BATCH[:place] + bytes([byte]) + BATCH[place + 1 :]
    found = split(payload)
    assert found is not None
    frame, texts = found
    assert frame == {"epoch": "00ff00ff", "first": 7, "sent_at": 5, **MORE}
    assert len(texts) == len(TEXTS), "every event keeps its number"
    assert sum(text != good for text, good in zip(texts, TEXTS, strict=True)) <= 2


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff" * 500, HEAD, BATCH.replace(b'"epoch"', b'"epoch'), b"[]"])
def test_without_an_envelope_nothing_can_be_told(payload: bytes) -> None:
    assert split(payload) is None


def test_events_that_cannot_be_told_apart_are_left_alone() -> None:
    assert split(BATCH.replace(b'},{"kind":"audit",', b'},{"at":9,"kind":"audit",')[:-9]) is None


def test_only_when_asked(topology: Topology) -> None:
    gateway = topology.gateways["gare-g1"]
    payload = BATCH.replace(b'"a,b"', b'"a,b')
    message = Message(topic="maillage/v1/07/gare/gare-g1/events", payload=payload, received_at=9)
    assert isinstance(read(gateway, message), Letter)
    reading = read(gateway, message, single_out=True)
    assert isinstance(reading, ReadBatch)
    assert (reading.first, reading.after) == (7, "ab" * 8)
    assert [isinstance(event, Unreadable) for event in reading.events] == [False, True, False, False]
    assert reading.events[1].payload == TEXTS[1].replace(b'"a,b"', b'"a,b')  # type: ignore[union-attr]


def test_again_and_again_means_often_and_over_a_while(topology: Topology) -> None:
    gateway = topology.gateways["gare-g1"]
    repeats = Repeats()
    assert not any(repeats.unreadable(gateway, BATCH, n) for n in range(50)), "a burst is one accident"
    assert repeats.unreadable(gateway, BATCH, AGAIN_OVER_US)
    other = BATCH.replace(b'"first":7', b'"first":8')
    assert not repeats.unreadable(gateway, other, AGAIN_OVER_US)
    assert [repeats.unreadable(gateway, other, (n + 2) * AGAIN_OVER_US) for n in range(AGAIN - 1)] == [False, True]
