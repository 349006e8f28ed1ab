"""What nobody should send: each has a number, a line in the log, and harms no other gateway."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest
from typer.testing import CliRunner

from gateway.contract.stored_events import Encoder
from gateway.mqtt.loop import parse_mqtt_url
from ingest import dead_letters, refold
from ingest.inbox import Inbox
from ingest.messages import Message
from maillage.cli import app as main
from maillage.stack.account import balance
from tests.integration.ingest.conftest import Bench
from tests.waiting import until

DESK = {"kind": "desk", "device": "desk-0", "occupied": True}


def now() -> int:
    return time.time_ns() // 1000


def desk(at: int | None = None, **other: Any) -> dict[str, Any]:
    return {**DESK, "at": now() if at is None else at, **other}


def metric(bench: Bench, name: str) -> float:
    with urlopen(f"http://127.0.0.1:{bench.settings.metrics_port}/metrics", timeout=60) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
    return 0.0


@pytest.fixture
def others(bench: Bench, start_ingest: Callable[..., Any]) -> Any:
    """Run the ingest, and in the end see that another gateway of another place was served all the while."""
    start_ingest()
    yield
    other = bench.gateways[2]
    other.batch(1, [desk()], sent_at=now())
    other.until_mark(1)
    with psycopg.connect(bench.url) as connection:
        assert refold.differences(connection) == []


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(
    ("payload", "reason"),
    [(b"{not json", "invalid_json"), (b'{"epoch": 5}', "invalid_batch"), (b"\x00\xff" * 1000, "invalid_json")],
)
def test_what_is_no_batch_is_kept_with_its_bytes(
    bench: Bench, payload: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad = bench.gateways[0]
    bad.raw(payload)
    until(lambda: metric(bench, f'maillage_ingest_dead_letters_total{{reason="{reason}"}}') == 1)
    rows = bench.rows("SELECT origin, reason, topic, payload, length, times FROM dead_letter")
    assert rows == [("ingest", reason, bad.topic("events"), payload, len(payload), 1)]
    bad.raw(payload)
    until(lambda: bench.rows("SELECT times FROM dead_letter") == [(2,)])
    assert [r for r in caplog.records if r.message == "dead_letter" and vars(r)["reason"] == reason]


@pytest.mark.usefixtures("others")
def test_a_flood_of_unreadable_events_fills_no_disk_and_is_counted(bench: Bench) -> None:
    bad = bench.gateways[0]
    rubbish = [{"kind": "desk", "at": "noon", "device": "desk-0", "note": "x" * 1000}] * 500
    for batch in range(4):
        bad.batch(1 + 500 * batch, rubbish, sent_at=now())
        bad.until_mark(500 * (batch + 1))
    bad.batch(1501, rubbish, sent_at=now())  # redelivered: counted once
    bad.batch(2001, [desk()], sent_at=now())
    bad.until_mark(2001)
    kept = bench.one("SELECT count(*) FROM dead_letter")
    assert 100 <= kept <= 400  # a hundred a minute; it may have taken more than one
    counted = bench.rows("SELECT sum(events), min(first_seq), max(last_seq) FROM dead_letter_excess")[0]
    assert counted == (2000 - kept, 101, 2000)
    assert metric(bench, 'maillage_ingest_dead_letters_total{reason="invalid_event"}') == 2000
    assert bench.rows("SELECT kind FROM alarm WHERE kind = 'unreadable_events'") == [("unreadable_events",)]
    assert bench.one("SELECT last_seq FROM stream") == 2001
    account = balance([(bad.code, "00000000aaaaaaaa", 2001, 2001)], bench.url)
    assert (account.lost, account.duplicated) == (0, 0)
    done = CliRunner().invoke(main, ["dead-letters", "count"], env={"MAILLAGE_DATABASE_URL": bench.url})
    assert f"{2000 - kept:>8} not kept" in done.output


@pytest.mark.usefixtures("others")
def test_a_flood_of_different_rubbish_fills_no_disk(bench: Bench) -> None:
    for n in range(200):
        bench.gateways[0].raw(b"rubbish %d" % n)
    until(lambda: metric(bench, 'maillage_ingest_dead_letters_total{reason="invalid_json"}') == 200)
    assert bench.one("SELECT count(*) FROM dead_letter") <= 40


@pytest.mark.usefixtures("others")
def test_a_message_of_ten_megabytes_is_the_senders_own_trouble(bench: Bench) -> None:
    bad = bench.gateways[0]
    connects = bad.link.connects
    bad.raw(b"x" * 10_000_000)  # beyond the broker's limit: it hangs up on the sender
    until(lambda: bad.link.connects > connects, what="the broker hangs up and the gateway comes back")
    bad.batch(1, [desk()], sent_at=now())
    bad.until_mark(1)


@pytest.mark.usefixtures("others")
def test_events_that_cannot_be_read_keep_their_place_and_are_read_when_mended(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = bench.gateways[0]
    at = now()
    events = [
        desk(at),
        {"kind": "teapot", "at": at, "device": "desk-1"},
        {"kind": "desk", "at": at, "device": "desk-new", "occupied": True},
        {
            "kind": "gateway",
            "at": at,
            "device": "gateway",
            "what": "driver_fault",
            "topic": "z/desk",
            "text": "not JSON",
        }
        | {"payload": base64.b64encode(b"\xff??").decode()},
        desk(at, device="desk-2"),
    ]
    gateway.batch(1, events, sent_at=at)
    gateway.until_mark(5)
    assert [seq for (seq,) in bench.rows("SELECT seq FROM event ORDER BY seq")] == [1, 4, 5]
    letters = bench.rows("SELECT origin, reason, seq, topic, payload FROM dead_letter ORDER BY seq")
    assert [row[:3] for row in letters] == [
        ("ingest", "invalid_event", 2),
        ("ingest", "unknown_device", 3),
        ("gateway", "driver_fault", 4),
    ]
    assert letters[2][3:] == ("z/desk", b"\xff??")
    assert json.loads(letters[1][4]) == events[2]

    with psycopg.connect(bench.url) as connection:  # the device is enrolled
        connection.execute(
            """INSERT INTO device (gateway, place, code, kind, driver, address, space)
               SELECT gateway, place, 'desk-new', 'presence_sensor', driver, 'new', space FROM device
               WHERE code = 'desk-5' AND place = (SELECT id FROM place WHERE code = 'p0001')"""
        )
    outcome = dead_letters.replay(bench.url, wait_s=20)
    assert (outcome.requested, outcome.read, outcome.refused, outcome.waiting) == (2, 1, {"invalid_event": 1}, 0)
    assert [seq for (seq,) in bench.rows("SELECT seq FROM event ORDER BY seq")] == [1, 3, 4, 5]
    assert dead_letters.replay(bench.url, wait_s=20).read == 0, "once is enough"
    assert bench.one("SELECT count(*) FROM event") == 4

    assert dead_letters.export(bench.url, tmp_path / "said.jsonl") == 1
    assert base64.b64decode(json.loads((tmp_path / "said.jsonl").read_text())["payload_b64"]) == b"\xff??"
    assert {row[:2] for row in dead_letters.count(bench.url)} >= {("gateway", "driver_fault")}


@pytest.mark.usefixtures("others")
def test_what_a_stranger_sends_is_not_even_queued(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[str] = []
    put = Inbox.put

    def note(inbox: Inbox, message: Message) -> bool:
        queued.append(message.topic)
        return put(inbox, message)

    monkeypatch.setattr(Inbox, "put", note)
    link = bench.loop.add(parse_mqtt_url(bench.broker.url("p0001-g2")), client_id="stranger", on_message=lambda _: None)
    until(lambda: link.connected)
    for number in range(200):
        link.publish(f"maillage/v1/01/x{number}/p0001-g2/events", b"x" * 10_000)
    until(lambda: metric(bench, 'maillage_ingest_messages_refused_total{reason="unknown_gateway"}') == 200)
    assert not [topic for topic in queued if "p0001-g2" in topic]
    assert sum(record.message == "message_refused" for record in caplog.records) == 1
    link.close()


@pytest.mark.usefixtures("others")
def test_an_unknown_gateway_is_refused_until_it_is_enrolled(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    url = bench.broker.url("p0001-g2")
    link = bench.loop.add(parse_mqtt_url(url), client_id="p0001-g2", on_message=lambda _: None)
    until(lambda: link.connected)
    body = json.dumps({"epoch": "00000000cccccccc", "first": 1, "sent_at": now(), "events": [desk()]}).encode()
    link.publish("maillage/v1/01/p0001/p0001-g2/events", body)
    until(lambda: metric(bench, 'maillage_ingest_messages_refused_total{reason="unknown_gateway"}') >= 1)
    assert any(r.message == "message_refused" for r in caplog.records)
    with psycopg.connect(bench.url) as connection:
        connection.execute("INSERT INTO gateway (place, code) SELECT id, 'p0001-g2' FROM place WHERE code = 'p0001'")
        connection.execute(
            """INSERT INTO device (gateway, place, code, kind, driver, address, space)
               SELECT (SELECT id FROM gateway WHERE code = 'p0001-g2'), place, code, 'presence_sensor', driver, 'two',
                 space
               FROM device WHERE code = 'desk-0' AND place = (SELECT id FROM place WHERE code = 'p0001')"""
        )

    def resend() -> bool:
        link.publish("maillage/v1/01/p0001/p0001-g2/events", body)
        return bool(bench.rows("SELECT FROM event"))

    until(resend, every_s=0.2, what="its events are taken once it is enrolled")


@pytest.mark.usefixtures("others")
def test_the_broker_keeps_gateways_from_each_others_topics(bench: Bench) -> None:
    thief, victim = bench.gateways[0], bench.gateways[1]
    body = json.dumps({"epoch": "00000000aaaaaaaa", "first": 1, "sent_at": now(), "events": [desk()]}).encode()
    thief.link.publish(victim.topic("events"), body)
    thief.link.publish(victim.topic("committed"), b'{"epoch":"00000000aaaaaaaa","seq":99}')
    thief.batch(1, [desk()], sent_at=now())
    thief.until_mark(1)  # what the thief sent before has arrived or never will
    victim.batch(1, [desk()], sent_at=now())
    victim.until_mark(1)
    assert bench.rows("SELECT p.code, count(*) FROM event e JOIN place p ON p.id = e.place GROUP BY 1 ORDER BY 1") == [
        ("p0001", 1),
        ("p0002", 1),
    ]
    assert [mark["seq"] for mark in victim.marks] == [1]


@pytest.mark.usefixtures("others")
def test_the_ingest_checks_again_whose_place_it_is(bench: Bench) -> None:
    thief = bench.gateways[0]
    body = json.dumps({"epoch": "00000000aaaaaaaa", "first": 1, "sent_at": now(), "events": [desk()]}).encode()
    thief.link.publish(f"maillage/v1/02/p0002/{thief.code}/events", body)  # the broker's pattern lets it pass
    thief.link.publish(f"maillage/v1/05/p0001/{thief.code}/events", body)
    for reason in ("wrong_place", "wrong_shard"):
        name = f'maillage_ingest_messages_refused_total{{reason="{reason}"}}'
        until(lambda name=name: metric(bench, name) == 1)  # type: ignore[misc]
    assert bench.one("SELECT count(*) FROM event") == 0


@pytest.mark.usefixtures("others")
def test_wrong_clocks_put_right_and_told(bench: Bench) -> None:
    early, late = bench.gateways[0], bench.gateways[1]
    hour = 3_600_000_000
    early.batch(1, [desk(5), desk(5 + hour)], sent_at=5 + 2 * hour)  # 1970
    early.until_mark(2)
    ahead = 4_070_908_800_000_000  # 2099
    late.batch(1, [desk(ahead), desk(ahead)], sent_at=ahead)
    late.until_mark(2)
    query = """SELECT p.code, e.seq, extract(epoch FROM now() - e.at)::int / 60, e.edge_at IS NOT NULL
               FROM event e JOIN place p ON p.id = e.place ORDER BY 1, 2"""
    assert bench.rows(query) == [
        ("p0001", 1, 120, True),
        ("p0001", 2, 60, True),
        ("p0002", 1, 0, True),
        ("p0002", 2, 0, True),
    ]
    assert bench.one("SELECT count(*) FROM show_chunks('event')") <= 2, "no chunk for 1970 or 2099"
    assert {kind for (kind,) in bench.rows("SELECT kind FROM alarm")} == {"clock_wrong"}
    assert metric(bench, "maillage_ingest_events_time_corrected_total") == 4


@pytest.mark.usefixtures("others")
def test_a_clock_that_steps_back_keeps_the_order(bench: Bench) -> None:
    gateway = bench.gateways[0]
    at = now()
    events = [desk(at), desk(at - 60_000_000, occupied=False), desk(at - 59_000_000)]
    gateway.batch(1, events, sent_at=at)
    gateway.until_mark(3)
    assert [state for (state,) in bench.rows("SELECT state FROM event ORDER BY seq")] == [1, 0, 1]


@pytest.mark.usefixtures("others")
def test_two_machines_with_one_identity_are_noticed(bench: Bench) -> None:
    gateway = bench.gateways[0]
    for boot in ("one", "two", "one"):
        gateway.raw(json.dumps({"online": True, "at": now(), "boot": boot}).encode(), "state")
        until(lambda boot=boot: bench.rows("SELECT FROM gateway_state WHERE boot = %s", boot))  # type: ignore[misc]
    until(lambda: metric(bench, "maillage_ingest_identity_conflicts_total") >= 1)
    assert bench.rows("SELECT kind FROM alarm") == [("identity_conflict",)]


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize("device", ["desk\\u0000", "\\\\u0000"])
def test_a_state_that_the_database_refuses_stops_nobody(bench: Bench, device: str) -> None:
    for n, gateway in enumerate(bench.gateways):
        unwell = f'[{{"device":"{device}","fault":"x"}}]' if n == 0 else "[]"
        gateway.raw(b'{"online":true,"at":%d,"boot":"b","unwell":%s}' % (now(), unwell.encode()), "state")
    until(lambda: bench.one("SELECT count(*) FROM gateway_state") >= 2)


@pytest.mark.usefixtures("others")
def test_a_state_that_is_none_is_a_letter(bench: Bench) -> None:
    bench.gateways[0].raw(b'{"online": "perhaps"}', "state")
    until(lambda: bench.rows("SELECT reason FROM dead_letter") == [("invalid_state",)])


@pytest.mark.usefixtures("others")
def test_what_the_database_refuses_stops_nobody_else(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that passes the checks should be refused; if a fault of ours lets it, it costs one event."""

    encode = Encoder.row

    def faulty(self: Encoder, event: Any, *place: Any) -> bytes:
        made = encode(self, event, *place)
        return made[:-4] if event.get("value") == 666 else made  # a row that breaks off

    monkeypatch.setattr(Encoder, "row", faulty)
    measure = {"kind": "measure", "at": now(), "device": "air", "name": "co2", "value": 666}
    bad, good = bench.gateways[0], bench.gateways[1]
    bad.batch(1, [desk(), measure], sent_at=now())
    good.batch(1, [desk()], sent_at=now())
    bad.until_mark(2)
    good.until_mark(1)
    bad.batch(3, [desk()], sent_at=now())
    bad.until_mark(3)
    assert bench.rows("SELECT reason, seq FROM dead_letter ORDER BY seq") == [("not_storable", 2)]
    assert dead_letters.replay(bench.url, wait_s=20).refused == {"not_storable": 1}, "it is noted, and stops nobody"
    monkeypatch.undo()  # the fault is mended
    assert dead_letters.replay(bench.url, wait_s=20).read == 1
    assert bench.rows("SELECT count(*), count(DISTINCT (stream, seq)) FROM event") == [(4, 4)]


@pytest.mark.usefixtures("others")
def test_texts_that_the_database_could_choke_on(bench: Bench) -> None:
    texts = ["\\u0000", "\0", "a\0b", "\\", '"', "é\u2028\U0001f600", "\\\\u0000\\", "\x7f\x01"]
    events = [{"kind": "audit", "at": now(), "device": "gateway", "by": text[:64], "text": text} for text in texts]
    bench.gateways[0].batch(1, events, sent_at=now())
    bench.gateways[0].until_mark(len(texts))
    stored = bench.rows("SELECT detail ->> 'text' FROM event ORDER BY seq")
    assert [text for (text,) in stored] == [text.replace("\0", "") for text in texts]
    assert bench.rows("SELECT FROM dead_letter") == []


def test_lost_database_connections_lose_nothing(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    start_ingest()
    gateway = bench.gateways[0]
    for n in range(5):
        with psycopg.connect(bench.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'maillage ingest%'"
            )

        def resend(n: int = n) -> bool:
            gateway.batch(n * 10 + 1, [desk() for _ in range(10)], sent_at=now())
            return gateway.mark() == (n + 1) * 10

        until(resend, every_s=0.2)
    assert bench.rows("SELECT count(*), count(DISTINCT seq) FROM event") == [(50, 50)]


def test_memory_is_bounded_and_what_is_shed_comes_again(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    limit = 2_000_000
    start_ingest(queue_bytes=limit)
    gateway = bench.gateways[0]
    with psycopg.connect(bench.url) as blocker:
        blocker.execute("LOCK TABLE event IN ACCESS EXCLUSIVE MODE")  # the database takes nothing for a while
        events = [desk() for _ in range(500)]
        for n in range(200):
            gateway.batch(n * 500 + 1, events, sent_at=now())
        until(lambda: metric(bench, "maillage_ingest_queue_bytes") >= limit // 2, what="the queue fills to its mark")
        assert metric(bench, "maillage_ingest_queue_bytes") <= limit
        blocker.rollback()
    waiting_for = 100_000

    def go_back() -> bool:
        mark = gateway.mark() or 0
        if mark < waiting_for:
            for first in range(mark + 1, min(mark + 4 * 500, waiting_for) + 1, 500):
                gateway.batch(first, events, sent_at=now())
        return mark == waiting_for

    until(go_back, every_s=0.2)
    assert bench.rows("SELECT count(*), count(DISTINCT seq) FROM event") == [(waiting_for, waiting_for)]
