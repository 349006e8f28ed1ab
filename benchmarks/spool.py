"""Events into the spool, a spool of a million events sent to the centre, and the door meanwhile.

``python -m benchmarks.spool [--events N]``. First one gateway's spool takes all events as quickly as it can, each
commit on the disk (``synchronous = FULL``), beside a bare loop that inserts the same rows in commits of the same size.
Then a gateway process starts with that spool: real field and central Mosquitto, the real uplink; a committer in a
process of its own (``benchmarks.committer``) answers each batch with its mark at once, so that the gateway is the limit
and never waits. Cards are read at the door before, meanwhile and afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.door_stand import DESKS, GATEWAY, Stand, deliver_list, driven, stand
from benchmarks.report import Result, finish, progress
from benchmarks.tap import Tapper, quantile
from benchmarks.usage import cpu_s
from gateway.contract.wire import DeskEvent
from gateway.mqtt.loop import MqttLoop
from gateway.spool.ledger import START, body_sum, encoded, link
from gateway.spool.spool import Spool

_BACKGROUND_PER_S: Final = 200.0
_NICER: Final = 10
"""How much nicer the central broker and the committer are: in life they are on another machine."""
_STEP_US: Final = 100_000
_BARE: Final = """
CREATE TABLE event (gateway TEXT NOT NULL, n INTEGER NOT NULL, body BLOB NOT NULL, chain BLOB, sum INTEGER,
  PRIMARY KEY (gateway, n)) WITHOUT ROWID
"""
_INSERT: Final = "INSERT INTO event (gateway, n, body, chain, sum) VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """How quickly the spool took its events."""

    events_per_s: float
    commits: int


def event(number: int, begin: int) -> DeskEvent:
    """Return a desk's event; ``begin``: µs since 1970 of the first."""
    at = begin + number * _STEP_US
    return {"kind": "desk", "at": at, "device": f"desk-{number % DESKS}", "occupied": number // DESKS % 2 == 0}


def fill(path: Path, events: int) -> Filled:
    """Append ``events`` events as quickly as they are taken, and wait until all of them are on the disk."""
    commits: list[int] = []
    spool = Spool(path, on_commit=lambda _gateways: commits.append(1))
    spool.open(GATEWAY)
    begin = time.time_ns() // 1000 - events * _STEP_US
    begun = time.perf_counter()
    for number in range(events):
        if number % 1000 == 0:
            while not spool.has_room:
                time.sleep(0.005)
        spool.append(GATEWAY, event(number, begin))
    while spool.appended < events:
        time.sleep(0.005)
    seconds = time.perf_counter() - begun
    spool.close(30)
    return Filled(events_per_s=events / seconds, commits=len(commits))


def bare_rate(path: Path, events: int, a_commit: int) -> float:
    """Insert such events in a bare loop, ``a_commit`` of them a commit; return events a second."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(_BARE)
    begin = time.time_ns() // 1000 - events * _STEP_US
    chain, rows = START, []
    for number in range(events):
        body = encoded(event(number, begin))
        chain = link(chain, body)
        rows.append((GATEWAY, number + 1, body, chain, body_sum(number + 1, body)))
    begun = time.perf_counter()
    for first in range(0, events, a_commit):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_INSERT, rows[first : first + a_commit])
        connection.execute("COMMIT")
    seconds = time.perf_counter() - begun
    connection.close()
    return events / seconds


def lone_ms(path: Path, events: int) -> list[float]:
    """Append event after event, each when the one before is on the disk; return the milliseconds of each."""
    written = threading.Event()
    spool = Spool(path, on_commit=lambda _gateways: written.set())
    spool.open(GATEWAY)
    begin, took = time.time_ns() // 1000, []
    for number in range(events):
        written.clear()
        begun = time.perf_counter()
        spool.append(GATEWAY, event(number, begin))
        written.wait(10)
        took.append((time.perf_counter() - begun) * 1000)
    spool.close()
    return took


@dataclass(slots=True)
class Taps:
    """Milliseconds of taps and echoes."""

    tapped: list[float] = field(default_factory=list)
    echoed: list[float] = field(default_factory=list)

    def take(self, tapper: Tapper) -> None:
        """Tap and echo once."""
        self.tapped.append(tapper.tap())
        self.echoed.append(tapper.echo())

    def __str__(self) -> str:
        """Say how they were."""
        return (
            f"{len(self.tapped)} taps: p50 {quantile(self.tapped, 0.5):.2f} ms, p99 {quantile(self.tapped, 0.99):.2f}, "
            f"max {max(self.tapped):.2f}; echo p50 {quantile(self.echoed, 0.5):.2f}, "
            f"p99 {quantile(self.echoed, 0.99):.2f}"
        )


@contextmanager
def committer(where: Stand, events: int) -> Iterator[Any]:
    """Start the committer; it begins with the first line that it is given."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.committer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    address = where.gateway.address
    orders = {"url": where.central.url("ingest"), "topic": address.topic("events").removesuffix("/events")}
    print(json.dumps({**orders, "events": events}), file=process.stdin, flush=True)
    try:
        for pid in (process.pid, where.central.pid or 0):
            os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) + _NICER)
        yield process
    finally:
        process.kill()
        process.wait()


def drain(where: Stand, loop: MqttLoop, events: int, taps: int) -> list[Result]:
    """Drain the spool with taps meanwhile, and tap without a drain before and after."""
    tapper, quiet, busy = Tapper(where, loop), Taps(), Taps()
    deliver_list(where, loop, commits=False)
    tapper.warm()
    with committer(where, events) as process, tapper.background(_BACKGROUND_PER_S):
        for _ in range(taps):
            quiet.take(tapper)
        drained: list[dict[str, float]] = []
        reader = threading.Thread(target=lambda: drained.append(json.loads(process.stdout.readline())), daemon=True)
        print("go", file=process.stdin, flush=True)
        process.stdout.readline()
        used = cpu_s(where.pid)
        reader.start()
        while not drained:
            busy.take(tapper)
        reader.join()
        used = cpu_s(where.pid) - used
        for _ in range(taps):
            quiet.take(tapper)
    said = drained[0]
    progress(f"without a drain: {quiet}")
    progress(f"during the drain: {busy}")
    progress(f"{said['events']} events in {said['seconds']:.1f} s, {said['repeated']} batches again")
    return [
        Result(name="drain_events_per_s", value=said["events"] / said["seconds"], unit="events/s"),
        Result(name="drain_cpu_us_per_event", value=used / said["events"] * 1e6, unit="µs"),
        Result(
            name="tap_to_unlock_draining_p99_ms",
            value=quantile(busy.tapped, 0.99),
            unit="ms",
            reference="taps without a drain",
            reference_value=quantile(quiet.tapped, 0.99),
        ),
        Result(
            name="echo_draining_p99_ms",
            value=quantile(busy.echoed, 0.99),
            unit="ms",
            reference="echoes without a drain",
            reference_value=quantile(quiet.echoed, 0.99),
        ),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--events", type=int, default=1_000_000, help="in the spool that is drained (default a million)"
    )
    parser.add_argument("--taps", type=int, default=1000, help="before and after the drain, each (default 1000)")
    choice = parser.parse_args()
    filled: list[Filled] = []

    def filling(path: Path) -> None:
        progress(f"{choice.events:,} events into the spool")
        filled.append(fill(path, choice.events))

    with tempfile.TemporaryDirectory(prefix="maillage-spool-") as directory:
        lone = lone_ms(Path(directory) / "lone.sqlite", 500)
        with stand(fill=filling) as where:
            a_commit = max(1, choice.events // filled[0].commits)
            progress(f"{filled[0].events_per_s:,.0f} events/s, {a_commit} a commit")
            bare = bare_rate(Path(directory) / "bare.sqlite", min(choice.events, 300_000), a_commit)
            with driven() as loop:
                results = drain(where, loop, choice.events, choice.taps)
    finish(
        "spool",
        [
            Result(
                name="spool_events_per_s",
                value=filled[0].events_per_s,
                unit="events/s",
                reference="bare inserts of the same rows, commits of the same size",
                reference_value=bare,
            ),
            Result(name="spool_lone_event_p50_ms", value=quantile(lone, 0.5), unit="ms"),
            Result(name="spool_lone_event_p99_ms", value=quantile(lone, 0.99), unit="ms"),
            *results,
        ],
    )


if __name__ == "__main__":
    main()
