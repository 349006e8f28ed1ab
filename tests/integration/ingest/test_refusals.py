"""What the database refuses: no event's fault unless it is proven, and nothing lost in the meantime."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import psycopg
import pytest

from gateway.contract.stored_events import Encoder
from gateway.contract.wire import State
from ingest import refold
from ingest.commit import Books
from tests.api_server import api_process
from tests.integration.ingest.conftest import Bench, HandGateway
from tests.integration.ingest.test_bad_input import desk, metric, now
from tests.waiting import until

EPOCH = "00000000aaaaaaaa"


class Traffic:
    """A gateway with a spool in memory: batches from its mark on, again and again, and its state."""

    def __init__(self, gateway: HandGateway) -> None:
        self.gateway = gateway
        self.events: list[dict[str, Any]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    @property
    def mark(self) -> int:
        return self.gateway.mark() or 0

    def _send(self) -> None:
        while not self._stop.wait(0.1):
            last = len(self.events)
            state = State(online=True, at=now(), boot="b", epoch=EPOCH, spool_depth=last - self.mark, newest_seq=last)
            self.gateway.raw(state.model_dump_json(exclude_none=True).encode(), "state")
            self.events.append(desk(device=f"desk-{last % 24}", occupied=last // 24 % 2 == 0))
            mark = self.mark
            self.gateway.batch(mark + 1, self.events[mark : mark + 100], sent_at=now())

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)


@pytest.fixture
def traffic(bench: Bench) -> Iterator[Traffic]:
    one = Traffic(bench.gateways[0])
    yield one
    one.stop()


@contextmanager
def revoked(bench: Bench, table: str, right: str) -> Iterator[None]:
    with psycopg.connect(bench.url, autocommit=True) as connection:
        connection.execute(f"REVOKE {right} ON {table} FROM maillage_ingest".encode())
        yield
        connection.execute(f"GRANT {right} ON {table} TO maillage_ingest".encode())


def readiness(bench: Bench) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", bench.settings.metrics_port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def open_alarms(bench: Bench) -> list[tuple[Any, ...]]:
    return bench.rows("SELECT kind FROM alarm WHERE acknowledged_at IS NULL")


@pytest.mark.parametrize(
    ("table", "right"),
    [("event", "INSERT"), ("space_state", "UPDATE"), ("stream", "UPDATE"), ("dead_letter", "INSERT")],
)
def test_a_missing_right_makes_no_letters_and_loses_nothing(
    bench: Bench, start_ingest: Callable[..., Any], traffic: Traffic, table: str, right: str
) -> None:
    start_ingest()
    until(lambda: traffic.mark > 3, what="events are stored")
    bad = {"kind": "teapot", "at": now(), "device": "desk-1"}
    with revoked(bench, table, right):
        if table == "dead_letter":
            traffic.events.append(bad)
        until(lambda: readiness(bench)[0] == 503 and "permission denied" in readiness(bench)[1], what="not ready")
        until(lambda: open_alarms(bench) == [("storing_refused",)], what="the alarm")
        mark, count = traffic.mark, len(traffic.events)
        assert metric(bench, "maillage_ingest_storing") == 0
        until(lambda: len(traffic.events) > count + 20, what="more events wait")
        assert traffic.mark == mark, "the mark stands still"
        assert readiness(bench)[0] == 503
        assert bench.rows("SELECT reason FROM dead_letter") == []
    until(lambda: readiness(bench)[0] == 200, what="ready again")
    until(lambda: open_alarms(bench) == [], what="the alarm is over")
    until(lambda: traffic.mark > count + 20, what="what waited is stored")
    assert metric(bench, "maillage_ingest_storing") == 1
    traffic.stop()
    last = len(traffic.events)

    def drained() -> bool:
        traffic.gateway.batch(traffic.mark + 1, traffic.events[traffic.mark :], sent_at=now())
        return traffic.mark == last

    until(lambda: traffic.mark == last or drained(), every_s=0.3)
    letters = 1 if table == "dead_letter" else 0
    assert bench.rows("SELECT count(*), count(DISTINCT seq) FROM event") == [(last - letters, last - letters)]
    assert bench.one("SELECT count(*) FROM dead_letter") == letters
    assert bench.one("SELECT last_seq FROM stream") == last
    with psycopg.connect(bench.url) as connection:
        assert refold.differences(connection) == []


@pytest.mark.parametrize(("table", "right"), [("gateway_state", "UPDATE, INSERT"), ("dead_letter", "UPDATE")])
def test_what_is_refused_beside_the_events_keeps_no_event(
    bench: Bench, start_ingest: Callable[..., Any], traffic: Traffic, table: str, right: str
) -> None:
    start_ingest()
    traffic.events.append({"kind": "teapot", "at": now(), "device": "desk-1"})
    until(lambda: traffic.mark > 3, what="events are stored")
    with revoked(bench, table, right):
        with psycopg.connect(bench.url) as connection:
            connection.execute("UPDATE dead_letter SET replay_requested_at = now()")
        failures = metric(bench, "maillage_ingest_transaction_failures_total")
        until(lambda: metric(bench, "maillage_ingest_transaction_failures_total") > failures, what="it is refused")
        mark = traffic.mark
        until(lambda: traffic.mark > mark + 5, what="events are stored all the same")
        assert readiness(bench)[0] == 200
    assert open_alarms(bench) == []


def test_a_place_whose_events_are_not_stored_goes_stale(
    bench: Bench, start_ingest: Callable[..., Any], traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.commit.TTL_S", 3)
    start_ingest()

    with api_process(bench.url) as api:

        def quality() -> str:
            return str(api.get("/v1/places/p0001/occupancy").json()["quality"])

        until(lambda: quality() in ("live", "degraded"), what="the place is live")
        with revoked(bench, "event", "INSERT"):
            until(lambda: quality() == "stale", what="the place is stale", deadline_s=30)
        until(lambda: quality() in ("live", "degraded"), what="the place is live again", deadline_s=30)


def test_an_empty_spool_alone_proves_nothing(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    """A database restored from a backup holds less than the gateway has let go of."""
    start_ingest()
    gateway = bench.gateways[0]
    gateway.batch(1, [desk(), desk()], sent_at=now())
    gateway.until_mark(2)

    def complete(newest: int, depth: int = 0) -> tuple[Any, Any]:
        at = now()
        state = State(online=True, at=at, epoch=EPOCH, spool_depth=depth, newest_seq=newest, boot=str(at))
        gateway.raw(state.model_dump_json(exclude_none=True).encode(), "state")
        query = "SELECT complete_at, heard_at FROM gateway_state WHERE boot = %s"
        found: tuple[Any, Any] = until(lambda: bench.rows(query, str(at)))[0]
        return found

    assert complete(newest=5)[0] is None, "the centre has stored 2 of 5"
    known, heard = complete(newest=2)
    assert known == heard
    assert complete(newest=5)[0] == known
    known, heard = complete(newest=2, depth=1)
    assert known == heard, "the gateway doesn't know it yet, but all is stored"
    _, heard = complete(newest=4, depth=2)
    gateway.batch(3, [desk(), desk()], sent_at=now())
    gateway.until_mark(4)
    assert complete(newest=9, depth=5)[0] == heard, "of a busy gateway all is stored until the word before"


def bad_measure(value: float = 666) -> dict[str, Any]:
    return {"kind": "measure", "at": now(), "device": "air", "name": "co2", "value": value}


@pytest.fixture
def broken_rows(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any], bool]], None]:
    """Let the rows of some events break off, so that the database refuses them as data (22P04)."""

    def breaks(chosen: Callable[[Any], bool]) -> None:
        encode = Encoder.row

        def faulty(self: Encoder, event: Any, *place: Any) -> bytes:
            made = encode(self, event, *place)
            return made[:-4] if chosen(event) else made

        monkeypatch.setattr(Encoder, "row", faulty)

    return breaks


@pytest.mark.parametrize("places", [(250,), (0,), (499,), (7, 8, 300), tuple(range(100, 140))])
def test_one_bad_event_of_500_is_one_letter(
    bench: Bench,
    start_ingest: Callable[..., Any],
    broken_rows: Callable[[Callable[[Any], bool]], None],
    places: tuple[int, ...],
) -> None:
    broken_rows(lambda event: event.get("value") == 666)
    start_ingest()
    gateway, other = bench.gateways[0], bench.gateways[1]
    gateway.batch(1, [bad_measure() if n in places else desk() for n in range(500)], sent_at=now())
    other.batch(1, [desk()], sent_at=now())
    gateway.until_mark(500)
    other.until_mark(1)
    letters = bench.rows("SELECT reason, seq FROM dead_letter ORDER BY seq")
    assert letters == [("not_storable", n + 1) for n in places]
    rows = bench.rows("SELECT count(*), count(DISTINCT seq) FROM event e JOIN stream s ON s.id = e.stream"
                      " JOIN gateway g ON g.id = s.gateway WHERE g.code = %s", gateway.code)  # fmt: skip
    assert rows == [(500 - len(places),) * 2]
    assert readiness(bench)[0] == 200
    with psycopg.connect(bench.url) as connection:
        assert refold.differences(connection) == []


def test_a_bad_event_alone_is_proven_by_a_trial(
    bench: Bench, start_ingest: Callable[..., Any], broken_rows: Callable[[Callable[[Any], bool]], None]
) -> None:
    broken_rows(lambda event: event.get("value") == 666)
    start_ingest()
    bench.gateways[0].batch(1, [bad_measure()], sent_at=now())
    bench.gateways[0].until_mark(1)
    assert bench.rows("SELECT reason FROM dead_letter") == [("not_storable",)]
    assert bench.rows("SELECT FROM event") == [], "the trial is taken back"


def test_data_errors_of_every_event_are_no_events_fault(
    bench: Bench,
    start_ingest: Callable[..., Any],
    broken_rows: Callable[[Callable[[Any], bool]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken_rows(lambda _event: True)  # as when the table has another column than this release knows
    start_ingest()
    gateway = bench.gateways[0]
    gateway.batch(1, [desk(), desk()], sent_at=now())
    until(lambda: readiness(bench)[0] == 503, what="not ready")
    assert bench.rows("SELECT FROM dead_letter") == []
    monkeypatch.undo()
    gateway.until_mark(2)  # without another word of the gateway
    until(lambda: readiness(bench)[0] == 200)
    assert bench.rows("SELECT count(*) FROM event") == [(2,)]


def test_a_fault_of_ours_stops_its_gateway_only_and_makes_no_letters(
    bench: Bench, start_ingest: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = Books._accept

    def faulty(self: Books, stream: Any, reading: Any, work: Any) -> None:
        if reading.gateway.code == bench.gateways[0].code:
            raise KeyError("a space that the fold doesn't know")
        takes(self, stream, reading, work)

    monkeypatch.setattr(Books, "_accept", faulty)
    start_ingest()
    bad, good = bench.gateways[0], bench.gateways[1]
    for n in range(3):
        bad.batch(1, [desk(), desk()], sent_at=now())
        good.batch(n + 1, [desk()], sent_at=now())
        good.until_mark(n + 1)
    until(lambda: metric(bench, "maillage_ingest_batches_held_total") >= 1)
    until(lambda: ("storing_refused",) in bench.rows("SELECT kind FROM alarm"))
    assert bench.rows("SELECT FROM dead_letter") == []
    assert bad.mark() is None
    monkeypatch.undo()

    def resend() -> bool:
        bad.batch(1, [desk(), desk()], sent_at=now())
        return bad.mark() == 2

    until(resend, every_s=0.2)


def test_a_database_restored_under_the_ingest_is_read_again(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    """Tables are dropped and made anew, and the network comes back with other numbers and without a notification."""
    start_ingest()
    gateway = bench.gateways[0]
    gateway.batch(1, [desk()], sent_at=now())
    gateway.until_mark(1)
    with psycopg.connect(bench.url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")  # no trigger tells of it
        connection.execute("ALTER TABLE stream RENAME TO stream_before")
        connection.execute("CREATE TABLE stream (LIKE stream_before INCLUDING ALL)")
        connection.execute("GRANT SELECT, INSERT, UPDATE ON stream TO maillage_ingest")
        connection.execute("UPDATE device SET id = DEFAULT WHERE place = (SELECT id FROM place WHERE code = 'p0001')")
    number = bench.one("SELECT d.id FROM device d JOIN place p ON p.id = d.place"
                       " WHERE p.code = 'p0001' AND d.code = 'desk-0'")  # fmt: skip
    end = time.monotonic() + 20

    def stored() -> bool:
        gateway.batch(1, [desk(occupied=False)], sent_at=now(), epoch="00000000bbbbbbbb")
        return gateway.mark("00000000bbbbbbbb") == 1

    until(stored, every_s=0.3)
    assert time.monotonic() < end + 5
    assert bench.rows("SELECT device FROM event WHERE state = 0") == [(number,)]
    assert bench.rows("SELECT FROM dead_letter") == []


def test_a_gateway_without_devices_keeps_its_events(bench: Bench, start_ingest: Callable[..., Any]) -> None:
    """In the middle of a restore the gateways may be there and their devices not yet."""
    with psycopg.connect(bench.url) as connection:
        connection.execute("CREATE TEMP TABLE kept AS SELECT * FROM device")
        connection.execute("DELETE FROM device")
        connection.commit()
        start_ingest()
        gateway = bench.gateways[0]
        gateway.batch(1, [desk()], sent_at=now())
        until(lambda: metric(bench, 'maillage_ingest_messages_refused_total{reason="no_devices"}') >= 1)
        assert bench.rows("SELECT FROM dead_letter") == []
        connection.execute("INSERT INTO device OVERRIDING SYSTEM VALUE SELECT * FROM kept")
        connection.commit()

    def resend() -> bool:
        gateway.batch(1, [desk()], sent_at=now())
        return gateway.mark() == 1

    until(resend, every_s=0.2)
    assert bench.rows("SELECT FROM dead_letter") == []
