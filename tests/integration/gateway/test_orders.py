"""Orders: obeyed once or never, answered, and known again after any crash. A real place, a real spool."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.contract.list_report import list_report
from gateway.contract.signing import new_seed
from gateway.contract.wire import OrderBody, Reply
from gateway.door import orders as under_test
from gateway.door.orders import OrderRefused, Orders
from gateway.spool.changes import LONGEST_LIFE_US
from gateway.spool.spool import Spool
from rights.packing import order_message
from tests.spooled import read_spool
from tests.unit.gateway.place_parts import AT, SEED, TOKEN, Bench, S, access_list, badge, signed
from tests.waiting import until

NOW = AT + 600 * S
OPEN = ("gare/in/cmd", {"cmd": "opendoor", "doorip": "in"})


def order(do: str, nonce: str, *, seed: str = SEED, life_us: int = 60 * S, **more: Any) -> bytes:
    body = {
        "id": f"id-{nonce}",
        "gateway": "gare-1",
        "do": do,
        "expires_at": NOW + life_us,
        "nonce": nonce,
        "by": "key:7",
    }
    return order_message(OrderBody.model_validate(body | more), seed)


@dataclass
class Stand:
    """One gateway whose orders come by hand."""

    path: Path
    later: list[Reply] = field(default_factory=list)

    def open(self) -> None:
        self.spool = Spool(self.path, clock=lambda: NOW)
        self.spool.open("gare-1")
        self.bench = Bench(at=NOW)
        self.place = self.bench.build()
        self.place.lists.take(signed(access_list(4)))
        self.orders = Orders(
            self.place.config,
            self.spool,
            self.place,
            answer=self.later.append,
            report=lambda: list_report(self.place.lists.current),
            signed=self.place.signed,
        )

    def execute(self, payload: bytes, *, retained: bool = False, now: int = NOW) -> str | None:
        reply = self.orders.execute(payload, retained=retained, now=now)
        return None if reply is None else reply.outcome

    def audit(self) -> list[str]:
        position = self.spool.position("gare-1")
        rows = read_spool(self.spool, "gare-1", position.epoch, 0, limit_events=1000, limit_bytes=10**7)
        events = [json.loads(body) for _, body in rows]
        return [event["text"] for event in events if event["kind"] == "audit"]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path / "s.sqlite")
    made.open()
    yield made
    if made.spool.alive:
        made.spool.close()


def test_each_order_and_its_answer(stand: Stand) -> None:
    assert stand.execute(order("unlock", "1", door="entry")) == "done"
    assert stand.bench.commands == [OPEN]
    assert stand.execute(order("unlock", "2", door="lab")) == "unknown_door", "it has no lock"
    assert stand.execute(order("unlock", "3", door="cellar")) == "unknown_door"
    assert stand.execute(order("unlock", "4")) == "unknown_door"
    assert stand.execute(order("lockdown", "5", door="cellar")) == "unknown_door"
    assert stand.execute(order("lockdown", "6")) == "done"
    assert stand.place.lockdown
    assert stand.execute(order("lockdown", "7", door="entry")) == "done"
    assert stand.execute(order("release", "8", door="entry")) == "done"
    assert stand.place.memory.state.locked_doors == frozenset()
    assert stand.place.lockdown
    assert stand.execute(order("evacuate", "9")) == "done"
    assert stand.place.evacuation
    assert stand.execute(order("release", "10")) == "done"
    assert not (stand.place.lockdown or stand.place.evacuation)
    assert stand.execute(order("enrol", "11", device="nothing")) == "unknown_device"
    assert stand.execute(order("enrol", "12")) == "unknown_device"
    wanted = [
        "unlock entry",
        "unlock lab: no such door",
        "unlock cellar: no such door",
        "unlock: no such door",
        "lockdown cellar: no such door",
        "lockdown",
        "lockdown entry",
        "release entry",
        "evacuate",
        "release",
        "enrol nothing: no such reader",
        "enrol: no such reader",
    ]
    until(lambda: stand.audit() == wanted)
    assert stand.orders.outcomes["unlock", "unknown_door"] == 3


def test_an_enrolled_card_is_told_and_opens_nothing(stand: Stand) -> None:
    assert stand.execute(order("enrol", "1", device="reader-in")) is None
    stand.bench.hear("esp_rfid", "gare/in/send", badge("in"))
    assert stand.bench.commands == []
    (reply,) = stand.later
    assert (reply.id, reply.outcome) == ("id-1", "done")
    assert reply.card is not None
    assert reply.card.token == TOKEN
    assert stand.execute(order("enrol", "2", device="reader-in", life_us=5 * S)) is None
    stand.place.tick(stand.bench.now, NOW + 6 * S)
    assert (stand.later[1].outcome, stand.later[1].card) == ("expired", None)
    assert stand.orders.outcomes["enrol", "expired"] == 1


def test_a_report_says_what_the_list_says(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    reply = stand.orders.execute(order("report_list", "1"), retained=False, now=NOW)
    assert reply is not None
    assert reply.entries is not None
    assert list(json.loads(zlib.decompress(base64.b64decode(reply.entries)))) == [TOKEN]
    monkeypatch.setattr("gateway.contract.list_report.LONGEST", 10)
    reply = stand.orders.execute(order("report_list", "2"), retained=False, now=NOW)
    assert reply == Reply(id="id-2", outcome="failed"), "more than a message holds"


def test_what_is_not_for_us_gets_no_answer(stand: Stand) -> None:
    for payload, why in (
        (order("unlock", "1", door="entry", seed=new_seed()), "signature"),
        (order("unlock", "1", door="entry", gateway="gare-2"), "another gateway"),
        (order("unlock", "1", door="entry")[:-9], "not an order"),
        (b"open!", "not an order"),
        (b"\xff", "not an order"),
    ):
        with pytest.raises(OrderRefused, match=why):
            stand.execute(payload)
    assert stand.bench.commands == []
    assert stand.execute(order("unlock", "1", door="entry")) == "done", "none of them used up the nonce"


def test_time_as_the_centre_signed_it_is_a_floor_under_a_slow_clock(stand: Stand) -> None:
    assert stand.execute(order("unlock", "0", door="entry"), now=5 * S) == "done", "1970, and a list of ten minutes ago"
    assert stand.execute(order("unlock", "1", door="entry", life_us=-1200 * S), now=5 * S) == "expired"
    assert stand.execute(order("unlock", "2", door="entry", life_us=LONGEST_LIFE_US + S)) == "refused"
    assert stand.execute(order("unlock", "3", door="entry"), now=NOW + 61 * S) == "expired"
    assert len(stand.bench.commands) == 1


def test_a_nonce_is_on_the_disk_before_it_is_obeyed_and_outlives_a_clock_set_ahead_and_back(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_one = order("unlock", "1", door="entry")
    seen: list[dict[str, str]] = []
    unlock = stand.place.unlock

    def looking(door: str) -> bool:
        seen.append(stand.spool.kept("gare-1"))
        return unlock(door)

    monkeypatch.setattr(stand.place, "unlock", looking)
    assert stand.execute(order_one) == "done"
    assert seen[0]["nonce:1"].isdecimal()
    for _ in range(2):
        assert stand.execute(order_one) == "refused"
        stand.spool.close()
        stand.spool = Spool(stand.path, clock=lambda: NOW + 30 * 86_400 * S)  # a clock far ahead
        stand.spool.keep_now("gare-1", "x", "y", within_s=5)  # what is over is dropped as something is written
        stand.spool.close()
        stand.open()  # with a clock that has been set back
    assert stand.execute(order_one) == "refused"


def test_a_disk_that_refuses_obeys_only_what_may_save_people(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "DISK_WAIT_S", 0.02)
    monkeypatch.setattr(stand.spool._file, "write", _full)
    assert stand.execute(order("unlock", "1", door="entry")) == "failed"
    assert stand.execute(order("release", "2")) == "failed"
    assert stand.bench.commands == []
    assert stand.execute(order("lockdown", "3")) == "done"
    assert stand.execute(order("evacuate", "4")) == "done"
    assert stand.place.lockdown
    assert stand.place.evacuation
    assert stand.execute(order("unlock", "1", door="entry")) == "refused"


def _full(*_: object) -> None:
    import sqlite3

    raise sqlite3.OperationalError("database or disk is full")


PLEASE = [
    order("unlock", "a", door="entry"),
    order("unlock", "b", door="entry", life_us=-1),
    order("lockdown", "c"),
    order("release", "d"),
    order("unlock", "e", door="entry", seed=new_seed()),
    order("lockdown", "f", gateway="gare-2"),
]


@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changed_cut_replayed_or_reordered_nothing_is_obeyed_twice_and_nothing_forged(
    stand: Stand, data: st.DataObject
) -> None:
    stand.spool.close()
    stand.path.unlink()
    stand.open()
    done: list[str] = []
    for _ in range(data.draw(st.integers(1, 12))):
        payload = bytearray(data.draw(st.sampled_from(PLEASE)))
        how = data.draw(st.sampled_from(["as it was", "as it was", "changed", "cut", "retained"]))
        if how == "changed":
            payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
        elif how == "cut":
            del payload[data.draw(st.integers(0, len(payload) - 1)) :]
        before = (len(stand.bench.commands), stand.place.lockdown)
        try:
            reply = stand.orders.execute(bytes(payload), retained=how == "retained", now=NOW)
        except OrderRefused:
            reply = None
        if reply is None or reply.outcome != "done":
            assert (len(stand.bench.commands), stand.place.lockdown) == before
        else:
            done.append(reply.id)
        if data.draw(st.integers(0, 9)) == 0:
            stand.spool.close()
            stand.open()
    assert len(done) == len(set(done))
    assert set(done) <= {"id-a", "id-c", "id-d"}


def test_a_members_order_is_decided_on_as_their_card(stand: Stand) -> None:
    assert stand.execute(order("unlock", "1", door="entry", card=TOKEN)) == "done"
    assert stand.bench.commands == [OPEN]
    assert stand.execute(order("unlock", "1", door="entry", card=TOKEN)) == "refused", "once"
    assert stand.execute(order("unlock", "2", door="cellar", card=TOKEN)) == "unknown_door"
    refused = stand.orders.execute(order("unlock", "3", door="entry", card="00" * 32), retained=False, now=NOW)
    assert refused is not None
    assert (refused.outcome, refused.reason) == ("refused", "unknown_card")
    assert stand.execute(order("unlock", "4", door="entry", card=TOKEN, life_us=-S)) == "expired"
    assert stand.bench.commands == [OPEN]
    wanted = ["unlock entry", "unlock cellar: no such door", "unlock entry: denied"]
    until(lambda: stand.audit() == wanted)
