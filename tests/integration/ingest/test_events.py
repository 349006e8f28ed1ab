"""Events into the database: once, in order, and what they say of occupancy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

import psycopg

from gateway.contract.stored_events import KINDS, REASONS
from ingest import refold
from ingest.store import when
from tests.integration.ingest.conftest import Bench
from tests.waiting import until


def now() -> int:
    return time.time_ns() // 1000


def desks(first: int, count: int) -> list[dict[str, Any]]:
    return [
        {"kind": "desk", "at": now() + n, "device": f"desk-{n % 24}", "occupied": n // 24 % 2 == 0}
        for n in range(first, first + count)
    ]


def test_every_kind_of_event_is_stored_as_it_was_said(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    start_ingest()
    at = now()
    token = "ab" * 32
    events: list[dict[str, Any]] = [
        {"kind": "access", "at": at, "device": "reader-in", "decision": "granted", "reason": "granted", "side": "in"}
        | {"card": token, "member": "m-0001", "list_version": 7, "list_age_s": 61, "device_at": "yesterday"},
        {"kind": "access", "at": at, "device": "reader-in", "decision": "denied", "reason": "card_lost", "side": "in"},
        {"kind": "access_taken", "at": at, "device": "reader-in", "access_at": at - 5},
        {"kind": "door", "at": at, "device": "reader-in", "state": "held"},
        {"kind": "desk", "at": at, "device": "desk-3", "occupied": None},
        {"kind": "desk", "at": at, "device": "desk-4", "occupied": True, "device_at": "é\u0000"},
        {"kind": "count", "at": at, "device": "counter", "entered": 3, "left": 1},
        {"kind": "count", "at": at, "device": "counter", "present": 4},
        {"kind": "measure", "at": at, "device": "air", "name": "co2", "value": 612.5},
        {"kind": "device", "at": at, "device": "desk-3", "what": "battery", "value": 88},
        {"kind": "gateway", "at": at, "device": "gateway", "what": "clock_step", "value": -3.5, "text": "by NTP"},
        {"kind": "audit", "at": at, "device": "gateway", "by": "manager", "text": "opened by hand"},
    ]
    bench.gateways[0].batch(1, events, sent_at=at)
    bench.gateways[0].until_mark(len(events))
    rows = bench.rows(
        """SELECT e.seq, k.name, e.state, e.a, e.b, e.value, r.name, e.card, e.member, d.code, e.detail, e.edge_at
           FROM event e JOIN event_kind k ON k.id = e.kind LEFT JOIN reason r ON r.id = e.reason
           LEFT JOIN device d ON d.id = e.device ORDER BY e.seq"""
    )
    none: tuple[Any, ...] = (None,)
    assert rows == [
        (
            1,
            "access",
            1,
            7,
            61,
            None,
            "granted",
            bytes.fromhex(token),
            "m-0001",
            "reader-in",
            {"device_at": "yesterday"},
            None,
        ),
        (2, "access", 0, None, None, None, "card_lost", None, None, "reader-in", None, None),
        (3, "access_taken", None, None, None, None, None, None, None, "reader-in", {"access_at": at - 5}, None),
        (4, "door", 3, *none * 6, "reader-in", None, None),
        (5, "desk", *none * 7, "desk-3", None, None),
        (6, "desk", 1, *none * 6, "desk-4", {"device_at": "é"}, None),
        (7, "count", 1, 3, 1, *none * 4, "counter", None, None),
        (8, "count", 0, 4, *none * 5, "counter", None, None),
        (9, "measure", None, None, None, 612.5, *none * 3, "air", {"name": "co2"}, None),
        (10, "device", None, None, None, 88.0, *none * 3, "desk-3", {"what": "battery"}, None),
        (11, "gateway", None, None, None, -3.5, *none * 3, None, {"what": "clock_step", "text": "by NTP"}, None),
        (12, "audit", *none * 7, None, {"by": "manager", "text": "opened by hand"}, None),
    ]
    assert bench.one("SELECT every(at = %s) FROM event", when(at))


def test_what_was_seen_is_cut_off_and_what_lies_beyond_a_gap_comes_again(
    bench: Bench, start_ingest: Callable[..., Any]
) -> None:
    start_ingest()
    gateway = bench.gateways[0]
    events = desks(0, 100)
    gateway.batch(1, events[:50], sent_at=now())
    gateway.until_mark(50)
    gateway.batch(1, events[:50], sent_at=now())  # the same again
    gateway.batch(41, events[40:70], sent_at=now())  # half of it new
    gateway.until_mark(70)
    gateway.marks.clear()
    gateway.batch(81, events[80:], sent_at=now())  # 71 to 80 are missing
    gateway.until_mark(70)
    gateway.batch(71, events[70:], sent_at=now())
    gateway.until_mark(100)
    assert bench.rows("SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM event") == [(100, 100, 1, 100)]


def test_a_new_life_of_a_spool_begins_at_one_and_raises_an_alarm(
    bench: Bench, start_ingest: Callable[..., Any]
) -> None:
    start_ingest()
    gateway = bench.gateways[0]
    gateway.batch(1, desks(0, 10), sent_at=now())
    gateway.until_mark(10)
    gateway.batch(5, desks(0, 3), sent_at=now(), epoch="00000000bbbbbbbb")  # its beginning is missing
    gateway.until_mark(0, "00000000bbbbbbbb")
    gateway.batch(1, desks(0, 3), sent_at=now(), epoch="00000000bbbbbbbb")
    gateway.until_mark(3, "00000000bbbbbbbb")
    alarms = bench.rows("SELECT kind, from_at < until_at FROM alarm")
    assert alarms == [("epoch_change", True)]
    gateway.batch(11, desks(0, 2), sent_at=now())  # the old one again: a second machine with the same identity
    gateway.until_mark(12)
    until(lambda: bench.rows("SELECT FROM alarm WHERE kind = 'identity_conflict'"))
    assert bench.one("SELECT count(*) FROM event") == 15, "nothing is thrown away"


def test_two_workers_share_the_shards_and_one_takes_over(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    first = start_ingest()
    bench.gateways[0].batch(1, desks(0, 5), sent_at=now())
    bench.gateways[0].until_mark(5)
    start_ingest(metrics_port=0)  # finds all shards taken and stands by
    for n in range(1, 20):
        bench.gateways[0].batch(n * 5 + 1, desks(0, 5), sent_at=now())
    bench.gateways[0].until_mark(100)
    first.set()

    def resend() -> bool:
        bench.gateways[0].batch(101, desks(0, 5), sent_at=now())
        return bench.gateways[0].mark() == 105

    until(resend, every_s=0.3)
    assert bench.rows("SELECT count(*), count(DISTINCT seq) FROM event") == [(105, 105)]


def test_occupancy_is_stored_told_and_equal_to_a_fresh_fold(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    start_ingest()
    with psycopg.connect(bench.url, autocommit=True) as listener:
        listener.execute("LISTEN maillage_occupancy")
        for gateway in bench.gateways:
            gateway.batch(1, desks(0, 30), sent_at=now())
        for gateway in bench.gateways:
            gateway.until_mark(30)
        bench.gateways[1].batch(
            31, [{"kind": "desk", "at": now(), "device": "desk-9", "occupied": False}], sent_at=now()
        )
        bench.gateways[1].until_mark(31)
        told = [notice.payload for notice in listener.notifies(timeout=60, stop_after=2)]
    assert len(told) >= 2
    # desks 0 to 5 were taken and left again, 6 to 23 are taken; at the second place number 9 left
    query = """SELECT p.code, s.kind, t.present, t.quality, t.revision FROM space_state t JOIN space s ON s.id = t.space
               JOIN place p ON p.id = t.place WHERE s.kind = 'open_space' ORDER BY 1"""
    rows = bench.rows(query)
    assert [(code, present) for code, _, present, _, _ in rows] == [("p0001", 18), ("p0002", 17), ("p0003", 18)]
    with psycopg.connect(bench.url) as connection:
        assert refold.differences(connection) == []
    changes = bench.one("SELECT count(*) FROM occupancy_change")
    assert changes >= 6


def test_the_numbers_of_the_ingest(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    start_ingest()
    gateway = bench.gateways[0]
    gateway.batch(1, desks(0, 10), sent_at=now())
    gateway.until_mark(10)
    gateway.batch(1, desks(0, 10), sent_at=now())
    gateway.batch(21, desks(0, 10), sent_at=now())
    gateway.raw(b'{"online": true, "at": %d, "spool_depth": 4, "boot": "a"}' % (now() + 200_000_000), "state")

    def metrics() -> dict[str, float]:
        with urlopen(f"http://127.0.0.1:{bench.settings.metrics_port}/metrics", timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    until(lambda: metrics().get('maillage_ingest_gateway_spool_depth{gateway="p0001-g1"}') == 4)
    until(lambda: metrics()["maillage_ingest_events_beyond_gap_total"] == 10)
    found = metrics()
    assert found["maillage_ingest_events_received_total"] == 30
    assert found["maillage_ingest_events_committed_total"] == 10
    assert found["maillage_ingest_events_duplicate_total"] == 10
    assert 100 < found['maillage_ingest_gateway_clock_offset_seconds{gateway="p0001-g1"}'] <= 200.1
    assert found['maillage_ingest_lag_seconds{quantile="0.99"}'] < 60
    for path in ("healthz", "readyz"):
        with urlopen(f"http://127.0.0.1:{bench.settings.metrics_port}/{path}", timeout=60) as answer:
            assert answer.status == 200


def test_numbers_of_kinds_and_reasons_are_the_databases(bench: Bench) -> None:
    assert dict(bench.rows("SELECT name, id FROM reason")) == REASONS
    assert dict(bench.rows("SELECT name, id FROM event_kind")) == KINDS
