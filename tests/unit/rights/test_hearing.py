"""What is kept of what gateways say, and what isn't."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from gateway.contract.device_reports import MOST_UNWELL
from gateway.contract.wire import MAX_MESSAGE_BYTES, Address, Reply, State
from rights.hearing import REPLIES, REPLY_BYTES, Hearing
from rights.metrics import Metrics
from rights.orders import _entries

GARE = Address(shard=1, place="gare", gateway="gare-1")
PORT = Address(shard=2, place="port", gateway="port-1")


class Ears:
    def __init__(self) -> None:
        self.metrics = Metrics()
        self.told: list[int] = []
        self.hearing = Hearing(self.metrics, self.told.append)
        self.hearing.know([GARE, PORT])

    def dropped(self, reason: str) -> float:
        return self.metrics.registry.get_sample_value("maillage_rights_messages_dropped_total", {"reason": reason}) or 0


@pytest.fixture
def ears() -> Ears:
    return Ears()


def test_only_the_newest_state_of_a_gateway_in_service_is_kept(ears: Ears) -> None:
    for number in range(1000):
        ears.hearing.put(GARE.topic("state"), b"%d" % number)
    for topic in (
        "maillage/v1/01/port/gare-1/state",
        "maillage/v1/02/gare/gare-1/state",
        "maillage/v1/01/gare/gare-2/state",
        "maillage/v1/01/gare/state",
        "x",
    ):
        ears.hearing.put(topic, b"{}")
    assert ears.told == [0]  # the worker is told once
    assert ears.hearing.states(0) == {GARE: b"999"}
    assert ears.dropped("unknown_address") == 5
    ears.hearing.put(PORT.topic("state"), b"{}")
    assert ears.told == [0, 0]


def test_what_is_too_large_or_empty_is_not_kept(ears: Ears) -> None:
    ears.hearing.put(GARE.topic("state"), b"x" * (MAX_MESSAGE_BYTES + 1))
    ears.hearing.put(GARE.topic("state"), b"")
    assert (ears.hearing.states(0), ears.told, ears.dropped("too_large")) == ({}, [], 1)


def test_replies_wait_in_order_and_one_gateway_takes_only_its_share(ears: Ears) -> None:
    for number in range(REPLIES + 5):
        ears.hearing.put(PORT.topic("reply"), b"%d" % number)
    ears.hearing.put(GARE.topic("reply"), b"gare")
    taken = []
    while (one := ears.hearing.reply()) is not None:
        taken.append(one)
        ears.hearing.done()
    assert taken == [("port-1", b"%d" % number) for number in range(REPLIES)] + [("gare-1", b"gare")]
    assert ears.dropped("too_many") == 5
    ears.hearing.put(PORT.topic("reply"), b"again")
    assert ears.hearing.reply() == ("port-1", b"again")


def test_all_replies_together_are_bounded(ears: Ears) -> None:
    many = [Address(shard=1, place="gare", gateway=f"gare-{number}") for number in range(100)]
    ears.hearing.know(many)
    for one in many:
        ears.hearing.put(one.topic("reply"), b"x" * 1_000_000)
    assert ears.dropped("too_many") == 100 - REPLY_BYTES // 1_000_000


def test_a_connection_that_is_over_says_nothing_more(ears: Ears) -> None:
    ears.hearing.put(GARE.topic("state"), b"old")
    ears.hearing.lost()
    ears.hearing.put(GARE.topic("state"), b"new")
    assert ears.told == [0, 1]
    assert ears.hearing.states(0) == {}  # told of before the connection was lost
    assert ears.hearing.states(1) == {GARE: b"new"}


def test_who_leaves_service_is_not_heard_and_new_ones_are_told(ears: Ears) -> None:
    ears.hearing.put(GARE.topic("state"), b"{}")
    assert not ears.hearing.know([PORT])
    assert ears.hearing.states(0) == {}
    ears.hearing.put(GARE.topic("state"), b"{}")
    assert ears.dropped("unknown_address") == 1
    assert ears.hearing.know([PORT, GARE])


def test_a_state_with_too_many_devices_is_read_without_the_rest() -> None:
    given = {"online": True, "list_version": 3, "unwell": [{"device": f"d{n}"} for n in range(5000)]}
    state = State.model_validate_json(json.dumps(given))
    assert (state.list_version, len(state.unwell)) == (3, MOST_UNWELL)


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


def test_a_list_report_is_looked_at_before_it_is_read() -> None:
    entries = {f"{number:064x}": f"{number:016x}" for number in range(15_000)}
    text = packed(json.dumps(entries, separators=(",", ":")).encode())
    assert Reply(id="o", outcome="done", entries=text).entries == text
    assert _entries(text) == entries
    assert _entries(packed(b"{}")) == {}
    for bad in (
        b"[" * 1_000_000,
        b'{"":"",' * 100_000,
        b'{"a":{}}',
        b" " * 60_000_000,
        b"null",
        b"{" + b'"a":"b",' * 9,
    ):
        assert _entries(packed(bad)) is None
    assert _entries("no base64") is None
