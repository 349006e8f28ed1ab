"""The spool on a real disk: what it keeps, and what it does when the disk or the centre fails."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.contract.wire import EVENT, DeskEvent
from gateway.spool.changes import LONGEST_LIFE_US, Changes
from gateway.spool.file import SpoolFile
from gateway.spool.spool import Spool
from gateway.spool.sqlite_file import SpoolError
from gateway.spool.values import Unit
from tests.spooled import read_spool
from tests.waiting import until

Opener = Callable[..., Spool]


def desk(number: int, text: str = "desk-1") -> DeskEvent:
    return {"kind": "desk", "at": number, "device": text, "occupied": number % 2 == 0}


@pytest.fixture
def opened() -> Iterator[Opener]:
    spools = []

    def make(path: Path, **options: Any) -> Spool:
        spools.append(Spool(path, **options))
        return spools[-1]

    yield make
    for spool in spools:
        if spool.alive:
            spool.close()


def everything(spool: Spool, gateway: str = "g") -> list[tuple[int, Any]]:
    position = spool.position(gateway)
    rows = read_spool(spool, gateway, position.epoch, position.committed, limit_events=100_000, limit_bytes=10**9)
    return [(seq, json.loads(body)) for seq, body in rows]


def fill(spool: Spool, number: int, gateway: str = "g", start: int = 0) -> None:
    wanted = spool.position(gateway).last + number
    for n in range(start, start + number):
        spool.append(gateway, desk(n))
    until(lambda: spool.position(gateway).last >= wanted, what="events on the disk")


def test_keeps_the_order_of_the_calls_and_survives_a_restart(tmp_path: Path, opened: Opener) -> None:
    spool = opened(tmp_path / "s.sqlite")
    epoch = spool.open("g").epoch
    spool.open("other")
    fill(spool, 1000)
    fill(spool, 5, gateway="other")
    spool.close()

    spool = opened(tmp_path / "s.sqlite")
    position = spool.open("g")
    assert (position.epoch, position.committed, position.last) == (epoch, 0, 1000)
    assert everything(spool) == [(n + 1, desk(n)) for n in range(1000)]
    assert spool.position("other").last == 5
    fill(spool, 1, start=1000)
    assert everything(spool)[-1] == (1001, desk(1000))


def test_lets_go_of_what_is_committed_and_counts_on(tmp_path: Path, opened: Opener) -> None:
    spool = opened(tmp_path / "s.sqlite")
    epoch = spool.open("g").epoch
    fill(spool, 10)
    spool.committed("g", "ffffffffffffffff", 10)
    spool.committed("g", epoch, 7)
    until(lambda: spool.position("g").committed == 7)
    assert [seq for seq, _ in everything(spool)] == [8, 9, 10]
    spool.committed("g", epoch, 3)
    spool.committed("g", epoch, 10)
    until(lambda: spool.position("g").depth == 0)
    spool.close()
    spool = opened(tmp_path / "s.sqlite")
    assert spool.open("g").last == 10, "an empty spool still knows its numbers"
    fill(spool, 1)
    assert [seq for seq, _ in everything(spool)] == [11]


def test_what_is_in_no_hurry_shares_the_next_commit(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened(tmp_path / "s.sqlite")
    epochs = {gateway: spool.open(gateway).epoch for gateway in ("g", "other")}
    fill(spool, 2)
    fill(spool, 2, gateway="other")
    commits: list[int] = []
    write = SpoolFile.write

    def counted(file: SpoolFile, changes: Changes, *rest: Any) -> Any:
        commits.append(len(changes.events))
        return write(file, changes, *rest)

    monkeypatch.setattr(SpoolFile, "write", counted)
    monkeypatch.setattr("gateway.spool.spool._SHARED_WAIT_S", 3600.0)
    for gateway, epoch in epochs.items():
        spool.committed(gateway, epoch, 1)
        spool.append(gateway, desk(3), hurry=False)
        spool.keep(gateway, "newest_list", "3", hurry=False)
    with pytest.raises(AssertionError):
        until(lambda: commits, deadline_s=0.1)
    spool.append("other", desk(4))
    until(lambda: spool.position("other").last == 4, what="an event that is in a hurry")
    assert commits == [3]
    assert {gateway: spool.position(gateway).committed for gateway in epochs} == {"g": 1, "other": 1}
    assert everything(spool, "other")[-2:] == [(3, desk(3)), (4, desk(4))], "in the order of the calls"
    assert spool.kept("g")["newest_list"] == "3"


def _with_a_mark_that_waits(tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> tuple[Spool, str]:
    """Return a spool with six events, its first mark written and its second, 4, not, and the epoch."""
    monkeypatch.setattr("gateway.spool.marks.EVERY_S", 3600.0)
    spool = opened(tmp_path / "s.sqlite")
    epoch = spool.open("g").epoch
    fill(spool, 6)
    spool.committed("g", epoch, 1)
    until(lambda: spool.position("g").committed == 1)
    spool.committed("g", epoch, 4)
    return spool, epoch


def test_a_mark_that_waits_is_of_the_epoch_that_ends(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, epoch = _with_a_mark_that_waits(tmp_path, opened, monkeypatch)
    fill(spool, 1, start=6)
    assert spool.position("g").committed == 1, "the second mark waits"
    spool.renew("g", epoch, "because")
    until(lambda: spool.position("g").epoch != epoch)
    found = everything(spool)
    assert [seq for seq, _ in found] == [1, 2, 3, 4]
    assert [event for _, event in found[:3]] == [desk(4), desk(5), desk(6)], "what the centre has isn't sent again"


def test_a_mark_that_comes_while_its_epoch_ends_means_nothing_in_the_next(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened(tmp_path / "s.sqlite")
    epoch = spool.open("g").epoch
    fill(spool, 3)
    write = SpoolFile.write

    def marked_meanwhile(file: SpoolFile, changes: Changes, *rest: Any) -> Any:
        if changes.renewed:
            spool.committed("g", epoch, 2)
        return write(file, changes, *rest)

    monkeypatch.setattr(SpoolFile, "write", marked_meanwhile)
    spool.renew("g", epoch, "because")
    until(lambda: spool.position("g").epoch != epoch and spool.position("g").last == 4)
    fill(spool, 1, start=3)
    assert spool.position("g").committed == 0
    assert [seq for seq, _ in everything(spool)] == [1, 2, 3, 4, 5]


def test_marks_that_wait_are_written_at_the_end(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, _ = _with_a_mark_that_waits(tmp_path, opened, monkeypatch)
    spool.close()
    assert opened(tmp_path / "s.sqlite").open("g").committed == 4


def test_after_a_shared_transaction_little_waits_and_much_or_an_orders_nonce_does_not(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened(tmp_path / "s.sqlite")
    spool.open("g")
    monkeypatch.setattr("gateway.spool.spool._APART_S", 3600.0)
    fill(spool, 1)
    fill(spool, 1, start=1)  # events that come one by one
    spool.append_unit(Unit(events=[("g", desk(2)), ("g", desk(3))]))
    until(lambda: spool.position("g").last == 4)
    spool.append("g", desk(4))
    with pytest.raises(AssertionError):
        until(lambda: spool.position("g").last == 5, deadline_s=0.1)
    assert spool.keep_now("g", "nonce:1", "", within_s=30.0)
    until(lambda: spool.position("g").last == 5)
    spool.append_unit(Unit(events=[("g", desk(5)), ("g", desk(6))]))
    until(lambda: spool.position("g").last == 7)
    for number in range(7, 23):
        spool.append("g", desk(number))
    until(lambda: spool.position("g").last == 23, what="many events")
    spool.append("g", desk(23))
    spool.close()
    spool = opened(tmp_path / "s.sqlite")
    spool.open("g")
    assert everything(spool) == [(n + 1, desk(n)) for n in range(24)]


def test_what_is_sent_at_once_is_the_same_as_what_is_read_back(tmp_path: Path, opened: Opener) -> None:
    spool = opened(tmp_path / "s.sqlite")
    epoch = spool.open("g").epoch
    sent = []
    for number in range(40):
        fill(spool, 1, start=number)
        sent.append(spool.batch("g", epoch, number, limit_events=500, limit_bytes=10**6))
        assert sent[-1] is not None
        assert spool.digest("g", epoch, number + 1) == sent[-1].digest
    spool.close()
    spool = opened(tmp_path / "s.sqlite")
    spool.open("g")
    assert sent == [spool.batch("g", epoch, n, limit_events=1, limit_bytes=10**6) for n in range(40)]


def test_reads_by_count_and_by_bytes_but_at_least_one(tmp_path: Path, opened: Opener) -> None:
    spool = opened(tmp_path / "s.sqlite")
    epoch = spool.open("g").epoch
    fill(spool, 10)
    size = len(read_spool(spool, "g", epoch, 0, limit_events=1, limit_bytes=1)[0][1]) + 1
    assert [seq for seq, _ in read_spool(spool, "g", epoch, 2, limit_events=3, limit_bytes=10**6)] == [3, 4, 5]
    assert len(read_spool(spool, "g", epoch, 0, limit_events=10, limit_bytes=4 * size + 4)) == 4
    assert read_spool(spool, "g", "ffffffffffffffff", 0, limit_events=10, limit_bytes=10**6) == []


def test_nothing_can_be_read_before_the_spool_knows_that_it_is_written(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened(tmp_path / "s.sqlite")
    epoch = spool.open("g").epoch
    early: list[int] = []
    write = SpoolFile.write

    def between(self: SpoolFile, *arguments: Any) -> Any:
        done = write(self, *arguments)
        early.extend(seq for seq, _ in read_spool(spool, "g", epoch, 0, limit_events=9, limit_bytes=10**6))
        return done

    monkeypatch.setattr(SpoolFile, "write", between)
    fill(spool, 1)
    assert early == []


def test_a_new_epoch_numbers_what_is_held_from_one_and_says_so(tmp_path: Path, opened: Opener) -> None:
    renewed: list[set[str]] = []
    spool = opened(tmp_path / "s.sqlite", on_commit=renewed.append)
    epoch = spool.open("g").epoch
    fill(spool, 10)
    spool.committed("g", epoch, 6)
    until(lambda: spool.position("g").committed == 6)
    spool.renew("g", epoch, "the centre lost something")
    spool.renew("g", epoch, "the centre lost something")
    until(lambda: spool.position("g").epoch != epoch)
    until(lambda: spool.position("g").last == 5)
    position = spool.position("g")
    assert position.committed == 0
    rows = everything(spool)
    assert rows[:4] == [(n - 5, desk(n)) for n in range(6, 10)]
    assert rows[4][1]["what"] == "spool"
    assert "the centre lost something" in rows[4][1]["text"]
    spool.committed("g", epoch, 9)  # a late mark of the old epoch
    fill(spool, 1)
    assert len(everything(spool)) == 6
    spool.close()
    assert opened(tmp_path / "s.sqlite").open("g").last == 6
    assert "g" in set().union(*renewed)


def test_an_epoch_ends_once_though_the_second_request_comes_while_the_first_is_written(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened(tmp_path / "s.sqlite")
    epoch = spool.open("g").epoch
    fill(spool, 2)
    write = SpoolFile.write

    def meanwhile(self: SpoolFile, *arguments: Any) -> Any:
        spool.renew("g", epoch, "the centre lost something")
        return write(self, *arguments)

    monkeypatch.setattr(SpoolFile, "write", meanwhile)
    spool.renew("g", epoch, "the centre lost something")
    until(lambda: spool.position("g").epoch != epoch)
    fill(spool, 1)
    assert [event["kind"] for _, event in everything(spool)] == ["desk", "desk", "gateway", "desk"]


def test_what_is_too_large_is_refused_and_told(tmp_path: Path, opened: Opener) -> None:
    spool = opened(tmp_path / "s.sqlite")
    spool.open("g")
    spool.append("g", {"kind": "audit", "at": 1, "device": "gateway", "by": "x", "text": "x" * 20_000})
    until(lambda: spool.position("g").last == 1)
    ((_, event),) = everything(spool)
    assert (event["kind"], event["what"]) == ("gateway", "spool")
    assert "refused" in event["text"]
    EVENT.validate_python(event)


def test_half_a_surrogate_pair_does_not_make_a_batch_unreadable(tmp_path: Path, opened: Opener) -> None:
    spool = opened(tmp_path / "s.sqlite")
    epoch = spool.open("g").epoch
    spool.append("g", desk(1, text="caf\udce9 ☕"))
    until(lambda: spool.position("g").last == 1)
    ((_, body),) = read_spool(spool, "g", epoch, 0, limit_events=1, limit_bytes=10**6)
    assert EVENT.validate_json(body)["device"] == "caf? ☕"


def test_a_full_disk_holds_events_in_memory_and_takes_them_when_there_is_room(tmp_path: Path, opened: Opener) -> None:
    spool = opened(tmp_path / "s.sqlite", max_bytes=300_000)
    epoch = spool.open("g").epoch
    text = "x" * 1500
    for n in range(400):
        spool.append("g", {"kind": "audit", "at": n, "device": "gateway", "by": "x", "text": text})
    assert until(lambda: spool.trouble)
    assert "full" in str(spool.trouble)
    seen: list[int] = []

    def drained() -> bool:
        position = spool.position("g")
        rows = read_spool(spool, "g", epoch, position.committed, limit_events=500, limit_bytes=10**7)
        seen.extend(event["at"] for event in (json.loads(body) for _, body in rows) if event["kind"] == "audit")
        if rows:
            spool.committed("g", epoch, rows[-1][0])
            until(lambda: spool.position("g").committed >= rows[-1][0])
        return len(seen) >= 400

    until(drained)
    assert seen == list(range(400)), "nothing lost, nothing twice, in order"
    assert spool.lost == 0


def test_an_unreadable_file_is_set_aside_and_said_so(tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "s.sqlite"
    spool = opened(path)
    epoch = spool.open("g").epoch
    fill(spool, 500)
    spool.close()
    damaged = bytearray(path.read_bytes())
    damaged[4096 : 4096 * 3] = b"\xa5" * 4096 * 2
    path.write_bytes(damaged)

    spool = opened(path)
    assert spool.open("g").epoch != epoch
    until(lambda: spool.position("g").last == 1)
    ((_, event),) = everything(spool)
    assert "set aside" in event["text"]
    (aside,) = tmp_path.glob("s.sqlite.unreadable-*")
    assert aside.read_bytes() == bytes(damaged)


def test_a_file_that_breaks_while_in_use_costs_an_epoch_and_no_event_to_come(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened(tmp_path / "s.sqlite")
    epoch = spool.open("g").epoch
    fill(spool, 3)
    write = SpoolFile.write
    broken = threading.Event()

    def breaking(self: SpoolFile, *arguments: Any) -> Any:
        if not broken.is_set():
            broken.set()
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        return write(self, *arguments)

    monkeypatch.setattr(SpoolFile, "write", breaking)
    spool.append("g", desk(77))
    until(lambda: spool.position("g").epoch != epoch)
    until(lambda: any(event.get("at") == 77 for _, event in everything(spool)))
    assert any("broke" in event.get("text", "") for _, event in until(lambda: everything(spool)))
    assert len(list(tmp_path.glob("s.sqlite.unreadable-*[0-9]"))) == 1


def test_nobody_else_may_read_it(tmp_path: Path, opened: Opener) -> None:
    opened(tmp_path / "s.sqlite").open("g")
    assert {part.name: part.stat().st_mode & 0o077 for part in tmp_path.glob("s.sqlite*")} == {
        "s.sqlite": 0,
        "s.sqlite-wal": 0,
        "s.sqlite-shm": 0,
        "s.sqlite.lock": 0,
    }


def test_one_process_at_a_time(tmp_path: Path, opened: Opener) -> None:
    opened(tmp_path / "s.sqlite")
    with pytest.raises(SpoolError, match="in use"):
        Spool(tmp_path / "s.sqlite")


def test_small_values_survive_and_expire(tmp_path: Path, opened: Opener) -> None:
    now = [1_000]
    spool = opened(tmp_path / "s.sqlite", clock=lambda: now[0])
    spool.open("g")
    spool.keep("g", "list", "one")
    spool.keep("g", "list", "two")
    spool.keep("g", "one:a", "x", until=2_000)
    until(lambda: spool.kept("g") == {"list": "two", "one:a": "x"})
    now[0] = 3_000
    spool.keep("g", "one:b", "x", until=4_000)
    until(lambda: spool.kept("g") == {"list": "two", "one:b": "x"})


def test_a_nonce_goes_when_a_later_order_proves_that_its_own_is_over_and_never_by_the_clock(
    tmp_path: Path, opened: Opener
) -> None:
    spool = opened(tmp_path / "s.sqlite", clock=lambda: 2**60)
    spool.open("g")
    for name, expires in (("a", 1), ("b", LONGEST_LIFE_US), ("c", LONGEST_LIFE_US + 1)):
        spool.keep_now("g", f"nonce:{name}", "x", until=expires, within_s=60)
    assert spool.kept("g").keys() == {"nonce:a", "nonce:b", "nonce:c"}
    spool.keep_now("g", "nonce:d", "x", until=LONGEST_LIFE_US + 2, within_s=60)
    assert spool.kept("g").keys() == {"nonce:b", "nonce:c", "nonce:d"}


def test_a_value_that_must_be_on_the_disk_is_there_when_the_call_returns(tmp_path: Path, opened: Opener) -> None:
    spool = opened(tmp_path / "s.sqlite")
    spool.open("g")
    for number in range(20):
        assert spool.keep_now("g", f"nonce:{number}", "x", within_s=10)
        with sqlite3.connect(tmp_path / "s.sqlite") as other:
            assert other.execute("SELECT count(*) FROM kept").fetchone() == (number + 1,)
        other.close()


def test_values_that_find_no_room_keep_neither_marks_nor_events_waiting(
    tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.spool.spool._RETRY_S", 0.02)
    spool = opened(tmp_path / "s.sqlite", max_bytes=300_000)
    epoch = spool.open("g").epoch
    assert not spool.keep_now("g", "state", "x" * 400_000, within_s=0.2), "larger than the file may ever be"
    assert until(lambda: spool.trouble)
    text = "x" * 1500
    for n in range(300):
        spool.append("g", {"kind": "audit", "at": n, "device": "gateway", "by": "x", "text": text})
    seen: list[int] = []

    def drained() -> bool:
        position = spool.position("g")
        rows = read_spool(spool, "g", epoch, position.committed, limit_events=500, limit_bytes=10**7)
        seen.extend(event["at"] for event in (json.loads(body) for _, body in rows) if event["kind"] == "audit")
        if rows:
            spool.committed("g", epoch, rows[-1][0])
            until(lambda: spool.position("g").committed >= rows[-1][0])
        return len(seen) >= 300

    until(drained)
    assert seen == list(range(300))
    assert spool.keep_now("g", "state", "small", within_s=10), "the last value counts, and this one fits"


def test_a_restored_copy_is_a_valid_spool(tmp_path: Path, opened: Opener) -> None:
    """What SQLite left in its WAL is part of the spool: a crash image must open with every committed event."""
    spool = opened(tmp_path / "s.sqlite")
    epoch = spool.open("g").epoch
    fill(spool, 50)
    copy = tmp_path / "copy"
    copy.mkdir()
    for part in tmp_path.glob("s.sqlite*"):
        if not part.name.endswith(".lock"):
            shutil.copy(part, copy / part.name)
    image = opened(copy / "s.sqlite")
    position = image.open("g")
    assert (position.epoch, position.last) == (epoch, 50)
