"""Head counts on the real database and ingest: an event each, once and in order, whatever dies in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from database import leases
from gateway.contract.stored_events import KINDS
from ingest import head_counts, refold, store, topology
from ingest.commit import Books
from ingest.metrics import Metrics
from occupancy.fold import PlaceFold
from tests.integration.ingest.conftest import Bench
from tests.waiting import until


def counted(bench: Bench, place: str, present: int, *, space: str | None = None, ago_s: float = 0) -> int:
    """Add a row as the API does; return its number."""
    with psycopg.connect(bench.url) as connection:
        found = connection.execute(
            """INSERT INTO head_count (place, space, at, present)
               SELECT s.place, s.id, now() - make_interval(secs => %s), %s FROM space s JOIN place p ON p.id = s.place
               WHERE p.code = %s AND (s.code = %s OR (%s::text IS NULL AND s.parent IS NULL)) RETURNING id""",
            (ago_s, present, place, space, space),
        ).fetchone()
    assert found is not None
    return int(found[0])


def events(bench: Bench) -> list[tuple[Any, ...]]:
    return bench.rows(
        """SELECT p.code, e.seq, e.a, e.b = h.space, e.at = h.at, e.received_at >= h.made_at, e.device
           FROM event e JOIN head_count h ON h.id = e.seq JOIN place p ON p.id = e.place
           WHERE e.stream = %s AND e.kind = %s ORDER BY e.tx, e.seq""",
        head_counts.STREAM, KINDS["head_count"],
    )  # fmt: skip


def same_again(bench: Bench) -> list[str]:
    with psycopg.connect(bench.url) as connection:
        return refold.differences(connection)


def test_a_head_count_becomes_an_event_between_those_of_the_gateway(
    bench: Bench, start_ingest: Callable[..., threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.worker._REPLAY_EVERY_S", 3600.0)  # what comes later must be notified
    waiting = counted(bench, "p0001", 3)  # while no ingest runs
    bench.rows("UPDATE gateway SET revoked_at = now() WHERE code = 'p0003-g1' RETURNING id")  # no gateway in service
    start_ingest()
    hand = bench.gateways[0]
    now = time.time_ns() // 1000
    desk = bench.one("SELECT d.code FROM device d JOIN gateway g ON g.id = d.gateway"
                     " WHERE g.code = 'p0001-g1' AND d.kind = 'desk_sensor' ORDER BY d.code LIMIT 1")  # fmt: skip
    sat = {"kind": "desk", "at": now, "device": desk, "occupied": True}
    hand.batch(1, [sat], sent_at=now)
    hand.until_mark(1)
    until(lambda: len(events(bench)) == 1, what="the head count that waited is stored")
    second = counted(bench, "p0001", 7, ago_s=1)
    lonely = counted(bench, "p0003", 2)
    until(lambda: len(events(bench)) == 3, deadline_s=60, what="all three are stored")
    later = time.time_ns() // 1000
    hand.batch(2, [{**sat, "at": later, "occupied": False}], sent_at=later)
    hand.until_mark(2)
    assert sorted(events(bench)) == [
        ("p0001", waiting, 3, True, True, True, None),
        ("p0001", second, 7, True, True, True, None),
        ("p0003", lonely, 2, True, True, True, None),
    ]
    assert bench.one("SELECT count(*) FROM head_count WHERE stored_at IS NULL OR refused IS NOT NULL") == 0
    # in the feed's ledger, each once
    lines = bench.rows("SELECT first, last, low = high FROM feed WHERE stream = 0 ORDER BY n")
    assert lines == [(number, number, True) for number in (waiting, second, lonely)]
    assert same_again(bench) == []
    # estimates say when they were stored
    assert bench.one("SELECT count(*) FROM occupancy_change WHERE stored_at IS NULL OR stored_at > now()") == 0


def test_a_gateway_cannot_send_one(bench: Bench, start_ingest: Callable[..., threading.Event]) -> None:
    start_ingest()
    hand, now = bench.gateways[0], time.time_ns() // 1000
    space = bench.one("SELECT min(id) FROM space")
    forged = {"kind": "head_count", "at": now, "device": "gateway", "present": 40, "space": space}
    hand.batch(1, [forged], sent_at=now)
    hand.until_mark(1)
    assert bench.rows("SELECT reason FROM dead_letter") == [("invalid_event",)]
    assert bench.one("SELECT count(*) FROM event") == 0
    assert bench.one("SELECT count(*) FROM occupancy_change") == 0


@contextmanager
def worker(bench: Bench) -> Iterator[tuple[leases.Fenced, Books]]:
    """What a worker works with, without its loop; it owns the shard of the first place."""
    url = bench.settings.database_url.get_secret_value()
    with leases.connect(url, application_name="test") as connection:
        keeper = leases.Keeper(url, [store.lease_of(1)], application_name="test")
        keeper.take(connection)
        connection.fences = keeper.held
        yield connection, Books(topology.load(connection))


def test_a_worker_that_dies_in_between_has_stored_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first, bad, last = (counted(bench, "p0001", present) for present in (3, 13, 5))
    owned, metrics = frozenset({1}), Metrics()
    with worker(bench) as (connection, books):
        held, connection.fences = connection.fences, {store.lease_of(1): -1}  # another has taken the shard
        with pytest.raises(psycopg.Error) as lost:
            head_counts.take(connection, books, owned, metrics)
        assert lost.value.sqlstate in store.OVERTAKEN
        assert bench.one("SELECT count(*) FROM event") == bench.one("SELECT count(stored_at) FROM head_count") == 0
        connection.fences = held
        apply = PlaceFold.apply

        def refuses(self: PlaceFold, event: Any, device: Any, at: int) -> None:
            if event["present"] == 13:
                raise KeyError("a fault of ours")
            apply(self, event, device, at)

        monkeypatch.setattr(PlaceFold, "apply", refuses)
        assert not head_counts.take(connection, books, owned, metrics)
        assert [number for _, number, *_ in events(bench)] == [first, last]
        assert bench.rows("SELECT id, stored_at IS NULL, refused FROM head_count WHERE refused IS NOT NULL") == [
            (bad, True, "KeyError: 'a fault of ours'")
        ]
        assert not head_counts.take(connection, books, owned, metrics)
        assert len(events(bench)) == 2


def test_a_head_count_moves_the_number_and_a_fresh_fold_says_the_same(
    bench: Bench, start_ingest: Callable[..., threading.Event]
) -> None:
    start_ingest()
    counted(bench, "p0002", 7)
    state = (
        "SELECT present FROM space_state s JOIN space r ON r.id = s.space JOIN place p ON p.id = s.place"
        " WHERE p.code = 'p0002' AND r.parent IS NULL"
    )
    until(lambda: bench.rows(state) == [(7,)], what="the published number is the counted one")
    assert same_again(bench) == []
