"""The spool's file: what an older version wrote, what a byte costs, what the clock did."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gateway.contract.wire import BATCH, EVENT
from gateway.spool.ledger import encoded
from gateway.spool.outgoing import Outgoing
from gateway.spool.spool import Spool
from tests.integration.gateway.test_spool import desk, everything, fill
from tests.spooled import read_spool
from tests.waiting import until

_VERSION_1 = """
CREATE TABLE gateway (
  code TEXT PRIMARY KEY, epoch TEXT NOT NULL, base INTEGER NOT NULL, committed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE event (
  gateway TEXT NOT NULL, n INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (gateway, n)
) WITHOUT ROWID;
CREATE TABLE kept (
  gateway TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, until INTEGER, PRIMARY KEY (gateway, name)
) WITHOUT ROWID;
CREATE INDEX kept_until ON kept (until) WHERE until IS NOT NULL;
PRAGMA journal_mode = WAL;
PRAGMA user_version = 1;
"""


def of_version_1(path: Path, events: int) -> None:
    with sqlite3.connect(path) as file:
        file.executescript(_VERSION_1)
        file.execute("INSERT INTO gateway VALUES ('g', '00000000aaaaaaaa', 100, 107)")
        file.execute("INSERT INTO kept VALUES ('g', 'state', 'x', NULL)")
        file.executemany("INSERT INTO event VALUES ('g', ?, ?)", [(108 + n, encoded(desk(n))) for n in range(events)])
    file.close()


def batch(spool: Spool, after: int = -1) -> Outgoing:
    position = spool.position("g")
    start = position.committed if after < 0 else after
    found = spool.batch("g", position.epoch, start, limit_events=500, limit_bytes=10**6)
    assert found is not None
    BATCH.validate_json(found.payload(1), strict=True)
    return found


def test_a_file_of_version_1_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    of_version_1(path, 2500)
    spool = Spool(path)
    position = spool.open("g")
    assert (position.epoch, position.committed, position.last) == ("00000000aaaaaaaa", 7, 2507)
    assert spool.kept("g") == {"state": "x"}
    assert everything(spool) == [(8 + n, desk(n)) for n in range(2500)]
    digest = batch(spool).digest
    fill(spool, 3, start=2500)
    spool.close()
    # The version before opens it too, writes rows without check sums, and says that it is its own.
    with sqlite3.connect(path) as file:
        file.execute("INSERT INTO event (gateway, n, body) VALUES ('g', 2611, ?)", (encoded(desk(2503)),))
        file.execute("UPDATE gateway SET committed = 110")
        file.execute("DELETE FROM event WHERE n <= 110")
        file.execute("PRAGMA user_version = 1")
    file.close()
    spool = Spool(path)
    try:
        position = spool.open("g")
        assert (position.epoch, position.committed, position.last) == ("00000000aaaaaaaa", 10, 2511)
        first = everything(spool)
        rest = read_spool(spool, "g", position.epoch, first[-1][0], limit_events=9, limit_bytes=10**6)  # of another run
        assert first + [(seq, json.loads(body)) for seq, body in rest] == [(8 + n, desk(n)) for n in range(3, 2504)]
        assert spool.damaged == 0
        assert spool.digest("g", position.epoch, 507) == digest
    finally:
        spool.close()


def test_damaged_and_missing_rows_keep_their_places(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    spool = Spool(path)
    spool.open("g")
    fill(spool, 10)
    whole = batch(spool)
    spool.close()
    with sqlite3.connect(path) as file:
        (body,) = file.execute("SELECT body FROM event WHERE n = 4").fetchone()
        file.execute("UPDATE event SET body = ? WHERE n = 4", (body.replace(b"false", b"fa\xecse"),))
        file.execute(
            "UPDATE event SET body = ? WHERE n = 5", (encoded(desk(77)),)
        )  # valid JSON, and not what was written
        file.execute("DELETE FROM event WHERE n IN (7, 10)")
    file.close()
    spool = Spool(path)
    try:
        spool.open("g")
        found = batch(spool)
        events = [EVENT.validate_json(one, strict=True) for one in found.bodies[:9]]
        assert [event["kind"] for event in events] == [
            *["desk"] * 3, "gateway", "gateway", "desk", "gateway", "desk", "desk",
        ]  # fmt: skip
        assert events[3]["at"] == 3, "its time could still be read"
        assert "payload" in events[3]
        assert "gone" in events[6]["text"]  # type: ignore[typeddict-item]
        assert found.after == whole.after
        assert spool.damaged == 3
    finally:
        spool.close()


def test_a_damaged_epoch_begins_a_new_one_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    spool = Spool(path)
    epoch = spool.open("g").epoch
    fill(spool, 10)
    spool.committed("g", epoch, 4)
    until(lambda: spool.position("g").committed == 4)
    spool.close()
    with sqlite3.connect(path) as file:
        file.execute("UPDATE gateway SET epoch = 'Q' || substr(epoch, 2), committed = 9")
    file.close()
    spool = Spool(path)
    try:
        now = spool.open("g").epoch
        assert now != epoch
        until(lambda: spool.position("g").last == 7)
        found = batch(spool)
        assert [json.loads(one)["at"] for one in found.bodies[:6]] == [4, 5, 6, 7, 8, 9]
        assert found.was == [{"epoch": epoch, "index": 0, "first": 5, "count": 6}]
    finally:
        spool.close()
    spool = Spool(path)
    try:
        assert spool.open("g").epoch == now, "once"
        assert batch(spool).was == found.was
    finally:
        spool.close()


def test_a_new_epoch_says_the_old_numbers_of_what_is_held(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.sqlite")
    try:
        first = spool.open("g").epoch
        fill(spool, 10)
        spool.committed("g", first, 6)
        until(lambda: spool.position("g").committed == 6)
        spool.renew("g", first, "x")
        until(lambda: spool.position("g").epoch != first)
        second = spool.position("g").epoch
        fill(spool, 2, start=50)
        assert batch(spool).was == [{"epoch": first, "index": 0, "first": 7, "count": 4}]
        assert batch(spool, 2).was == [{"epoch": first, "index": 0, "first": 9, "count": 2}]
        spool.renew("g", second, "x")
        until(lambda: spool.position("g").epoch != second)
        was = batch(spool).was
        assert was[0] == {"epoch": first, "index": 0, "first": 7, "count": 4}
        assert was[1]["epoch"] == second
        third = spool.position("g").epoch
        spool.committed("g", third, 4)
        until(lambda: spool.position("g").committed == 4)
        assert {one["epoch"] for one in batch(spool).was} == {second}
    finally:
        spool.close()


def restarted(path: Path, start: str, monkeypatch: pytest.MonkeyPatch, clock: list[int]) -> Spool:
    monkeypatch.setattr("gateway.spool.file.machine_start", lambda: start)
    spool = Spool(path, clock=lambda: clock[0])
    spool.open("g")
    return spool


def test_the_machines_starts_are_noted_with_their_clocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.sqlite"
    monkeypatch.setattr("gateway.clock.since_start", lambda: 0)
    clock = [1_000_000_000]
    spool = restarted(path, "one", monkeypatch, clock)
    fill(spool, 5, start=1_000_000_000)
    spool.close()
    clock[0] = 70  # the power went; the clock begins anew
    spool = restarted(path, "two", monkeypatch, clock)
    fill(spool, 5, start=70)
    found = batch(spool)
    assert len(found.bodies) == 5, "a batch ends where a run ends"
    assert found.boots == [[1_000_000_004, 70]]
    said = json.loads(batch(spool, 5).bodies[0])
    assert (said["what"], "value" in said) == ("clock_step", False)
    step: Any = {"kind": "gateway", "what": "clock_step", "at": 2_000_000_000, "device": "gateway", "value": 1999.9}
    spool.append("g", step)
    until(lambda: spool.position("g").last == 12)
    assert batch(spool).boots == [[1_000_000_004, 70 + 1_999_900_000]]
    assert batch(spool, 5).stepped == 0, "the step stands in the batch itself"
    part = spool.batch("g", spool.position("g").epoch, 5, limit_events=3, limit_bytes=10**6)
    assert part is not None
    assert (part.stepped, part.boots) == (1_999_900_000, [])
    spool.close()
    again = restarted(path, "two", monkeypatch, clock)
    try:
        assert batch(again).boots == [[1_000_000_004, 70 + 1_999_900_000]], "kept across a restart of the process"
    finally:
        again.close()
