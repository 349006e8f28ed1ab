"""A real spool and uplink against a real ingest: old copies, damaged bytes, clocks that jump."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.config import GatewayConfig
from gateway.contract.wire import DeskEvent, GatewayEvent, State
from gateway.mqtt.loop import parse_mqtt_url
from gateway.spool.recovery import recover
from gateway.spool.spool import Spool
from gateway.spool.sqlite_file import SpoolError
from gateway.uplink.uplink import Uplink
from maillage.embedded.process import free_port
from maillage.stack.account import settled_balance
from maillage.stack.up import report
from tests.integration.ingest.conftest import Bench
from tests.waiting import until

S = 1_000_000
H = 3600 * S


def now() -> int:
    return time.time_ns() // 1000


class Sender:
    """The first gateway of the bench, as far as its spool and its uplink go."""

    def __init__(self, bench: Bench, *, clock: Callable[[], int] = now) -> None:
        self.code = bench.gateways[0].code
        self._bench = bench
        self._clock = clock
        self.spool: Spool | None = None
        self._uplink: Uplink | None = None

    def begin(self, path: Path, *, line: bool = True) -> Spool:
        hand, bench = self._bench.gateways[0], self._bench
        config = GatewayConfig(shard=hand.shard, place=hand.place, gateway=hand.code)
        spool = self.spool = Spool(path, on_commit=self._committed, clock=self._clock)
        spool.open(self.code)
        if line:
            broker = parse_mqtt_url(bench.broker.url(hand.code))
            self._uplink = Uplink(
                gateways=(config,),
                broker=broker,
                spool=spool,
                loop=bench.loop,
                boot=f"b{time.monotonic_ns()}",
                handler=lambda *_: None,
                account=lambda _: State(online=True),
                clock=self._clock,
            )
            self._uplink.start()
        return spool

    def _committed(self, gateways: set[str]) -> None:
        if self._uplink is not None:
            self._uplink.on_commit(gateways)

    def say(self, first: int, count: int, *, at: int | None = None) -> None:
        assert self.spool is not None
        wanted = self.spool.position(self.code).last + count
        begin = self._clock() if at is None else at
        for n in range(first, first + count):
            event: DeskEvent = {"kind": "desk", "at": begin + n, "device": f"desk-{n % 24}", "occupied": True}
            event["device_at"] = str(n)
            self.spool.append(self.code, event)
        until(lambda: self.spool and self.spool.position(self.code).last >= wanted)

    def step(self, at: int, seconds: float) -> None:
        assert self.spool is not None
        event: GatewayEvent = {"kind": "gateway", "what": "clock_step", "at": at, "device": "gateway", "value": seconds}
        self.spool.append(self.code, event)

    def drain(self) -> None:
        until(lambda: self.spool and self.spool.position(self.code).depth == 0, deadline_s=40, what="all is stored")

    def end(self) -> None:
        if self._uplink is not None:
            self._uplink.stop()
        if self.spool is not None:
            self.spool.close()
        self.spool = self._uplink = None


@pytest.fixture
def sender(bench: Bench) -> Iterator[Sender]:
    made = Sender(bench)
    yield made
    made.end()


def stored(bench: Bench) -> list[int]:
    """What was stored, in the order of its storing."""
    rows = bench.rows("SELECT (detail ->> 'device_at')::int FROM event WHERE kind = 5 ORDER BY stream, seq")
    return [number for (number,) in rows]


def copy(path: Path, target: Path) -> Path:
    target.mkdir()
    for part in path.parent.glob(path.name + "*"):
        shutil.copy(part, target / part.name)
    return target / path.name


def test_an_old_copy_of_the_spool_that_has_outgrown_the_mark_loses_nothing_and_doubles_nothing(
    bench: Bench, start_ingest: Callable[..., Any], sender: Sender, tmp_path: Path
) -> None:
    start_ingest()
    path = tmp_path / "s.sqlite"
    sender.begin(path)
    sender.say(0, 100)
    sender.drain()
    sender.end()
    sender.begin(path, line=False)
    sender.say(100, 30)  # held in the copy, and sent by the original
    image = copy(path, tmp_path / "image")
    sender.end()
    sender.begin(path)
    sender.say(130, 20)
    sender.drain()
    sender.end()
    assert stored(bench) == list(range(150))

    sender.begin(image, line=False)  # the old card: its numbers go on at 131
    sender.say(1000, 60)
    sender.end()
    sender.begin(image)
    sender.drain()
    assert stored(bench) == [*range(150), *range(1000, 1060)]
    assert bench.rows("SELECT count(*), count(DISTINCT (stream, seq)) FROM event WHERE kind = 5") == [(210, 210)]
    # On a loaded machine the centre's silence may begin another epoch, which then finds all 90 and its own event there.
    assert bench.one("SELECT min(held_before) FROM stream WHERE held_before > 0") == 30
    kinds = {kind for (kind,) in bench.rows("SELECT kind FROM alarm")}
    assert {"epoch_change", "spool_fault"} <= kinds


def test_an_old_copy_that_sends_before_it_hears_the_mark_is_not_believed(
    bench: Bench, start_ingest: Callable[..., Any]
) -> None:
    """Without a retained mark the copy sends at once: the ingest must see that it continues something else."""
    start_ingest()
    gateway = bench.gateways[0]

    def batch(first: int, count: int, *, after: str, digest: str, epoch: str = "00000000aaaaaaaa") -> None:
        events = [{"kind": "desk", "at": now(), "device": "desk-0", "occupied": True} for _ in range(count)]
        hand = {"epoch": epoch, "first": first, "sent_at": now(), "after": after, "digest": digest, "events": events}
        gateway.raw(json.dumps(hand).encode())

    batch(1, 10, after="00" * 8, digest="aa" * 8)
    gateway.until_mark(10)
    assert gateway.marks[-1]["digest"] == "aa" * 8
    for first, after in ((11, "bb" * 8), (6, "cc" * 8)):
        gateway.marks.clear()
        batch(first, 10, after=after, digest="dd" * 8)
        gateway.until_mark(10)
        assert gateway.marks[-1]["digest"] == "aa" * 8
    batch(11, 5, after="aa" * 8, digest="ee" * 8)
    gateway.until_mark(15)
    gateway.batch(16, [{"kind": "desk", "at": now(), "device": "desk-0", "occupied": True}], sent_at=now())
    gateway.until_mark(16)  # a gateway of the version before says nothing of digests
    assert "digest" not in gateway.marks[-1]
    batch(17, 1, after="12" * 8, digest="34" * 8)
    gateway.until_mark(17)
    assert bench.one("SELECT count(*) FROM event") == 17


def test_a_deleted_wal_begins_a_new_epoch_and_raises_an_alarm(
    bench: Bench, start_ingest: Callable[..., Any], sender: Sender, tmp_path: Path
) -> None:
    start_ingest()
    path = tmp_path / "s.sqlite"
    spool = sender.begin(path, line=False)
    epoch = spool.position(sender.code).epoch
    sender.say(0, 20)
    sender.end()
    spool = sender.begin(path, line=False)
    sender.say(20, 20)  # never sent: nobody but the WAL has it
    image = copy(path, tmp_path / "image")
    sender.end()
    image.with_name("s.sqlite-wal").unlink()
    image.with_name("s.sqlite-shm").unlink()
    spool = sender.begin(image)
    until(lambda: spool.position(sender.code).epoch != epoch)
    sender.say(40, 5)
    sender.drain()
    assert stored(bench) == [*range(20), *range(40, 45)]
    (text,) = [text for kind, text in bench.rows("SELECT kind, text FROM alarm") if kind == "spool_fault"]
    assert "less than it once did" in text


def test_one_flipped_byte_costs_one_event_and_stops_nothing(
    bench: Bench, start_ingest: Callable[..., Any], sender: Sender, tmp_path: Path
) -> None:
    start_ingest()
    path = tmp_path / "s.sqlite"
    sender.begin(path, line=False)
    sender.say(0, 50)
    sender.end()
    with sqlite3.connect(path) as file:
        (body,) = file.execute("SELECT body FROM event WHERE n = 20").fetchone()
        file.execute("UPDATE event SET body = ? WHERE n = 20", (body.replace(b'"kind"', b'"kin\xe4"'),))
        file.execute("DELETE FROM event WHERE n = 30")
        file.execute("UPDATE gateway SET epoch = replace(epoch, substr(epoch, 3, 1), 'x')")
    file.close()
    sender.begin(path)
    sender.drain()
    assert stored(bench) == [n for n in range(50) if n not in (19, 29)]
    letters = bench.rows("SELECT origin, reason, seq, payload FROM dead_letter")
    assert letters == [("gateway", "damaged_in_spool", 20, body.replace(b'"kind"', b'"kin\xe4"'))]
    assert bench.rows("SELECT seq FROM event WHERE kind = 9 AND seq IN (20, 30) ORDER BY 1") == [(20,), (30,)]


def test_an_older_gateways_damaged_batch_is_taken_apart_when_it_comes_again_and_again(
    bench: Bench, start_ingest: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.splitting.AGAIN_OVER_US", 500_000)
    start_ingest()
    gateway = bench.gateways[0]
    events = [{"kind": "desk", "at": now(), "device": f"desk-{n}", "occupied": True} for n in range(5)]
    bad = json.dumps(
        {"epoch": "00000000aaaaaaaa", "first": 1, "sent_at": now(), "events": events}, separators=(",", ":")
    ).encode()
    bad = bad.replace(b'"desk-2"', b'"desk-2\x01')

    def again() -> bool:
        gateway.raw(bad)
        return gateway.mark() == 5

    until(again, every_s=0.2, what="the mark moves")
    assert [seq for (seq,) in bench.rows("SELECT seq FROM event ORDER BY seq")] == [1, 2, 4, 5]
    singled = bench.rows("SELECT seq, payload FROM dead_letter WHERE seq IS NOT NULL")
    assert singled == [(3, json.dumps(events[2], separators=(",", ":")).encode().replace(b'"desk-2"', b'"desk-2\x01'))]


def test_a_mark_that_does_not_move_raises_one_alarm_until_it_moves(
    bench: Bench, start_ingest: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.states.STUCK_US", 300_000)
    start_ingest()
    gateway = bench.gateways[0]

    def state(depth: int, **more: Any) -> None:
        gateway.raw(json.dumps({"online": True, "at": now(), "spool_depth": depth, **more}).encode(), "state")

    def alarms(kind: str) -> list[tuple[Any, ...]]:
        return bench.rows("SELECT until_at IS NULL FROM alarm WHERE kind = %s", kind)

    def stuck() -> bool:
        state(7, disk="database or disk is full")
        return bool(alarms("mark_stuck"))

    until(stuck, every_s=0.1)
    assert alarms("mark_stuck") == [(True,)] == alarms("disk_refuses"), "once, and it lasts"
    gateway.batch(1, [{"kind": "desk", "at": now(), "device": "desk-0", "occupied": True}], sent_at=now())
    gateway.until_mark(1)
    state(0)
    until(lambda: alarms("mark_stuck") == [(False,)] == alarms("disk_refuses"))


def test_a_wrong_clock_is_one_alarm_that_ends_when_the_clock_is_right(
    bench: Bench, start_ingest: Callable[..., Any]
) -> None:
    start_ingest()
    gateway = bench.gateways[0]

    def state(behind: int, **more: Any) -> None:
        gateway.raw(json.dumps({"online": True, "at": now() - behind, **more}).encode(), "state")

    def alarms() -> list[tuple[Any, ...]]:
        return bench.rows("SELECT until_at IS NULL, times FROM alarm WHERE kind = 'clock_wrong'")

    state(H)
    until(lambda: alarms() == [(True, 1)], what="the clock is behind")
    state(0)
    until(lambda: alarms() == [(False, 1)], what="it has been put right")
    state(-H)
    until(lambda: alarms() == [(True, 2)], what="ahead: the same alarm again, since nobody has seen to it")
    gateway.batch(1, [{"kind": "desk", "at": now() + H, "device": "desk-0", "occupied": True}], sent_at=now() + H)
    gateway.until_mark(1)
    assert alarms() == [(True, 3)], "a batch counts it up"
    state(0)
    until(lambda: alarms() == [(False, 3)])
    gateway.batch(2, [{"kind": "desk", "at": now() - H, "device": "desk-0", "occupied": None}], sent_at=now() - H)
    gateway.until_mark(2)
    bench.rows("UPDATE alarm SET acknowledged_at = now(), acknowledged_by = 'test' RETURNING id")
    state(0, clock="it is at least 900 s behind the time that the centre has signed")
    until(lambda: sorted(alarms()) == [(False, 4), (True, 1)], what="another, which the gateway itself tells of")
    text = bench.one("SELECT text FROM alarm WHERE until_at IS NULL")
    assert "900 s behind" in text and "centre's machines" in text


def test_times_after_steps_of_the_clock_while_the_line_was_cut(
    bench: Bench, start_ingest: Callable[..., Any], sender: Sender, tmp_path: Path
) -> None:
    """The clock was three hours behind, then 1970, then right; each event gets its own correction, in batches apart."""
    start_ingest()
    right = now() - 5 * H
    sender.begin(tmp_path / "s.sqlite", line=False)
    sender.say(0, 10, at=right - 3 * H)
    sender.step(right + 60 * S, 3 * 3600 + 0.0)
    sender.say(100, 600, at=right + 60 * S)  # more than a batch
    behind = right + 600 * S
    sender.step(5 * S, (5 * S - behind) / 1e6)
    sender.say(1000, 10, at=5 * S)
    sender.step(behind + 30 * S, (behind - 5 * S) / 1e6)
    sender.say(2000, 10, at=behind + 30 * S)
    sender.end()
    sender.begin(tmp_path / "s.sqlite")
    sender.drain()
    rows = bench.rows(
        """SELECT (detail ->> 'device_at')::int, (extract(epoch FROM at) * 1000000)::bigint,
                  (extract(epoch FROM edge_at) * 1000000)::bigint
           FROM event WHERE kind = 5 ORDER BY seq"""
    )
    starts = {0: right, 100: right + 60 * S, 1000: behind, 2000: behind + 30 * S}
    edges = {0: right - 3 * H, 1000: 5 * S}
    for number, at, edge in rows:
        begin = max(start for start in starts if start <= number)
        assert abs(at - (starts[begin] + number)) <= 10, number
        assert edge == (edges[begin] + number if begin in edges else None)
    times = [at for _, at, _ in rows]
    assert times == sorted(times), "the order is kept"


def test_a_machine_without_a_clock_that_started_anew_while_the_line_was_cut(
    bench: Bench, start_ingest: Callable[..., Any], sender: Sender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never set, then right, then 1970 until the time was heard: what can be known is right, and the order is kept."""
    start_ingest()
    right = now() - 5 * H
    path = tmp_path / "s.sqlite"
    for start, first, begin in (("one", 0, 9 * S), ("two", 100, right), ("three", 200, 7 * S)):
        monkeypatch.setattr("gateway.spool.file.machine_start", lambda start=start: start)
        sender.begin(path, line=False)
        sender.say(first, 10, at=begin)
        if start == "three":
            sender.step(right + 2 * H, (right + 2 * H - 8 * S) / 1e6)  # a second after its start
            sender.say(300, 10, at=right + 2 * H)
        sender.end()
    sender.begin(path)
    sender.drain()
    rows = bench.rows(
        """SELECT (detail ->> 'device_at')::int, (extract(epoch FROM at) * 1000000)::bigint, edge_at IS NOT NULL
           FROM event WHERE kind = 5 ORDER BY seq"""
    )
    at = {number: time for number, time, _ in rows}
    assert at[9] == right + 100, "nobody knows when: it ends where the next start begins"
    assert at[9] - at[0] == 9
    assert at[100] == right + 100
    assert at[200] == right + 2 * H - S + 200
    assert at[300] == right + 2 * H + 300
    assert [number for number, _, corrected in rows if corrected] == [*range(10), *range(200, 210)]
    assert list(at.values()) == sorted(at.values())


def test_what_was_set_aside_comes_back_by_the_command_and_is_stored_once(
    bench: Bench, start_ingest: Callable[..., Any], sender: Sender, tmp_path: Path
) -> None:
    stop = start_ingest()
    path = tmp_path / "s.sqlite"
    sender.begin(path)
    sender.say(0, 40)
    sender.drain()
    sender.end()
    stop.set()
    sender.begin(path, line=False)
    sender.say(40, 400)
    image = copy(path, tmp_path / "image")  # what the centre does not know as yet
    sender.end()
    sender.begin(path)
    start_ingest(metrics_port=free_port())
    sender.drain()
    sender.end()
    assert stored(bench) == list(range(440))

    with sqlite3.connect(image) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.close()
    broken = bytearray(image.read_bytes())
    place = broken.rindex(b'"device_at":"300"') // 4096 * 4096
    broken[place : place + 200] = b"\xa5" * 200
    image.write_bytes(broken)
    image.with_name("s.sqlite.lock").unlink()
    spool = sender.begin(image, line=False)
    (aside,) = tmp_path.glob("image/s.sqlite.unreadable-0")
    assert spool.set_aside() == [aside.name]
    with pytest.raises(SpoolError, match="Stop the gateway"):
        recover(image, aside)
    sender.say(500, 10)
    sender.end()
    ((found), _) = recover(image, aside)
    assert found[0].events > 300
    assert 0 < found[0].gone < 100
    assert recover(image, aside)[0][0].before == found[0].events, "twice does nothing"
    sender.begin(image)
    sender.drain()
    assert sorted(stored(bench)) == [*range(440), *range(500, 510)], "nothing that the centre held is stored again"


def test_the_account_counts_what_lies_in_a_spool_that_was_set_aside(
    bench: Bench, start_ingest: Callable[..., Any], sender: Sender, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = start_ingest()
    path = tmp_path / "s.sqlite"
    sender.begin(path)
    sender.say(0, 40)
    sender.drain()
    sender.end()
    stop.set()
    sender.begin(path, line=False)
    sender.say(40, 400)
    sender.end()
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.close()
    broken = bytearray(path.read_bytes())
    place = broken.rindex(b'"device_at":"300"') // 4096 * 4096
    broken[place : place + 200] = b"\xa5" * 200
    path.write_bytes(broken)
    sender.begin(path)
    start_ingest(metrics_port=free_port())
    sender.say(500, 10)
    sender.drain()
    account = settled_balance(path, bench.url, deadline_s=10, all_well=lambda: True)
    ((aside, events),) = account.aside.items()
    assert events is not None
    assert 300 < events < 400
    assert (account.lost, account.duplicated) == (400, 0)
    assert report(account) == 1
    said = capsys.readouterr().err
    assert f"{events} events lie only in {aside}" in said
    assert f"maillage spool recover {aside} --spool {path}" in said
    sender.end()

    recover(path, aside)
    sender.begin(path)
    sender.drain()
    account = settled_balance(path, bench.url, deadline_s=10, all_well=lambda: True)
    assert (account.aside, account.lost, account.duplicated) == ({}, 400 - events, 0)
    aside.write_bytes(b"noise" * 1000)
    account = settled_balance(path, bench.url, deadline_s=10, all_well=lambda: True)
    assert account.aside == {aside: None}
    assert report(account) == 1
    assert "an unknown number of events lies" in capsys.readouterr().err
