from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import clock
from ingest.messages import MAX_MESSAGE_BYTES, Letter, Message, ReadBatch, Refusal, Unreadable, read, sender
from ingest.settings import parse_shards
from occupancy.topology import Topology

GOOD = {"kind": "desk", "at": 1, "device": "desk-0", "occupied": True}


def batch(events: Any, **other: Any) -> bytes:
    return json.dumps({"epoch": "00ff00ff", "first": 1, "sent_at": 5, "events": events, **other}).encode()


def heard(topology: Topology, payload: bytes) -> ReadBatch | Letter:
    topic = "maillage/v1/07/gare/gare-g1/events"
    return read(topology.gateways["gare-g1"], Message(topic=topic, payload=payload, received_at=9))


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("maillage/v1/07/gare/nobody-g1/events", "unknown_gateway"),
        ("maillage/v1/07/mairie/gare-g1/events", "wrong_place"),
        ("maillage/v1/08/gare/gare-g1/events", "wrong_shard"),
        ("maillage/v1/99/gare/gare-g1/events", "forged_topic"),
        ("maillage/v2/07/gare/gare-g1/events", "forged_topic"),
        ("maillage/v1/07/gare/gare-g1/events/more", "forged_topic"),
        ("maillage/v1/-7/gare/gare-g1/events", "forged_topic"),
    ],
)
def test_who_may_not_send_here_is_refused(topology: Topology, topic: str, reason: str) -> None:
    refusal = sender(topology, topic)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


def test_a_known_gateway_is_found(topology: Topology) -> None:
    found = sender(topology, "maillage/v1/07/gare/gare-g1/state")
    assert not isinstance(found, Refusal)
    assert (found[0].code, found[1]) == ("gare-g1", "state")


def test_a_good_batch(topology: Topology) -> None:
    reading = heard(topology, batch([GOOD, {**GOOD, "from_a_newer_version": 1}]))
    assert isinstance(reading, ReadBatch)
    assert reading.events == [GOOD, GOOD]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "invalid_json"),
        (b"\xff\xfe\x00", "invalid_json"),
        (b'{"epoch":', "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b"null", "invalid_batch"),
        (b"[]", "invalid_batch"),
        (batch([]), "invalid_batch"),
        (batch([GOOD] * 501), "invalid_batch"),
        (batch("many"), "invalid_batch"),
        (batch([GOOD], first=0), "invalid_batch"),
        (batch([GOOD], first="1"), "invalid_batch"),
        (batch([GOOD], epoch="not hex!"), "invalid_batch"),
        (batch([GOOD], sent_at=None), "invalid_batch"),
        (b" " * (MAX_MESSAGE_BYTES + 1), "too_large"),
    ],
)
def test_what_is_no_batch_becomes_a_letter(topology: Topology, payload: bytes, reason: str) -> None:
    letter = heard(topology, payload)
    assert isinstance(letter, Letter)
    assert letter.reason == reason
    assert letter.error


@pytest.mark.parametrize(
    "bad",
    [
        None,
        17,
        "desk",
        [],
        {},
        {**GOOD, "kind": "teapot"},
        {**GOOD, "occupied": "yes"},
        {**GOOD, "at": "now"},
        {**GOOD, "at": 1.5},
        {**GOOD, "at": 2**70},
        {**GOOD, "device": ""},
        {**GOOD, "device": "x" * 65},
        {"kind": "count", "at": 1, "device": "c", "entered": -1},
        {"kind": "access", "at": 1, "device": "r", "decision": "granted", "reason": "because", "side": "in"},
        {
            "kind": "access",
            "at": 1,
            "device": "r",
            "decision": "granted",
            "reason": "granted",
            "side": "in",
            "card": "4711",
        },
    ],
)
def test_one_bad_event_costs_only_itself(topology: Topology, bad: Any) -> None:
    reading = heard(topology, batch([GOOD, bad, GOOD]))
    assert isinstance(reading, ReadBatch)
    first, middle, last = reading.events
    assert first == last == GOOD
    assert isinstance(middle, Unreadable)
    assert json.loads(middle.payload) == bad


def test_a_not_a_number_costs_only_itself(topology: Topology) -> None:
    measure = '{"kind":"measure","at":1,"device":"air","name":"co2","value":NaN}'
    payload = batch([GOOD, "?"]).replace(b'"?"', measure.encode())
    reading = heard(topology, payload)
    assert isinstance(reading, ReadBatch)
    assert isinstance(reading.events[1], Unreadable)


@given(st.binary(max_size=300))
def test_no_bytes_raise(payload: bytes) -> None:
    from tests.unit.topology import make_topology

    assert isinstance(heard(make_topology(), payload), ReadBatch | Letter)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.lists(JSON, min_size=1, max_size=5))
def test_no_json_raises(events: list[Any]) -> None:
    from tests.unit.topology import make_topology

    reading = heard(
        make_topology(), json.dumps({"epoch": "00ff00ff", "first": 1, "sent_at": 5, "events": events}).encode()
    )
    assert isinstance(reading, ReadBatch)
    assert len(reading.events) == len(events)


NOW = 1_795_000_000_000_000
HOUR = 3600 * 1_000_000


@pytest.mark.parametrize(
    ("at", "sent_at", "stored"),
    [
        pytest.param(NOW - HOUR, NOW - 1000, NOW - HOUR, id="offline for an hour, clock right"),
        pytest.param(NOW - 2, NOW + 200 * 1_000_000, NOW - 2, id="within the tolerance"),
        pytest.param(NOW + 24 * HOUR, NOW + 25 * HOUR, NOW - HOUR, id="a day ahead"),
        pytest.param(5 * HOUR, 6 * HOUR, NOW - HOUR, id="1970, and still there when it sent"),
        pytest.param(5 * HOUR, NOW, NOW, id="1970, set before it sent: no time to be trusted"),
        pytest.param(NOW + 50 * 365 * 24 * HOUR, NOW, NOW, id="a time to come"),
        pytest.param(-(2**62), NOW, NOW, id="before history"),
    ],
)
def test_times_are_put_right(at: int, sent_at: int, stored: int) -> None:
    assert clock.correct(at, clock.offset(sent_at, NOW), NOW) == stored


@given(st.integers(-(2**62), 2**62), st.integers(-(2**62), 2**62))
def test_a_stored_time_is_always_plausible(at: int, sent_at: int) -> None:
    stored = clock.correct(at, clock.offset(sent_at, NOW), NOW)
    assert NOW - clock.OLDEST <= stored <= NOW + clock.TOLERANCE


def test_shards() -> None:
    assert parse_shards("0-63") == frozenset(range(64))
    assert parse_shards("4, 7,9-10") == {4, 7, 9, 10}
    for wrong in ("", "64", "a", "1-", "-3", "5-2"):
        with pytest.raises(ValueError, match="shards are numbers"):
            parse_shards(wrong)
